# ruff: noqa: E501 - one refusal to a line
"""Version 2 of the network file: when it is written, what it refuses, examples by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.spec import golden
from hwgen.spec.data import load_data
from hwgen.spec.network import load_network, parse_network, save_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network, rescale


def content(hidden: dict[str, Any] | None = None, **output: Any) -> dict[str, Any]:
    """3 inputs of 4 bits, 2 hidden neurons, 2 outputs; with keys of the hidden layer changed."""
    scaled = {**rescale(4, False, 0), **output}
    first = {**dense([[1, -2, 3], [0, 1, 0]], [5, -6], output=scaled), **(hidden or {})}
    last = dense([[1, 2], [3, 4]], output=rescale(8, True, 0))
    return {
        "format": "hwgen-network",
        "version": 2,
        "name": "net",
        "input": {"features": 3, "bits": 4, "signed": False, "fraction_bits": 0},
        "layers": [first, last],
        "output": "values",
    }


def with_input(**keys: Any) -> dict[str, Any]:
    return {**content(), "input": {**content()["input"], **keys}}


def on_the_last(**keys: Any) -> dict[str, Any]:
    data = content()
    data["layers"][1]["output"] |= keys
    return data


OUT = "layers[0].output"
MANY = "2, one for each output"
TABLE = {"activation": "tanh"}
REFUSALS: list[tuple[dict[str, Any], str]] = [
    (content(bits=[4]), f"{OUT}.bits: 1 values, one integer, or {MANY}"),
    (content(bits=[4, 17]), f"{OUT}.bits[1]: found 17, must be 1..16 or 32"),
    (content(bits=[]), f"{OUT}.bits: 0 values, one integer, or {MANY}"),
    (content(fraction_bits=[0, 65]), f"{OUT}.fraction_bits[1]: found 65, must be an integer in -64..64"),
    (content(fraction_bits=[1, 2, 3]), f"{OUT}.fraction_bits: 3 values, one integer, or {MANY}"),
    (content(multiplier=0), f"{OUT}.multiplier: found 0, must be an integer in 1..16777216 or a list"),
    (content(multiplier=[1, 2**24 + 1]), f"{OUT}.multiplier[1]: found 16777217, must be an integer in 1..16777216"),
    (content(multiplier=[3, 5, 7]), f"{OUT}.multiplier: 3 values, one integer, or {MANY}"),
    (content(multiplier=1.5), f"{OUT}.multiplier: found 1.5, must be an integer in 1..16777216 or a list"),
    (content(shift=[1]), f"{OUT}.shift: 1 values, one integer, or {MANY}"),
    (content(shift=193), f"{OUT}.shift: found 193, must be an integer in -192..192 or a list or null"),
    (content(scale=0.0), f"{OUT}.scale: found 0.0, must be a number above 0 or a list or null"),
    (content(scale=[0.5]), f"{OUT}.scale: 1 values, a number, or {MANY}"),
    (content(scale=float("inf")), f"{OUT}.scale: found Infinity, must be a number above 0 or a list or null"),
    (content(thresholds=[[1, 2]]), f"{OUT}.thresholds: 1 lists, {MANY}"),
    (content(thresholds=[[1, 2], [3, 2]]), f"{OUT}.thresholds[1][1]: 2 behind 3, thresholds never fall"),
    (content(thresholds=[[1], list(range(16))]), f"{OUT}.thresholds[1]: 16 values, at most 15 for 4 bits"),
    (content(bits=[4, 1], thresholds=[[1], [2, 3]]), f"{OUT}.thresholds[1]: 2 values, at most 1 for 1 bits"),
    (content(thresholds=[[1], [2**63]]), f"{OUT}.thresholds[1][0]: found 9223372036854775808, must be an integer in -9223372036854775808..9223372036854775807"),
    (content(thresholds=[[1], [2]], multiplier=3), f"{OUT}.multiplier: given with thresholds, these say it all"),
    (content(thresholds=[[1], [2]], shift=3), f"{OUT}.shift: given with thresholds, these say it all"),
    (content(TABLE, thresholds=[[1], [2]]), f"{OUT}.thresholds: given with activation 'tanh', a table has none"),
    (content(TABLE, fraction_bits=[0, 17]), f"{OUT}.fraction_bits[1]: 17 with activation 'tanh', 0..16 are allowed with a table"),
    (on_the_last(bits=[8, 8]), "layers[1].output.bits: a list on the last layer, one integer for all results"),
    (on_the_last(fraction_bits=[8, 8]), "layers[1].output.fraction_bits: a list on the last layer, one integer for all results"),
    (content({"weight_shift": -1}), "layers[0].weight_shift: found -1, must be an integer in 0..64"),
    (content({"weight_shift": 65}), "layers[0].weight_shift: found 65, must be an integer in 0..64"),
    (content({"dropped_bits": [0, 0]}), "layers[0].dropped_bits: 2 values, 3, one for each input"),
    (content({"dropped_bits": []}), "layers[0].dropped_bits: 0 values, 3, one for each input"),
    (content({"dropped_bits": [0, 0, 5]}), "layers[0].dropped_bits[2]: found 5, 0..4 of input 2 (u4.0)"),
    (content({"dropped_bits": [[0, 0, 0]]}), "layers[0].dropped_bits: 1 lists, 2, one for each row of weights"),
    (content({"dropped_bits": [[0, 0, 0], [0, 0]]}), "layers[0].dropped_bits[1]: 2 values, 3, one for each input"),
    (content({"dropped_bits": [[0, 0, 0], [0, 5, 0]]}), "layers[0].dropped_bits[1][1]: found 5, 0..4 of input 1 (u4.0)"),
    (with_input(scale=-0.5), "input.scale: found -0.5, must be a number above 0 or null"),
    (with_input(zero_point=0.5), "input.zero_point: found 0.5, must be an integer in -4294967296..4294967296"),
    (with_input(shape=[3]), "input.shape: 1 numbers, [channels, length] or [channels, height, width]"),
    (with_input(shape=[1, 2]), "input.shape: 1 x 2 = 2, 3 as input.features say"),
    (with_input(shape=[1, 0, 3]), "input.shape[1]: found 0, must be an integer of at least 1"),
    ({**content(multiplier=3), "version": 1}, f'{OUT}.multiplier: given in version 1, "version": 2 has it'),
    ({**content(bits=[4, 4]), "version": 1}, f'{OUT}.bits: given in version 1, "version": 2 has it'),
    ({**with_input(shape=[1, 3]), "version": 1}, 'input.shape: given in version 1, "version": 2 has it'),
    ({**content({"weight_shift": 1}), "version": 1}, 'layers[0].weight_shift: given in version 1, "version": 2 has it'),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), REFUSALS, ids=range(len(REFUSALS)))
def test_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(HwgenError) as error:
        parse_network(data)
    assert str(error.value) == message


def test_signed_inputs_keep_their_sign() -> None:
    data = content({"dropped_bits": [0, 0, 4]})
    data["input"]["signed"] = True
    message = r"^layers\[0\]\.dropped_bits\[2\]: found 4, 0..3 of input 2 \(s4.0\)$"
    with pytest.raises(HwgenError, match=message):
        parse_network(data)


NEWER = [
    content(multiplier=3),
    content(multiplier=[3, 1]),
    content(shift=2),
    content(thresholds=[[1, 2], []]),
    content(scale=0.3),
    content(bits=[4, 2]),
    content(fraction_bits=[1, 0]),
    content({"weight_shift": 2}),
    content({"dropped_bits": [0, 1, 0]}),
    with_input(scale=0.3),
    with_input(zero_point=-7),
    with_input(shape=[1, 3]),
]


@pytest.mark.parametrize("data", NEWER, ids=range(len(NEWER)))
def test_written_as_version_2(data: dict[str, Any], tmp_path: Path) -> None:
    net = parse_network(data)
    save_network(net, tmp_path / "net.json")
    written = json.loads((tmp_path / "net.json").read_text())
    assert written["version"] == 2
    assert load_network(tmp_path / "net.json") == net
    assert net.sha256() != parse_network(content()).sha256()


def test_written_as_version_1_where_nothing_is_newer() -> None:
    idle = content({"weight_shift": 0, "dropped_bits": None}, multiplier=1, shift=None, scale=None)
    net = parse_network({**idle, "input": {**idle["input"], "zero_point": 0, "shape": None}})
    assert net == parse_network({**content(), "version": 1})
    assert net.version == 1
    written = json.loads(net.to_json())
    assert "multiplier" not in written["layers"][0]["output"]
    assert "weight_shift" not in written["layers"][0]
    assert set(written["input"]) == {"features", "bits", "signed", "fraction_bits"}


def identity(values: list[int], output: dict[str, Any], **settings: Any) -> list[int]:
    """Outputs of one neuron of weight 1, for accumulators that are ``values``."""
    net = network([dense([[1]], output=output, **settings)], bits=16, signed=True)
    return golden.infer(net, np.array(values)[:, None])[:, 0].tolist()


def test_multiplier() -> None:
    # 5 * 11 = 55: 55 / 16 = 3.4375; 8 * 11 = 88: 5.5, a tie
    shifted = {"multiplier": 11, "shift": 4}
    assert identity([5, 8, -8], rescale(8, True, 0, **shifted)) == [3, 6, -5]
    assert identity([5, 8, -8], rescale(8, True, 0, rounding="floor", **shifted)) == [3, 5, -6]
    assert identity([8, 24], rescale(8, True, 0, rounding="half_even", **shifted)) == [6, 16]
    # without a shift, the fractions say it: 3 fraction bits become 1
    assert identity([5], rescale(8, True, 1, multiplier=11), weight_fraction_bits=3) == [14]
    assert identity([3], rescale(8, True, 0, multiplier=5, shift=-2)) == [60]


def test_thresholds() -> None:
    # -2 and how many of -3, 0, 0 are reached
    steps = rescale(2, True, 0, thresholds=[[-3, 0, 0]])
    assert identity([-4, -3, -1, 0, 9], steps) == [-2, -1, -1, 1, 1]
    assert identity([-4, -3, 0], steps, activation="relu") == [1, 1, 1]
    assert identity([-4, 4], rescale(1, False, 0, thresholds=[[]])) == [0, 0]


def test_formats_of_each_output() -> None:
    # 7 of 2 fraction bits, and 3 of none, read as 3 << 2: 7 + 12 = 19
    hidden = dense(
        [[7, 0], [0, 3]], output=rescale([4, 2], False, [2, 0], rounding="floor"),
        weight_fraction_bits=[2, 0],
    )  # fmt: skip
    net = network([hidden, dense([[1, 1]])])
    assert golden.infer(net, np.array([[1, 1]])).tolist() == [[19]]
    assert net.layers[1].accumulator_fraction(net.input_format(1).fraction_bits) == [2]
    assert net.accumulator_intervals(1) == [(0, 15 + 12)]


def test_weight_shift_and_dropped_bits() -> None:
    # (3 << 2) * (7 >> 1 << 1) + 1 = 73; with nothing dropped 85
    shifted = dense([[3], [3]], [1, 1], weight_shift=2, dropped_bits=[[1], [0]])
    net = network([shifted])
    assert golden.infer(net, np.array([[7]])).tolist() == [[73, 85]]
    assert net.accumulator_intervals(0) == [(1, 169), (1, 181)]
    negative = network([dense([[1]], dropped_bits=[2])], signed=True)
    assert golden.infer(negative, np.array([[-1], [-5], [3]])).tolist() == [[-4], [-8], [0]]


def test_real_data_goes_through_scale_and_zero_point(tmp_path: Path) -> None:
    data = with_input(scale=0.25, zero_point=3)
    np.savez(tmp_path / "d.npz", x=np.array([[0.0, 0.5, -1.0], [99.0, 0.1, 0.13]]))
    assert load_data(tmp_path / "d.npz", parse_network(data)).x.tolist() == [[3, 5, 0], [15, 3, 4]]
