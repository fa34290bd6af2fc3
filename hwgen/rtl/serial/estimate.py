"""Cell area of a serial design, estimated from a network's integers.

Information in the ROM (codes by their frequencies, and biases), bits of storage as
:mod:`hwgen.rtl.serial.schedule` counts them, bit products of the multipliers (with what rescales by
more than a shift), and a constant, each at a price in um2 that was fitted to ``hwgen synth``
(ihp-sg13g2, recipe ``area``) by ``python -m benchmarks.estimates``; docs/plan.md has the errors.
"""

from collections.abc import Sequence

import numpy as np

from hwgen.rtl.requantize import shape_of
from hwgen.rtl.rescaling import rescaling
from hwgen.rtl.serial.neurons import Neurons
from hwgen.rtl.serial.results import Results
from hwgen.rtl.serial.schedule import accumulating_cost, loading_cost
from hwgen.rtl.widths import network_of
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer

PRICES = (1.245, 56.45, 60.55, 3367.0)
STILL = (0.7433, 47.31, 67.34, 4116.0)
"""Where words stand still, in latches."""

_ADDER = 0.67
"""Bit products that a full adder of a rescale is worth."""


def estimated_area(
    layers: Sequence[AnyLayer], source: Format, macs: int = 1, still: bool = True
) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``, with ``macs`` MACs.

    ``still``: words of storage stand still.
    """
    found = parts(layers, source, macs)
    return sum(price * part for price, part in zip(STILL if still else PRICES, found, strict=True))


def parts(layers: Sequence[AnyLayer], source: Format, macs: int = 1) -> tuple[float, ...]:
    """Bits of information in ROM, of storage, of products; one."""
    network = network_of(layers, source)
    neurons = Neurons.of(network)
    rom = sum(information(one.layer.codes) + bias_bits(one) for one in neurons)
    storage = min(loading_cost(network), accumulating_cost(network, macs))
    product = max(one.layer.weight_value_bits * shape_of(*one.source).width for one in neurons)
    factors = sum(rescaling(variant) for one in neurons for variant in one.variants)
    tables = sum(_multiplier_bits(one) for one in neurons)
    return rom + tables, storage, macs * product + _ADDER * factors, 1.0


def _multiplier_bits(one: Neurons) -> int:
    """Bits of multipliers in ROM, where neurons have their own."""
    several = len(set(one.multipliers)) > 1
    return sum(m.bit_length() for m in one.multipliers) if several else 0


def information(codes: Integers) -> float:
    """Bits that codes take at least, each for itself."""
    _, counts = np.unique(codes, return_counts=True)
    return float(-(counts * np.log2(counts / codes.size)).sum())


def bias_bits(one: Results) -> int:
    """Bits of the biases, each for itself."""
    return sum(abs(bias).bit_length() + 1 + one.fine for bias in one.biases)
