"""The integers that a weight may become: a whole format, or the values of a table."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.rtl.digits import digit_counts
from hwgen.spec.arithmetic import Integers


class Grid(Protocol):
    """Integers to round to."""

    def snap(self, scaled: Floats) -> Integers:
        """The integer of the grid for every element, int64."""


@dataclass(frozen=True)
class FormatGrid:
    """All integers of a signed format; rounds half to even and saturates."""

    bits: int

    def snap(self, scaled: Floats) -> Integers:
        """The nearest integer of the format."""
        top = 1 << (self.bits - 1)
        return np.clip(np.rint(scaled), -top, top - 1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class TableGrid:
    """The integers of a codebook.

    Parameters
    ----------
    values
        Ascending, each once.
    price
        What one nonzero signed digit costs beside the squared error, in squared units of the last
        place: a weight v becomes the value c with the least ``(v - c)^2 + price * digits(c)``.
    """

    values: Integers
    price: float = 0.0

    def snap(self, scaled: Floats) -> Integers:
        """The best integer of the table."""
        digits = self.price * digit_counts(self.values)
        best = np.full(scaled.shape, np.inf)
        found = np.zeros(scaled.shape, np.int64)
        for value, cost in zip(self.values.tolist(), digits.tolist(), strict=True):
            error = (scaled - value) ** 2 + cost
            better = error < best
            best[better], found[better] = error[better], value
        return found
