"""The last layer, whose sums are not quantized: all at one scale, so that they can be compared."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.frontends.onnx.layers import (
    Layer,
    Rounded,
    Sums,
    body,
    finer_sums,
    for_slope,
    integer_sums,
    log2,
    make_layer,
    reach_of,
    say_biases,
    weights_of,
)
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.ranges import Fit
from hwgen.frontends.onnx.sources import Source, label_of
from hwgen.frontends.onnx.states import EVERYTHING, Sum
from hwgen.frontends.onnx.stepped import sum_reach
from hwgen.spec.formats import signed_width

_MOST_FINER = 12
_VALUE_BITS = 2
_MULTIPLIER_BITS = (6, 10, 14, 18, 22, 24)
_FOR_VALUES = 1
_FINER = (0, 3, 6, 10)
_MOST_PAIRS = 1 << 22
_WIDEST = 32
_FLOAT_ERROR = 2.0**-21


def final_layer(total: Sum, x: Source, report: Report, values: bool) -> tuple[Layer, float]:
    """The layer of sums that are compared or handed out, of any scale, and what an output is worth.

    Biases are made so fine that no two sums compare otherwise; where neurons have scales of their
    own, a multiplier brings each to one scale, and every pair of sums has been compared. ``values``
    are handed out, and get multipliers that are near to the model's scales.

    Raises
    ------
    Refused
        An activation that needs an output format.
    """
    if total.function is not None:
        raise Refused(f"{total.function} without a quantizer behind it; add one, or leave it out")
    if total.slope != 1.0 or total.clip not in (EVERYTHING, (0, np.inf)):
        raise Refused("an activation of sums of such a scale; add a quantizer behind it")
    sums = integer_sums(total, x)
    steps = sums.steps
    if len(set(steps)) > 1:
        layer = _of_several_scales(total, sums, x, report, values)
        return layer, layer["output"]["scale"]
    finer, bias, exact = _fine_biases(sums.bias)
    if not values:
        fewest, ranked = _ranked_biases(sums.bias, total.clip != EVERYTHING)
        if fewest < finer or not exact:
            finer, bias, exact = fewest, ranked, True
    layer = {**weights_of(total, sums), "bias": bias, "weight_shift": finer, "output": None}
    layer["activation"] = "relu" if total.clip == (0, np.inf) else "none"
    worth = float(steps[0]) / (1 << finer)
    report.note(label(total.node), f"an output code means {worth:g} * code")
    layer["weight_fraction_bits"] = min(
        max(label_of(worth) - x.format.fraction_bits - finer, -64), 64
    )
    if any(b.denominator != 1 for b in sums.bias):
        end = (
            "no two sums compare otherwise" if exact else "sums nearly equal may compare otherwise"
        )
        report.note(
            label(total.node),
            f"sums are {finer} bits finer and biases rounded to them; {end}",
        )
    return layer, worth


def _fine_biases(real: list[Fraction]) -> tuple[int, list[int], bool]:
    """Bits that sums are made finer by, biases in them, and whether all sums compare alike."""
    least = 0 if all(b.denominator == 1 for b in real) else _VALUE_BITS
    for finer in range(least, _MOST_FINER + 1):
        bias = [round(b * (1 << finer)) for b in real]
        if _compare_alike(real, bias, finer):
            return finer, bias, True
    return _MOST_FINER, bias, False


def _ranked_biases(real: list[Fraction], zero: bool) -> tuple[int, list[int]]:
    """The fewest bits that sums are finer by, and biases, for the largest to be the same.

    Integers plus biases are in the order of what is before the point, and then of what is behind
    it: of that, only the rank among all neurons counts, and 0 where sums are compared
    with ``zero``. Where two are equal the lower neuron wins, so that a neuron may have the rank of
    those behind it that it beats. A constant added to all biases changes no comparison: of the
    places to begin at, the one of fewest ranks is taken.
    """
    if zero:
        behind = sorted({b - math.floor(b) for b in real} | {Fraction(0)})
        finer = (len(behind) - 1).bit_length()
        return finer, [(math.floor(b) << finer) + behind.index(b - math.floor(b)) for b in real]
    found = [_levels([b - start for b in real]) for start in dict.fromkeys(real)]
    whole, levels = min(found, key=lambda one: max(one[1]))
    finer = max(levels).bit_length()
    return finer, [(b << finer) + level for b, level in zip(whole, levels, strict=True)]


def _levels(real: list[Fraction]) -> tuple[list[int], list[int]]:
    """What is before the point, and ranks of what is behind it, equal ones by the neuron."""
    whole = [math.floor(b) for b in real]
    behind = [b - own for b, own in zip(real, whole, strict=True)]
    levels, level, lowest = [0] * len(real), 0, len(real)
    for j in sorted(range(len(real)), key=lambda one: (behind[one], -one)):
        if lowest < j:  # a lower neuron of this rank would win
            level, lowest = level + 1, len(real)
        levels[j], lowest = level, min(lowest, j)
    return whole, levels


def _compare_alike(real: list[Fraction], bias: list[int], finer: int) -> bool:
    """Whether integers plus ``real`` and plus ``bias * 2^-finer`` are in the same order."""
    for i, first in enumerate(real):
        for j in range(i):
            wanted = first - real[j]
            given = Fraction(bias[i] - bias[j], 1 << finer)
            if (wanted.__floor__(), wanted.__ceil__()) != (given.__floor__(), given.__ceil__()):
                return False
    return True


@dataclass(frozen=True, kw_only=True)
class _Common:
    """Multipliers that bring sums to one scale: ``((acc << finer) + bias) * factor >> shift``."""

    finer: int
    bias: list[int]
    factors: list[int]
    shift: int
    width: int
    worth: float


def _of_several_scales(total: Sum, sums: Sums, x: Source, report: Report, values: bool) -> Layer:
    reach = [sum_reach(row, x) for row in sums.rows]
    best: tuple[int, bool, _Common] | None = None
    width = max(signed_width(low, high) for low, high in reach)
    tried = [bits for bits in _MULTIPLIER_BITS if bits >= width - 3]
    pairs = sum(high - low + 1 for low, high in reach) * (len(reach) - 1)
    stride = max(1, -(-pairs // _MOST_PAIRS))
    for bits in tried[_FOR_VALUES * values :] or _MULTIPLIER_BITS[-1:]:
        for finer in _FINER[values or stride > 1 :]:
            common = _common(sums, reach, bits, finer)
            most = None if best is None else best[0]
            wrong, told = _compared_otherwise(sums, reach, common, most, stride)
            if best is None or wrong < best[0]:
                best = wrong, told, common
            if not wrong:
                break
        if best is not None and not best[0]:
            break
    if best is None:
        raise TypeError("there are multipliers to try")
    wrong, told, common = best
    end = f"{wrong:,} of {pairs // stride:,} comparisons of sums end otherwise"
    if not wrong and stride == 1:
        end = "no two sums compare otherwise"
    elif not told:
        end += ", all of them of sums that 32-bit floats cannot tell apart"
    who = label(total.node)
    report.note(who, f"sums of several scales are multiplied to have one; {end}")
    report.note(who, f"an output code means {common.worth:g} * code")
    return {
        **weights_of(total, sums),
        "bias": common.bias,
        "weight_shift": common.finer,
        "activation": "relu" if total.clip == (0, np.inf) else "none",
        "output": {
            "bits": common.width if common.width <= 16 else _WIDEST,
            "signed": True,
            "fraction_bits": label_of(common.worth),
            "rounding": "floor",
            "overflow": "saturate",
            "multiplier": common.factors,
            "shift": common.shift,
            "scale": common.worth,
        },
    }


def _common(sums: Sums, reach: list[tuple[int, int]], bits: int, finer: int) -> _Common:
    """Multipliers of at most ``bits`` bits, and a shift such that 32 bits hold all results."""
    largest = max(sums.steps)
    factors = [max(1, round(step / largest * ((1 << bits) - 1))) for step in sums.steps]
    bias = [round(b * (1 << finer)) for b in sums.bias]
    ends = [
        ((end << finer) + b) * m
        for pair, b, m in zip(reach, bias, factors, strict=True)
        for end in pair
    ]
    width = signed_width(min(ends), max(ends))
    shift = max(0, width - _WIDEST)
    worth = float(largest) / ((1 << bits) - 1) * 2.0 ** (shift - finer)
    return _Common(
        finer=finer,
        bias=bias,
        factors=factors,
        shift=shift,
        width=min(width, _WIDEST),
        worth=worth,
    )


def _compared_otherwise(
    sums: Sums, reach: list[tuple[int, int]], common: _Common, most: int | None, stride: int
) -> tuple[int, bool]:
    """For how many sums of two neurons the comparison ends otherwise than in the model.

    And whether 32-bit floats could tell any of these apart.

    For each sum of a neuron, or every ``stride``-th of them, the first sum of another that is
    larger says how all compare. Counting ends at ``most``.
    """
    count = len(reach)
    steps, offsets = [float(step) for step in sums.steps], [float(b) for b in sums.bias]
    finer, shift, wrong, told = common.finer, common.shift, 0, False
    for i, (low, high) in enumerate(reach):
        own = np.arange(low, high + 1, stride, dtype=np.int64)
        real = (own + offsets[i]) * steps[i]
        whole = (((own << finer) + common.bias[i]) * common.factors[i]) >> shift
        for j in range(count):
            if j == i:
                continue
            bottom, top = reach[j]
            wanted = np.floor(real / steps[j] - offsets[j]) + 1
            least = -(-((whole + 1) << shift) // common.factors[j])
            given = -((common.bias[j] - least) >> finer)
            wanted, given = (np.clip(one, bottom, top + 1) for one in (wanted, given))
            wrong += int(np.abs(wanted - given).sum())
            furthest = np.where(given < wanted, given, given - 1) + offsets[j]
            size = np.maximum(np.abs(real), abs(offsets[i]) * steps[i])
            apart = np.abs(furthest * steps[j] - real) > _FLOAT_ERROR * size
            told |= bool((apart & (wanted != given)).any())
            if most is not None and wrong >= most:
                return wrong, told
    return wrong, told


def raw_layer(total: Sum, x: Source, report: Report) -> Layer:
    """The last layer, whose sums are not quantized: its accumulators, all at one scale.

    Raises
    ------
    Refused
        An activation that needs an output format.
    """
    if total.function is not None:
        raise Refused(f"{total.function} without a quantizer behind it; add one, or leave it out")
    sums, slope = integer_sums(total, x), -log2(total.slope)
    if slope:
        sums = for_slope(total, sums, slope, x, report)
    if x.offset % 1 and any(sum(row) % 2 for row in sums.rows):
        report.note(label(total.node), "weights 1 bit wider, for the halves of signs to be exact")
        sums = finer_sums(sums, 1, x)
    bias = [round(b) for b in sums.bias]
    say_biases(
        total,
        sums,
        Rounded(rounding="half_even", bias=bias, inexact="as sums are handed out"),
        report,
    )
    if len(set(sums.fractions)) > 1:
        return _aligned(total, sums, bias, x, slope, report)
    layer = body(total, sums, bias, x)
    layer["activation"] = "leaky_relu" if slope else _plain(total, sums.fractions[0])
    return {**layer, "negative_shift": slope or None, "output": None}


def _plain(total: Sum, fraction: int) -> str:
    """The activation that clips raw sums as the model does."""
    if total.clip == EVERYTHING:
        return "none"
    if total.clip == (0, np.inf):
        return "relu"
    if total.clip == (-1, 1) and fraction >= 0:
        return "hard_tanh"
    raise Refused(f"a clip to {total.clip[0]:g}..{total.clip[1]:g} without a quantizer behind it")


def _aligned(
    total: Sum, sums: Sums, bias: list[int], x: Source, slope: int, report: Report
) -> Layer:
    """Accumulators of several scales, shifted left to the finest of them."""
    fraction = max(sums.fractions)
    shifts = [own - fraction for own in sums.fractions]
    low, high = reach_of(sums, shifts)
    width = signed_width(low, high)
    bits = width if width <= 16 else 32
    if width > 32:
        raise Refused(f"sums of several scales that need {width} bits at one scale, 32 can be had")
    report.note(label(total.node), f"sums of several scales are brought to one, 2^{-fraction}")
    layer = make_layer(
        total,
        sums,
        Rounded(rounding="floor", bias=bias),
        x,
        Fit(activation="none", bits=bits, signed=True),
        fraction,
        slope,
    )
    if not slope:
        layer["activation"] = _plain(total, min(sums.fractions))
    return layer
