"""Inputs with and without their lowest bits.

A neuron that needs an input only coarsely reads fewer of its bits: fewer adders, and the low
columns of its sum, which the rescale throws away, are never built. To leave bits out is to shift
right, which is wires. So a network reads *taps*: input ``source`` shifted right by ``drop``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.arithmetic import Integers


@dataclass(frozen=True, eq=False)
class Taps:
    """What the first layer reads of unsigned inputs of ``bits`` bits.

    Parameters
    ----------
    bits
        Width of an input.
    features
        Inputs.
    sources, drops
        Of every tap, the input that it reads, and how many low bits it leaves out.
    """

    bits: int
    features: int
    sources: Integers
    drops: Integers

    @staticmethod
    def of(features: int, bits: int, drops: tuple[int, ...] = (0,)) -> "Taps":
        """Each input with each of ``drops``."""
        kept = [drop for drop in drops if drop < bits]
        return Taps(
            bits,
            features,
            np.tile(np.arange(features), len(kept)),
            np.repeat(np.array(kept, np.int64), features),
        )

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def fractions(self) -> Integers:
        """Fraction bits of every tap, of inputs in [0, 1); as many as it has bits."""
        return self.bits - self.drops

    @property
    def tops(self) -> list[int]:
        """Largest value of every tap."""
        return [(1 << width) - 1 for width in self.fractions.tolist()]

    def read(self, codes: Integers) -> Integers:
        """Taps [samples, taps] of input codes [samples, features]."""
        return codes[:, self.sources] >> self.drops

    def chosen(self, kept: NDArray[np.bool_]) -> "Taps":
        """Some of the taps."""
        return Taps(self.bits, self.features, self.sources[kept], self.drops[kept])

    def others(self, tap: int) -> list[int]:
        """The other taps of the same input."""
        same = np.flatnonzero(self.sources == self.sources[tap])
        return [int(one) for one in same if one != tap]
