"""Quantizers of ONNX graphs: their parameters, checked, and applied to constants."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.problems import Report, label

Array = NDArray[Any]
Mode = Literal["nearest", "floor", "half_away", "toward_zero", "ceil", "away", "half_toward_zero"]

_MODES: dict[str, Mode] = {
    "ROUND": "nearest",
    "HALF_EVEN": "nearest",
    "FLOOR": "floor",
    "HALF_UP": "half_away",  # so qonnx reads it: ties go away from zero
    "DOWN": "toward_zero",
    "CEIL": "ceil",
    "UP": "away",
    "HALF_DOWN": "half_toward_zero",
}


@dataclass(frozen=True, kw_only=True)
class Quantizer:
    """``code = clip(round(x / scale (+) zero_point), low, high)`` and its value.

    Parameters
    ----------
    scale
        Positive, broadcast against the tensor.
    zero_point
        The code of the value 0.
    low, high
        Smallest and largest code.
    bits
        Width that the file gives.
    mode
        How it rounds.
    shifted
        Whether the zero point is added before the rounding.
    bipolar
        Codes are -1 for what is negative and 1 for all else.
    """

    scale: Array
    zero_point: Array
    low: int
    high: int
    bits: int
    mode: Mode = "nearest"
    shifted: bool = False
    bipolar: bool = False


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A constant tensor, and the integers behind it where it is quantized.

    Parameters
    ----------
    value
        Real values, or plain integers of shapes and of codes not yet given a scale.
    codes, scale, zero_point
        ``value = codes * scale``, each in the shape of ``value``; None where not quantized. The
        zero point has been taken off the codes.
    real
        The values before they were quantized.
    by, node
        What quantized it.
    kind
        Data type in the file.
    """

    value: Array
    codes: Array | None = None
    scale: Array | None = None
    zero_point: Array | None = None
    real: Array | None = None
    by: Quantizer | None = None
    node: Node | None = None
    kind: str = "FLOAT"

    def mapped(self, change: Callable[[Array], Array]) -> "Constant":
        """The constant with ``change``, a change of layout, applied to each of its arrays."""
        moved: dict[str, Any] = {
            name: change(array)
            for name in ("value", "codes", "scale", "zero_point", "real")
            if (array := getattr(self, name)) is not None
        }
        return replace(self, **moved)


def exponent(value: float) -> int | None:
    """``log2(value)`` where it is an integer, else None."""
    mantissa, power = math.frexp(value)
    return power - 1 if mantissa == 0.5 else None


def powers_of_two(values: Array) -> bool:
    """Whether every element is a positive power of two."""
    return bool(np.all(np.frexp(values)[0] == 0.5))


def nearest_power(values: Array) -> Array:
    """The nearest power of two, by ratio, of positive ``values``."""
    nearest: Array = np.exp2(np.rint(np.log2(values.astype(np.float64))))
    return nearest


class Quantizers:
    """Reads the parameters of quantizing nodes; says what is wrong with them."""

    def __init__(self, constants: dict[str, Constant], report: Report, snap: bool):
        self._constants = constants
        self._report = report
        self._snap = snap

    def read(self, node: Node, kind: str) -> Quantizer | None:
        """The quantizer of ``node``, or None where it was reported as a problem.

        ``kind`` is the data type of what it reads.
        """
        before = len(self._report.problems)
        if node.op == "BipolarQuant":
            quantizer = self._bipolar(node)
        elif node.op in ("Quant", "IntQuant"):
            quantizer = self._quant(node)
        else:
            quantizer = self._linear(node, kind if node.op == "DequantizeLinear" else "")
        return quantizer if len(self._report.problems) == before else None

    def _quant(self, node: Node) -> Quantizer | None:
        parameters = self._parameters(node, 4)
        if parameters is None:
            return None
        scale, zero_point, width = parameters
        bits = _only(width)
        if bits is None or not float(bits).is_integer() or not 1 <= bits <= 32:
            self._report.problem(
                node, "bit widths other than one integer of 1..32; one for the tensor can be had"
            )
            return None
        signed = bool(node.attributes.get("signed", 1))
        narrow = bool(node.attributes.get("narrow", 0))
        text = str(node.attributes.get("rounding_mode", "ROUND")).upper()
        if text not in _MODES:
            self._report.problem(
                node, f"rounding mode {text!r}; one of {', '.join(_MODES)} can be had"
            )
            return None
        if signed and bits == 1:  # as qonnx reads it
            return self._signs(node, scale)
        low, high = _range(int(bits), signed, narrow)
        return Quantizer(
            scale=self._scale(node, scale),
            zero_point=self._zero_point(node, zero_point),
            low=low,
            high=high,
            bits=int(bits),
            mode=_MODES[text],
            shifted=True,
        )

    def _bipolar(self, node: Node) -> Quantizer | None:
        parameters = self._parameters(node, 2)
        return None if parameters is None else self._signs(node, parameters[0])

    def _signs(self, node: Node, scale: Array) -> Quantizer:
        return Quantizer(
            scale=self._scale(node, scale),
            zero_point=np.zeros(()),
            low=-1,
            high=1,
            bits=1,
            bipolar=True,
        )

    def _linear(self, node: Node, kind: str) -> Quantizer | None:
        """The parameters of QuantizeLinear or DequantizeLinear; ``kind`` is the codes' type."""
        if node.attributes.get("block_size", 0):
            self._report.problem(node, "scales in blocks; one, or one for each channel, can be had")
            return None
        parameters = self._parameters(node, 3 if len(node.inputs) > 2 and node.inputs[2] else 2)
        if parameters is None:
            return None
        if len(parameters) > 1:
            kind = self._constants[node.inputs[2]].kind
        elif not kind:
            kind = _TYPES.get(int(node.attributes.get("output_dtype", 0)), "UINT8")  # type: ignore[arg-type]
        if not kind.lstrip("U").startswith("INT"):
            self._report.problem(node, f"codes of type {kind}; integers of 2 to 16 bits can be had")
            return None
        scale = self._scale(node, parameters[0])
        zero_point = parameters[1] if len(parameters) > 1 else np.zeros(())
        bits = int(kind.lstrip("U").removeprefix("INT"))
        low, high = _range(bits, not kind.startswith("U"), narrow=False)
        return Quantizer(
            scale=scale,
            zero_point=self._zero_point(node, zero_point),
            low=low,
            high=high,
            bits=bits,
        )

    def _parameters(self, node: Node, count: int) -> list[Array] | None:
        """The inputs after the first, which must be constants."""
        names = node.inputs[1:count]
        if len(names) < count - 1 or any(name not in self._constants for name in names):
            self._report.problem(
                node,
                "a scale, zero point or width that is no constant; fix it by static quantization",
            )
            return None
        return [self._constants[name].value for name in names]

    def _scale(self, node: Node, scale: Array) -> Array:
        scale = scale.astype(np.float64)
        if scale.size and np.isfinite(scale).all() and (scale > 0).all():
            return scale
        self._report.problem(
            node, "a scale that is not positive and finite; calibrate the model again"
        )
        return np.ones(())

    def powers(self, node: Node, scale: Array, name: str = "scale") -> Array:
        """``scale`` as it is, or as the nearest powers of two where that is asked for."""
        if powers_of_two(scale):
            return scale
        if not self._snap:
            return scale
        snapped = nearest_power(scale)
        changes = sorted(set(zip(scale.ravel().tolist(), snapped.ravel().tolist(), strict=True)))
        moved = [(old, new) for old, new in changes if old != new]
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        shown = ", ".join(f"{old:.6g} -> {new:.6g}" for old, new in moved[:3])
        self._report.note(label(node), f"{name} {shown}{more}, snapped to powers of two")
        return snapped

    def weights(self, node: Node, constant: Constant) -> Constant:
        """``constant``, quantized anew where its scales are moved to powers of two."""
        if constant.scale is None or constant.real is None:
            return constant
        if not self._snap or powers_of_two(constant.scale):
            return constant
        moved = requantized(constant, constant.real, self.powers(node, constant.scale))
        change = float(np.abs(moved.value - constant.value).max())
        self._report.note(label(node), f"values quantized anew, changed by up to {change:.3g}")
        return moved

    def _zero_point(self, node: Node, zero_point: Array) -> Array:
        whole = np.rint(zero_point.astype(np.float64))
        if (
            not whole.size
            or not np.array_equal(whole, zero_point)
            or (np.abs(whole) > 1 << 32).any()
        ):
            self._report.problem(
                node, "a zero point that is no integer within 32 bits; calibrate the model again"
            )
            return np.zeros(())
        return whole


_TYPES = {2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 21: "UINT4", 22: "INT4"}
_TYPES |= {25: "UINT2", 26: "INT2"}


def on_axis(by: Quantizer, node: Node, rank: int) -> Quantizer:
    """The parameters of ``node``, ready to be broadcast against a tensor of ``rank`` axes."""
    if not node.op.endswith("Linear"):
        return by
    axis = node.attributes.get("axis", 1)

    def placed(array: Array) -> Array:
        if array.size == 1:
            return array.reshape(())
        if array.ndim != 1 or not isinstance(axis, int) or not -rank <= axis < rank:
            return array
        shape = [1] * rank
        shape[axis] = array.size
        return array.reshape(shape)

    return replace(by, scale=placed(by.scale), zero_point=placed(by.zero_point))


def quantized(real: Array, by: Quantizer, node: Node | None = None) -> Constant:
    """The constant ``real`` as ``by`` quantizes it."""
    scale = np.broadcast_to(by.scale, real.shape).astype(np.float64)
    zero_point = np.broadcast_to(by.zero_point, real.shape).astype(np.float64)
    if by.bipolar:
        codes = np.where(real >= 0, 1, -1)
    else:
        with np.errstate(over="ignore"):  # clipped all the same
            ratio = real.astype(np.float64) / scale
        if by.shifted:
            whole = rounded(ratio + zero_point, by.mode)
        else:
            whole = rounded(ratio, by.mode) + zero_point
        codes = (np.clip(whole, by.low, by.high) - zero_point).astype(np.int64)
    return Constant(
        value=codes * scale,
        codes=codes,
        scale=scale,
        zero_point=zero_point,
        real=real.astype(np.float64),
        by=by,
        node=node,
    )


def requantized(constant: Constant, real: Array, scale: Array) -> Constant:
    """``real`` quantized as ``constant`` was, but with another scale."""
    if constant.by is None or constant.zero_point is None:
        raise TypeError("a quantized constant is needed")
    by = replace(constant.by, scale=scale, zero_point=constant.zero_point)
    return quantized(real, by, constant.node)


def dequantized(codes: Array, by: Quantizer, node: Node | None) -> Constant:
    """Stored ``codes`` with the scale and zero point of ``by``."""
    zero_point = np.broadcast_to(by.zero_point, codes.shape).astype(np.int64)
    scale = np.broadcast_to(by.scale, codes.shape).astype(np.float64)
    whole = codes.astype(np.int64) - zero_point
    return Constant(
        value=whole * scale,
        codes=whole,
        scale=scale,
        zero_point=zero_point,
        real=whole * scale,
        by=by,
        node=node,
    )


def dyadic(value: Array) -> Constant | None:
    """Plain values that are integers of at most 16 bits at one power of two, else None."""
    values = value.astype(np.float64)
    if not values.size or not np.isfinite(values).all():
        return None
    fractions = [Fraction(v) for v in values.ravel().tolist()]
    step = Fraction(1, max(f.denominator for f in fractions))
    while any(fractions) and all((f / step) % 2 == 0 for f in fractions):
        step *= 2
    codes = [f / step for f in fractions]
    bits = max(int(c if c >= 0 else -c - 1).bit_length() + 1 for c in codes)
    if bits > 16:
        return None
    whole = np.array([int(c) for c in codes], np.int64).reshape(values.shape)
    by = Quantizer(
        scale=np.full(values.shape, float(step)),
        zero_point=np.zeros(()),
        low=-(1 << (bits - 1)),
        high=(1 << (bits - 1)) - 1,
        bits=bits,
    )
    return dequantized(whole, by, None)


def rounded(values: Array, mode: Mode) -> Array:
    """``values`` rounded as QONNX names it."""
    size = np.abs(values)
    found: dict[Mode, Array] = {
        "nearest": np.rint(values),
        "floor": np.floor(values),
        "ceil": np.ceil(values),
        "toward_zero": np.trunc(values),
        "away": np.sign(values) * np.ceil(size),
        "half_away": np.sign(values) * np.floor(size + 0.5),
        "half_toward_zero": np.sign(values) * np.ceil(size - 0.5),
    }
    return found[mode]


def _range(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest code, as QONNX has them."""
    if signed:
        return -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - narrow


def _only(values: Array) -> float | None:
    """The one value of all elements, or None."""
    flat = np.asarray(values).ravel()
    return float(flat[0]) if flat.size and (flat == flat[0]).all() else None
