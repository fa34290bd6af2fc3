"""Signed digits of constants: what a hard-wired multiplication costs."""

import numpy as np

from hwgen.spec.arithmetic import Integers


def digit_count(value: int) -> int:
    """Fewest nonzero signed digits that sum to ``value``.

    The form of v >= 0 that has so few has one where the binary digits of v and 3 v differ ([11] of
    docs/references.md).
    """
    value = abs(value)
    return (value ^ 3 * value).bit_count()


def digit_counts(values: Integers) -> Integers:
    """:func:`digit_count` of every element."""
    counts = [digit_count(value) for value in values.ravel().tolist()]
    return np.array(counts, np.int64).reshape(values.shape)
