"""The golden model: cases worked by hand, and a second formulation on random networks."""

import numpy as np
import pytest
from hypothesis import given, settings

from hwgen.spec import golden
from hwgen.spec.network import Network
from tests import naive
from tests.networks import corner_and_random, dense, network, networks, rescale


def outputs(layer: dict, x: list[list[int]], **settings: object) -> list[list[int]]:
    return golden.infer(network([layer], **settings), np.array(x)).tolist()


def identity(values: list[int], output: dict | None, **settings: object) -> list[int]:
    """Outputs of a neuron with weight 1 for each of ``values`` as input."""
    layer = dense([[1]], output=output, **settings)
    return [y for (y,) in outputs(layer, [[v] for v in values], bits=8, signed=True)]


def test_accumulate() -> None:
    # 3*2 - 4*5 + 10 = -4;  -1*2 + 0*5 - 7 = -9
    layer = dense([[3, -4], [-1, 0]], [10, -7])
    assert outputs(layer, [[2, 5]]) == [[-4, -9]]


def test_two_layers() -> None:
    # Hidden: 2*3 + 1*1 = 7, -1*3 + 1*1 = -2 -> relu 7, 0. Fraction 1 + 0 to 0: (7 + 1) >> 1 = 4.
    hidden = dense(
        [[2, 1], [-1, 1]],
        activation="relu",
        weight_fraction_bits=1,
        output=rescale(4, False, 0),
    )
    # 5*4 - 3*0 + 1 = 21
    assert golden.infer(network([hidden, dense([[5, -3]], [1])]), np.array([[3, 1]])) == [[21]]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        # value / 4:   -7     -6     -5     -3     -2     -1    1     2    3    5     6    7
        #              -1.75  -1.5   -1.25  -0.75  -0.5   -.25  .25   .5   .75  1.25  1.5  1.75
        ("floor", [-2, -2, -2, -1, -1, -1, 0, 0, 0, 1, 1, 1]),
        ("half_up", [-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2]),
        ("half_even", [-2, -2, -1, -1, 0, 0, 0, 0, 1, 1, 2, 2]),
    ],
)
def test_rounding(rounding: str, expected: list[int]) -> None:
    values = [-7, -6, -5, -3, -2, -1, 1, 2, 3, 5, 6, 7]
    output = rescale(8, True, -2, rounding=rounding)
    assert identity(values, output) == expected


def test_half_even_ties_go_both_ways() -> None:
    # 0.5 -> 0, 1.5 -> 2, 2.5 -> 2, 3.5 -> 4, and their negatives
    output = rescale(8, True, -1, rounding="half_even")
    assert identity([1, 3, 5, 7, -1, -3, -5, -7], output) == [0, 2, 2, 4, 0, -2, -2, -4]


def test_negative_shift_is_exact() -> None:
    # Accumulator fraction 0, output fraction 3: n = -3, so times 8.
    assert identity([-2, 0, 5], rescale(8, True, 3)) == [-16, 0, 40]


def test_shift_beyond_the_accumulator() -> None:
    # n = 40 of an 8-bit value: -1/2^40 floors to -1, and rounds to 0.
    assert identity([-1, 127], rescale(8, True, -40, rounding="floor")) == [-1, 0]
    assert identity([-128, 127], rescale(8, True, -40)) == [0, 0]


def test_saturate() -> None:
    assert identity([-128, -9, -8, 7, 8, 127], rescale(4, True, 0)) == [-8, -8, -8, 7, 7, 7]
    assert identity([-128, -1, 0, 15, 16], rescale(4, False, 0)) == [0, 0, 0, 15, 15]


def test_wrap() -> None:
    # 4 bits: -9 = ...0111 = 7; 8 = 1000 = -8; 127 = ..1111 = -1; unsigned -1 = 15
    signed = rescale(4, True, 0, overflow="wrap")
    assert identity([-9, -8, 7, 8, 127], signed) == [7, -8, 7, -8, -1]
    unsigned = rescale(4, False, 0, overflow="wrap")
    assert identity([-1, 16, 17, -128], unsigned) == [15, 0, 1, 0]


def test_one_bit_signed() -> None:
    assert identity([-5, -1, 0, 1, 5], rescale(1, True, 0)) == [-1, -1, 0, 0, 0]


def test_relu() -> None:
    assert identity([-5, 0, 5], rescale(8, True, 0), activation="relu") == [0, 0, 5]
    assert identity([-5, 0, 5], None, activation="relu") == [0, 0, 5]


def test_leaky_relu() -> None:
    # >> 2 towards minus infinity: -1 -> -1, -4 -> -1, -5 -> -2, -128 -> -32
    leaky = {"activation": "leaky_relu", "negative_shift": 2}
    assert identity([-128, -5, -4, -1, 0, 7], None, **leaky) == [-32, -2, -1, -1, 0, 7]
    # and then rounded: -5 >> 2 = -2, half_up(-2 / 2) = -1; 7 / 2 -> 4
    assert identity([-5, 7], rescale(8, True, -1), **leaky) == [-1, 4]


def test_leaky_relu_shift_of_64() -> None:
    leaky = {"activation": "leaky_relu", "negative_shift": 64}
    assert identity([-128, -1, 5], None, **leaky) == [-1, -1, 5]


def test_hard_tanh() -> None:
    # Fraction 3: 1.0 is 8.
    hard = {"activation": "hard_tanh", "weight_fraction_bits": 3}
    assert identity([-128, -9, -8, 3, 8, 9], None, **hard) == [-8, -8, -8, 3, 8, 8]
    # to 2 fraction bits, half_up: -8 -> -4, 3 -> (3 + 1) >> 1 = 2, 9 -> 8 -> 4
    assert identity([-9, 3, 9], rescale(8, True, 2), **hard) == [-4, 2, 4]


def test_hard_tanh_of_coarse_values() -> None:
    # Fraction -1: the integers stand for multiples of 2, and only 0 lies in [-1, 1].
    hard = {"activation": "hard_tanh", "weight_fraction_bits": -1}
    assert identity([-3, 0, 1, 100], None, **hard) == [0, 0, 0, 0]


def test_sigmoid() -> None:
    # q = 4: t = 0 -> 0.5 * 16 = 8; t = 16 -> sigmoid(1) = 0.7311 * 16 = 11.70 -> 12;
    # t = -16 -> 4.30 -> 4; t = 127 -> 0.99964 * 16 = 15.99 -> 16; t = -128 -> 0.005 -> 0
    sigmoid = {"activation": "sigmoid", "weight_fraction_bits": 4}
    assert identity([0, 16, -16, 127, -128], rescale(8, True, 4), **sigmoid) == [8, 12, 4, 16, 0]
    # clipped to the output format: 4 bits unsigned hold at most 15, 4 bits signed at most 7
    assert identity([0, 127], rescale(4, False, 4), **sigmoid) == [8, 15]
    assert identity([0, 127, -128], rescale(4, True, 4), **sigmoid) == [7, 7, 0]


def test_sigmoid_tie_goes_to_even() -> None:
    # q = 0: sigmoid(0) = 0.5 -> 0; sigmoid(1) = 0.73 -> 1
    assert identity([0, 1, -1], rescale(8, True, 0), activation="sigmoid") == [0, 1, 0]


def test_tanh() -> None:
    # q = 3: t = 8 -> tanh(1) = 0.7616 * 8 = 6.09 -> 6; t = 4 -> 0.4621 * 8 = 3.70 -> 4
    tanh = {"activation": "tanh", "weight_fraction_bits": 3}
    values = [0, 4, 8, -8, -4, 127, -128]
    assert identity(values, rescale(8, True, 3), **tanh) == [0, 4, 6, -6, -4, 8, -8]
    assert identity([127, -128], rescale(4, True, 3), **tanh) == [7, -8]
    assert identity([8, -8], rescale(8, False, 3), **tanh) == [6, 0]


def test_table_rounds_before_it_looks_up() -> None:
    # Fraction 4 to q = 3: 7 / 2 = 3.5 -> floor 3, half_up 4; tanh(3/8) = 0.3584 * 8 = 2.87 -> 3
    tanh = {"activation": "tanh", "weight_fraction_bits": 4}
    assert identity([7], rescale(8, True, 3, rounding="floor"), **tanh) == [3]
    assert identity([7], rescale(8, True, 3), **tanh) == [4]


def test_table_never_wraps() -> None:
    output = rescale(4, True, 3, overflow="wrap")
    assert identity([127], output, activation="tanh", weight_fraction_bits=3) == [7]


def test_codebook() -> None:
    # 2-bit codes read as unsigned: -1 is 3, -2 is 2.
    book = {"weight_bits": 2, "codebook": [0, 1, -100, 100], "codebook_bits": 8}
    layer = dense([[0, 1, 2, 3], [0, 1, -2, -1]], **book)
    # 1*2 - 100*3 + 100*4 = 102
    assert outputs(layer, [[1, 2, 3, 4]]) == [[102, 102]]


def test_codebook_of_zeros() -> None:
    book = {"weight_bits": 1, "codebook": [0, 0], "codebook_bits": 2}
    assert outputs(dense([[0, 1]], [-3], **book), [[15, 15]]) == [[-3]]


def test_per_output_weight_fractions() -> None:
    # The sum is 6 in each neuron, with 0, 1, 2 and -1 fraction bits: 6, 3, 1.5 -> 2, 12
    layer = dense([[6]] * 4, weight_fraction_bits=[0, 1, 2, -1], output=rescale(8, True, 0))
    assert outputs(layer, [[1]]) == [[6, 3, 2, 12]]


def test_fraction_bits_negative_and_beyond_bits() -> None:
    # Input of 4 bits with 10 fraction bits, weights with -3: accumulator 7, output -1: n = 8.
    layer = dense([[127]], weight_fraction_bits=-3, output=rescale(8, True, -1))
    # 127 * 15 = 1905; 1905 / 256 = 7.44 -> 7
    assert outputs(layer, [[15]], fraction_bits=10) == [[7]]


def test_accumulator_wraps() -> None:
    # 15 * 15 = 225 in 6 bits: 225 - 256 = -31; relu after it: 0
    settings = {"accumulator_bits": 6, "accumulator_overflow": "wrap"}
    assert outputs(dense([[15]], **settings), [[15]]) == [[-31]]
    assert outputs(dense([[15]], activation="relu", **settings), [[15]]) == [[0]]
    # the bias is in what wraps: 225 + 31 = 256 -> 0
    assert outputs(dense([[15]], [31], **settings), [[15]]) == [[0]]


def test_given_accumulator_changes_nothing_where_it_fits() -> None:
    assert outputs(dense([[15]], accumulator_bits=9), [[15]]) == [[225]]


def test_argmax_tie_goes_to_the_lowest() -> None:
    net = network([dense([[1, 0], [0, 1], [0, 1], [1, 0]])], output="argmax")
    x = np.array([[3, 3], [3, 4], [4, 3], [0, 0]])
    assert golden.predict(net, x).tolist() == [0, 1, 0, 0]


def test_argmax_compares_integers_as_they_are() -> None:
    # 3 with 0 fraction bits is the larger real value; 4 with 2 the larger integer.
    layer = dense([[3], [4]], weight_fraction_bits=[0, 2])
    assert golden.predict(network([layer], output="argmax"), np.array([[1]])).tolist() == [1]


def test_trace() -> None:
    layer = dense([[3]], [1], activation="relu", output=rescale(4, False, -1))
    (trace,) = golden.trace(network([layer], signed=True), np.array([[-2], [4]]))
    assert trace.accumulators.tolist() == [[-5], [13]]
    assert trace.outputs.tolist() == [[0], [7]]


def test_no_samples() -> None:
    net = network([dense([[1, 2]], output=rescale(4, False, 0))], output="argmax")
    assert golden.predict(net, np.zeros((0, 2), np.int64)).shape == (0,)


def test_32_bits_do_not_overflow() -> None:
    # Three products of -2^31 * (2^32 - 1): -3 * 2^63 + 3 * 2^31, far below int64.
    layer = dense([[-(2**31)] * 3], weight_bits=32)
    net = network([layer], bits=32)
    low = -3 * 2**63 + 3 * 2**31
    assert net.accumulator_intervals(0) == [(low, 0)]
    assert net.accumulator_width(0) == 66
    assert golden.infer(net, np.full((1, 3), 2**32 - 1)).tolist() == [[low]]


def test_bias_at_the_end_of_64_bits() -> None:
    layer = dense([[1]], [2**63 - 1])
    assert outputs(layer, [[15]]) == [[2**63 + 14]]


def test_left_shift_past_64_bits() -> None:
    # 127 * 2^128 saturates, and keeps none of its bits where it wraps.
    assert outputs(
        dense([[127]], output=rescale(8, True, 64), weight_fraction_bits=-64), [[1]]
    ) == [[127]]
    wrap = rescale(8, True, 64, overflow="wrap")
    assert outputs(dense([[127]], output=wrap, weight_fraction_bits=-64), [[1]]) == [[0]]


def test_results_are_int64_where_they_fit() -> None:
    wide = dense([[-(2**31)] * 3], weight_bits=32, output=rescale(8, True, 0))
    assert golden.infer(network([wide], bits=32), np.ones((1, 3), np.int64)).dtype == np.int64


def check_naive(net: Network, samples: int) -> None:
    x = corner_and_random(net, samples, 3)
    content = net.model_dump()
    expected = [naive.predict(content, vector) for vector in x.tolist()]
    assert golden.predict(net, x).tolist() == expected
    intervals = [net.accumulator_intervals(i) for i in range(len(net.layers))]
    for layer, spans, trace in zip(net.layers, intervals, golden.trace(net, x), strict=True):
        if layer.accumulator_overflow == "error":
            low, high = np.array(spans, object).T
            sums = trace.accumulators.astype(object)
            assert (sums >= low).all()
            assert (sums <= high).all()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(net=networks())
def test_random_networks(net: Network) -> None:
    check_naive(net, 6)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(net=networks(max_width=4, wide=True))
def test_random_networks_past_64_bits(net: Network) -> None:
    check_naive(net, 4)
