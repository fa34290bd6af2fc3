"""What rescaling costs beyond a shift: multiplications, thresholds and staircases, estimated.

In full adders, which each architecture's estimate has a price for. The constants were set by mapped
designs of imported networks (ihp-sg13g2, recipe ``area``), ``python -m benchmarks.scales``.
"""

from collections.abc import Sequence

import numpy as np

from hwgen.rtl.digits import digit_counts
from hwgen.rtl.requantize import Requantizer, requantizers, shape_of
from hwgen.rtl.widths import network_of
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer
from hwgen.spec.pools import MaxPool

_TABLE_BIT = 0.02
"""Full adders that a bit of a staircase's tables is worth."""

_COMPARED_BIT, _PLACE_BIT = 0.2, 0.5
"""Full adders that a bit is worth which is compared with a constant, or with an entry."""

_DIGIT = 0.73
"""Full adders of a multiplication by a constant over those of a plain sum of its digits."""


def rescaling(one: Requantizer) -> float:
    """Full adders of what :meth:`Requantizer.build` makes, but for shifts and clips."""
    width: int = shape_of(*one.accumulator).width
    stairs = one.staircase
    if stairs is not None:
        low, result = max(0, stairs.low_bits), int(shape_of(*one.interval).width)
        table = (1 << stairs.block_bits) * (low + result)
        return _TABLE_BIT * table + _PLACE_BIT * low + 2 * _COMPARED_BIT * width
    if one.rescale.thresholds is not None:
        reached = {t for t in one.rescale.thresholds if one.accumulator[0] < t}
        return _COMPARED_BIT * width * len(reached)
    if one.multipliers:
        return float(width * max(one.multipliers).bit_length())
    multiplier = one.rescale.multiplier
    digits = int(digit_counts(np.array([multiplier])).sum())
    return _DIGIT * (digits - 1) * (width + multiplier.bit_length() // 2)


def rescaled(layers: Sequence[AnyLayer], source: Format) -> float:
    """Full adders of all neurons of ``layers``, each with a requantizer of its own."""
    network = network_of(layers, source)
    ranges, adders = [(source.minimum, source.maximum)] * layers[0].inputs, 0.0
    for index, layer in enumerate(layers):
        if isinstance(layer, MaxPool):
            low, high = zip(*ranges, strict=True)
            ranges = [(min(low), max(high))] * layer.outputs
            continue
        found = requantizers(network, index, ranges)
        adders += sum(map(rescaling, found))
        ranges = [one.interval for one in found]
    return adders
