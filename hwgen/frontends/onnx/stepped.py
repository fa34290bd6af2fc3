"""Layers for sums of any scale: the model's way to each code, as a multiplication or thresholds.

Where scales are no powers of two, biases stand between steps or several functions follow each
other, each neuron's codes are a staircase over its integer sums (:mod:`hwgen.frontends.exact`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from hwgen.frontends import exact
from hwgen.frontends.exact import Steps
from hwgen.frontends.onnx.layers import (
    Layer,
    Sums,
    integer_sums,
    sum_of,
    weights_of,
)
from hwgen.frontends.onnx.lines import Lines, cost, lines_for
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.quantizers import rounded
from hwgen.frontends.onnx.ranges import fit_range
from hwgen.frontends.onnx.sources import Source, label_of
from hwgen.frontends.onnx.states import Codes, Sum
from hwgen.spec.activations import activation
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format, signed_width

_FAR = 1 << 200
_MOST_LEVELS = 1 << 12
_FEW_LEVELS = 3


def meaning(codes: Codes) -> tuple[float, float]:
    """``scale, offset`` where an integer y of ``codes`` means ``scale * (y + offset)``.

    Of signs, y is -1 or 0.
    """
    step = codes.scale * codes.gain
    added = codes.add / step
    return (2 * step, 0.5 + added / 2) if codes.bipolar else (step, added - codes.zero_point)


def stepped_layer(
    chain: Sequence[Codes], x: Source, report: Report, padded: bool = False
) -> tuple[Layer, Source]:
    """The layer of a sum, its quantizer, and further functions of its codes.

    Parameters
    ----------
    chain
        The codes of the sum; then codes of codes, each of a sum that only hands on the one before.
    padded
        The next layer pads with real 0, which is to be the integer 0.

    Raises
    ------
    Refused
        More codes than thresholds are made for, and no line gives them.
    """
    total, codes = sum_of(chain[0]), chain[-1]
    sums = integer_sums(total, x)
    staircases = [_sum_steps(chain[0], sums, j, x) for j in range(len(sums.rows))]
    ratios = [step / Fraction(_unit(chain[0])) for step in sums.steps]
    for inner, outer in pairwise(chain):
        scale, offset = meaning(inner)
        gains, added = sum_of(outer).gain.tolist(), sum_of(outer).u.tolist()
        for j, staircase in enumerate(staircases):
            step = Fraction(scale) * Fraction(gains[j])
            bias = Fraction(offset) + Fraction(added[j]) / step
            after = _steps(outer, j, step, bias, (staircase.first, staircase.last))
            staircases[j] = staircase.then(after)
            ratios[j] *= step / Fraction(_unit(outer))
    _say(total, staircases, report)
    return _made(codes, total, sums, staircases, ratios, padded)


def _unit(codes: Codes) -> float:
    return codes.scale * (2 if codes.bipolar else 1)


def sum_reach(row: list[int], x: Source) -> tuple[int, int]:
    """Smallest and largest sum without its bias."""
    positive, negative = sum(w for w in row if w > 0), sum(w for w in row if w < 0)
    low, high = x.ends
    return positive * low + negative * high, positive * high + negative * low


def _sum_steps(codes: Codes, sums: Sums, j: int, x: Source) -> Steps:
    return _steps(codes, j, sums.steps[j], sums.bias[j], sum_reach(sums.rows[j], x))


def _steps(codes: Codes, j: int, step: Fraction, bias: Fraction, ends: tuple[int, int]) -> Steps:
    """Steps of ``codes`` of ``step * (acc + bias)`` of neuron j, for accumulators within ends."""
    total, (low, high) = sum_of(codes), ends
    if codes.execute is not None:
        return exact.steps_of(low, high, codes.execute(j, float(step), bias))
    if total.function is not None:
        return exact.steps_of(low, high, _function(codes, float(step), float(bias)))
    limits = (-1, 0) if codes.bipolar else (codes.low, codes.high)

    def reach(code: int) -> int:
        value, strict = _real_step(codes, code)
        pulled = _before(total, value, strict)
        return (
            pulled
            if isinstance(pulled, int)
            else exact.first_reaching(pulled / step - bias, strict)
        )

    found = exact.steps_between(low, high, limits, reach)
    shown = range(found.first, found.last + 2)
    reals = [_before(total, *_real_step(codes, code)) for code in shown]
    boundaries = [real / step - bias for real in reals if isinstance(real, Fraction)]
    dyadic = all(_dyadic(value) for value in (step, bias, Fraction(codes.scale)))
    near = 0 if dyadic else exact.near_ties(boundaries, abs(float(bias)), low, high)
    return replace(found, near=near)


def _dyadic(value: Fraction) -> bool:
    """So few binary digits that 32-bit floats compute with it exactly."""
    odd = abs(value.numerator)
    return value == 0 or (
        (odd // (odd & -odd)).bit_length() <= 12
        and (value.denominator & (value.denominator - 1) == 0)
    )


def _real_step(codes: Codes, code: int) -> tuple[Fraction, bool]:
    """The real value from which on the quantizer gives ``code`` or more."""
    if codes.bipolar:
        return (Fraction(0), False) if code > -1 else (Fraction(-_FAR), False)
    zero = codes.zero_point
    if codes.shifted:
        value, strict = exact.rounding_step(code, codes.mode)
        value -= zero
    else:
        value, strict = exact.rounding_step(code - zero, codes.mode)
    return value * Fraction(codes.scale), strict


def _before(total: Sum, value: Fraction, strict: bool) -> Fraction | int:
    """The sum whose activation reaches ``value``; an integer where all or none do."""
    low, high = total.clip
    if value < low or (value == low and not strict):
        return -_FAR
    if value > high or (value == high and strict):
        return _FAR
    return value / Fraction(total.slope) if value < 0 else value


def _function(codes: Codes, step: float, bias: float) -> Callable[[Integers], Integers]:
    """A sigmoid or tanh and the quantizer behind it, in double precision."""
    total = sum_of(codes)
    own = activation(str(total.function))
    zero = codes.zero_point

    def compute(accumulators: Integers) -> Integers:
        y = own.real(np.clip(step * (accumulators + bias), -500.0, 500.0))
        y = np.clip(y, *total.clip)
        if codes.bipolar:
            return np.where(y >= 0, 0, -1)
        scaled = y / codes.scale
        code = (
            rounded(scaled + zero, codes.mode)
            if codes.shifted
            else rounded(scaled, codes.mode) + zero
        )
        return np.clip(code, codes.low, codes.high).astype(np.int64)

    return compute


def _say(total: Sum, staircases: list[Steps], report: Report) -> None:
    near = sum(one.near for one in staircases)
    of = sum(one.high - one.low + 1 for one in staircases)
    if near:
        report.note(
            label(total.node),
            f"{near:,} of {of:,} sums lie within the error of 32-bit floats of a tie, and are "
            "decided exactly: a model run in such floats may give the neighbouring code",
        )
    same = sum(not one.at for one in staircases)
    if same:
        report.note(label(total.node), f"{same} of {len(staircases)} neurons are constant")


def _made(
    codes: Codes,
    total: Sum,
    sums: Sums,
    staircases: list[Steps],
    ratios: list[Fraction],
    padded: bool,
) -> tuple[Layer, Source]:
    """The cheapest layer with these staircases."""
    ends = min(one.first for one in staircases), max(one.last for one in staircases)
    zero = 0 if codes.bipolar else codes.zero_point
    low = -1 if codes.bipolar else codes.low
    found: tuple[Lines, int, Format] | None = None
    for base in (zero,) if padded else dict.fromkeys((zero, 0, low)):
        number = _format(codes, (ends[0] - base, ends[1] - base))
        if number is None:
            continue
        moved = [replace(one, first=one.first - base) for one in staircases]
        lines = lines_for(moved, ratios, (number.minimum, number.maximum))
        if lines is not None:
            found = lines, base, number
            break
    levels = max(len(one.at) for one in staircases)
    if found is None and levels > _MOST_LEVELS:
        raise Refused(
            f"{levels:,} codes that no multiplication gives; a quantizer of 12 bits at most, or of "
            "a scale that is a power of two, is needed"
        )
    if found is None or _cheaper(found[0], staircases):
        base, number = _narrowest(codes, ends, (zero,) if padded else (zero, 0, ends[0]))
        found = None
    else:
        _, base, number = found
    scale, offset = meaning(codes)
    number = replace(number, fraction_bits=label_of(scale))
    layer = _body(total, sums, number, scale, found[0] if found else None)
    if found is None:
        layer["output"]["thresholds"] = [_thresholds(one, base, number) for one in staircases]
    reach = (ends[0] - base, ends[1] - base)
    return layer, Source(format=number, scale=scale, offset=offset + base, reach=reach)


def _format(codes: Codes, ends: tuple[int, int]) -> Format | None:
    fit = fit_range(*ends, ends, codes.declared)
    return None if fit is None else Format(bits=fit.bits, signed=fit.signed, fraction_bits=0)


def _narrowest(codes: Codes, ends: tuple[int, int], bases: Sequence[int]) -> tuple[int, Format]:
    """The format of fewest bits that holds the codes less one of ``bases``."""
    made = [(base, _format(codes, (ends[0] - base, ends[1] - base))) for base in bases]
    fitting = [(base, number) for base, number in made if number is not None]
    if not fitting:
        raise Refused(f"codes {ends[0]}..{ends[1]}, which no width holds")
    return min(fitting, key=lambda one: one[1].bits)


def _cheaper(lines: Lines, staircases: list[Steps]) -> bool:
    """Whether thresholds take less than multiplications, by the bits of adders and comparators."""
    if max(len(one.at) for one in staircases) > _FEW_LEVELS:
        return False
    widths = [signed_width(one.low, one.high) for one in staircases]
    compare = sum(len(one.at) * width for one, width in zip(staircases, widths, strict=True))
    return compare < cost(lines, staircases) + sum(widths)  # these clip


def _body(total: Sum, sums: Sums, number: Format, scale: float, lines: Lines | None) -> Layer:
    """The layer as a part of the network file, without thresholds."""
    output: Layer = {
        "bits": number.bits,
        "signed": number.signed,
        "fraction_bits": number.fraction_bits,
        "rounding": "floor" if lines is None else lines.rounding,
        "overflow": "saturate",
    }
    if scale != 2.0**-number.fraction_bits:
        output["scale"] = scale
    layer = {**weights_of(total, sums), "bias": [0] * len(sums.rows)}
    if lines is not None:
        layer["bias"] = [line.bias for line in lines.lines]
        layer["weight_shift"] = lines.finer
        most = max(line.shift for line in lines.lines)  # of one shift, a multiplication is shared
        moved = [line.multiplier << (most - line.shift) for line in lines.lines]
        if max(moved) <= exact.MAX_MULTIPLIER:
            output["multiplier"], output["shift"] = _one(moved), most
        else:
            output["multiplier"] = _one([line.multiplier for line in lines.lines])
            output["shift"] = _one([line.shift for line in lines.lines])
    relu = total.relu and lines is not None and not number.signed and total.slope == 1.0
    return {**layer, "activation": "relu" if relu else "none", "output": output}


def _thresholds(staircase: Steps, base: int, number: Format) -> list[int]:
    """Steps that never count, or always, are left out or put at the lowest sum."""
    always = staircase.first - base - number.minimum
    return [staircase.low] * always + staircase.at


def _one(values: list[int]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else values
