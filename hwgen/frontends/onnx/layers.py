"""Sums become layers of the network file: integer weights, biases, shifts, activations.

A layer gives the integers of the model's own executor wherever that can be had, else it is refused.
Rounding needs care, as real offsets are not multiples of an accumulator's step. With a shift of
n > 0, thresholds lie at integers of the accumulator, so for a bias with a fraction

    half_even(acc + bias)  =  half_up(acc + floor(bias))

holds exactly, there being no ties: such a layer rounds half up and gives the same integers.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.quantizers import exponent
from hwgen.frontends.onnx.ranges import Fit, fit_range
from hwgen.frontends.onnx.sources import Source
from hwgen.frontends.onnx.states import Codes, Sum
from hwgen.spec.arithmetic import Rounding
from hwgen.spec.formats import Format, signed_width

_FAR = 1 << 70
_NEAR = 1e-4
_WIDEST_SLOPED = 16
Layer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """A layer's sums in integers: neuron j is worth ``(rows[j] @ x + bias[j]) * steps[j]``.

    ``low`` and ``high`` enclose what is in the parentheses. With ``signs`` all weights are of one
    size, and a bit tells which sign.
    """

    rows: list[list[int]]
    bias: list[Fraction]
    steps: list[Fraction]
    bits: int
    low: list[int]
    high: list[int]
    signs: bool = False

    @property
    def fractions(self) -> list[int]:
        """``-log2`` of the steps; refused where one is no power of two."""
        return [-log2(float(step)) for step in self.steps]


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """Integer biases and the rounding that goes with them; why it is not exact, or ``""``."""

    rounding: Rounding
    bias: list[int]
    inexact: str = ""


def log2(scale: float) -> int:
    """The exponent of a power of two.

    Raises
    ------
    Refused
        It is none.
    """
    power = exponent(scale)
    if power is None:
        raise Refused(f"scale {scale:.6g} is no power of two")
    return power


def integer_sums(total: Sum, x: Source) -> Sums:
    """The sums of ``total`` in integers."""
    by, scale = total.weights.by, total.weights.scale
    if total.weights.codes is None or scale is None or by is None:
        raise TypeError("quantized weights are needed")
    sign = np.sign(total.gain).astype(np.int64)
    rows: list[list[int]] = (total.weights.codes * sign[:, None]).tolist()
    steps = [
        abs(Fraction(gain)) * Fraction(own) * Fraction(x.scale)
        for gain, own in zip(total.gain.tolist(), scale[:, 0].tolist(), strict=True)
    ]
    bias = [
        Fraction(u) / step + Fraction(x.offset) * sum(row)
        for u, step, row in zip(total.u.tolist(), steps, rows, strict=True)
    ]
    flat = [weight for row in rows for weight in row]
    bits = max(by.bits, signed_width(min(flat), max(flat)))
    signs = by.bipolar and set(flat) <= {-1, 1}
    return _sums(rows, bias, steps, 1 if signs else bits, x, signs)


def _sums(
    rows: list[list[int]],
    bias: list[Fraction],
    steps: list[Fraction],
    bits: int,
    x: Source,
    signs: bool,
) -> Sums:
    low, high = [], []
    for row, b in zip(rows, bias, strict=True):
        positive, negative = sum(w for w in row if w > 0), sum(w for w in row if w < 0)
        low.append(math.floor(b) + x.format.minimum * positive + x.format.maximum * negative)
        high.append(math.ceil(b) + x.format.maximum * positive + x.format.minimum * negative)
    return Sums(rows=rows, bias=bias, steps=steps, bits=bits, low=low, high=high, signs=signs)


def finer_sums(sums: Sums, by: int, x: Source) -> Sums:
    """The same in steps that are finer by ``2**by``."""
    rows = [[weight << by for weight in row] for row in sums.rows]
    bits = 1 if sums.signs else sums.bits + by
    bias = [b * (1 << by) for b in sums.bias]
    return _sums(rows, bias, [step / (1 << by) for step in sums.steps], bits, x, sums.signs)


def for_slope(total: Sum, sums: Sums, slope: int, x: Source, report: Report) -> Sums:
    """Sums in steps so fine that a shift of what is negative by ``slope`` bits loses nothing.

    Biases of a few fraction bits get these too. Others lose them, and need no more (above).
    """
    bias = max(b.denominator.bit_length() - 1 for b in sums.bias)
    by = slope + bias if sums.bits + slope + bias <= _WIDEST_SLOPED else slope
    report.note(label(total.node), f"weights {by} bits wider, for the slope to be exact")
    return finer_sums(sums, by, x)


def quantized_layer(codes: Codes, x: Source, report: Report) -> tuple[Layer, Source]:
    """The layer that computes ``codes``, and what its outputs mean.

    Raises
    ------
    Refused
        Nothing that a layer can do gives these integers.
    """
    total = sum_of(codes)
    sums = integer_sums(total, x)
    if codes.bipolar:
        return _sign_layer(total, sums, codes, x)
    slope = -log2(total.slope)
    if slope and codes.mode != "floor":
        sums = for_slope(total, sums, slope, x, report)
    fraction = -log2(codes.scale)
    shifts = [own - fraction for own in sums.fractions]
    rounded: Rounded | None = None
    for zero in {0: None} if slope else {0: None, codes.zero_point: None}:
        moved = _with_zero(sums, zero, shifts, x)
        shift = zero - codes.zero_point
        low, high = codes.low + shift, codes.high + shift
        even = codes.zero_point % 2 == 0 or codes.shifted == bool(zero)
        finer = slope if codes.mode != "floor" else 0
        rounded = choose_rounding(moved, shifts, finer, codes, low, even)
        bottom, top = reach_of(moved, shifts)
        fit = fit_range(
            low,
            high,
            (bottom, max(top, 0) if slope else top),  # a slope lifts what is negative
            codes.declared,
            relu=total.relu,
            smallest_shift=None if slope or zero else min(shifts),
        )
        if rounded is not None and fit is not None:
            say_biases(total, moved, rounded, report)
            layer = make_layer(total, moved, rounded, x, fit, fraction, slope, codes.gain)
            return layer, source_of(layer, codes.scale * codes.gain, -float(zero))
    low, high = codes.low - codes.zero_point, codes.high - codes.zero_point
    if rounded is None:
        text = f"rounding {codes.mode!r} with zero point {codes.zero_point}"
        raise Refused(f"{text} of codes {low}..{high}, which no rounding here does alike")
    raise Refused(f"codes {low}..{high}, which is the range of no width, and its sums go beyond it")


def sum_of(codes: Codes) -> Sum:
    """What ``codes`` of a layer are computed from."""
    if not isinstance(codes.source, Sum):
        raise TypeError("the codes of a layer are needed")
    return codes.source


def _with_zero(sums: Sums, zero: int, shifts: list[int], x: Source) -> Sums:
    """The sums with the zero point in their biases."""
    if zero == 0:
        return sums
    bias = [b + zero * Fraction(2) ** n for b, n in zip(sums.bias, shifts, strict=True)]
    return _sums(sums.rows, bias, sums.steps, sums.bits, x, sums.signs)


def reach_of(sums: Sums, shifts: list[int]) -> tuple[int, int]:
    """Integers that enclose the rescaled sums."""
    low = min(math.floor(v * Fraction(2) ** -n) for v, n in zip(sums.low, shifts, strict=True))
    high = max(math.ceil(v * Fraction(2) ** -n) for v, n in zip(sums.high, shifts, strict=True))
    return low, high


def choose_rounding(
    sums: Sums, shifts: list[int], slope: int, codes: Codes, low: int, even: bool
) -> Rounded | None:
    """Rounding and integer biases that give the model's integers, or nearly where none do.

    ``even`` tells whether ties that go to the even neighbour do so here too; ``slope`` counts the
    bits that the sums are finer by, which a negative sum loses again.
    """
    whole = [(b / (1 << slope)).denominator == 1 for b in sums.bias]
    floor = codes.mode == "floor" or (codes.mode == "toward_zero" and low >= 0)
    settled = [_bias(b, n, floor) for b, n in zip(sums.bias, shifts, strict=True)]
    bias = [value for value, _ in settled]
    lost = any(slope and n < 1 and not one for one, n in zip(whole, shifts, strict=True))
    why = "no shift right follows" if lost or not all(same for _, same in settled) else ""
    if floor:
        return Rounded(rounding="floor", bias=bias, inexact=why)
    if codes.mode not in ("nearest", "half_away", "half_toward_zero"):
        return None
    ties = sum(b.denominator == 1 and n > 0 for b, n in zip(sums.bias, shifts, strict=True))
    between = any(not one and n > 0 for one, n in zip(whole, shifts, strict=True))
    if codes.mode == "nearest" and even and not between:
        return Rounded(rounding="half_even", bias=bias, inexact=why)
    if not ties or (codes.mode == "half_away" and low >= 0):
        return Rounded(rounding="half_up", bias=bias, inexact=why)
    if codes.mode != "nearest" or not even:
        return None
    mixed = f"{ties} other neurons can have ties, which go up here and to the even code there"
    return Rounded(rounding="half_up", bias=bias, inexact=mixed)


def _bias(bias: Fraction, shift: int, floor: bool) -> tuple[int, bool]:
    """The integer that stands for a real bias, and whether it gives the same codes.

    Before a shift right that is its floor. A shift left leaves steps of ``2**-shift``, at which the
    bias is rounded for itself.
    """
    if shift > 0 or bias.denominator == 1:
        return math.floor(bias), True
    fine = bias * (1 << -shift)
    target = Fraction(math.floor(fine) if floor else round(fine), 1 << -shift)
    exact = target.denominator == 1 and (floor or (fine - math.floor(fine)) * 2 != 1)
    return (int(target) if exact else round(bias)), exact


def say_biases(total: Sum, sums: Sums, rounded: Rounded, report: Report) -> None:
    """Tell what became of biases that are no multiples of an accumulator's step."""
    moved = sum(b.denominator != 1 for b in sums.bias)
    if not moved:
        return
    if rounded.inexact:
        end = f"results may differ by such a rounding ({rounded.inexact})"
    else:
        end = "results stay exactly the same"
    report.note(
        label(total.node),
        f"{moved} of {len(sums.bias)} biases are no multiples of the accumulator's step and are "
        f"rounded to it, {rounded.rounding}; {end}",
    )


def make_layer(
    total: Sum,
    sums: Sums,
    rounded: Rounded,
    x: Source,
    fit: Fit,
    fraction: int,
    slope: int = 0,
    gain: float = 1.0,
) -> Layer:
    """A layer that rescales its sums to steps of ``2**-fraction``, each worth ``gain`` of them.

    For ``hard_tanh`` the steps are called otherwise: such that it clips at 1.
    """
    called = fit.one if fit.activation == "hard_tanh" else fraction - log2(gain)
    layer = body(total, sums, rounded.bias, x, fraction - called)
    layer["activation"] = "leaky_relu" if slope else fit.activation
    layer["negative_shift"] = slope or None
    layer["output"] = {
        "bits": fit.bits,
        "signed": fit.signed,
        "fraction_bits": _fraction(called),
        "rounding": rounded.rounding,
        "overflow": "saturate",
    }
    return layer


def _fraction(bits: int) -> int:
    if not -64 <= bits <= 64:
        raise Refused(f"a scale of 2^{-bits}, 2^-64..2^64 can be had")
    return bits


def weights_of(total: Sum, sums: Sums) -> Layer:
    """Name and weights of a layer, its weights labelled as 0 fraction bits."""
    if sums.bits > 16:
        raise Refused(f"weights of {sums.bits} bits, at most 16 can be had")
    size = abs(sums.rows[0][0])
    codes = [[int(w > 0) for w in row] for row in sums.rows] if sums.signs else sums.rows
    return {
        "kind": "dense",
        "name": total.node.name,
        "weights": codes,
        "weight_bits": sums.bits,
        "weight_fraction_bits": 0,
        "codebook": [-size, size] if sums.signs else None,
        "codebook_bits": signed_width(-size, size) if sums.signs else None,
        "bias": [],
    }


def body(total: Sum, sums: Sums, bias: list[int], x: Source, relabel: int = 0) -> Layer:
    """Weights and biases of a layer whose accumulators are labelled ``relabel`` bits lower."""
    own = [_fraction(f - relabel - x.format.fraction_bits) for f in sums.fractions]
    fractions = own[0] if len(set(own)) == 1 else own
    return {**weights_of(total, sums), "weight_fraction_bits": fractions, "bias": bias}


def source_of(layer: Layer, scale: float, offset: float) -> Source:
    """What the outputs of ``layer`` mean."""
    out = layer["output"]
    number = Format(bits=out["bits"], signed=out["signed"], fraction_bits=out["fraction_bits"])
    return Source(format=number, scale=scale, offset=offset)


def _sign_layer(total: Sum, sums: Sums, codes: Codes, x: Source) -> tuple[Layer, Source]:
    """-1 for what is negative, else 0, in one bit: that is ``(sign - 1) / 2``."""
    if total.function is not None or total.clip[0] >= 0 or total.clip[1] < 0:
        raise Refused("the sign of an activation; take the sign of the sum")
    bias = [math.floor(b) for b in sums.bias]
    fraction = max(sums.fractions)
    rounded = Rounded(rounding="floor", bias=bias)
    layer = make_layer(
        total, sums, rounded, x, Fit(activation="none", bits=1, signed=True), fraction
    )
    return layer, source_of(layer, 2 * codes.scale * codes.gain, 0.5)
