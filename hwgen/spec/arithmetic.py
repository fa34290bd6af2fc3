"""Elementwise integer arithmetic of the golden model (docs/arithmetic.md).

Every function takes a numpy array of integers, int64 or Python integers (``dtype=object``), and
returns a new array of the same kind. None of them checks for overflow of int64: the caller
chooses the dtype from exact intervals (see :mod:`hwgen.spec.golden`).
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.formats import Format

Rounding = Literal["floor", "half_up", "half_even"]
Overflow = Literal["saturate", "wrap"]
Integers = NDArray[Any]
Interval = tuple[int, int]


def round_shift(values: Integers, shift: int, rounding: Rounding) -> Integers:
    """``values * 2**-shift`` as integers.

    ``shift > 0`` shifts right with ``rounding``; ``shift <= 0`` shifts left, exactly::

        floor      v >> n
        half_up    (v + 2**(n-1)) >> n
        half_even  nearest; a tie goes to the even neighbour
    """
    if shift <= 0:
        return values << -shift
    if rounding == "floor":
        return values >> shift
    half = 1 << (shift - 1)
    up = (values + half) >> shift
    if rounding == "half_up":
        return up
    tie = (values & ((1 << shift) - 1)) == half
    return np.where(tie, up & ~1, up)


def wrap(values: Integers, bits: int, signed: bool) -> Integers:
    """The low ``bits`` of ``values``, read as two's complement if ``signed``."""
    offset = (1 << (bits - 1)) if signed else 0
    return ((values + offset) & ((1 << bits) - 1)) - offset


def fit(values: Integers, target: Format, overflow: Overflow) -> Integers:
    """``values`` brought into the range of ``target`` by clipping or by keeping the low bits."""
    if overflow == "wrap":
        return wrap(values, target.bits, target.signed)
    return np.clip(values, target.minimum, target.maximum)


def steps_between(
    low: int, high: int, function: Callable[[Integers], Integers]
) -> tuple[int, list[int]]:
    """Where a function of the integers low..high rises, which never falls: by bisection.

    Returns
    -------
    tuple
        The value at ``low``; for each one above it up to that at ``high`` the smallest integer
        that reaches it.
    """
    kind = np.int64 if max(abs(low), abs(high)) < 1 << 62 else object
    first, last = (int(value) for value in function(np.array([low, high], kind)))
    values = np.arange(first + 1, last + 1, dtype=np.int64)
    below, reached = np.full(values.shape, low, kind), np.full(values.shape, high, kind)
    while values.size and int((reached - below).max()) > 1:
        middle = (below + reached) >> 1
        there = function(middle) >= values
        reached, below = np.where(there, middle, reached), np.where(there, below, middle)
    return first, reached.tolist()
