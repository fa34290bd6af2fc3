"""Clips of real and of quantized values, as ranges of codes."""

import math
from dataclasses import replace
from fractions import Fraction

from hwgen.frontends.onnx.problems import Refused
from hwgen.frontends.onnx.quantizers import Mode, Quantizer
from hwgen.frontends.onnx.states import Codes, clipped


def requantized_codes(state: Codes, by: Quantizer) -> Codes | None:
    """``state`` behind another quantizer that only clips it, else None."""
    step = state.scale * state.gain
    low, high = (int(end - by.zero_point) for end in (by.low, by.high))
    own = (state.low - state.zero_point, state.high - state.zero_point)
    if step == by.scale:
        bottom, top = clipped(own, low, high)
        zero = state.zero_point
        return replace(state, low=int(bottom) + zero, high=int(top) + zero)
    ratio = step / float(by.scale)
    inside = low <= own[0] * ratio and own[1] * ratio <= high
    return state if ratio > 1 and inside else None


def clip_codes(clip: tuple[float, float], by: Quantizer) -> tuple[int, int]:
    """Smallest and largest code of values that are clipped before they are quantized."""
    ends = [end if math.isinf(end) else _code(end, by) for end in clip]
    low, high = clipped((ends[0], ends[1]), by.low, by.high)
    return int(low), int(high)


def _code(value: float, by: Quantizer) -> int:
    ratio, zero = Fraction(value) / Fraction(float(by.scale)), int(by.zero_point)
    if by.shifted:
        return _round(ratio + zero, by.mode)
    return _round(ratio, by.mode) + zero


def _round(value: Fraction, mode: Mode) -> int:
    if mode == "nearest" or value.denominator == 1:
        return round(value)
    if mode == "floor":
        return math.floor(value)
    if mode == "toward_zero":
        return math.trunc(value)
    if mode == "half_away":
        return int(math.copysign(1, value)) * math.floor(abs(value) + Fraction(1, 2))
    raise Refused("this rounding mode behind a clip; ROUND or FLOOR can be had")


def code_of(codes: Codes, value: float) -> float:
    """The code that stands for ``value``, or is it where codes are all there is."""
    if math.isinf(value) or codes.raw:
        return value
    code = Fraction(value) / (Fraction(codes.scale) * Fraction(codes.gain)) + codes.zero_point
    if code.denominator != 1:
        raise Refused(f"clips quantized values to {value:g}, which is none of their codes")
    return int(code)
