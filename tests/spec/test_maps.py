"""Convolution and pooling: golden model, intervals, unrolled sums, figures."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.spec import golden
from hwgen.spec.conv import Conv1d, Convolution
from hwgen.spec.maps import Window
from hwgen.spec.network import Network, load_network, parse_network
from hwgen.spec.pools import Averaged, MaxPool
from hwgen.spec.sums import fractions, sums
from hwgen.support.errors import HwgenError
from tests import naive
from tests.convnets import random_network
from tests.networks import corner_and_random, dense, rescale

NETWORKS = 400


def conv(weights: Any, bias: list[int] | None = None, **settings: Any) -> dict[str, Any]:
    depth, inner = 0, weights
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    kind = {3: "conv1d", 4: "conv2d"}[depth]
    return {**dense(weights, bias), "kind": kind, **settings}


def mapped(
    sizes: list[int], *layers: dict[str, Any], output: str = "values", **source: Any
) -> Network:
    """A network of ``layers`` over a map of unsigned 4-bit codes, unless ``source`` differs."""
    given = {"bits": 4, "signed": False, "fraction_bits": 0, **source}
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 2,
            "name": "maps",
            "input": {"features": math.prod(sizes), "shape": sizes, **given},
            "layers": list(layers),
            "output": output,
        }
    )


def signal(*layers: dict[str, Any], channels: int = 1, length: int = 5, **source: Any) -> Network:
    return mapped([channels, length], *layers, **source)


def outputs(net: Network, x: list[int]) -> list[int]:
    found: list[int] = golden.infer(net, np.array([x])).tolist()[0]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_golden_is_naive(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    for _ in range(NETWORKS // 4):
        net = random_network(rng)
        x = corner_and_random(net, 4, seed)
        found, content = golden.infer(net, x), net.model_dump(mode="json")
        for codes, y in zip(x[1:].tolist(), found[1:].tolist(), strict=True):
            assert naive.infer(content, codes) == y


def test_intervals_are_exact_and_reached() -> None:
    """The corner that the checker's products favour has the value at the end of the interval."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        net = random_network(rng)
        layer, source = net.layers[0], net.input.format
        for j, (one, (low, high)) in enumerate(
            zip(sums(net, 0), net.accumulator_intervals(0), strict=True)
        ):
            x = np.full((1, net.input.features), source.minimum)
            for product in one.products:
                x[0, product.index] = source.maximum if product.weight > 0 else source.minimum
            bound = parse_network(_raw(net)).layers[0]
            assert bound.accumulate(x)[0, j] == high
            assert bound.accumulate(source.maximum + source.minimum - x)[0, j] == low
            assert layer.reads(j).keys() == {product.index for product in one.products}


def _raw(net: Network) -> dict[str, Any]:
    """``net`` with a first layer of which nothing wraps and nothing is dropped."""
    content = net.model_dump(mode="json")
    layer = content["layers"][0]
    if "accumulator_bits" in layer:
        layer |= {"accumulator_bits": None, "accumulator_overflow": "error"}
    return {**content, "version": 2}


def test_unrolled_sums_are_the_sums() -> None:
    rng = np.random.default_rng(6)
    count = 0
    for _ in range(80):
        net = parse_network(_raw(random_network(rng)))
        for index, layer in enumerate(net.layers):
            if not isinstance(layer, Convolution | Averaged) or layer.wrap_bits is not None:
                continue
            source, count = net.source(index), count + 1
            x = np.array([[rng.integers(low, high + 1) for low, high in source.ranges]])
            terms = layer.terms(source.alignment)
            unrolled = x @ terms.weights.T + np.array(layer.output_biases)
            assert (unrolled == layer.accumulate(x, source.alignment)).all()
            assert fractions(net, index) == [one.fraction_bits for one in source.formats]
    assert count > 60


# By hand


def test_borders_see_less() -> None:
    """Each window of [1, 2, 3] with one row of padding, on 1..5."""
    net = signal(conv([[[1, 2, 3]]], padding=[1, 1]))
    assert outputs(net, [1, 2, 3, 4, 5]) == [8, 14, 20, 26, 14]
    assert net.accumulator_intervals(0) == [(0, 75), (0, 90), (0, 90), (0, 90), (0, 45)]
    assert net.accumulator_width(0) == 8


def test_padding_is_the_zero_point() -> None:
    net = signal(conv([[[1, 2, 3]]], [7], padding=[1, 1]), zero_point=3)
    assert outputs(net, [0, 0, 0, 0, 0]) == [7 + 3, 7, 7, 7, 7 + 9]
    assert net.accumulator_intervals(0)[0] == (10, 10 + 75)
    first, second = conv([[[1]]], output=rescale(8, False, 0)), conv([[[1, 1, 1]]], padding=[1, 1])
    inner = signal(first, second, zero_point=3)
    assert outputs(inner, [5, 0, 0, 0, 0]) == [5, 5, 0, 0, 0]


def test_strides_leave_out() -> None:
    net = signal(conv([[[1, 10]]], stride=3), length=6)
    assert outputs(net, [1, 2, 3, 4, 5, 6]) == [21, 54]
    assert net.layers[0].output_shape == (1, 2)


def test_groups_are_apart() -> None:
    """Depthwise, with two outputs to a channel; then two groups of two channels."""
    net = signal(conv([[[1]], [[2]], [[3]], [[4]]], groups=2), channels=2, length=2)
    assert outputs(net, [1, 2, 3, 4]) == [1, 2, 2, 4, 9, 12, 12, 16]
    net = signal(conv([[[1], [2]], [[3], [4]]], groups=2), channels=4, length=1)
    assert outputs(net, [1, 2, 3, 4]) == [5, 25]


def test_an_image_is_read_row_by_row() -> None:
    net = mapped([1, 2, 3], conv([[[[1, 2], [3, 4]]]]))
    assert outputs(net, [1, 2, 3, 4, 5, 6]) == [1 + 4 + 12 + 20, 2 + 6 + 15 + 24]
    assert net.layers[0].output_shape == (1, 1, 2)


def test_padding_is_top_left_bottom_right() -> None:
    net = mapped([1, 1, 1], conv([[[[1, 2], [3, 4]]]], padding=[0, 1, 1, 0]))
    assert outputs(net, [1]) == [2]
    net = mapped([1, 1, 1], conv([[[[1, 2], [3, 4]]]], padding=[1, 0, 0, 1]))
    assert outputs(net, [1]) == [3]


def test_padding_never_wins() -> None:
    pool = {"kind": "max_pool", "name": "p", "kernel": 2, "stride": 2, "padding": [1, 0]}
    net = signal(pool, bits=4, signed=True)
    assert outputs(net, [-3, -8, -7, 5, 6]) == [-3, -7, 6]
    assert net.output_range() == net.input.format


def test_pools_stand_side_by_side() -> None:
    net = signal({"kind": "max_pool", "name": "p", "kernel": 2})
    assert outputs(net, [1, 2, 3, 4, 5]) == [2, 4]


@pytest.mark.parametrize(
    ("rounding", "means"), [("floor", [1, 2]), ("half_up", [2, 3]), ("half_even", [2, 2])]
)
def test_mean_of_a_power_of_two(rounding: str, means: list[int]) -> None:
    """The fraction of the sum of 2 values is finer by 1: the same output format is the mean."""
    pool = {"kind": "average_pool", "name": "p", "kernel": 2}
    net = signal(pool | {"output": rescale(4, False, 0, rounding=rounding)}, length=4)
    assert outputs(net, [1, 2, 2, 3]) == means
    assert net.layers[0].accumulator_fraction(0) == [1, 1]


def test_mean_of_nine_is_by_a_multiplier() -> None:
    """9 values: the fraction takes 8 of them up, 57 / 2^6 is about 8 / 9."""
    output = rescale(4, False, 0, multiplier=57, shift=9)
    net = mapped([2, 3, 3], {"kind": "global_average_pool", "name": "g", "output": output})
    x = [*range(1, 10), *[15] * 9]
    assert outputs(net, x) == [5, 15]
    assert net.layers[0].output_shape == (2, 1, 1)
    assert net.layers[0].accumulator_fraction(0) == [3, 3]


def test_dense_flattens_channel_by_channel() -> None:
    net = mapped([2, 1, 2], conv([[[[1]], [[0]]], [[[0]], [[1]]]], output=rescale(4, False, 0)),
                 dense([[1, 10, 100, 0], [0, 0, 0, 1]]))  # fmt: skip
    assert outputs(net, [1, 2, 3, 4]) == [321, 4]


def test_channels_of_formats_of_their_own_are_aligned() -> None:
    first = conv(
        [[[1]], [[1]]], output=rescale(4, False, 0) | {"bits": [4, 3], "fraction_bits": [0, 1]}
    )
    net = signal(first, conv([[[1], [1]]]), length=1)
    assert net.source(1).alignment == [1, 0]
    assert outputs(net, [3]) == [3 * 2 + 6]
    pool = {"kind": "max_pool", "name": "p", "kernel": 1}
    assert outputs(signal(first, pool, conv([[[1], [1]]]), length=1), [3]) == [12]


def test_far_past_64_bits() -> None:
    layer = conv([[[1 << 30, -(1 << 31)]]], weight_bits=32, weight_shift=40, padding=[1, 0])
    net = signal(layer, length=2, bits=32)
    top = (1 << 32) - 1
    assert outputs(net, [top, 0]) == [-(top << 71), top << 70]
    assert net.accumulator_intervals(0) == [(-(top << 71), 0), (-(top << 71), top << 70)]


def test_a_layer_goes_into_two_networks() -> None:
    first = signal(conv([[[1, 1]]]), length=3)
    layer = first.layers[0]
    second = Network(**{**signal(layer.model_dump(), length=5).model_dump(), "layers": [layer]})
    assert (first.layers[0].outputs, second.layers[0].outputs) == (2, 4)


def test_figures() -> None:
    net = mapped(
        [1, 4, 4],
        conv([[[[1, 2], [3, 4]]]] * 3, output=rescale(4, False, 0)),
        {"kind": "max_pool", "name": "p", "kernel": [3, 3]},
        dense([[1, 2, 3]]),
    )
    assert (net.weight_count, net.parameter_count) == (15, 19)
    assert [layer.fan_in for layer in net.layers] == [4, 9, 3]
    assert [layer.inputs for layer in net.layers] == [16, 27, 3]
    assert net.layers[0].output_name(10) == "channel 1 at [0, 1]"
    assert isinstance(net.layers[1], MaxPool)
    assert net.version == 2


def test_windows_without_padding_see_everything_once() -> None:
    window = Window(kernel=(2, 2), stride=(2, 2))
    assert sorted(window.seen((4, 6)).ravel().tolist()) == list(range(24))


# Refusals

SCALED = rescale(4, False, 0)
SIGNAL, IMAGE = conv([[[1, 2, 3]]]), conv([[[[1, 2], [3, 4]]]])
POOL: dict[str, Any] = {"kind": "max_pool", "name": "p", "kernel": 2}
MEAN = {"kind": "average_pool", "name": "p", "kernel": 2, "output": None}
LISTS = SCALED | {"bits": [4, 3]}
REFUSALS: list[tuple[list[int], list[dict[str, Any]], str]] = [
    ([1, 5], [IMAGE], "layers[0].kind: 'conv2d' reads [1, 5], as input.shape say, "
     "a map [channels, height, width]"),
    ([1, 3, 3], [SIGNAL], "layers[0].kind: 'conv1d' reads [1, 3, 3], as input.shape say, "
     "a map [channels, length]"),
    ([1, 5], [conv([[[1]]], output=SCALED), dense([[1] * 5], output=SCALED), SIGNAL],
     "layers[2].kind: 'conv1d' reads the outputs of layers[1], a map "
     "(input.shape says that of the input)"),
    ([1, 5], [conv([[[1, 2, 3]], [[1, 2]]])],
     "layers[0].weights[1][0]: 2 codes, 3 as layers[0].weights[0][0] has"),
    ([1, 3, 3], [conv([[[[1, 2], [3]]]])],
     "layers[0].weights[0][0][1]: 1 codes, 2 as layers[0].weights[0][0][0] has"),
    ([1, 3, 3], [conv([[[[1], [2]]], [[[3]]]])],
     "layers[0].weights[1][0]: 1 lists, 2 as layers[0].weights[0][0] has"),
    ([2, 5], [SIGNAL], "layers[0].weights[0]: 1 lists, 2, one for each input channel"),
    ([4, 5], [conv([[[1]], [[1]]], groups=2)],
     "layers[0].weights[0]: 1 lists, 2, one for each input channel of a group of 2"),
    ([3, 5], [conv([[[1]], [[1]]], groups=2)],
     "layers[0].groups: 2 with 3 input channels, a divisor of both numbers of channels"),
    ([2, 5], [conv([[[1]]], groups=2)],
     "layers[0].groups: 2 with 1 output channels, a divisor of both numbers of channels"),
    ([1, 5], [SIGNAL | {"stride": 0}],
     "layers[0].stride: found 0, must be an integer of at least 1"),
    ([1, 5], [SIGNAL | {"stride": [1, 1]}],
     "layers[0].stride: found a list of 2, must be an integer of at least 1"),
    ([1, 3, 3], [IMAGE | {"stride": [1]}],
     "layers[0].stride: found a list of 1, must be a list of 2"),
    ([1, 3, 3], [IMAGE | {"padding": [1, 1]}],
     "layers[0].padding: found a list of 2, must be a list of 4"),
    ([1, 3, 3], [IMAGE | {"padding": [0, 0, 2, 0]}],
     "layers[0].padding: found 2, less than the kernel's 2"),
    ([1, 5], [SIGNAL | {"padding": [-1, 0]}],
     "layers[0].padding[0]: found -1, must be an integer of at least 0"),
    ([1, 2], [SIGNAL], "layers[0].weights: a window of 3, the padded map has 2"),
    ([1, 1, 9], [IMAGE], "layers[0].weights: a window of 2 x 2, the padded map has 1 x 9"),
    ([1, 5], [conv([[[1, 200, 3]]])],
     "layers[0].weights[0][0][1]: code 200, -128..127 for weight_bits 8"),
    ([1, 5], [conv([[[1.5]]])], "layers[0].weights[0][0][0]: found 1.5, must be an integer"),
    ([1, 5], [conv([[[1]]], [1, 2])], "layers[0].bias: 2 values, 1, one for each row of weights"),
    ([1, 5], [conv([[[1, 2, 3]]], padding=[1, 1], accumulator_bits=7)],
     "layers[0].accumulator_bits: 7, but channel 0 at [0] of layer 'layer' spans [0, 75], "
     '8 bits are needed (or "accumulator_overflow": "wrap")'),
    ([1, 5], [SIGNAL | {"dilation": 2}],
     "layers[0].dilation: unknown key, allowed are kind, name, groups, stride, padding, weights, "
     "weight_bits, weight_fraction_bits, weight_shift, codebook, codebook_bits, bias, activation, "
     "negative_shift, output, accumulator_bits, accumulator_overflow"),
    ([1, 3, 3], [POOL], "layers[0].kernel: 2 for a map of 3 dimensions, [height, width] is needed"),
    ([1, 3], [POOL | {"kernel": [1, 2]}],
     "layers[0].kernel: [1, 2] for a map of 2 dimensions, an integer is needed"),
    ([1, 3], [POOL | {"stride": [1, 2]}],
     "layers[0].stride: [1, 2] for a map of 2 dimensions, an integer is needed"),
    ([1, 3], [POOL | {"kernel": [1, 2, 3]}],
     "layers[0].kernel: found a list of 3, must be an integer of at least 1 or a list of 2"),
    ([1, 3], [POOL | {"padding": [0, 0, 0, 0]}],
     "layers[0].padding: 4 numbers for a map of [1, 3], [before, behind] is needed"),
    ([1, 3, 3], [POOL | {"kernel": [2, 2], "padding": [1, 1]}],
     "layers[0].padding: 2 numbers for a map of [1, 3, 3], [top, left, bottom, right] is needed"),
    ([1, 3], [POOL | {"padding": [2, 0]}], "layers[0].padding: found 2, less than the kernel's 2"),
    ([1, 1], [POOL], "layers[0].kernel: a window of 2, the padded map has 1"),
    ([1, 5], [MEAN, POOL], "layers[0].output: null, only the last layer hands on raw accumulators"),
    ([1, 5], [MEAN | {"padding": [0, 0]}],
     "layers[0].padding: unknown key, allowed are kind, name, output, kernel, stride"),
    ([1, 5], [MEAN | {"output": SCALED | {"multiplier": [1, 2]}}],
     "layers[0].output.multiplier: 2 values, one integer, or 1, one for each output"),
    ([2, 5], [conv([[[1], [1]], [[1], [1]]], output=LISTS), POOL],
     "layers[1]: channels of formats of their own on the last layer, one format for all results"),
    ([1, 100_001], [POOL], "input.shape: 100,001 values, at most 100,000 are taken"),
    ([1, 50_000], [conv([[[1]]] * 3)], "layers[0]: 150,000 outputs, at most 100,000 are taken"),
    ([1, 50_000], [POOL | {"kernel": 20_000, "stride": 1}],
     "layers[0]: windows of 600,020,000 values together, at most 100,000,000 are taken"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "layers", "message"), REFUSALS)
def test_refused(shape: list[int], layers: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(HwgenError) as error:
        mapped(shape, *layers)
    assert str(error.value) == message


def test_refused_without_a_shape() -> None:
    with pytest.raises(HwgenError) as error:
        mapped([1, 5], SIGNAL, shape=None)
    allowed = "a map (input.shape says that of the input)"
    assert str(error.value) == f"layers[0].kind: 'conv1d' reads input.features, {allowed}"


def test_refused_zero_point_that_is_no_code() -> None:
    with pytest.raises(HwgenError) as error:
        signal(SIGNAL | {"padding": [0, 1]}, zero_point=16)
    allowed = "a zero point in 0..15, the input's codes"
    assert str(error.value) == f"layers[0].padding: padding with input.zero_point 16, {allowed}"
    signal(SIGNAL, zero_point=16)


def test_refused_in_version_1() -> None:
    content = signal(SIGNAL, shape=[1, 5]).model_dump() | {"version": 1}
    with pytest.raises(HwgenError, match=r"input\.shape: given in version 1"):
        parse_network(content)


def test_outside_of_a_network() -> None:
    with pytest.raises(HwgenError, match="conv1d: not in a network"):
        _ = Conv1d(**SIGNAL).outputs


def test_too_many_weights_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(signal(conv([[[1, 2, 3]]] * 4)).to_json(), "utf-8")
    with pytest.raises(HwgenError, match="12 weights"):
        load_network(path, max_weights=11)
    assert load_network(path, max_weights=12).weight_count == 12
