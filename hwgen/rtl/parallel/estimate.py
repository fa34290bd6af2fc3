"""Cell area of a parallel design, estimated from a network's integers.

Bits that are added (nonzero signed digits of the weights times the width of their inputs), and bits
of accumulators, which are rescaled or compared, each at a price in um2 that was fitted to ``hwgen
synth`` (ihp-sg13g2, recipe ``area``); docs/quantize.md has the errors.
"""

from collections.abc import Sequence

from hwgen.rtl.digits import digit_counts
from hwgen.rtl.widths import accumulator_widths, dense, handed_on
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer

PRICES = (23.6, 22.2)


def estimated_area(layers: Sequence[AnyLayer], source: Format) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``."""
    return sum(price * part for price, part in zip(PRICES, parts(layers, source), strict=True))


def parts(layers: Sequence[AnyLayer], source: Format) -> tuple[float, ...]:
    """Bits added, bits of accumulators."""
    added = moved = 0.0
    for layer in dense(layers):
        added += int(digit_counts(layer.weight_values).sum()) * source.bits
        moved += max(accumulator_widths(layer, source)) * layer.outputs
        source = handed_on(layer, source)
    return added, moved
