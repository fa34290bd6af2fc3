"""Programs of ``torch.export`` as float networks; nothing of PyTorch is imported."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hwgen.frontends.quantize.chain import chained
from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.frontends.quantize.steps import (
    Activated,
    Affine,
    Convolved,
    Dense,
    Pooled,
    Shaped,
    Step,
    leaky,
    normalized,
    undilated,
)
from hwgen.spec.data import reals
from hwgen.support.errors import HwgenError

_SHAPES = ("flatten", "view", "reshape", "unsqueeze", "squeeze")
_SAME = (
    *("dropout", "clone", "alias", "contiguous", "to", "_to_copy", "detach", "getitem"),
    *("native_dropout", "feature_dropout", *_SHAPES),
)
_CONVOLUTIONS = ("conv1d", "conv2d", "convolution")
_POOLS = {
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool2d_with_indices"), "max"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), "average"),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "mean"), "average"),
}
_KINDS = {
    **{"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh"},
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax"), "softmax"),
}
_NORMS = {"batch_norm": 7, "_native_batch_norm_legit_no_training": 6}
"""Where the epsilon stands among the arguments."""


def is_exported(model: object) -> bool:
    """Whether ``model`` is what ``torch.export.export`` gives."""
    return hasattr(model, "graph_signature") and hasattr(model, "state_dict")


def exported_model(program: Any) -> FloatModel:
    """A program of layers one after the other, as exported or decomposed.

    Raises
    ------
    HwgenError
        Another operator, several inputs, layers that are no chain.
    """
    made = _Program(program)
    return chained(list(made.steps()), None, None, made.shape)


class _Program:
    def __init__(self, program: Any):
        signature = program.graph_signature
        values = {**program.state_dict, **program.constants}
        self._nodes = list(program.graph.nodes)
        self._constants: dict[str, Floats] = {}
        for group in ("parameters", "buffers", "lifted_tensor_constants"):
            for name, key in getattr(signature, f"inputs_to_{group}").items():
                self._constants[name] = reals(values[key])
        inputs = [
            node.name
            for node in self._nodes
            if node.op == "placeholder" and node.name not in self._constants
        ]
        if len(inputs) != 1:
            raise HwgenError("model", f"{len(inputs)} inputs", "one is needed")
        self._here = inputs[0]
        read = next(node for node in self._nodes if node.name == self._here)
        self.shape = _sizes(read)

    def steps(self) -> Iterator[Step]:
        """What each operator does."""
        for node in self._nodes:
            if node.op == "output":
                (given,) = node.args[0] if len(node.args[0]) == 1 else (None,)
                if getattr(given, "name", None) != self._here:
                    raise HwgenError("model", "an output that is not the last", "one chain")
            elif node.op == "call_function":
                yield from self._node(node)

    def _node(self, node: Any) -> Iterator[Step]:
        op = _name(node.target)
        read = [getattr(one, "name", "") for one in node.args]
        if read and read[0] in self._constants and op in ("t", "permute", "transpose", *_SAME):
            value = self._constants[read[0]]
            self._constants[node.name] = value.T if op in ("t", "permute", "transpose") else value
            return
        computed = [name for name in read if name and name not in self._constants]
        if computed != [self._here]:
            raise HwgenError("model", f"{node.name}, which branches or joins", "one chain")
        yield from self._step(op, node)
        self._here = node.name

    def _step(self, op: str, node: Any) -> Iterator[Step]:
        arguments = list(node.args)
        if op == "linear":
            weights, *bias = (self._value(one) for one in arguments[1:])
            yield Dense(weights, bias[0] if bias else np.zeros(len(weights)))
        elif op == "addmm":
            weights = self._value(arguments[2]).T
            yield Dense(weights, np.broadcast_to(self._value(arguments[0]), len(weights)))
        elif op in ("mm", "matmul"):
            weights = self._value(arguments[1]).T
            yield Dense(weights, np.zeros(len(weights)))
        elif op in _NORMS:
            gain, offset = (None if one is None else self._value(one) for one in arguments[1:3])
            mean, variance = (self._value(one) for one in arguments[3:5])
            epsilon = float(arguments[_NORMS[op]])
            yield normalized(gain, offset, mean, np.sqrt(variance + epsilon))
        elif op in _CONVOLUTIONS:
            yield self._convolution(op, arguments)
        elif op in _POOLS:
            yield _pool(op, node)
        elif op in _SHAPES:
            sizes = _sizes(node)
            yield from [] if sizes is None else [Shaped(sizes)]
        elif op in _KINDS:
            yield Activated(_KINDS[op])
        elif op == "leaky_relu":
            yield leaky(float(arguments[1]) if len(arguments) > 1 else 0.01)
        elif op in ("hardtanh", "clamp") and tuple(arguments[1:3]) in ((), (-1.0, 1.0)):
            yield Activated("hard_tanh")
        elif op in ("add", "sub", "mul", "div"):
            yield self._affine(op, node)
        elif op not in _SAME:
            named = ("linear", *_CONVOLUTIONS, *_POOLS, "batch_norm", "leaky_relu", "hardtanh")
            listed = ", ".join((*named, *_KINDS))
            raise HwgenError("model", f"operator {op}", f"one of {listed}")

    def _affine(self, op: str, node: Any) -> Affine:
        """Arithmetic with a constant on either side."""
        first = getattr(node.args[0], "name", "") == self._here
        value = self._of_channels(self._value(node.args[1 if first else 0]), node)
        one, zero = np.ones_like(value), np.zeros_like(value)
        if op == "add":
            return Affine(one, value)
        if op == "sub":
            return Affine(one, -value) if first else Affine(-one, value)
        if op == "mul":
            return Affine(value, zero)
        if not first or (value == 0).any():
            raise HwgenError("model", "a division by data or zero", "one by a constant")
        return Affine(1 / value, zero)

    def _of_channels(self, value: Floats, node: Any) -> Floats:
        """A constant beside a map, one for each channel."""
        rank = len(_sizes(node) or (0,))
        if rank > 1 and value.size > 1:
            shape = (1,) * (rank - value.ndim) + value.shape[-rank:]
            if any(size != 1 for size in shape[1:]):
                allowed = "one for each channel"
                raise HwgenError("model", f"{node.name} with a constant for each position", allowed)
        return value.ravel()

    def _convolution(self, op: str, arguments: list[Any]) -> Convolved:
        weights = self._value(arguments[1])
        rest = arguments[2:]
        if op == "convolution":  # bias, stride, padding, dilation, transposed, ..., groups
            if rest[4]:
                raise HwgenError("model", "a transposed convolution", "one that is not")
            rest = [*rest[:4], rest[6]]
        defaults: list[Any] = [None, 1, 0, 1, 1]
        bias, stride, padding, dilation, groups = (*rest, *defaults[len(rest) :])
        undilated(dilation, op)
        kernel = weights.shape[2:]
        if isinstance(padding, str):
            same = tuple(((size - 1) // 2, size // 2) for size in kernel)
            pads = same if padding == "same" else ((0, 0),) * len(kernel)
        else:
            pads = tuple((one, one) for one in _each(padding, len(kernel)))
        own = np.zeros(len(weights)) if bias is None else self._value(bias)
        return Convolved(weights, own, _each(stride, len(kernel)), pads, int(groups))

    def _value(self, argument: Any) -> Floats:
        if isinstance(argument, int | float):
            return np.array([float(argument)])
        name = getattr(argument, "name", "")
        if name not in self._constants:
            raise HwgenError("model", f"{name}, which is computed", "weights are constants")
        return self._constants[name]


def _sizes(node: Any) -> tuple[int, ...] | None:
    """The shape of a sample at ``node``; None where it is not fixed."""
    shape = getattr(node.meta.get("val"), "shape", None)
    sizes = None if shape is None else tuple(shape[1:])
    return sizes if sizes and all(isinstance(one, int) for one in sizes) else None


def _each(given: Any, count: int) -> tuple[int, ...]:
    values = [given] if isinstance(given, int) else list(given)
    return tuple(values * count if len(values) == 1 else values)


def _pool(op: str, node: Any) -> Pooled:
    kind: Any = _POOLS[op]
    read, *given = node.args
    sizes = _sizes(read) or ()
    count = len(sizes) - 1
    if op.startswith("adaptive") or op == "mean":
        axes = sorted(axis % (count + 2) for axis in _each(given[0], 1)) if op == "mean" else None
        if axes not in (None, list(range(2, count + 2))) or (axes is None and {*given[0]} != {1}):
            raise HwgenError("model", f"{node.name}, over other than all positions", "a global one")
        return Pooled(kind)
    kernel = _each(given[0], count)
    stride = _each(given[1], count) if len(given) > 1 and given[1] else kernel
    padding = _each(given[2], count) if len(given) > 2 else (0,) * count
    rest = list(given[3:])
    if kind == "max":
        undilated(rest[0] if rest else 1, op)
        rest = rest[1:]
    if any(one is True for one in rest[:1]):
        raise HwgenError("model", f"{op} with ceil_mode", "windows within the padded map")
    return Pooled(kind, kernel, stride, tuple((one, one) for one in padding))


def _name(target: Callable[..., Any]) -> str:
    """``linear`` of ``aten.linear.default``."""
    parts = str(target).split(".")
    known = parts[1] if parts[0] == "aten" and len(parts) > 1 else None
    return known or str(getattr(target, "__name__", parts[-1]))
