"""Cell area, estimated from a network's integers without making hardware of it.

A sum over what a design is made of, each at a price in um2 (ihp-sg13g2, recipe ``area``):

parallel
    bits that are added (nonzero signed digits of the weights times the width of their inputs), and
    bits of accumulators, which are rescaled or compared;
serial, one MAC
    bits of ROM, bits of storage, bit products of the multiplier, a constant. Storage is that of the
    smaller kind of design, with inputs or with accumulators of the first layer stored
    (docs/architectures.md).

The prices were fitted to ``hwgen synth``; docs/quantize.md has the errors. Good for ranking widths,
not for a data sheet: ``hwgen synth`` has the area.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hwgen.frontends.quantize.grids import digit_counts
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.network import DenseLayer, Network

PRICES: dict[str, tuple[float, ...]] = {
    "parallel": (23.6, 22.2),
    "serial": (0.974, 65.4, 40.6, 806.0),
}


def estimated_area(network: Network, arch: Literal["parallel", "serial"]) -> float:
    """Estimated um2 of a network as one architecture without options."""
    return estimate(network.layers, network.input.format, arch)


def estimate(
    layers: Sequence[DenseLayer], source: Format, arch: Literal["parallel", "serial"]
) -> float:
    """Estimated um2 of ``layers`` that read an input of the format ``source``."""
    found = parallel_parts(layers, source) if arch == "parallel" else serial_parts(layers, source)
    return float(np.dot(PRICES[arch], found))


def parallel_parts(layers: Sequence[DenseLayer], source: Format) -> tuple[float, ...]:
    """Bits added, bits of accumulators."""
    added = moved = 0.0
    for layer in layers:
        added += int(digit_counts(layer.weight_values).sum()) * source.bits
        moved += max(_accumulators(layer, source)) * layer.outputs
        source = _handed_on(layer, source)
    return added, moved


def serial_parts(layers: Sequence[DenseLayer], source: Format) -> tuple[float, ...]:
    """Bits of ROM, bits of storage, bit products of the multiplier, one."""
    rom = multiplier = 0.0
    memories, widths = [], []
    for layer in layers:
        widths.append(_accumulators(layer, source))
        rom += layer.codes.size * layer.weight_bits + layer.outputs * max(widths[-1])
        multiplier = max(multiplier, layer.weight_value_bits * source.bits)
        memories.append(layer.fan_in * source.bits)
        source = _handed_on(layer, source)
    return rom, _storage(memories, widths), multiplier, 1.0


def _storage(memories: list[int], widths: list[list[int]]) -> float:
    """Bits of flip-flops for data, given the input of each layer and its accumulators' widths."""
    rest = [max(of_layer) for of_layer in widths]
    loading = _shared(memories) + max(rest)
    further = _shared(memories[2:]) + max(rest[1:], default=0)
    return min(loading, sum(widths[0]) + 0.75 * rest[0] + further)


def _shared(memories: list[int]) -> int:
    """Bits of two memories that layers use in turns."""
    return sum(max(memories[parity::2], default=0) for parity in (0, 1))


def _accumulators(layer: DenseLayer, source: Format) -> list[int]:
    """Width of each accumulator."""
    ends = layer.accumulator_intervals([(source.minimum, source.maximum)] * layer.fan_in)
    return [signed_width(low, high) for low, high in ends]


def _handed_on(layer: DenseLayer, source: Format) -> Format:
    return source if layer.output is None else layer.output.format
