"""Power-of-two scales: the fraction bits under which a format says given values best."""

from typing import Literal

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import quantize
from hwgen.spec.formats import Format

Criterion = Literal["mse", "percentile"]

LIMIT = 40
"""Fraction bits are kept within plus and minus this, so that the file can hold accumulators."""

FINER = 6
"""How many fraction bits above the one without clipping are tried."""


def holding_fraction(size: float, bits: int, signed: bool) -> int:
    """Most fraction bits at which ``size`` still rounds to a code within the format.

    ``f = floor(log2((max + 1/2) / size))`` where max is the largest code; [3] of
    docs/references.md has ``BW - 1 - ceil(log2 max|x|)``, which is one less for some sizes.
    """
    top = Format(bits=bits, signed=signed, fraction_bits=0).maximum
    if not np.isfinite(size) or size <= 0:
        return 0
    return bounded(int(np.floor(np.log2(top + 0.499) - np.log2(size))))


def bounded(fraction: int) -> int:
    """``fraction`` within plus and minus :data:`LIMIT`."""
    return max(-LIMIT, min(LIMIT, fraction))


def candidates(size: float, bits: int, signed: bool) -> list[int]:
    """Fractions worth a try for values of at most ``size``: from no clipping to much of it."""
    first = holding_fraction(size, bits, signed)
    return sorted({bounded(first + step) for step in range(FINER)})


def real(codes: Integers, fraction: int) -> Floats:
    """Real values of integer codes."""
    return np.ldexp(codes.astype(np.float64), -fraction)


def choose_fraction(
    values: Floats, bits: int, signed: bool, criterion: Criterion, percentile: float
) -> int:
    """Fraction bits for ``values`` in a format of ``bits``.

    Parameters
    ----------
    criterion
        ``"mse"``: the least mean squared error of rounding and clipping together.
        ``"percentile"``: the finest at which the ``percentile`` of the magnitudes is not clipped.
    """
    magnitudes = np.abs(values if signed else np.maximum(values, 0))
    if not magnitudes.size or not magnitudes.max() > 0:
        return 0
    if criterion == "percentile":
        size = float(np.percentile(magnitudes, percentile)) or float(magnitudes.max())
        return holding_fraction(size, bits, signed)
    tried = candidates(float(magnitudes.max()), bits, signed)
    return min(tried, key=lambda fraction: rounding_error(values, bits, signed, fraction))


def rounding_error(values: Floats, bits: int, signed: bool, fraction: int) -> float:
    """Mean squared error of ``values`` as codes of a format."""
    target = Format(bits=bits, signed=signed, fraction_bits=fraction)
    return float(np.mean((real(quantize(values, target), fraction) - values) ** 2))
