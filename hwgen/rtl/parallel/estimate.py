"""Cell area of a parallel design, estimated from a network's integers.

What its adder graphs come to before any search, with what rescales by more than a shift; bits of
accumulators, which are shifted or compared; and bits of registers: each at a price in um2 that was
fitted to ``hwgen synth`` (ihp-sg13g2, recipe ``area``) by ``python -m benchmarks.estimates``;
docs/plan.md has the errors.
"""

import math
from collections.abc import Sequence

from amaranth.hdl import Fragment

from hwgen.rtl.adders.addergraph import adder_graph
from hwgen.rtl.adders.measure import measured, plain_graph, products_of
from hwgen.rtl.digits import digit_counts
from hwgen.rtl.parallel.top import part_of
from hwgen.rtl.parallel.windows import additions
from hwgen.rtl.rescaling import rescaled
from hwgen.rtl.widths import accumulator_widths, handed_on, network_of
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer
from hwgen.spec.pools import MaxPool

PRICES = (40.05, 3.678, 18.75, 54.81)

_MOST, _SOME = 1800, 1200
"""Digits of a layer up to which its graph is made, and of the part that is made of a larger one."""

_CHOICE = 0.036


def estimated_area(layers: Sequence[AnyLayer], source: Format, pipeline: int = 0) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``."""
    found = parts(layers, source, pipeline)
    return sum(price * part for price, part in zip(PRICES, found, strict=True))


def parts(layers: Sequence[AnyLayer], source: Format, pipeline: int = 0) -> tuple[int, ...]:
    """Full adders, half adders, bits of accumulators, bits of registers in a pipeline."""
    products = products_of(network_of(layers, source))
    small = all(_digits(weights) <= _MOST for weights, _ in products)
    full, half = map(sum, zip(*(_added(*product) for product in products), strict=True))
    registers = 0
    if pipeline:
        registers = _registers(layers, source, pipeline) if small else _usual(full, pipeline)
    full += _compared(layers, source) + round(rescaled(layers, source))
    return full, half, _moved(layers, source), registers


def _digits(weights: Integers) -> int:
    return int(digit_counts(weights).sum())


def _added(weights: Integers, highs: list[int]) -> tuple[int, int]:
    """Full and half adders of a layer; a large one is judged by its first inputs.

    What sharing saves among some of the inputs it saves among as many others, too; that there are
    more pairs to choose from saves :data:`_CHOICE` more for each time that the inputs double.
    """
    inputs = weights.shape[1]
    count, some = _digits(weights), inputs
    if count > _MOST:
        some = max(2, _SOME * inputs // count)
    part = weights[:, :some], highs[:some]
    shared = measured(adder_graph(*part, "low"), part[1])
    if some >= inputs:
        return shared.full_adders, shared.half_adders
    plain, before = (measured(plain_graph(w), h) for w, h in ((weights, highs), part))
    times, better = inputs / some, 1 - _CHOICE * math.log2(inputs / some)
    full = plain.full_adders - (before.full_adders - shared.full_adders) * times
    half = plain.half_adders - (before.half_adders - shared.half_adders) * times
    return round(full * better), round(half)


def _usual(full: int, pipeline: int) -> int:
    """Bits of registers of designs with so many full adders, as they were counted of some."""
    return round(2.3 * full / math.pow(pipeline, 1.2))


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
