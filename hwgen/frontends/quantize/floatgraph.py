"""ONNX graphs of float networks as :class:`FloatModel`.

A graph is one chain from its input to its output. Taken are ``Gemm``, ``MatMul``, ``Add``, ``Sub``,
``Mul``, ``Div`` and ``BatchNormalization`` with constants, ``Relu``, ``LeakyRelu`` with a power of
two as slope, ``Sigmoid``, ``Tanh``, ``HardTanh`` or ``Clip`` to -1..1 (or to 0 and more). What
moves values without changing them is left out, and so is a ``Softmax`` at the end. Scales and
offsets fold into the dense layer before them, or behind an activation into the one that follows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hwgen.frontends.onnx.constants import LAYOUT, laid_out
from hwgen.frontends.onnx.file import Graph, Node, load_model
from hwgen.frontends.onnx.problems import ImportRefused, Refused
from hwgen.frontends.onnx.quantizers import Constant
from hwgen.frontends.quantize.classes import ML, without_labels
from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel, Floats
from hwgen.spec.activations import Activation, Clip, activations
from hwgen.support.errors import HwgenError, printable

_PASSED = ("Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Cast")
_ENDS = ("Softmax", "LogSoftmax", "ArgMax")


def load_onnx(path: Path) -> FloatModel:
    """Read a float ONNX model.

    Raises
    ------
    HwgenError
        Not an ONNX file, not finite, or with nodes that are not supported; all of them are listed.
    """
    model = float_model(load_model(Path(path)), str(path))
    return replace(model, name=Path(path).stem)


def float_model(graph: Graph, where: str = "model") -> FloatModel:
    """The dense layers of a graph; see :func:`load_onnx`."""
    graph, labels = without_labels(graph)
    if len(graph.inputs) != 1:
        raise HwgenError(where, f"{len(graph.inputs)} inputs", "a graph with one is needed")
    walk = _Walk(graph)
    for node in graph.nodes:
        walk.step(node)
    walk.finish()
    if walk.problems:
        allowed = "a float network (docs/quantize.md); hwgen import reads quantized ones"
        first, *others = walk.problems
        raise ImportRefused(where, [f"not supported: {first}", *others], allowed)
    if not walk.layers:
        raise HwgenError(where, "no dense layer", "at least one Gemm or MatMul is needed")
    try:
        return FloatModel(
            layers=tuple(walk.made()),
            output="argmax" if labels else walk.output,
            name=graph.name or "model",
            labels=labels,
        )
    except HwgenError as error:
        raise HwgenError(f"{where}: {error.where}", error.found, error.allowed) from None


class _Unsupported(Exception):
    """Why a node cannot be taken."""


@dataclass
class _Draft:
    """A layer that is being put together."""

    weights: Floats
    bias: Floats
    name: str
    activation: str = "none"
    negative_shift: int | None = None
    settled: bool = field(default=False)


class _Walk:
    """Goes along the chain; ``scale`` and ``offset`` wait for the layer that follows."""

    def __init__(self, graph: Graph):
        self.constants: dict[str, Any] = {
            name: value for name, value in graph.initializers.items() if value.dtype.kind != "U"
        }
        self.here = graph.inputs[0].name
        self.lost: set[str] = set()
        self.layers: list[_Draft] = []
        self.scale: Floats = np.ones(1)
        self.offset: Floats = np.zeros(1)
        self.problems: list[str] = []
        self.output: Literal["argmax", "values"] = "values"
        self.ended = False
        self._handlers: dict[str, Callable[[Node], None]] = {
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "BatchNormalization": self._batch_norm,
            "Scaler": self._scaler,
            **{op: self._named(one) for one in activations() for op in one.onnx},
            "HardTanh": self._hard_tanh,
            "Clip": self._clip,
            **dict.fromkeys(("Add", "Sub", "Mul", "Div"), self._elementwise),
            **dict.fromkeys(_PASSED, lambda node: None),
            **dict.fromkeys(_ENDS, self._end),
        }

    def step(self, node: Node) -> None:
        """Take one node, or note why it cannot be taken."""
        if node.outputs and self._constant(node):
            return
        try:
            if node.domain and (node.op, node.domain) != ("Scaler", ML):
                raise _Unsupported(f"operator set {printable(node.domain, 40)}")
            if node.op not in self._handlers:
                raise _Unsupported("operator")
            if self.here not in node.inputs and not self.lost & set(node.inputs):
                raise _Unsupported("a branch")
            if self.ended and node.op not in (*_PASSED, "ArgMax"):
                raise _Unsupported("behind the end")
            self._handlers[node.op](node)
        except _Unsupported as reason:
            name = printable(node.name, 40)
            self.problems.append(f"{printable(node.op, 40)} {name!r} ({reason})")
        if node.outputs:
            self.here = node.outputs[0]
            self.lost.add(self.here)

    def finish(self) -> None:
        """Refuse what no layer takes up."""
        if not self.problems and (np.any(self.scale != 1) or np.any(self.offset != 0)):
            self.problems.append("a scale or offset behind the last activation")

    def made(self) -> list[FloatLayer]:
        """The layers."""
        return [
            FloatLayer(
                weights=draft.weights,
                bias=draft.bias,
                activation=draft.activation,
                negative_shift=draft.negative_shift,
                name=draft.name,
            )
            for draft in self.layers
        ]

    def _constant(self, node: Node) -> bool:
        """Whether the node makes a constant of a constant."""
        if node.op not in ("Identity", "Cast", *LAYOUT) or not node.inputs:
            return False
        if node.inputs[0] not in self.constants:
            return False
        value = self.constants[node.inputs[0]]
        if node.op in LAYOUT:
            others = [name for name in node.inputs[1:] if name in self.constants]
            known = {name: Constant(value=np.asarray(self.constants[name])) for name in others}
            try:
                value = laid_out(node, value, known)
            except Refused:
                return False
        self.constants[node.outputs[0]] = value
        return True

    def _value(self, node: Node, position: int, default: Any = None) -> Floats:
        name = node.inputs[position] if position < len(node.inputs) else ""
        if not name and default is not None:
            return np.asarray(default, np.float64)
        if name not in self.constants:
            raise _Unsupported(f"input {position} is no constant")
        return np.asarray(self.constants[name], np.float64)

    def _gemm(self, node: Node) -> None:
        if node.attributes.get("transA", 0) or node.inputs[0] in self.constants:
            raise _Unsupported("transposed data")
        weights = self._value(node, 1)
        weights = weights if node.attributes.get("transB", 0) else weights.T
        bias = self._value(node, 2, 0.0)
        self._dense(
            node,
            weights * _number(node, "alpha", 1.0),
            bias * _number(node, "beta", 1.0),
        )

    def _matmul(self, node: Node) -> None:
        left = node.inputs[0] in self.constants
        if left:
            raise _Unsupported("a constant on the left")
        self._dense(node, self._value(node, 1).T, np.zeros(1))

    def _dense(self, node: Node, weights: Floats, bias: Floats) -> None:
        if weights.ndim != 2 or not weights.size:
            raise _Unsupported(f"weights of {weights.ndim} dimensions")
        outputs, inputs = weights.shape
        try:
            scale, offset = (np.broadcast_to(one, inputs) for one in (self.scale, self.offset))
            bias = np.broadcast_to(bias.reshape(-1), outputs)
        except ValueError:
            raise _Unsupported("shapes that do not fit") from None
        name = f"layer{len(self.layers)}"
        self.layers.append(_Draft(weights=weights * scale, bias=weights @ offset + bias, name=name))
        self.scale, self.offset = np.ones(1), np.zeros(1)

    def _elementwise(self, node: Node) -> None:
        position = 1 if node.inputs[0] == self.here else 0
        value = self._value(node, position).reshape(-1)
        one, zero = np.ones_like(value), np.zeros_like(value)
        if node.op == "Add":
            self._affine(one, value)
        elif node.op == "Sub" and position:
            self._affine(one, -value)
        elif node.op == "Sub":
            self._affine(-one, value)
        elif node.op == "Mul":
            self._affine(value, zero)
        elif position and (value != 0).all():
            self._affine(1 / value, zero)
        else:
            raise _Unsupported("a division by data or zero")

    def _batch_norm(self, node: Node) -> None:
        gain, bias, mean, variance = (self._value(node, position) for position in range(1, 5))
        if (variance < 0).any():
            raise _Unsupported("a negative variance")
        scale = gain / np.sqrt(variance + _number(node, "epsilon", 1e-5))
        self._affine(scale, bias - mean * scale)

    def _scaler(self, node: Node) -> None:
        """A scaler of scikit-learn."""
        offset, scale = (node.attributes.get(name, 0.0) for name in ("offset", "scale"))
        scale = np.asarray(scale, np.float64)
        self._affine(scale, -np.asarray(offset, np.float64) * scale)

    def _affine(self, scale: Floats, offset: Floats) -> None:
        """``scale * v + offset`` of the values here."""
        try:
            if self.layers and not self.layers[-1].settled:
                last = self.layers[-1]
                scale, offset = (np.broadcast_to(a, len(last.bias)) for a in (scale, offset))
                last.weights = last.weights * scale[:, None]
                last.bias = last.bias * scale + offset
            else:
                self.scale, self.offset = self.scale * scale, self.offset * scale + offset
        except ValueError:
            raise _Unsupported("shapes that do not fit") from None

    def _activate(self, activation: Activation, keys: Mapping[str, Any]) -> None:
        if not self.layers or self.layers[-1].settled:
            raise _Unsupported("no dense layer before it")
        last = self.layers[-1]
        last.activation, last.settled = activation.name, True
        last.negative_shift = keys.get("negative_shift")

    def _named(self, activation: Activation) -> Callable[[Node], None]:
        """What takes an operator that is this activation."""

        def take(node: Node) -> None:
            try:
                keys = activation.from_onnx(node.attributes)
            except ValueError as reason:
                raise _Unsupported(str(reason)) from None
            self._activate(activation, keys)

        return take

    def _hard_tanh(self, node: Node) -> None:
        self._clipped(_number(node, "min_val", -1.0), _number(node, "max_val", 1.0))

    def _clip(self, node: Node) -> None:
        low = self._value(node, 1, _number(node, "min", -np.inf))
        high = self._value(node, 2, _number(node, "max", np.inf))
        if low.size != 1 or high.size != 1:
            raise _Unsupported("limits that are no numbers")
        self._clipped(float(low.reshape(())), float(high.reshape(())))

    def _clipped(self, low: float, high: float) -> None:
        high = np.inf if high > 1e30 else high
        for one in activations():
            if isinstance(one, Clip) and (one.low, one.high) == (low, high):
                self._activate(one, {})
                return
        raise _Unsupported(f"clips to {low:.4g}..{high:.4g}, only -1..1 or 0 and more")

    def _end(self, node: Node) -> None:
        self.ended = True
        self.output = "argmax"


def _number(node: Node, name: str, default: float) -> float:
    value = node.attributes.get(name, default)
    return float(value) if isinstance(value, int | float) else default
