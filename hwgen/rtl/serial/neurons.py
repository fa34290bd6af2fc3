"""The numbers of a layer's neurons: their requantizers, biases and widths."""

from hwgen.rtl.requantize import Requantizer, requantizers
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network, parse_network


class Neurons:
    """The neurons of layer ``index``, whose inputs lie in ``source``.

    Attributes
    ----------
    layer
        The layer.
    variants
        A requantizer for each rescale shift; its interval covers the neurons that share it.
    variant_of
        Index of each neuron's requantizer.
    biases
        The bias of each neuron, with its rounding offset.
    interval
        Exact interval of the outputs.
    widths
        Width of each accumulator, with the offset.
    accumulator_width
        Width of the widest, or the one at which it wraps.
    """

    def __init__(self, network: Network, index: int, source: Interval):
        self.layer = network.layers[index]
        neurons = requantizers(network, index, [source] * self.layer.fan_in)
        fractions = sorted({neuron.fraction for neuron in neurons})
        self.variant_of = [fractions.index(neuron.fraction) for neuron in neurons]
        self.variants = [
            Requantizer(
                layer=self.layer,
                fraction=fraction,
                accumulator=hull([n.accumulator for n in neurons if n.fraction == fraction]),
            )
            for fraction in fractions
        ]
        self.biases = [
            bias + self.variants[variant].offset
            for bias, variant in zip(self.layer.bias, self.variant_of, strict=True)
        ]
        self.interval = hull([variant.interval for variant in self.variants])
        self.widths = [
            signed_width(*(end + self.variants[variant].offset for end in neuron.accumulator))
            for neuron, variant in zip(neurons, self.variant_of, strict=True)
        ]
        self.accumulator_width = max(self.widths)
        if self.layer.accumulator_overflow == "wrap":
            self.accumulator_width = self.layer.accumulator_bits or self.accumulator_width

    @classmethod
    def of(cls, network: Network) -> list["Neurons"]:
        """Those of every layer."""
        source = network.input.format.minimum, network.input.format.maximum
        layers = []
        for index in range(len(network.layers)):
            layers.append(cls(network, index, source))
            source = layers[-1].interval
        return layers


def widest_first(network: Network) -> Network:
    """``network`` with the neurons of its hidden first layer in the order of their width."""
    content = network.model_dump()
    layer, following = content["layers"][:2]
    source = network.input.format.minimum, network.input.format.maximum
    widths = Neurons(network, 0, source).widths
    order = sorted(range(len(widths)), key=lambda j: -widths[j])
    for key in ("weights", "bias", "weight_fraction_bits"):
        if isinstance(layer[key], list):
            layer[key] = [layer[key][j] for j in order]
    following["weights"] = [[row[j] for j in order] for row in following["weights"]]
    return parse_network(content)


def hull(intervals: list[Interval]) -> Interval:
    """The smallest interval that covers ``intervals``."""
    lows, highs = zip(*intervals, strict=True)
    return min(lows), max(highs)
