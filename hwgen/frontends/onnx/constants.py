"""Constant parts of a graph, computed while it is read; sizes are checked beforehand.

Not by ``onnx.reference``: it does not know QONNX's operators, does not bound what an operator may
take of memory, and would lose the integer codes that stand behind a constant.
"""

import math
from collections.abc import Callable

import numpy as np

from hwgen.frontends.onnx.file import MAX_RANK, Node
from hwgen.frontends.onnx.problems import Refused
from hwgen.frontends.onnx.quantizers import (
    Array,
    Constant,
    Quantizers,
    dequantized,
    on_axis,
    quantized,
)

_SHAPE_ELEMENTS = 64
_QUANTIZING = ("Quant", "IntQuant", "BipolarQuant", "QuantizeLinear")
_ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Max": np.maximum,
    "Min": np.minimum,
}
_UNARY: dict[str, Callable[[Array], Array]] = {
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Abs": np.abs,
    "Exp": np.exp,
    "Log": np.log,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sign": np.sign,
}
LAYOUT = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze")
"""Operators that only change the layout of a tensor."""

FOLDED = (
    *_QUANTIZING,
    *_ARITHMETIC,
    *LAYOUT,
    *_UNARY,
    *("DequantizeLinear", "Identity", "Cast", "Clip"),
    *("Gather", "Concat", "Slice"),
)
"""Operators that are computed where all their inputs are constants."""


def fold(node: Node, constants: dict[str, Constant], quantizers: Quantizers) -> Constant | None:
    """The output of a node whose inputs are constants; None where it was reported.

    Raises
    ------
    Refused
        It cannot be computed.
    """
    inputs = [constants[name] for name in node.inputs if name]
    if not inputs:
        raise Refused("no input; export the model again")
    first = inputs[0]
    if node.op in _QUANTIZING or node.op == "DequantizeLinear":
        return _quantize(node, first, quantizers)
    if node.op == "Identity" or node.op == "Cast":
        return first
    if node.op in LAYOUT:
        return first.mapped(lambda array: laid_out(node, array, constants))
    if node.op == "Clip":
        return _clipped(node, first, constants)
    if node.op in _ARITHMETIC:
        return _arithmetic(node, inputs)
    if node.op in ("Gather", "Concat", "Slice"):
        return Constant(value=_shape_arithmetic(node, [one.value for one in inputs]))
    with np.errstate(all="ignore"):
        return Constant(value=_UNARY[node.op](first.value.astype(np.float64)))


def _quantize(node: Node, first: Constant, quantizers: Quantizers) -> Constant | None:
    by = quantizers.read(node, first.kind)
    if by is None:
        return None
    by = on_axis(by, node, first.value.ndim)
    try:
        np.broadcast_to(by.scale, first.value.shape)
        np.broadcast_to(by.zero_point, first.value.shape)
    except ValueError:
        raise Refused(
            "a scale or zero point of another shape than its tensor; export it again"
        ) from None
    if not np.isfinite(first.value).all():
        raise Refused("values that are not finite; train or export the model anew")
    if node.op == "DequantizeLinear":
        if first.value.dtype.kind not in "iu":
            raise Refused("values that are no integers; only such can be dequantized")
        return dequantized(first.value, by, node)
    if node.op != "QuantizeLinear":
        return quantized(first.value, by, node)
    codes = quantized(first.value, by, node)
    stored = codes.codes + codes.zero_point  # type: ignore[operator]
    kind = f"{'' if by.low else 'U'}INT{by.bits}"
    return Constant(value=stored.astype(np.int64), kind=kind)


def _clipped(node: Node, first: Constant, constants: dict[str, Constant]) -> Constant:
    """Stored codes within fewer bits, as a Clip before a DequantizeLinear has them."""
    ends = [constants[name].value for name in node.inputs[1:3] if name]
    if len(ends) != 2 or any(end.size != 1 for end in ends) or first.value.dtype.kind not in "iu":
        raise Refused("other than codes between two limits; constants as limits can be had")
    low, high = (int(end.ravel()[0]) for end in ends)
    return Constant(value=np.clip(first.value.astype(np.int64), low, high), kind=first.kind)


def _arithmetic(node: Node, inputs: list[Constant]) -> Constant:
    if len(inputs) != 2:
        raise Refused(f"{len(inputs)} inputs, two can be had")
    left, right = (one.value for one in inputs)
    try:
        shape = np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        raise Refused("shapes that do not go together; export the model again") from None
    if math.prod(shape) > max(left.size, right.size):
        raise Refused("constants that both are spread; export with constants folded")
    with np.errstate(all="ignore"):
        return Constant(value=_ARITHMETIC[node.op](left.astype(np.float64), right))


def _shape_arithmetic(node: Node, values: list[Array]) -> Array:
    """Gather, Concat and Slice as they occur in computed shapes: on few integers."""
    if any(value.size > _SHAPE_ELEMENTS or value.ndim > 1 for value in values):
        raise Refused("other than the few integers of a shape; export with constants folded")
    try:
        if node.op == "Concat":
            joined = np.concatenate([np.atleast_1d(value) for value in values])
            return joined[: _SHAPE_ELEMENTS + 1]
        if node.op == "Gather":
            return np.asarray(values[0][values[1].astype(np.int64)])
        start, end = int(values[1][0]), int(values[2][0])
        return values[0][start : min(end, _SHAPE_ELEMENTS)]
    except (IndexError, ValueError):
        raise Refused("indices outside of a shape; export the model with fixed sizes") from None


def integers_of(values: Array) -> list[int]:
    """The few integers of a shape or of axes."""
    if values.ndim > 1 or values.size > MAX_RANK:
        raise Refused("a shape or axes that are no short list; export with fixed sizes")
    return [int(value) for value in np.atleast_1d(values)]


def laid_out(node: Node, array: Array, constants: dict[str, Constant]) -> Array:
    """``array`` in the layout that ``node`` gives it.

    Raises
    ------
    Refused
        A layout that does not go with the tensor, or that is not known beforehand.
    """
    try:
        if node.op == "Transpose":
            axes = node.attributes.get("perm")
            order = [int(axis) for axis in axes] if isinstance(axes, list) else None
            return np.transpose(array, order)
        if node.op == "Flatten":
            axis = _integer(node, "axis", 1)
            axis = axis + array.ndim if axis < 0 else axis
            return array.reshape(math.prod(array.shape[:axis]), -1)
        given = _list(node, constants)
        if node.op == "Reshape":
            return array.reshape(_target(node, array, given or []))
        if node.op == "Unsqueeze":
            return np.expand_dims(array, tuple(given or ()))
        return np.squeeze(array, None if given is None else tuple(given))
    except (ValueError, IndexError, np.exceptions.AxisError):
        raise Refused(f"a layout that a tensor of shape {list(array.shape)} cannot have") from None


def _target(node: Node, array: Array, given: list[int]) -> list[int]:
    """The shape that a Reshape asks for; 0 stands for what is there."""
    if node.attributes.get("allowzero", 0):
        return given
    return [array.shape[axis] if size == 0 else size for axis, size in enumerate(given)]


def _list(node: Node, constants: dict[str, Constant]) -> list[int] | None:
    """Shape or axes, an input of newer files and an attribute of older ones."""
    if len(node.inputs) > 1 and node.inputs[1]:
        if node.inputs[1] not in constants:
            raise Refused("a layout that is computed; export the model with fixed sizes")
        return integers_of(constants[node.inputs[1]].value)
    given = node.attributes.get("shape" if node.op == "Reshape" else "axes")
    return [int(size) for size in given] if isinstance(given, list) else None


def _integer(node: Node, name: str, default: int) -> int:
    value = node.attributes.get(name, default)
    return value if isinstance(value, int) else default
