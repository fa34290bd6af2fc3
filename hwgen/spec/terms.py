"""Sums of a layer as one matrix product, with dropped bits and aligned inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.spec.arithmetic import Integers, Interval


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """A layer's sums as one matrix product: ``acc = bias + weights @ (x[index] >> dropped)``.

    An input of which neurons drop different numbers of bits stands in several columns; the shifts
    that make up for dropped bits, for the alignment of inputs and for ``weight_shift`` are in the
    weights. Without any of these column i is input i, and the weights are those of the file.

    Attributes
    ----------
    index, dropped
        Of each column.
    weights
        Integers [outputs, columns], int64 or Python integers.
    """

    index: list[int]
    dropped: list[int]
    weights: Integers

    def read(self, x: Integers) -> Integers:
        """The factors [samples, columns] of the weights, for inputs ``x``."""
        if not any(self.dropped):
            return x[:, self.index] if self.index != list(range(x.shape[1])) else x
        factors: Integers = x[:, self.index] >> np.array(self.dropped, dtype=x.dtype)
        return factors

    def ranges(self, ranges: Sequence[Interval]) -> list[Interval]:
        """Interval of each factor, given those of the inputs."""
        return [
            (ranges[i][0] >> dropped, ranges[i][1] >> dropped)
            for i, dropped in zip(self.index, self.dropped, strict=True)
        ]


def shifted(weights: Integers, shifts: Sequence[int]) -> Integers:
    """``weights`` [outputs, columns], each column shifted left; int64 where that holds them."""
    if not any(shifts):
        return weights
    shifted: Integers = weights.astype(object) * np.array([1 << shift for shift in shifts], object)
    if max(map(abs, shifted.ravel().tolist())) < 1 << 62:
        shifted = shifted.astype(np.int64)
    return shifted
