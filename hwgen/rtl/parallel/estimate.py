"""Cell area of a parallel design, estimated from a network's integers.

Bits that are added (nonzero signed digits of the weights times the width of their inputs), and bits
of accumulators, which are rescaled or compared, each at a price in um2 that was fitted to ``hwgen
synth`` (ihp-sg13g2, recipe ``area``); docs/quantize.md has the errors. Windows count once for each
of their positions; a bit that is compared in max pooling counts like one that is added.
"""

from collections.abc import Sequence

from hwgen.rtl.digits import digit_counts
from hwgen.rtl.widths import accumulator_widths, handed_on
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer, Network
from hwgen.spec.pools import MaxPool
from hwgen.spec.weighted import Weighted
from hwgen.support.errors import HwgenError

PRICES = (23.6, 22.2)
WINDOWED = 0.5
"""What a bit that is added in a window counts for: neighbours share many sums."""

KINDS = frozenset({"dense", "conv1d", "conv2d", "max_pool", "average_pool", "global_average_pool"})

MOST_ADDITIONS = 60_000
"""Additions and comparisons of windows, once for each position, that are taken: 1 to 2 mm2."""


def estimated_area(layers: Sequence[AnyLayer], source: Format) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``."""
    return sum(price * part for price, part in zip(PRICES, parts(layers, source), strict=True))


def parts(layers: Sequence[AnyLayer], source: Format) -> tuple[float, ...]:
    """Bits added, bits of accumulators."""
    added = moved = 0.0
    for layer in layers:
        share = 1 if layer.kind == "dense" else WINDOWED
        added += share * additions(layer) * source.bits
        if not isinstance(layer, MaxPool):
            moved += max(accumulator_widths(layer, source)) * layer.outputs
        source = handed_on(layer, source)
    return added, moved


def additions(layer: AnyLayer) -> int:
    """Words that are added or compared, each window for itself."""
    if isinstance(layer, Weighted):
        digits = int(digit_counts(layer.weight_values).sum())
        return digits * (layer.outputs // layer.output_channels)
    return layer.outputs * (layer.fan_in - 1)


def check_unrolled(network: Network) -> None:
    """Refuse windows that come to far more hardware than is sane, with an estimate.

    Raises
    ------
    HwgenError
        Naming the layer of which most is made.
    """
    counts = [additions(one) * (one.kind != "dense") for one in network.layers]
    if sum(counts) > MOST_ADDITIONS:
        area = estimated_area(network.layers, network.input.format) / 1e6
        found = f"{sum(counts):,} additions with every window unrolled, about {area:.1f} mm2"
        allowed = f"at most {MOST_ADDITIONS:,}; other architectures use a window many times"
        raise HwgenError(f"layers[{counts.index(max(counts))}]", found, allowed)
