"""Fewer neurons, the same integers."""

import numpy as np
from hypothesis import given, settings

from hwgen.rtl.simplify import simplify
from hwgen.spec import golden
from hwgen.spec.network import Network
from tests.networks import corner_and_random, dense, network, networks, rescale


def same_function(net: Network, samples: int = 40) -> Network:
    simple = simplify(net)
    x = corner_and_random(net, samples, 3)
    assert golden.predict(simple, x).tolist() == golden.predict(net, x).tolist()
    return simple


@settings(max_examples=150, deadline=None, derandomize=True)
@given(net=networks(max_width=6))
def test_random_networks(net: Network) -> None:
    same_function(net)


def hidden(weights: list[list[int]], bias: list[int]) -> dict[str, object]:
    return dense(weights, bias, output=rescale(4, False, 0), activation="relu")


def test_constant_neuron_folds() -> None:
    net = network([hidden([[0, 0], [1, 2]], [5, 1]), dense([[3, -1], [2, 2]], [10, 20])])
    simple = same_function(net)
    assert simple.layers[0].weights == [[1, 2]]
    assert simple.layers[1].weights == [[-1], [2]]
    assert simple.layers[1].bias == [10 + 15, 20 + 10]


def test_neuron_that_is_never_positive_folds() -> None:
    net = network([hidden([[-1, -2], [1, 2]], [0, 1]), dense([[3, -1]], [10])])
    assert same_function(net).layers[0].outputs == 1


def test_unread_neuron_goes_with_its_readers() -> None:
    layers = [
        hidden([[1, 0], [0, 1]], [0, 0]),
        hidden([[1, 0], [0, 1]], [0, 0]),
        dense([[1, 0]], [0]),
    ]
    assert [layer.outputs for layer in same_function(network(layers)).layers] == [1, 1, 1]


def test_all_constant_keeps_one() -> None:
    net = network([hidden([[0], [0]], [3, 4]), dense([[1, 1]], [1])])
    simple = same_function(net)
    assert [layer.outputs for layer in simple.layers] == [1, 1]


def test_per_output_fractions_follow() -> None:
    layer = hidden([[0, 0], [1, 2], [3, 1]], [5, 1, 2])
    layer["weight_fraction_bits"] = [0, 1, 2]
    net = network([layer, dense([[3, -1, 1]], [10])])
    assert same_function(net).layers[0].weight_fraction_bits == [1, 2]


def test_nothing_to_do() -> None:
    net = network([hidden([[1, 2]], [0]), dense([[1]], [0])])
    assert simplify(net) == net


def test_wrapping_accumulator() -> None:
    last = dense([[127, 1]], [7], accumulator_bits=5, accumulator_overflow="wrap")
    net = network([hidden([[0, 0], [1, 2]], [15, 0]), last])
    simple = same_function(net)
    assert simple.layers[1].bias == [int(np.int64((7 + 127 * 15 + 16) % 32 - 16))]
