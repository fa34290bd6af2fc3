"""The numbers of a layer's neurons: their requantizers, biases and widths."""

from hwgen.rtl.requantize import requantizers
from hwgen.rtl.serial.results import Results, hull
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network, parse_network


class Neurons(Results):
    """The neurons of dense layer ``index``, whose inputs lie in ``source``.

    Attributes
    ----------
    layer, source
        The layer, and the interval of its inputs.
    factors
        Interval of the inputs and of what neurons read of them.
    weights
        Integers [outputs, inputs], with all shifts of the products in them but ``fine``.
    code_shift
        Left shift that makes such a weight of the one in the file; None where inputs differ in it.
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
        fine = 0 if self.layer.wrap_bits is not None else self.layer.weight_shift
        self.weights = self.layer.aligned_weights(alignment) >> fine
        self.code_shift = self.layer.weight_shift - fine if not any(alignment) else None
        neurons = requantizers(network, index, [source] * self.layer.fan_in)
        super().__init__(neurons, list(self.layer.bias), fine)
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


def widest_first(network: Network) -> Network:
    """``network`` with the neurons of its hidden first layer in the order of their width."""
    source = network.input.format.minimum, network.input.format.maximum
    widths = Neurons(network, 0, source).widths
    order = sorted(range(len(widths)), key=lambda j: -widths[j])
    layer, following = network.dense(0), network.dense(1)
    content = network.model_dump()
    content["layers"][:2] = [layer.with_outputs(order), following.with_inputs(order)]
    return parse_network(content)
