"""Elementwise integer arithmetic of the golden model (docs/arithmetic.md).

Every function takes a numpy array of integers, int64 or Python integers (``dtype=object``), and
returns a new array of the same kind. None of them checks for overflow of int64: the caller
chooses the dtype from exact intervals (see :mod:`hwgen.spec.golden`).
"""

import math
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.formats import Format

Rounding = Literal["floor", "half_up", "half_even"]
Overflow = Literal["saturate", "wrap"]
TableFunction = Literal["sigmoid", "tanh"]
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


def relu(values: Integers) -> Integers:
    """max(v, 0)."""
    return np.maximum(values, 0)


def leaky_relu(values: Integers, negative_shift: int) -> Integers:
    """``v`` where ``v >= 0``, else ``v >> negative_shift`` (arithmetic, towards minus infinity)."""
    return np.where(values < 0, values >> negative_shift, values)


def hard_tanh(values: Integers, fraction_bits: int) -> Integers:
    """Clip to the integers of [-1, 1] at scale ``2**-fraction_bits``.

    With a negative ``fraction_bits`` the only such integer is 0.
    """
    one = unit(fraction_bits)
    return np.clip(values, -one, one)


def unit(fraction_bits: int) -> int:
    """The largest integer whose real value at scale ``2**-fraction_bits`` is at most 1."""
    return 1 << fraction_bits if fraction_bits >= 0 else 0


class Table:
    """A sigmoid or tanh from the rescaled value ``t`` to the output format.

    ``entry(t) = clip(half_even(f(t * 2**-q) * 2**q))`` where q are the fraction bits of the output
    format, which both sides share. Outside ``[first, last]`` the entry no longer changes.

    Parameters
    ----------
    function
        ``"sigmoid"`` or ``"tanh"``.
    target
        The output format; 0 to 16 fraction bits.
    """

    def __init__(self, function: TableFunction, target: Format):
        self.function = function
        self.target = target
        # f(t * 2**-q) is within 2**-(q+2) of its limit from here on, so its rounding is settled.
        reach = math.ceil((target.fraction_bits + 2) * math.log(2) + 1) << target.fraction_bits
        lowest, highest = self.entry(-reach), self.entry(reach)
        self.first = -_first_where(reach, lambda t: self.entry(-t) == lowest)
        self.last = _first_where(reach, lambda t: self.entry(t) == highest)

    def entry(self, t: int) -> int:
        """The output integer for the rescaled value ``t``."""
        scale = 2.0**self.target.fraction_bits
        # Far out exp would overflow; 40 is past every change a format of 16 fraction bits can see.
        x = max(-40.0, min(40.0, t / scale))
        y = math.tanh(x) if self.function == "tanh" else 1.0 / (1.0 + math.exp(-x))
        return max(self.target.minimum, min(self.target.maximum, round(y * scale)))

    @cached_property
    def entries(self) -> list[int]:
        """Entries for ``t`` = first..last."""
        return [self.entry(t) for t in range(self.first, self.last + 1)]

    def __call__(self, values: Integers) -> Integers:
        """The table applied to every element."""
        index = np.clip(values, self.first, self.last) - self.first
        return np.array(self.entries, dtype=values.dtype)[index.astype(np.int64)]


@lru_cache(maxsize=64)
def table(function: TableFunction, target: Format) -> Table:
    """The shared :class:`Table` of a function and an output format."""
    return Table(function, target)


def _first_where(reach: int, settled: Any) -> int:
    """Smallest t in [0, reach] with ``settled(t)``, which is monotone and true at ``reach``."""
    low, high = 0, reach
    while low < high:
        middle = (low + high) // 2
        if settled(middle):
            high = middle
        else:
            low = middle + 1
    return low
