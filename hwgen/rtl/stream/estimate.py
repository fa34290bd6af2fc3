"""Cell area of a stream, estimated from a network's integers.

Sums of what a design is made of, each at a price in um2 that was fitted to ``hwgen synth``
(ihp-sg13g2, recipe ``area``); docs/plan.md has the errors.
"""

import math
from collections.abc import Sequence

import numpy as np

from hwgen.rtl.digits import digit_counts
from hwgen.rtl.stream import prices
from hwgen.rtl.stream.schedule import Schedule, Stage
from hwgen.rtl.widths import network_of
from hwgen.spec.conv import Convolution
from hwgen.spec.dense import DenseLayer
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.maps import Windowed
from hwgen.spec.network import AnyLayer, Network
from hwgen.spec.pools import MaxPool
from hwgen.support.errors import HwgenError

PRICES = (
    prices.STORED,
    prices.ADDED,
    prices.HANDED,
    prices.PRODUCT,
    prices.GROWN,
    prices.LISTED,
    prices.CONTROL,
)


def estimated_area(layers: Sequence[AnyLayer], source: Format) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``.

    Raises
    ------
    HwgenError
        The first of ``layers`` does not say what map it reads.
    """
    found = parts(layers, source)
    return sum(price * part for price, part in zip(PRICES, found, strict=True))


def parts(layers: Sequence[AnyLayer], source: Format) -> tuple[float, ...]:
    """What a design is made of.

    Bits that are stored; bits added by hard-wired sums; bits of what is rescaled or compared; bit
    products of multipliers; bits of accumulators; bits of tables of weights; one.
    """
    network = _network(layers, source)
    total = np.zeros(7)
    for index, stage in enumerate(Schedule.of(network, False).stages):
        layer = network.layers[index]
        if isinstance(layer, Windowed):
            total += _windowed(network, index, layer, stage)
        elif isinstance(layer, DenseLayer):
            total += _dense(network, index, layer, stage)
    total[6] = 1
    return tuple(total.tolist())


def _windowed(network: Network, index: int, layer: Windowed, stage: Stage) -> np.ndarray:
    """The parts of a layer that slides over a map."""
    channels, bits = layer.input_shape[0], network.input_format(index).bits
    high, wide = layer.window.kernel
    pixel = channels * bits
    found = np.zeros(7)
    if stage.style == "fold":
        line = layer.positions[1] if high > 1 and layer.positions[1] > 1 else 0
        grown = 0 if isinstance(layer, MaxPool) else math.ceil(math.log2(layer.window.size))
        found[0] = (line + 1) * channels * (bits + grown)
        found[2] = 1.5 * channels * (bits + grown)
        return found
    found[0] = ((high - 1) * layer.image[1] + wide - 1) * pixel
    if isinstance(layer, Convolution):
        found[1] = int(digit_counts(layer.weight_values).sum()) * bits
        found[2] = _widths(network, index, layer.output_channels)
    else:
        found[1] = 0 if isinstance(layer, MaxPool) else (layer.window.size - 1) * pixel
        found[2] = layer.window.size * pixel if isinstance(layer, MaxPool) else 2 * pixel
    return found


def _dense(network: Network, index: int, layer: DenseLayer, stage: Stage) -> np.ndarray:
    """The parts of a dense layer."""
    found = np.zeros(7)
    bits = network.input_format(index).bits
    widths = _widths(network, index, layer.outputs)
    found[2] = widths
    if stage.style == "wired":
        found[1] = int(digit_counts(layer.weight_values).sum()) * bits
        return found
    lanes = -(-(layer.inputs // len(stage.reads)) // stage.steps)
    values = layer.weight_values
    width = signed_width(int(values.min()), int(values.max()))
    found[0] = widths + lanes * (stage.steps - 1) * bits
    found[3] = layer.outputs * lanes * width * bits
    found[4] = widths
    found[5] = layer.weight_count * width
    return found


def _widths(network: Network, index: int, channels: int) -> int:
    """Bits of an accumulator of each channel of a layer."""
    intervals = network.accumulator_intervals(index)
    each = len(intervals) // channels
    return sum(
        max(signed_width(*one) for one in intervals[first : first + each])
        for first in range(0, len(intervals), each)
    )


def _network(layers: Sequence[AnyLayer], source: Format) -> Network:
    """A network of checked layers."""
    first = layers[0]
    if not isinstance(first, Windowed):
        allowed = "a convolution or a pool: a beat is a position of a map"
        raise HwgenError("layers[0].kind", f"found {first.kind!r}", allowed)
    return network_of(layers, source)
