"""The same function with fewer hidden neurons."""

import numpy as np

from hwgen.rtl.requantize import requantizers
from hwgen.spec import arithmetic
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import DenseLayer, Network, parse_network


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
    read = (network.layers[index + 1].weight_values != 0).any(axis=0)
    return [j for j in range(1, len(read)) if not read[j]]


def _drop(
    network: Network, index: int, neurons: list[int], ranges: list[Interval] | None = None
) -> Network:
    """``network`` without ``neurons`` of layer ``index``, whose outputs are constant or unread."""
    if not neurons:
        return network
    content = network.model_dump()
    layer, following = content["layers"][index], content["layers"][index + 1]
    if ranges is not None:
        constants = {j: ranges[j][0] for j in neurons}
        following["bias"] = _folded(network.layers[index + 1], constants)
        if max(value.bit_length() for value in following["bias"]) > 63:
            return network  # no network file has such biases
    for key in ("weights", "bias", "weight_fraction_bits"):
        if isinstance(layer[key], list):
            layer[key] = [item for j, item in enumerate(layer[key]) if j not in neurons]
    following["weights"] = [
        [code for j, code in enumerate(row) if j not in neurons] for row in following["weights"]
    ]
    return parse_network(content)


def _folded(layer: DenseLayer, constants: dict[int, int]) -> list[int]:
    """The biases of ``layer`` with what its constant inputs contribute."""
    biases = [
        bias + sum(row[j] * value for j, value in constants.items())
        for bias, row in zip(layer.bias, layer.weight_values.tolist(), strict=True)
    ]
    if layer.accumulator_overflow == "wrap" and layer.accumulator_bits is not None:
        wrapped = arithmetic.wrap(np.array(biases, object), layer.accumulator_bits, signed=True)
        return [int(bias) for bias in wrapped]
    return biases
