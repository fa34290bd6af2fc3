"""The same function with fewer hidden neurons."""

from hwgen.rtl.requantize import requantizers
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import DenseLayer, Network, parse_network
from hwgen.spec.weighted import MAX_WEIGHT_SHIFT


def simplify(network: Network) -> Network:
    """``network`` without the hidden neurons that do nothing.

    A neuron whose output cannot change, whatever the input, folds into the biases of the next
    layer; one that no weight reads is dropped. Every layer keeps at least one neuron. Results are
    the same integers; accumulator intervals can only become narrower.
    """
    for index in range(len(network.layers) - 1, 0, -1):
        network = _drop(network, index - 1, _unread(network, index - 1))
    source: list[Interval] = [
        (network.input.format.minimum, network.input.format.maximum)
    ] * network.input.features
    for index in range(len(network.layers) - 1):
        ranges = [neuron.interval for neuron in requantizers(network, index, source)]
        constant = [j for j, (low, high) in enumerate(ranges) if low == high]
        kept = [j for j in range(len(ranges)) if j not in constant] or [0]
        network = _drop(network, index, [j for j in constant if j not in kept], ranges)
        dropped = network.layers[index].outputs < len(ranges)
        source = [ranges[j] for j in kept] if dropped else ranges
    return network


def _unread(network: Network, index: int) -> list[int]:
    """Neurons of layer ``index``, past the first, whose outputs meet zero weights alone."""
    reader = network.layers[index + 1]
    if not isinstance(reader, DenseLayer):
        return []
    read = (reader.weight_values != 0).any(axis=0)
    return [j for j in range(1, len(read)) if not read[j]]


def _drop(
    network: Network, index: int, neurons: list[int], ranges: list[Interval] | None = None
) -> Network:
    """``network`` without ``neurons`` of layer ``index``, whose outputs are constant or unread."""
    layer, reader = network.layers[index], network.layers[index + 1]
    if not neurons or not isinstance(layer, DenseLayer) or not isinstance(reader, DenseLayer):
        return network  # a map keeps its shape
    kept = [j for j in range(layer.outputs) if j not in neurons]
    following = reader.with_inputs(kept)
    if ranges is not None:
        constants = {j: ranges[j][0] for j in neurons}
        following["bias"] = reader.folded(constants, network.source(index + 1).alignment)
        if max(value.bit_length() for value in following["bias"]) > 63:
            return network  # no network file has such biases
    formats = network.source(index + 1).formats
    lost = network.source(index + 1).fraction - max(formats[j].fraction_bits for j in kept)
    if reader.weight_shift + lost > MAX_WEIGHT_SHIFT:
        return network  # as above
    if lost:
        following["weight_shift"] = reader.weight_shift + lost
    content = network.model_dump()
    content["layers"][index : index + 2] = [layer.with_outputs(kept), following]
    return parse_network({**content, "version": 2})
