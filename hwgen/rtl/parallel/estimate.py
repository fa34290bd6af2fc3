"""Cell area of a parallel design, estimated from a network's integers.

What its adder graphs come to before any search, bits of accumulators, which are rescaled or
compared, and bits of registers, each at a price in um2 that was fitted to ``hwgen synth``
(ihp-sg13g2, recipe ``area``) by ``python -m benchmarks.estimates``; docs/plan.md has the errors.
"""

from collections.abc import Sequence

from amaranth.hdl import Fragment

from hwgen.rtl.adders.measure import graphs_of
from hwgen.rtl.parallel.top import part_of
from hwgen.rtl.parallel.windows import additions
from hwgen.rtl.widths import accumulator_widths, handed_on, network_of
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer
from hwgen.spec.pools import MaxPool

PRICES = (38.82, 13.8, 18.64, 53.0)


def estimated_area(layers: Sequence[AnyLayer], source: Format, pipeline: int = 0) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``."""
    found = parts(layers, source, pipeline)
    return sum(price * part for price, part in zip(PRICES, found, strict=True))


def parts(layers: Sequence[AnyLayer], source: Format, pipeline: int = 0) -> tuple[int, ...]:
    """Full adders, half adders, bits of accumulators, bits of registers in a pipeline."""
    network = network_of(layers, source)
    figures = [shared for _, shared in graphs_of(network, "low")]
    return (
        sum(one.full_adders for one in figures) + _compared(layers, source),
        sum(one.half_adders for one in figures),
        _moved(layers, source),
        _registers(layers, source, pipeline) if pipeline else 0,
    )


def _compared(layers: Sequence[AnyLayer], source: Format) -> int:
    """Bits that max pooling compares."""
    compared = 0
    for layer in layers:
        if isinstance(layer, MaxPool):
            compared += additions(layer) * source.bits
        source = handed_on(layer, source)
    return compared


def _moved(layers: Sequence[AnyLayer], source: Format) -> int:
    moved = 0
    for layer in layers:
        if not isinstance(layer, MaxPool):
            moved += sum(accumulator_widths(layer, source))
        source = handed_on(layer, source)
    return moved


def _registers(layers: Sequence[AnyLayer], source: Format, pipeline: int) -> int:
    """Bits that registers hold, without those of an argmax."""
    network = network_of(layers, source)
    ranges = [(source.minimum, source.maximum)] * network.input.features
    bits = 0
    for index in range(len(network.layers)):
        layer = part_of(network, index, ranges, pipeline, "low")
        Fragment.get(layer, None)  # Amaranth warns of what is made and not used
        bits += layer.register_bits
        ranges = layer.ranges
    return bits
