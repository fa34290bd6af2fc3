"""Signed digits of constants: what a hard-wired multiplication costs."""

import numpy as np

from hwgen.spec.arithmetic import Integers


def digit_counts(values: Integers) -> Integers:
    """Nonzero signed digits of every element, in the form that has the fewest.

    That form of v >= 0 has a digit where the binary digits of v and 3 v differ ([11] of
    docs/references.md).
    """
    counts = [(abs(v) ^ 3 * abs(v)).bit_count() for v in values.ravel().tolist()]
    return np.array(counts, np.int64).reshape(values.shape)
