"""Elementwise arithmetic: each function on its corners, and the tables entry by entry."""

import math
from fractions import Fraction

import numpy as np
import pytest

from hwgen.spec import arithmetic
from hwgen.spec.activations import Setting, Table, activation
from hwgen.spec.formats import Format, index_width, signed_width
from tests import naive

ROUND = {
    "floor": math.floor,
    "half_up": lambda t: math.floor(t + Fraction(1, 2)),
    "half_even": round,
}


@pytest.mark.parametrize("dtype", [np.int64, object])
@pytest.mark.parametrize("rounding", ROUND)
def test_round_shift(rounding: str, dtype: type) -> None:
    values = np.arange(-70, 71).astype(dtype)
    for shift in range(-3, 9):
        expected = [ROUND[rounding](Fraction(v) / Fraction(2) ** shift) for v in range(-70, 71)]
        result = arithmetic.round_shift(values, shift, rounding)
        assert result.tolist() == expected
        assert result.dtype == dtype


@pytest.mark.parametrize("dtype", [np.int64, object])
def test_wrap(dtype: type) -> None:
    values = np.arange(-40, 41).astype(dtype)
    for bits in (1, 2, 5, 7):
        for signed in (False, True):
            result = arithmetic.wrap(values, bits, signed).tolist()
            assert result == [naive.wrapped(v, bits, signed) for v in range(-40, 41)]


def test_wrap_past_64_bits() -> None:
    values = np.array([2**100 + 5, -(2**100) - 1, 2**127], object)
    assert arithmetic.wrap(values, 100, True).tolist() == [5, -1, 0]
    assert arithmetic.wrap(values, 128, True).tolist() == [2**100 + 5, -(2**100) - 1, -(2**127)]


def test_fit() -> None:
    target = Format(bits=3, signed=True, fraction_bits=0)
    values = np.array([-5, -4, 3, 4])
    assert arithmetic.fit(values, target, "saturate").tolist() == [-4, -4, 3, 3]
    assert arithmetic.fit(values, target, "wrap").tolist() == [3, -4, 3, -4]


def test_bounds_of_hard_tanh() -> None:
    bounds = [activation("hard_tanh").bounds(Setting(fraction=f)) for f in (-2, -1, 0, 1, 5)]
    assert bounds == [(-one, one) for one in (0, 0, 1, 2, 32)]


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("bits", "fraction"), [(1, 0), (2, 1), (4, 0), (4, 4), (8, 6), (16, 9)])
def test_table(function: str, signed: bool, bits: int, fraction: int) -> None:
    target = Format(bits=bits, signed=signed, fraction_bits=fraction)
    table = Table(activation(function), target)
    reach = 12 << fraction
    points = range(-reach, reach + 1, max(1, reach // 500))
    expected = [
        min(max(naive.curve(function, t, fraction), target.minimum), target.maximum) for t in points
    ]
    assert [table.entry(t) for t in points] == expected
    assert table(np.array(points)).tolist() == expected
    assert table.entries == [table.entry(t) for t in range(table.first, table.last + 1)]


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
def test_table_ends_where_it_settles(function: str) -> None:
    table = Table(activation(function), Format(bits=8, signed=True, fraction_bits=5))
    assert table.entry(table.first) == table.entry(table.first - 1) != table.entry(table.first + 1)
    assert table.entry(table.last) == table.entry(table.last + 1) != table.entry(table.last - 1)
    far = np.array([-(2**70), 2**70], object)
    assert table(far).tolist() == [table.entry(table.first), table.entry(table.last)]


def test_table_of_a_constant() -> None:
    # 1 signed bit holds -1 and 0; the sigmoid is never negative.
    table = Table(activation("sigmoid"), Format(bits=1, signed=True, fraction_bits=0))
    assert (table.first, table.last, table.entries) == (0, 0, [0])


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
def test_table_of_16_fraction_bits_is_monotone(function: str) -> None:
    table = Table(activation(function), Format(bits=16, signed=False, fraction_bits=16))
    entries = [table.entry(t) for t in range(table.first, table.last + 1, 97)]
    assert entries == sorted(entries)


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [(0, 0, 1), (-1, 0, 1), (-1, 1, 2), (-2, 1, 2), (0, 2, 3), (-3, 3, 3), (-4, 3, 3), (5, 9, 5)],
)
def test_signed_width(low: int, high: int, width: int) -> None:
    assert signed_width(low, high) == width


def test_index_width() -> None:
    assert [index_width(n) for n in (1, 2, 3, 4, 5, 8, 9)] == [1, 1, 2, 2, 3, 3, 4]


def test_format() -> None:
    assert (Format(bits=4, signed=True, fraction_bits=2).minimum) == -8
    assert (Format(bits=4, signed=True, fraction_bits=2).maximum) == 7
    assert (Format(bits=4, signed=False, fraction_bits=2).maximum) == 15
    assert (Format(bits=1, signed=True, fraction_bits=0).maximum) == 0
    assert str(Format(bits=4, signed=False, fraction_bits=-2)) == "u4.-2"
