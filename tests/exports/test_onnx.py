"""The exported ONNX model computes the golden model's integers, in whatever runs it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.exports import by_onnx, vectors
from benchmarks.recipes import random_network as numbers
from hwgen.exports import export
from hwgen.frontends.onnx.convert import import_model
from hwgen.spec import golden
from hwgen.spec.network import Network, load_network
from hwgen.support.errors import HwgenError
from tests.convnets import random_network
from tests.networks import dense, network, networks, rescale

onnx = pytest.importorskip("onnx")
DIGITS = Path(__file__).parents[2] / "examples" / "digits.json"
SAID = r"layers\[\d\]: numbers of \d+ bits, at most 62 in ONNX's int64"


def equal(net: Network, x: Any, evaluator: str = "") -> bool:
    return np.array_equal(by_onnx(net, x, evaluator), golden.predict(net, x).reshape(len(x), -1))


def refused(net: Network) -> str:
    try:
        export(net, "onnx")
    except HwgenError as error:
        return str(error)
    return ""


def kinds(net: Network) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(export(net, "onnx")).graph.node]


def test_digits() -> None:
    net = load_network(DIGITS)
    model = onnx.load_from_string(export(net, "onnx"))
    onnx.checker.check_model(model)
    assert export(net, "onnx") == export(net, "onnx")
    assert equal(net, vectors(net, 5000), "onnx")
    assert "MultiThreshold" not in kinds(net)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(net=networks())
def test_random_networks(net: Network) -> None:
    said = refused(net)
    assert re.fullmatch(SAID, said) if said else equal(net, vectors(net, 50))


def test_random_maps() -> None:
    done = 0
    for seed in range(60):
        net = random_network(np.random.default_rng(seed))
        assert equal(net, vectors(net, 20))
        done += "MaxPool" in kinds(net)
    assert done > 5


@pytest.mark.parametrize("evaluator", ["onnxruntime", "qonnx"])
def test_elsewhere(evaluator: str) -> None:
    pytest.importorskip(evaluator)
    net = load_network(DIGITS)
    if evaluator == "onnxruntime":
        assert equal(net, vectors(net, 100_000), evaluator)
        return
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    x = vectors(net, 200)
    model = onnx.load_from_string(export(net, "onnx"))
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = len(x)
    wrapper = ModelWrapper(model).transform(InferShapes())
    found = execute_onnx(wrapper, {"x": (x / 16).astype(np.float32)})["y"]
    assert np.array_equal(found, golden.predict(net, x))


@pytest.mark.parametrize(
    ("layer", "quantizes"),
    [
        ({"activation": "relu"}, True),
        ({"activation": "hard_tanh"}, True),
        ({"activation": "leaky_relu", "negative_shift": 2}, False),
        ({"activation": "sigmoid"}, False),
    ],
)
@pytest.mark.parametrize("rounding", ["floor", "half_up", "half_even"])
def test_every_sum(layer: dict[str, Any], quantizes: bool, rounding: str) -> None:
    """One input walks through every accumulator, so through every tie."""
    form = {**rescale(4, layer["activation"] != "sigmoid", 2), "rounding": rounding}
    one = dense([[1], [-1]], [3, 5], output=form, weight_fraction_bits=5, **layer)
    net = network([one], bits=8)
    assert equal(net, np.arange(256)[:, None])
    assert ("MultiThreshold" in kinds(net)) is not quantizes


def test_scale_and_zero_point_of_the_input() -> None:
    content = network([dense([[3, -2]], [7])], bits=6).model_dump(mode="json") | {"version": 2}
    content["input"] |= {"scale": 0.3, "zero_point": 11}
    net = Network.model_validate(content)
    assert equal(net, vectors(net, 300))


def test_what_comes_back_is_the_same_network(tmp_path: Path) -> None:
    net = load_network(DIGITS)
    (tmp_path / "net.onnx").write_bytes(bytes(export(net, "onnx")))
    found = import_model(tmp_path / "net.onnx").network
    x = vectors(net, 500)
    assert np.array_equal(golden.infer(found, x), golden.infer(net, x))


@pytest.mark.parametrize(
    "layer",
    [
        {"biases": [1 << 25]},
        {"accumulator_bits": 4, "accumulator_overflow": "wrap"},
        {"output": {**rescale(2, True, 0), "overflow": "wrap"}},
        {"output": {**rescale(3, False, 0), "overflow": "wrap"}},
        {"activation": "leaky_relu", "negative_shift": 1},
        {"activation": "leaky_relu", "negative_shift": 64},
        {"weight_fraction_bits": 60},
    ],
)
def test_what_float32_cannot_say_is_said_in_int64(layer: dict[str, Any]) -> None:
    bits = 60 if "weight_fraction_bits" in layer else 0
    given = dict(layer)
    one = dense([[3], [-5]], given.pop("biases", [0]) * 2, weight_bits=16, **given)
    net = network([one], bits=8, fraction_bits=bits)
    assert not {"Quant", "MultiThreshold"} & set(kinds(net))
    assert equal(net, np.arange(256)[:, None])


@pytest.mark.parametrize("rounding", ["floor", "half_up", "half_even"])
@pytest.mark.parametrize("activation", ["relu", "hard_tanh", "leaky_relu", "sigmoid"])
def test_every_sum_in_int64(activation: str, rounding: str) -> None:
    """As above, beside a neuron that float32 does not hold."""
    form = {**rescale(4, activation != "sigmoid", 2), "rounding": rounding}
    own = {"negative_shift": 2} if activation == "leaky_relu" else {}
    one = dense([[1], [-1], [0]], [3, 5, 1 << 40], output=form, weight_fraction_bits=5, **own)
    net = network([one | {"activation": activation}], bits=8)
    assert "Mod" in kinds(net)
    assert equal(net, np.arange(256)[:, None])


def test_sums_past_32_bits() -> None:
    wide: dict[str, Any] = {
        "weight_bits": 16,
        "bits": 16,
        "density": 1.0,
        "output": "values",
        "seed": 4,
    }
    net = numbers([8, 16, 4], **wide)
    assert net.accumulator_width(0) > 32
    assert equal(net, vectors(net, 5000))


def test_too_wide() -> None:
    net = network([dense([[1 << 30] * 4], [1 << 62], weight_bits=32)], bits=32)
    assert re.fullmatch(SAID, refused(net))
