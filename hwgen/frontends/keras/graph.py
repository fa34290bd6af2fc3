"""A graph of ONNX' operators, made node by node from layers of Keras.

Keras has the channels of a map last, ONNX first: a map is transposed before the first layer that
slides, and back before it is flattened.
"""

from typing import Any

import numpy as np

from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.frontends.onnx.file import Attribute, Graph, Node, Tensor

QONNX = "qonnx.custom_op.general"


class GraphMaker:
    """Adds nodes to one chain.

    Parameters
    ----------
    shape
        Of the model's input, without the axis of samples.

    Attributes
    ----------
    rank
        Axes of what comes next.
    """

    def __init__(self, shape: tuple[int, ...]):
        self._shape = shape
        self.rank = len(shape) + 1
        self._first = False
        self._nodes: list[Node] = []
        self._arrays: dict[str, Array] = {}
        self._last = "input"

    def graph(self) -> Graph:
        """What was added."""
        return Graph(
            name="",
            inputs=(Tensor(name="input", shape=(1, *self._shape), type="FLOAT"),),
            outputs=(Tensor(name=self._last, shape=None, type="FLOAT"),),
            nodes=tuple(self._nodes),
            initializers=self._arrays,
            types={
                name: "INT64" if array.dtype.kind == "i" else "DOUBLE"
                for name, array in self._arrays.items()
            },
            opsets={"": 13},
        )

    def channels_first(self, layer: StoredLayer, rank: int) -> None:
        """Bring a map into the layout of ONNX."""
        if not self._first:
            self.then(layer, "Transpose", perm=[0, rank - 1, *range(1, rank - 1)])
        self._first, self.rank = True, rank

    def channels_last(self, layer: StoredLayer) -> None:
        """Bring a map into the layout of Keras."""
        if self._first:
            self.then(layer, "Transpose", perm=[0, *range(2, self.rank), 1])
        self._first = False

    def flatten(self, layer: StoredLayer, positions: bool = True) -> None:
        """A row of all values, as Keras orders them; there may be no ``positions`` left."""
        if positions:
            self.channels_last(layer)
        self.then(layer, "Flatten")
        self._first, self.rank = False, 2

    def reshape(self, layer: StoredLayer, sizes: tuple[int, ...]) -> None:
        """Another shape, as Keras reads a map."""
        self.channels_last(layer)
        self.then(layer, "Reshape", self.constant(np.array([1, *sizes])))
        self.rank = len(sizes) + 1

    def constant(self, value: Any) -> str:
        """An initializer, of integers or of reals."""
        name = f"constant{len(self._arrays)}"
        given = np.asarray(value)
        self._arrays[name] = given if given.dtype.kind == "i" else given.astype(np.float64)
        return name

    def real(self, value: Any) -> str:
        """An initializer of reals."""
        return self.constant(np.asarray(value, np.float64))

    def node(self, layer: StoredLayer, op: str, *values: Any, **attributes: Attribute) -> str:
        """A node of QONNX that reads constants; its output."""
        output = f"value{len(self._nodes)}"
        self._append(layer, op, [self.real(v) for v in values], output, QONNX, attributes)
        return output

    def then(
        self, layer: StoredLayer, op: str, *inputs: str, domain: str = "", **attributes: Attribute
    ) -> None:
        """A node that reads what comes before it."""
        self.apply(layer, op, list(inputs), attributes, domain)

    def apply(
        self,
        layer: StoredLayer,
        op: str,
        inputs: list[str],
        attributes: dict[str, Attribute],
        domain: str = "",
    ) -> None:
        """What :meth:`then` does, of attributes that were put together."""
        output = f"value{len(self._nodes)}"
        self._append(layer, op, [self._last, *inputs], output, domain, attributes)
        self._last = output

    def quant(
        self,
        layer: StoredLayer,
        bits: int,
        scale: float,
        signed: bool,
        narrow: bool,
        mode: str = "ROUND",
    ) -> None:
        """A quantizer."""
        parts = [self.real(value) for value in (scale, 0.0, float(bits))]
        more: dict[str, Attribute] = {"signed": int(signed), "narrow": int(narrow)}
        self.then(layer, "Quant", *parts, domain=QONNX, rounding_mode=mode, **more)

    def clip(self, layer: StoredLayer, low: float, high: float) -> None:
        """A clip."""
        self.then(layer, "Clip", self.real(low), self.real(high))

    def _append(
        self,
        layer: StoredLayer,
        op: str,
        inputs: list[str],
        output: str,
        domain: str,
        attributes: dict[str, Attribute],
    ) -> None:
        self._nodes.append(
            Node(
                op=op,
                domain=domain,
                name=layer.name,
                inputs=tuple(inputs),
                outputs=(output,),
                attributes=attributes,
            )
        )
