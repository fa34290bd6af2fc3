"""What the layers of a stream add up: windows of a map, and the positions of one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hwgen.rtl.adders.wired import Sums
from hwgen.rtl.requantize import Requantizer
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.conv import Convolution
from hwgen.spec.dense import DenseLayer
from hwgen.spec.formats import signed_width
from hwgen.spec.maps import Windowed
from hwgen.spec.network import Network
from hwgen.spec.terms import Terms
from hwgen.support.errors import HwgenError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Products:
    """Factors of a dense layer's inputs.

    Parameters
    ----------
    weights
        Integers [neurons][inputs], with all shifts of products.
    dropped
        Ones in the low bits that a neuron ignores of an input, [neurons][inputs]; None: nothing.
    """

    weights: list[list[int]]
    dropped: list[list[int]] | None

    @classmethod
    def of(cls, network: Network, index: int) -> "Products":
        """Those of dense layer ``index``."""
        layer = _dense(network, index)
        dropped = layer.dropped()
        return cls(
            weights=layer.aligned_weights(network.source(index).alignment).tolist(),
            dropped=None if dropped is None else [[(1 << d) - 1 for d in row] for row in dropped],
        )


def channels_of(values: Sequence[T], channels: int) -> list[T]:
    """One of each channel's ``values``, which are all alike."""
    return list(values[:: len(values) // channels])


def window_sums(network: Network, index: int, ranges: Sequence[Interval]) -> Sums:
    """One sum for each channel that layer ``index`` hands on.

    Of a window whose values lie in ``ranges``: channel by channel, row by row.
    """
    layer, source = network.layers[index], network.source(index)
    if not isinstance(layer, Windowed):
        raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "no window slides")
    channels = layer.input_shape[0]
    lefts = channels_of(source.alignment, channels)
    size = layer.window.size
    if isinstance(layer, Convolution):
        weights = _spread(layer.kernels, layer.groups, channels)
        biases, wrap_bits = list(layer.bias), layer.wrap_bits
    else:
        weights = np.kron(np.eye(channels, dtype=object), np.ones((1, size), object))
        biases, wrap_bits = [0] * channels, None
    weights = weights.astype(object) << np.repeat(np.array(lefts, object), size)
    return _requantized(network, index, _plain(weights), biases, wrap_bits, ranges)


def vector_sums(network: Network, index: int, ranges: Sequence[Interval]) -> Sums:
    """One sum for each neuron of dense layer ``index``, whose inputs lie in ``ranges``."""
    layer = _dense(network, index)
    terms = layer.terms(network.source(index).alignment)
    return _requantized(network, index, terms, list(layer.bias), layer.wrap_bits, ranges)


def _dense(network: Network, index: int) -> DenseLayer:
    layer = network.layers[index]
    if not isinstance(layer, DenseLayer):
        raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "'dense' is needed")
    return layer


def _spread(kernels: Integers, groups: int, channels: int) -> Integers:
    """Weights [outputs, channels * window] of ``kernels`` [outputs, channels of a group, ...]."""
    outputs, own = kernels.shape[:2]
    size = math.prod(kernels.shape[2:])
    weights = np.zeros((outputs, channels, size), object)
    for output in range(outputs):
        first = output // (outputs // groups) * own
        weights[output, first : first + own] = kernels[output].reshape(own, size)
    return weights.reshape(outputs, -1)


def _plain(weights: Integers) -> Terms:
    """Each value a term; the weights are narrow where they can be."""
    if max(map(abs, weights.ravel().tolist())) < 1 << 62:
        weights = weights.astype(np.int64)
    count = weights.shape[1]
    return Terms(index=list(range(count)), dropped=[0] * count, weights=weights)


def _requantized(
    network: Network,
    index: int,
    terms: Terms,
    biases: list[int],
    wrap_bits: int | None,
    ranges: Sequence[Interval],
) -> Sums:
    rescales = channels_of(network.rescales[index], len(biases))
    intervals = _intervals(terms, biases, ranges)
    if wrap_bits is not None:
        full = -(1 << (wrap_bits - 1)), (1 << (wrap_bits - 1)) - 1
        intervals = [one if signed_width(*one) <= wrap_bits else full for one in intervals]
    return Sums(
        terms=terms,
        biases=biases,
        wrap_bits=wrap_bits,
        requantizers=[
            Requantizer(rescale=rescale, accumulator=interval)
            for rescale, interval in zip(rescales, intervals, strict=True)
        ],
    )


def _intervals(terms: Terms, biases: list[int], ranges: Sequence[Interval]) -> list[Interval]:
    """Exact [lo, hi] of each sum over values that vary within ``ranges``."""
    low, high = np.array(terms.ranges(ranges), object).T
    weights = terms.weights.astype(object)
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    lows, highs = positive @ low + negative @ high, positive @ high + negative @ low
    return [
        (bias + int(lo), bias + int(hi)) for bias, lo, hi in zip(biases, lows, highs, strict=True)
    ]
