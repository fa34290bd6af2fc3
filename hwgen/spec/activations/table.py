"""Activations that are tables from the rescaled value to the output format."""

import math
from abc import abstractmethod
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from hwgen.spec.activations.base import Activation, Floats, Formula, Setting
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format


class Tabled(Activation):
    """An activation that is looked up behind the rounding: ``f`` of a value of few bits.

    ``f`` never falls, and has settled on both sides where :meth:`reach` says. Such a layer needs
    an output format of 0 to 16 fraction bits, and its ``overflow`` says nothing: tables saturate.
    """

    @abstractmethod
    def function(self, x: float) -> float:
        """``f(x)`` in double precision, within 1 ulp; finite for every finite ``x``."""

    @abstractmethod
    def reach(self, fraction_bits: int) -> int:
        """A whole ``x >= 1`` past which ``f`` is within ``2^-(fraction_bits + 2)`` of its limit."""

    def compute(self, accumulators: Integers, at: Setting) -> Integers:
        """The accumulators: the table stands behind the rounding."""
        return accumulators

    def describe(self, formula: Formula, at: Setting) -> None:
        """Nothing: the checker writes the table behind the rounding."""

    def real(self, values: Floats, negative_shift: int | None = None) -> Floats:
        """``f``, element by element."""
        found: Floats = np.vectorize(self.function, otypes=[np.float64])(values)
        return found


class Table:
    """A :class:`Tabled` activation from the rescaled value ``t`` to the output format.

    ``entry(t) = clip(half_even(f(t * 2**-q) * 2**q))`` where q are the fraction bits of the output
    format, which both sides share. Outside ``[first, last]`` the entry no longer changes.

    Parameters
    ----------
    activation
        What is tabulated.
    target
        The output format; 0 to 16 fraction bits.
    """

    def __init__(self, activation: Tabled, target: Format):
        self.activation = activation
        self.target = target
        # Rounding is settled from here on.
        reach = activation.reach(target.fraction_bits) << target.fraction_bits
        lowest, highest = self.entry(-reach), self.entry(reach)
        self.first = -_first_where(reach, lambda t: self.entry(-t) == lowest)
        self.last = _first_where(reach, lambda t: self.entry(t) == highest)

    def entry(self, t: int) -> int:
        """The output integer for the rescaled value ``t``."""
        scale = 2.0**self.target.fraction_bits
        reach = float(self.activation.reach(self.target.fraction_bits))
        y = self.activation.function(max(-reach, min(reach, t / scale)))
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
def table(activation: Tabled, target: Format) -> Table:
    """The shared :class:`Table` of an activation and an output format."""
    return Table(activation, target)


def exponential_reach(fraction_bits: int) -> int:
    """:meth:`Tabled.reach` of what nears its limits as ``exp(-x)`` does."""
    return math.ceil((fraction_bits + 2) * math.log(2) + 1)


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
