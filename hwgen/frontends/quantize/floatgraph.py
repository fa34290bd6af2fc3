"""ONNX graphs of float networks as :class:`FloatModel`.

A graph is one chain from its input to its output. Taken are ``Gemm``, ``MatMul``, ``Conv``,
``Add``, ``Sub``, ``Mul``, ``Div`` and ``BatchNormalization`` with constants, ``MaxPool``,
``AveragePool`` and their global forms, ``Relu``, ``LeakyRelu`` with a power of two as slope,
``Sigmoid``, ``Tanh``, ``HardTanh`` or ``Clip`` to -1..1 (or to 0 and more). What moves values
without changing them is followed, and a ``Softmax`` at the end left out.
:mod:`hwgen.frontends.quantize.chain` makes layers of this.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hwgen.frontends.onnx.constants import LAYOUT, laid_out
from hwgen.frontends.onnx.file import Graph, Node, load_model
from hwgen.frontends.onnx.problems import ImportRefused, Refused
from hwgen.frontends.onnx.quantizers import Constant
from hwgen.frontends.quantize.chain import Chain, Unfoldable
from hwgen.frontends.quantize.classes import ML, without_labels
from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.frontends.quantize.steps import (
    Activated,
    Affine,
    Convolved,
    Dense,
    Pooled,
    normalized,
)
from hwgen.spec.activations import Activation, Clip, activations
from hwgen.support.errors import HwgenError, printable

_PASSED = ("Identity", "Dropout", "Cast")
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
    """The layers of a graph; see :func:`load_onnx`."""
    graph, labels = without_labels(graph)
    if len(graph.inputs) != 1:
        raise HwgenError(where, f"{len(graph.inputs)} inputs", "a graph with one is needed")
    walk = _Walk(graph)
    try:
        for node in graph.nodes:
            walk.step(node)
    except HwgenError as error:
        raise HwgenError(f"{where}: {error.where}", error.found, error.allowed) from None
    walk.finish()
    if walk.problems:
        allowed = "a float network (docs/quantize.md); hwgen import reads quantized ones"
        first, *others = walk.problems
        raise ImportRefused(where, [f"not supported: {first}", *others], allowed)
    if not walk.chain.layers:
        raise HwgenError(where, "no dense layer", "at least one Gemm, MatMul or Conv is needed")
    try:
        return FloatModel(
            layers=tuple(walk.chain.layers),
            output="argmax" if labels else walk.output,
            name=graph.name or "model",
            labels=labels,
            channels_last=walk.chain.entered_last,
        )
    except HwgenError as error:
        raise HwgenError(f"{where}: {error.where}", error.found, error.allowed) from None


class _Unsupported(Exception):
    """Why a node cannot be taken."""


class _Walk:
    """Goes along the chain; ``pads`` are zeros around the map that the next layer takes in."""

    def __init__(self, graph: Graph):
        self.constants: dict[str, Any] = {
            name: value for name, value in graph.initializers.items() if value.dtype.kind != "U"
        }
        self.here = graph.inputs[0].name
        self.lost: set[str] = set()
        self.chain = Chain(_shape(graph.inputs[0].shape))
        self.pads: tuple[int, ...] = ()
        self.problems: list[str] = []
        self.output: Literal["argmax", "values"] = "values"
        self.ended = False
        self._handlers: dict[str, Callable[[Node], None]] = {
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "Conv": self._convolution,
            "MaxPool": self._pool,
            "AveragePool": self._pool,
            "GlobalAveragePool": self._pool,
            "GlobalMaxPool": self._pool,
            "ReduceMean": self._mean,
            "Pad": self._pad,
            "BatchNormalization": self._batch_norm,
            "Scaler": self._scaler,
            **{op: self._named(one) for one in activations() for op in one.onnx},
            "HardTanh": self._hard_tanh,
            "Clip": self._clip,
            **dict.fromkeys(("Add", "Sub", "Mul", "Div"), self._elementwise),
            **dict.fromkeys(_PASSED, lambda node: None),
            **dict.fromkeys(LAYOUT, self._layout),
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
            if self.ended and node.op not in (*_PASSED, *LAYOUT, "ArgMax"):
                raise _Unsupported("behind the end")
            if self.pads and node.op not in ("Conv", "MaxPool", "AveragePool"):
                raise _Unsupported("behind zeros around a map")
            self._handlers[node.op](node)
        except (_Unsupported, Unfoldable) as reason:
            name = printable(node.name, 40)
            self.problems.append(f"{printable(node.op, 40)} {name!r} ({reason})")
        if node.outputs:
            self.here = node.outputs[0]
            self.lost.add(self.here)

    def finish(self) -> None:
        """Refuse what no layer takes up."""
        try:
            self.chain.finish()
        except Unfoldable as reason:
            self.problems += [] if self.problems else [reason.found]

    def _constant(self, node: Node) -> bool:
        """Whether the node makes a constant of a constant."""
        if node.op not in ("Identity", "Cast", *LAYOUT) or not node.inputs:
            return False
        if node.inputs[0] not in self.constants:
            return False
        value = self.constants[node.inputs[0]]
        if node.op in LAYOUT:
            try:
                value = laid_out(node, value, self._known(node))
            except Refused:
                return False
        self.constants[node.outputs[0]] = value
        return True

    def _known(self, node: Node) -> dict[str, Constant]:
        others = [name for name in node.inputs[1:] if name in self.constants]
        return {name: Constant(value=np.asarray(self.constants[name])) for name in others}

    def _layout(self, node: Node) -> None:
        """Follow the values; where nothing is known of their shape, they are taken as they come."""
        if self.chain.order is None:
            return
        try:
            self.chain.order = laid_out(node, self.chain.order, self._known(node))
        except Refused as reason:
            if any(layer.slide for layer in self.chain.layers):
                raise _Unsupported(str(reason)) from None
            self.chain.order = None

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
        alpha, beta = _number(node, "alpha", 1.0), _number(node, "beta", 1.0)
        self.chain.take(Dense(weights * alpha, bias * beta))

    def _matmul(self, node: Node) -> None:
        left = node.inputs[0] in self.constants
        if left:
            raise _Unsupported("a constant on the left")
        self.chain.take(Dense(self._value(node, 1).T, np.zeros(1)))

    def _convolution(self, node: Node) -> None:
        weights = self._value(node, 1)
        if weights.ndim not in (3, 4):
            raise _Unsupported(f"weights of {weights.ndim} dimensions")
        bias = self._value(node, 2, np.zeros(len(weights)))
        kernel = weights.shape[2:]
        stride, pads = self._sliding(node, kernel)
        groups = int(_number(node, "group", 1))
        self.chain.take(Convolved(weights, bias.ravel(), stride, pads, groups))

    def _pool(self, node: Node) -> None:
        kind: Literal["max", "average"] = "max" if "Max" in node.op else "average"
        if node.op.startswith("Global"):
            self.chain.take(Pooled(kind))
            return
        kernel = tuple(_integers(node, "kernel_shape", ()))
        stride, pads = self._sliding(node, kernel)
        if self.chain.order is not None and node.attributes.get("ceil_mode", 0):
            sizes = self.chain.order.shape[2:]
            for size, window, step, pad in zip(sizes, kernel, stride, pads, strict=False):
                if isinstance(pad, tuple) and (size + sum(pad) - window) % step:
                    raise _Unsupported("ceil_mode, with windows beyond the padded map")
        self.chain.take(Pooled(kind, kernel, stride, pads))

    def _mean(self, node: Node) -> None:
        """A mean over all positions of a map."""
        order = self.chain.order
        rank = 0 if order is None else order.ndim
        axes = self._value(node, 1, _integers(node, "axes", ())).ravel()
        if rank < 3 or sorted(int(axis) % rank for axis in axes) != list(range(2, rank)):
            raise _Unsupported("a mean over other axes than the positions of a map")
        self.chain.take(Pooled("average"))

    def _sliding(self, node: Node, kernel: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
        """Stride and padding of a window, with what a Pad before it added."""
        count = len(kernel)
        if any(one != 1 for one in _integers(node, "dilations", ())):
            raise _Unsupported("a dilation")
        if tuple(_integers(node, "kernel_shape", kernel)) != tuple(kernel) or not count:
            raise _Unsupported("a kernel_shape that is not that of the weights")
        stride = tuple(_integers(node, "strides", (1,) * count))
        before, self.pads = self.pads or (0,) * 2 * count, ()
        auto = node.attributes.get("auto_pad", "NOTSET")
        if str(auto) == "SAME_LOWER":
            raise _Unsupported("auto_pad SAME_LOWER")
        if str(auto) == "SAME_UPPER":
            return stride, "same"
        own = _integers(node, "pads", (0,) * 2 * count)
        if len(own) != 2 * count or len(before) != 2 * count or len(stride) != count:
            raise _Unsupported("a window of other dimensions than the map")
        both = [a + b for a, b in zip(own, before, strict=True)]
        return stride, tuple(zip(both[:count], both[count:], strict=True))

    def _pad(self, node: Node) -> None:
        mode = node.attributes.get("mode", "constant")
        pads = [int(one) for one in self._value(node, 1, _integers(node, "pads", ())).ravel()]
        rank = len(pads) // 2
        around = [*pads[2:rank], *pads[rank + 2 :]]
        outside = [*pads[:2], *pads[rank : rank + 2]]
        filled = self._value(node, 2, 0.0)
        if mode not in ("constant", b"constant") or any(outside) or filled.any() or min(pads) < 0:
            raise _Unsupported("other than zeros around the positions of a map")
        self.pads = tuple(around)

    def _elementwise(self, node: Node) -> None:
        position = 1 if node.inputs[0] == self.here else 0
        value = self._of_channels(self._value(node, position))
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

    def _of_channels(self, value: Floats) -> Floats:
        """A constant beside a map, one for each channel."""
        order = self.chain.order
        if order is None or order.ndim < 3 or value.size == 1:
            return value.reshape(-1)
        shape = (1,) * (order.ndim - value.ndim) + value.shape
        if any(size != 1 for size in (shape[0], *shape[2:])):
            raise _Unsupported("a constant that is not one for each channel")
        return value.reshape(-1)

    def _batch_norm(self, node: Node) -> None:
        gain, bias, mean, variance = (self._value(node, position) for position in range(1, 5))
        if (variance < 0).any():
            raise _Unsupported("a negative variance")
        size = np.sqrt(variance + _number(node, "epsilon", 1e-5))
        self.chain.take(normalized(gain, bias, mean, size))

    def _scaler(self, node: Node) -> None:
        """A scaler of scikit-learn."""
        offset, scale = (node.attributes.get(name, 0.0) for name in ("offset", "scale"))
        scale = np.asarray(scale, np.float64)
        self._affine(scale, -np.asarray(offset, np.float64) * scale)

    def _affine(self, scale: Floats, offset: Floats) -> None:
        """``scale * v + offset`` of the values here."""
        self.chain.take(Affine(scale, offset))

    def _activate(self, activation: Activation, keys: Mapping[str, Any]) -> None:
        self.chain.take(Activated(activation.name, keys.get("negative_shift")))

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


def _integers(node: Node, name: str, default: Any) -> list[int]:
    value = node.attributes.get(name)
    return [int(one) for one in value] if isinstance(value, list) else list(default)


def _shape(given: tuple[int | None, ...] | None) -> tuple[int, ...] | None:
    """The shape of a sample, where the file says all of it."""
    sizes = tuple(size for size in (given or ())[1:] if size)
    return sizes if sizes and len(sizes) == len(given or ()) - 1 else None
