"""Cell area of a serial design, estimated from a network's integers.

Bits of ROM, bits of storage, bit products of the first multiplier, a constant, and for each further
MAC bit products and bits of its accumulator, each at a price in um2
that was fitted to ``hwgen synth`` (ihp-sg13g2, recipe ``area``); docs/quantize.md has the errors.
Storage is that of the smaller kind of design, with inputs or with accumulators of the first layer
stored (docs/architectures.md).
"""

from collections.abc import Sequence

from hwgen.rtl.widths import accumulator_widths, dense, handed_on
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer

PRICES = (0.974, 65.4, 40.6, 806.0)
FURTHER = (33.0, 62.0)


def estimated_area(layers: Sequence[AnyLayer], source: Format, macs: int = 1) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``, with ``macs`` MACs."""
    found = parts(layers, source)
    one = sum(price * part for price, part in zip(PRICES, found, strict=True))
    return one + (macs - 1) * (FURTHER[0] * found[2] + FURTHER[1] * _widest(layers, source))


def parts(layers: Sequence[AnyLayer], source: Format) -> tuple[float, ...]:
    """Bits of ROM, bits of storage, bit products of the multiplier, one."""
    rom = multiplier = 0.0
    memories, widths = [], []
    for layer in dense(layers):
        widths.append(accumulator_widths(layer, source))
        rom += layer.codes.size * layer.weight_bits + layer.outputs * max(widths[-1])
        multiplier = max(multiplier, layer.weight_value_bits * source.bits)
        memories.append(layer.fan_in * source.bits)
        source = handed_on(layer, source)
    return rom, _storage(memories, widths), multiplier, 1.0


def _widest(layers: Sequence[AnyLayer], source: Format) -> int:
    """Bits of the widest accumulator."""
    widths = []
    for layer in layers:
        widths += accumulator_widths(layer, source)
        source = handed_on(layer, source)
    return max(widths)


def _storage(memories: list[int], widths: list[list[int]]) -> float:
    """Bits of flip-flops for data, given the input of each layer and its accumulators' widths."""
    rest = [max(of_layer) for of_layer in widths]
    loading = _shared(memories) + max(rest)
    further = _shared(memories[2:]) + max(rest[1:], default=0)
    return min(loading, sum(widths[0]) + 0.75 * rest[0] + further)


def _shared(memories: list[int]) -> int:
    """Bits of two memories that layers use in turns."""
    return sum(max(memories[parity::2], default=0) for parity in (0, 1))
