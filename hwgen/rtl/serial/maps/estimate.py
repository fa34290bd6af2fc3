"""Cell area of a serial design over maps, estimated from a network's integers.

The parts of :mod:`hwgen.rtl.serial.estimate`, and for each stage what counts its loops and finds
the places of its windows; prices fitted to 14 designs (ihp-sg13g2, recipe ``area``), which they are
3.4 % off at most.
"""

import math
from collections.abc import Sequence

from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.estimate import bias_bits, information
from hwgen.rtl.serial.maps.numbers import Numbers
from hwgen.rtl.serial.maps.schedule import MapSchedule
from hwgen.rtl.serial.maps.stages import stages_of
from hwgen.rtl.widths import network_of
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.network import AnyLayer

PRICES = (2.767, 58.8, 90.48, 3376.0, 6.36)


def estimated_area(layers: Sequence[AnyLayer], source: Format, macs: int = 1) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``, with ``macs`` MACs."""
    found = parts(layers, source, macs)
    return sum(price * part for price, part in zip(PRICES, found, strict=True))


def parts(layers: Sequence[AnyLayer], source: Format, macs: int = 1) -> tuple[float, ...]:
    """Bits of information in ROM, of storage, of products; one; bits of the loops' counters."""
    network = network_of(layers, source)
    schedule = MapSchedule(stages=stages_of(network, macs))
    numbers = Numbers.of(network)
    stages = [(numbers[stage.index], stage) for stage in schedule.stages]
    rom = sum(information(own.weights) + bias_bits(own) for own, _ in stages)
    read = [schedule.kept, *(stage.size for stage in schedule.stages[1:])]
    data = [(source.minimum, source.maximum), *(own.interval for own, _ in stages)]
    bits = [size * shape_of(*own).width for size, own in zip(read, data, strict=False)]
    stored = max(bits[::2]) + max(bits[1::2], default=0)
    lanes = max(stage.lanes for _, stage in stages)
    stored += lanes * max(own.accumulator_width for own, _ in stages)
    product = max(shape_of(*own.factors).width * _weight_bits(own) for own, _ in stages)
    loops = sum(math.log2(stage.clocks + 1) + (6 if stage.padded else 0) for _, stage in stages)
    return rom, float(stored), float(lanes * product), 1.0, loops


def _weight_bits(own: Numbers) -> int:
    return signed_width(int(own.weights.min()), int(own.weights.max()))
