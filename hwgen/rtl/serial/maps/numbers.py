"""The integers of a layer over a map: weights in the order in which a window is read."""

import numpy as np

from hwgen.rtl.requantize import Requantizer, requantizers
from hwgen.rtl.serial.results import Results, hull
from hwgen.rtl.windows import channels_of, window_sums
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.conv import Convolution
from hwgen.spec.dense import DenseLayer
from hwgen.spec.maps import Windowed
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool
from hwgen.spec.weighted import Weighted
from hwgen.support.errors import HwgenError


class Numbers(Results):
    """Of layer ``index``, whose inputs lie in ``source``.

    A window is read row by row, position by position, channel by channel.

    Attributes
    ----------
    source
        Interval of the inputs, and of what pads them.
    factors
        Interval of the inputs and of what neurons read of them.
    weights
        Integers [output channels, values of a window], with all shifts of the products in them.
    codes, book, width
        What a ROM holds instead of weights, in so many bits, and the weight of each code; None
        where it holds the weights.
    masks
        Bits that neurons read of the inputs, as ``weights``; None: all.
    accumulator_width
        Width of the widest, or the one at which it wraps.
    """

    book: list[int] | None = None
    masks: list[list[int]] | None = None

    def __init__(self, network: Network, index: int, source: Interval):
        layer = network.layers[index]
        self.source = self.factors = source
        if isinstance(layer, DenseLayer):
            neurons = self._dense(network, index, layer)
        elif isinstance(layer, Windowed):
            neurons = self._windowed(network, index, layer)
        else:
            raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "no window slides")
        biases = list(layer.bias) if isinstance(layer, Weighted) else [0] * len(neurons)
        super().__init__(neurons, biases)
        self.accumulator_width = layer.wrap_bits or max(self.widths)

    @classmethod
    def of(cls, network: Network) -> "list[Numbers]":
        """Those of every layer."""
        source = network.input.format.minimum, network.input.format.maximum
        found = []
        for index in range(len(network.layers)):
            found.append(cls(network, index, source))
            source = found[-1].interval
        return found

    def _dense(self, network: Network, index: int, layer: DenseLayer) -> list[Requantizer]:
        alignment = network.source(index).alignment
        channels = (network.source(index).shape or (layer.inputs,))[0]
        order = by_position(layer.inputs, channels)
        self.weights = layer.aligned_weights(alignment)[:, order]
        self._coded(layer, layer.codes[:, order], any(alignment))
        dropped = layer.dropped()
        if dropped is not None:
            low, high = self.source
            drops = {bits for row in dropped for bits in row}
            self.factors = hull([self.source, *((low >> d << d, high >> d << d) for d in drops)])
            self.masks = [[-1 << row[i] for i in order] for row in dropped]
        return requantizers(network, index, [self.source] * layer.inputs)

    def _windowed(self, network: Network, index: int, layer: Windowed) -> list[Requantizer]:
        lefts = channels_of(network.source(index).alignment, layer.input_shape[0])
        if isinstance(layer, MaxPool):
            self.weights = np.ones((layer.output_channels, 1), np.int64)
            rescales = channels_of(network.rescales[index], layer.output_channels)
            return [Requantizer(rescale=one, accumulator=self.source) for one in rescales]
        if isinstance(layer, Convolution):
            if any(layer.window.padding):
                self.source = self.factors = hull([self.source, (layer.source.zero,) * 2])
            self.weights = self._kernels(layer, lefts)
            codes = layer.codes.reshape(layer.kernels.shape).transpose(0, 2, 3, 1)
            self._coded(layer, codes.reshape(len(codes), -1), any(lefts))
        else:
            ones = np.ones((layer.output_channels, layer.window.size), object)
            self.weights = _narrow(ones << np.array(lefts, object)[:, None])
        count = layer.input_shape[0] * layer.window.size
        return window_sums(network, index, [self.source] * count).requantizers

    def _kernels(self, layer: Convolution, lefts: list[int]) -> Integers:
        outputs, own = layer.kernels.shape[:2]
        each = np.array(lefts, object).reshape(layer.groups, 1, own)
        shifts = np.repeat(each, outputs // layer.groups, axis=0).reshape(outputs, 1, 1, own)
        weights = layer.kernels.astype(object).transpose(0, 2, 3, 1) << shifts
        return _narrow(weights.reshape(outputs, -1))

    def _coded(self, layer: Weighted, codes: Integers, aligned: bool) -> None:
        """A ROM of codes where the weights of all inputs are those of one book."""
        if layer.codebook is None or aligned:
            return
        used = set(np.unique(layer.weight_values).tolist())
        self.book = [
            value << layer.weight_shift if value in used else 0 for value in layer.codebook
        ]
        self.codes, self.width = codes, layer.weight_bits


def by_position(values: int, channels: int) -> list[int]:
    """Places of the values of a map, channel by channel, in the order of positions."""
    found: list[int] = np.arange(values).reshape(channels, -1).T.ravel().tolist()
    return found


def _narrow(values: Integers) -> Integers:
    fits = max(map(abs, values.ravel().tolist())) < 1 << 62
    return values.astype(np.int64) if fits else values
