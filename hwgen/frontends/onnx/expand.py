"""Operators on stored integers, written as the operators on real values that they stand for.

onnxruntime's QOperator format and ONNX' own ``QLinearMatMul`` hold what QDQ says in one node. Each
becomes DequantizeLinear, the operator, QuantizeLinear.
"""

from dataclasses import replace

import numpy as np

from hwgen.frontends.onnx.file import Array, Attribute, Graph, Node

_MICROSOFT = "com.microsoft"
_FUNCTIONS = {  # one operand, its scale and zero point; then those of the output
    **{"QLinearSigmoid": "Sigmoid", "QLinearLeakyRelu": "LeakyRelu"},
    **{"QLinearSoftmax": "Softmax", "QLinearAveragePool": "AveragePool"},
    "QLinearGlobalAveragePool": "GlobalAveragePool",
}
_WINDOW = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def expanded(graph: Graph) -> Graph:
    """``graph`` without operators on stored integers, as far as they are known."""
    maker = _Maker(graph)
    for node in graph.nodes:
        maker.add(node)
    return replace(graph, nodes=tuple(maker.nodes), initializers=maker.arrays, types=maker.types)


class _Maker:
    def __init__(self, graph: Graph):
        self.nodes: list[Node] = []
        self.arrays: dict[str, Array] = dict(graph.initializers)
        self.types = dict(graph.types)

    def add(self, node: Node) -> None:
        """Take a node, or the nodes that it stands for."""
        known = (node.op, node.domain)
        names = (*node.inputs, *[""] * 9)
        if known == ("QLinearMatMul", ""):
            product = self._step(node, "MatMul", self._pair(node, names[:6]))
            self._quantize(node, product, names[6:8])
        elif known == ("QLinearConv", ""):
            self._conv(node, names)
        elif known == ("QGemm", _MICROSOFT):
            self._gemm(node, names)
        elif known in (("QLinearAdd", _MICROSOFT), ("QLinearMul", _MICROSOFT)):
            result = self._step(node, node.op[7:], self._pair(node, names[:6]))
            self._quantize(node, result, names[6:8])
        elif (
            node.op in _FUNCTIONS
            and node.domain == _MICROSOFT
            and not node.attributes.get("channels_last", 0)
        ):
            real = self._dequantize(node, names[:3])
            result = self._step(node, _FUNCTIONS[node.op], [real], dict(node.attributes))
            self._quantize(node, result, names[3:5])
        else:
            self.nodes.append(node)

    def _conv(self, node: Node, names: tuple[str, ...]) -> None:
        """``QLinearConv``: weights by output channel, its bias in steps of both scales."""
        inputs = [self._dequantize(node, names[:3]), self._dequantize(node, names[3:6], axis=0)]
        inputs += self._bias(node, names[8], names, 1.0)
        own = {key: node.attributes[key] for key in _WINDOW if key in node.attributes}
        self._quantize(node, self._step(node, "Conv", inputs, own), names[6:8])

    def _bias(self, node: Node, name: str, names: tuple[str, ...], alpha: Attribute) -> list[str]:
        """The real values of integers in steps of both operands' scales, if there are any."""
        first, second = (self.arrays.get(names[i]) for i in (1, 4))
        if not name or first is None or second is None or not isinstance(alpha, int | float):
            return []
        step = self._constant(f"{node.name}:step", np.asarray(first * second * float(alpha)))
        return [self._dequantize(node, (name, step, ""), axis=0)]

    def _gemm(self, node: Node, names: tuple[str, ...]) -> None:
        """``QGemm``: its bias is in steps of both scales; without an output scale it is real."""
        inputs = self._pair(node, names[:6])
        inputs += self._bias(node, names[6], names, node.attributes.get("alpha", 1.0))
        keys = ("alpha", "transA", "transB")
        own = {key: node.attributes[key] for key in keys if key in node.attributes}
        result = self._step(node, "Gemm", inputs, own, last=not names[7])
        if names[7]:
            self._quantize(node, result, names[7:9])

    def _pair(self, node: Node, names: tuple[str, ...]) -> list[str]:
        """Both operands as real values."""
        return [self._dequantize(node, names[:3]), self._dequantize(node, names[3:6])]

    def _dequantize(self, node: Node, names: tuple[str, ...], axis: int = 1) -> str:
        if node.attributes.get("transB", 0):
            axis = 0
        return self._step(
            node, "DequantizeLinear", [name for name in names if name], {"axis": axis}
        )

    def _quantize(self, node: Node, source: str, names: tuple[str, ...]) -> None:
        inputs = [source, *(name for name in names if name)]
        self._step(node, "QuantizeLinear", inputs, last=True)

    def _step(
        self,
        node: Node,
        op: str,
        inputs: list[str],
        attributes: dict[str, Attribute] | None = None,
        last: bool = False,
    ) -> str:
        """One node of those that ``node`` stands for; its output."""
        output = node.outputs[0] if last else f"{node.name}:{len(self.nodes)}"
        own = Node(
            op=op,
            domain="",
            name=node.name,
            inputs=tuple(inputs),
            outputs=(output,),
            attributes=attributes or {},
        )
        self.nodes.append(own)
        return output

    def _constant(self, name: str, value: Array) -> str:
        self.arrays[name], self.types[name] = value, "DOUBLE"
        return name
