"""A graph of ONNX in the making: nodes, constants, the value that comes next."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hwgen.exports.onnx_functions import DOMAIN
from hwgen.spec.formats import Format
from hwgen.spec.network import Network

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto


class Graph:
    """Nodes and constants in the order in which they were added.

    Parameters
    ----------
    integers
        Values are int64 and reals float64; else all are reals in float32.

    Attributes
    ----------
    value
        The tensor that the next node reads.
    """

    def __init__(self, *, integers: bool) -> None:
        self.value = "x"
        self.integers = integers
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node; the name of its output."""
        from onnx import helper

        name = output or f"t{len(self._nodes)}"
        domain = DOMAIN if kind in ("Quant", "MultiThreshold") else ""
        node = helper.make_node(
            kind, list(inputs), [name], f"{kind}_{len(self._nodes)}", domain=domain, **attributes
        )
        self._nodes.append(node)
        return name

    def then(self, kind: str, values: Any) -> None:
        """The value so far and a constant."""
        self.value = self.add(kind, self.value, self.constant(values))

    def reshape(self, sizes: list[int]) -> None:
        """The value so far in another shape."""
        self.then("Reshape", sizes)

    def constant(self, values: Any) -> str:
        """A constant of reals, or of int64 where ``values`` are integers."""
        from onnx import numpy_helper

        real = np.float64 if self.integers else np.float32

        name = f"c{len(self._constants)}"
        array = np.asarray(values)
        kept = array.astype(np.int64 if array.dtype.kind == "i" else real)
        self._constants.append(numpy_helper.from_array(kept, name))
        return name

    def quant(self, value: str, scale: Any, form: Format, mode: str, zero_point: int = 0) -> str:
        """A ``Quant`` node.

        Signed codes of one bit have two in it, clipped before: QONNX has a meaning of its own for
        them.
        """
        bits = form.bits
        if form.signed and bits == 1:
            bits = 2
            for kind, code in (("Max", form.minimum), ("Min", form.maximum)):
                end = np.multiply(scale, code - zero_point)
                value = self.add(kind, value, self.constant(end))
        inputs = [value, *map(self.constant, (scale, float(zero_point), float(bits)))]
        return self.add("Quant", *inputs, signed=int(form.signed), narrow=0, rounding_mode=mode)

    def finish(self, network: Network, name: str) -> "GraphProto":
        """The whole graph, which ends in ``y``: the index of an ``argmax`` network, or values."""
        from onnx import TensorProto, helper

        real = TensorProto.DOUBLE if self.integers else TensorProto.FLOAT
        source = helper.make_tensor_value_info("x", real, ["N", network.input.features])
        if network.output == "argmax":
            self.add("ArgMax", self.value, output="y", axis=1, keepdims=0)
            result = helper.make_tensor_value_info("y", TensorProto.INT64, ["N"])
        else:
            self.add("Identity", self.value, output="y")
            kind = TensorProto.INT64 if self.integers else real
            size: list[str | int | None] = ["N", network.layers[-1].outputs]
            result = helper.make_tensor_value_info("y", kind, size)
        return helper.make_graph(self._nodes, name, [source], [result], self._constants)
