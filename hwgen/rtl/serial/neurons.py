"""The numbers of a layer's neurons: their requantizers, biases and widths."""

from dataclasses import replace

from hwgen.rtl.requantize import Requantizer, requantizers
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network, parse_network
from hwgen.spec.rescale import Rescale


class Neurons:
    """The neurons of layer ``index``, whose inputs lie in ``source``.

    Attributes
    ----------
    layer, source
        The layer, and the interval of its inputs.
    factors
        Interval of the inputs and of what neurons read of them.
    fine
        Low bits of the sums that no product changes: they are those of the bias, and are not
        accumulated, but put behind the accumulator where a neuron is handed on.
    weights
        Integers [outputs, inputs], with all shifts of the products in them but ``fine``.
    code_shift
        Left shift that makes such a weight of the one in the file; None where inputs differ in it.
    variants
        A requantizer for each rescale but for its multiplier; its interval covers the neurons that
        share it.
    multipliers
        That of each neuron.
    variant_of
        Index of each neuron's requantizer.
    biases, lows
        The bias of each neuron, with its rounding offset: what accumulators begin with, and the
        ``fine`` bits below.
    interval
        Exact interval of the outputs.
    widths
        Width of each accumulator, with the offset, without ``fine``.
    accumulator_width
        Width of the widest, or the one at which it wraps.
    """

    def __init__(self, network: Network, index: int, source: Interval):
        self.layer = network.dense(index)
        self.source = source
        drops = [bits for row in self.layer.dropped() or [[0]] for bits in row]
        low, high = source
        self.factors = hull([source, *((low >> d << d, high >> d << d) for d in drops)])
        alignment = network.source(index).alignment
        self.fine = 0 if self.layer.wrap_bits is not None else self.layer.weight_shift
        self.weights = self.layer.aligned_weights(alignment) >> self.fine
        self.code_shift = self.layer.weight_shift - self.fine if not any(alignment) else None
        neurons = requantizers(network, index, [source] * self.layer.fan_in)
        kinds = sorted(
            dict.fromkeys(_shared(neuron.rescale) for neuron in neurons),
            key=lambda kind: kind.fraction,
        )
        self.variant_of = [kinds.index(_shared(neuron.rescale)) for neuron in neurons]
        self.variants = [
            _variant([n for n in neurons if _shared(n.rescale) == kind]) for kind in kinds
        ]
        self.multipliers = [neuron.rescale.multiplier for neuron in neurons]
        whole = [
            bias + self.variants[variant].offset
            for bias, variant in zip(self.layer.bias, self.variant_of, strict=True)
        ]
        self.biases = [bias >> self.fine for bias in whole]
        self.lows = [bias & ((1 << self.fine) - 1) for bias in whole]
        self.interval = hull([variant.interval for variant in self.variants])
        self.widths = [
            signed_width(
                *((end + self.variants[variant].offset) >> self.fine for end in neuron.accumulator)
            )
            for neuron, variant in zip(neurons, self.variant_of, strict=True)
        ]
        self.accumulator_width = self.layer.wrap_bits or max(self.widths)

    @classmethod
    def of(cls, network: Network) -> list["Neurons"]:
        """Those of every layer."""
        source = network.input.format.minimum, network.input.format.maximum
        layers = []
        for index in range(len(network.layers)):
            layers.append(cls(network, index, source))
            source = layers[-1].interval
        return layers


def _shared(rescale: Rescale) -> Rescale:
    """What neurons with one requantizer share."""
    return replace(rescale, multiplier=1)


def _variant(neurons: list[Requantizer]) -> Requantizer:
    """The requantizer of neurons that differ in their multipliers alone."""
    multipliers = tuple(sorted({neuron.rescale.multiplier for neuron in neurons}))
    return Requantizer(
        rescale=neurons[0].rescale,
        accumulator=hull([neuron.accumulator for neuron in neurons]),
        multipliers=multipliers if len(multipliers) > 1 else (),
    )


def widest_first(network: Network) -> Network:
    """``network`` with the neurons of its hidden first layer in the order of their width."""
    source = network.input.format.minimum, network.input.format.maximum
    widths = Neurons(network, 0, source).widths
    order = sorted(range(len(widths)), key=lambda j: -widths[j])
    layer, following = network.dense(0), network.dense(1)
    content = network.model_dump()
    content["layers"][:2] = [layer.with_outputs(order), following.with_inputs(order)]
    return parse_network(content)


def hull(intervals: list[Interval]) -> Interval:
    """The smallest interval that covers ``intervals``."""
    lows, highs = zip(*intervals, strict=True)
    return min(lows), max(highs)
