"""Sigmoid and tanh: a layer whose table gives the integers of the model's own function.

The table is indexed by the sum rounded to the fraction bits of the output. That is exact where the
sum has no more fraction bits than the output; elsewhere both are compared on every possible sum.
"""

import math

import numpy as np

from hwgen.frontends.onnx.layers import (
    Layer,
    Rounded,
    Sums,
    choose_rounding,
    integer_sums,
    log2,
    make_layer,
    reach_of,
    say_biases,
    source_of,
    sum_of,
)
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.ranges import Fit, fit_range
from hwgen.frontends.onnx.sources import Source
from hwgen.frontends.onnx.states import Codes, Sum
from hwgen.spec.activations import Table, Tabled, activation
from hwgen.spec.activations.table import table
from hwgen.spec.arithmetic import Integers, round_shift
from hwgen.spec.formats import Format

_MOST = 1 << 22
_FLOAT_ERROR = 2.0**-21


def table_layer(codes: Codes, x: Source, report: Report, approximate: bool) -> tuple[Layer, Source]:
    """The layer of a sigmoid or tanh behind a sum.

    Raises
    ------
    Refused
        Its table would give other integers than the function, and ``approximate`` is not set.
    """
    total = sum_of(codes)
    fit, entries = _table(codes)
    fraction = -log2(codes.scale)
    sums = integer_sums(total, x)
    shifts = [own - fraction for own in sums.fractions]
    rounded = choose_rounding(sums, shifts, 0, codes, codes.low, True)
    if rounded is None:
        raise Refused("a rounding mode other than ROUND behind a table")
    wrong, of = _differences(entries, sums, shifts, rounded)
    if wrong:
        share = f"{wrong:,} of {of:,} sums" if of else "its sums, too many to compare,"
        text = f"a {total.function} table of {fraction} fraction bits gives other codes for {share}"
        if not approximate:
            ways = f"a Quant of scale {2.0**-fraction:g} before it, or --round-tables"
            raise Refused(f"{text} ({ways})")
        report.note(label(total.node), text)
    say_biases(total, sums, rounded, report)
    return _finished(total, sums, rounded, x, fit, entries, codes, report)


def merged_table_layer(
    codes: Codes, inner: Codes, x: Source, report: Report
) -> tuple[Layer, Source] | None:
    """One layer for a sum that is quantized, read by a table, and quantized again.

    None where the two scales differ or the first range cuts off what the table tells apart.
    """
    total = sum_of(inner)
    fit, entries = _table(codes)
    if (
        inner.scale * inner.gain != codes.scale
        or inner.gain != 1
        or inner.bipolar
        or total.function
        or total.active
    ):
        return None
    sums = integer_sums(total, x)
    shifts = [own + log2(inner.scale) for own in sums.fractions]
    low, high = inner.low - inner.zero_point, inner.high - inner.zero_point
    reach = reach_of(sums, shifts)
    if (low > entries.first and low > reach[0]) or (high < entries.last and high < reach[1]):
        return None
    even = inner.zero_point % 2 == 0 or not inner.shifted
    rounded = choose_rounding(sums, shifts, 0, inner, low, even)
    if rounded is None:
        return None
    say_biases(total, sums, rounded, report)
    return _finished(total, sums, rounded, x, fit, entries, codes, report)


def _table(codes: Codes) -> tuple[Fit, Table]:
    """The output format of a table, and the table."""
    total, fraction = sum_of(codes), -log2(codes.scale)
    if not 0 <= fraction <= 16:
        raise Refused(
            f"{total.function} with an output scale of 2^{-fraction}, 1..2^-16 can be had"
        )
    if codes.mode != "nearest" or (codes.shifted and codes.zero_point % 2):
        raise Refused(f"{total.function} before a Quant that rounds otherwise than half to even")
    low, high = codes.low - codes.zero_point, codes.high - codes.zero_point
    one = 1 << fraction
    own = activation(str(total.function))
    if not isinstance(own, Tabled):
        raise Refused(f"{total.function} as a table")
    reach = (0 if own.nonnegative else -one, one)
    fit = fit_range(low, high, reach, codes.declared)
    if fit is None:
        raise Refused(f"codes {low}..{high}, which is the range of no width")
    number = Format(bits=fit.bits, signed=fit.signed, fraction_bits=fraction)
    return fit, table(own, number)


def _differences(
    entries: Table, sums: Sums, shifts: list[int], rounded: Rounded
) -> tuple[int, int]:
    """How many sums of all the table gives another code for; (1, 0) where they are too many."""
    if all(n <= 0 for n in shifts) and all(b.denominator == 1 for b in sums.bias):
        return 0, 0
    sizes = [high - low + 1 for low, high in zip(sums.low, sums.high, strict=True)]
    if sum(sizes) > _MOST or max(shifts) > 60:
        return 1, 0
    wrong = 0
    scale = 2.0**entries.target.fraction_bits
    for neuron, n in enumerate(shifts):
        bias, whole = sums.bias[neuron], rounded.bias[neuron]
        first = sums.low[neuron] - math.floor(bias) + whole
        last = sums.high[neuron] - math.ceil(bias) + whole
        t = np.arange(first, last + 1, dtype=np.int64)
        exact = (t + float(bias - whole)) * 2.0**-n / scale
        given = entries(round_shift(t, n, rounded.rounding))
        wrong += int((_direct(entries, exact) != given).sum())
    return wrong, sum(sizes)


def _direct(entries: Table, x: Integers) -> Integers:
    """The codes of the function itself."""
    y = entries.activation.real(np.clip(x, -40.0, 40.0))
    target = entries.target
    codes: Integers = np.rint(y * 2.0**target.fraction_bits)
    return np.clip(codes, target.minimum, target.maximum)


def _finished(
    total: Sum,
    sums: Sums,
    rounded: Rounded,
    x: Source,
    fit: Fit,
    entries: Table,
    codes: Codes,
    report: Report,
) -> tuple[Layer, Source]:
    close = _close_calls(entries)
    if close:
        report.note(
            label(total.node),
            f"{close} entries of its table lie within the error of 32-bit floats of a tie: "
            "a model run in such floats may give the neighbouring code",
        )
    layer = make_layer(total, sums, rounded, x, fit, entries.target.fraction_bits)
    layer["activation"] = entries.activation.name
    return layer, source_of(layer, codes.scale * codes.gain, 0.0)


def _close_calls(entries: Table) -> int:
    """Entries that 32-bit arithmetic may round to the other side."""
    scale = 2.0**entries.target.fraction_bits
    t = np.arange(entries.first, entries.last + 1)
    y = entries.activation.real(t / scale) * scale
    return int((np.abs(np.abs(y - np.floor(y)) - 0.5) < _FLOAT_ERROR * np.abs(y)).sum())
