"""Cell area of a bit-serial design, estimated from a network's integers.

Sums of what a design is made of, each at a price in um2 that was fitted to ``hwgen synth``
(ihp-sg13g2, recipe ``area``); docs/plan.md has the errors.
"""

from collections.abc import Sequence

import numpy as np

from hwgen.rtl.bitserial.neuron import columns, neurons
from hwgen.rtl.bitserial.schedule import Schedule, sources
from hwgen.rtl.digits import digit_counts
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.rescaling import rescaling
from hwgen.rtl.widths import network_of
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer

PRICES = (36.17, 94.8, 47.1, 12.36)


def estimated_area(layers: Sequence[AnyLayer], source: Format, digit: int, stages: int) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``."""
    found = parts(layers, source, digit, stages)
    return sum(price * part for price, part in zip(PRICES, found, strict=True))


def parts(layers: Sequence[AnyLayer], source: Format, digit: int, stages: int) -> tuple[int, ...]:
    """What a design is made of.

    Bits added in a clock, or by what rescales; bits of accumulators; other bits that are stored;
    bits of inputs of which a digit is selected.
    """
    network = network_of(layers, source)
    schedule = Schedule.of(network, digit, stages)
    added = upper = stored = selected = 0
    ranges = sources(network)
    reads = [schedule.reads(network, index) for index in range(len(layers))]
    for index in range(len(layers)):
        widths = [shape_of(*interval).width for interval in ranges[index]]
        for one in columns(network, index, ranges[index]):
            counts = digit_counts(np.array(one.weights, object))
            added += int(counts.sum()) * min(digit, one.width)
        selected += sum(widths) if schedule.digits[index] > 1 else 0
        serves = index + 1 < len(layers) and reads[index + 1] == "digits"
        for neuron in neurons(network, index, ranges[index], digit):
            upper += neuron.recurrence.width
            added += round(rescaling(neuron.requantizer))
            stored += neuron.passage if serves else neuron.kept
        if reads[index] == "stored":
            stored += sum(max(0, width - digit) for width in widths)
    return added, upper, stored, selected
