"""The example network and its data: what README.md says of them, and how they are made."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from hwgen.spec import golden
from hwgen.spec.data import load_data, quantize
from hwgen.spec.network import load_network

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DIGITS, DIGITS_TEST = EXAMPLES / "digits.json", EXAMPLES / "digits-test.npz"


@pytest.fixture(scope="module")
def train_digits():
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location("train_digits", EXAMPLES / "train_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def network():
    return load_network(DIGITS)


def stated(pattern):
    """The one number in README.md that ``pattern`` captures."""
    (number,) = re.findall(pattern, (EXAMPLES / "README.md").read_text("utf-8"))
    return number


def test_digits_is_small_and_4_bit(network):
    assert network.parameter_count <= 3000
    assert network.parameter_count == int(stated(r"([\d,]+) parameters").replace(",", ""))
    assert [layer.weight_bits for layer in network.layers] == [4, 4]
    assert network.input.bits == network.layers[0].output.bits == 4


def test_digits_written_as_network_files_are(network):
    assert network.to_json() == DIGITS.read_text("utf-8")


def test_digits_accuracy_as_stated(network):
    data = load_data(DIGITS_TEST, network)
    right = golden.predict(network, data.x) == data.y
    assert right.mean() >= 0.94
    assert f"{right.mean():.2%}" == stated(r"([\d.]+) %\*\* of the held-out").strip() + "%"


def test_digits_test_holds_pixels():
    with np.load(DIGITS_TEST) as archive:
        x, y = archive["x"], archive["y"]
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((540, 64), np.float32, (540,), np.int64)
    assert np.isin(x * 16, range(17)).all()


def test_digits_test_is_the_held_out_split(train_digits):
    with np.load(DIGITS_TEST) as archive:
        x, y = train_digits.split("test")
        np.testing.assert_array_equal(archive["x"], x)
        np.testing.assert_array_equal(archive["y"], y)


def test_splits_are_disjoint_and_whole(train_digits):
    parts = [train_digits.split(part)[0] for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1005, 252, 540]
    assert len({image.tobytes() for part in parts for image in part}) == 1797


@pytest.mark.parametrize("price", [0.0, 2.0])
def test_training_computes_what_the_golden_model_does(train_digits, price):
    rng = np.random.default_rng(1)
    shapes = [(24, 64), (24,), (10, 24), (10,)]
    parameters = [rng.normal(0, 0.4, shape).astype(np.float32) for shape in shapes]
    scales = train_digits.Scales(weights=(3, 2), hidden=2)
    net = train_digits.Candidate(parameters, scales, price)
    x = rng.random((200, 64), np.float32)
    logits = golden.infer(train_digits.to_network(net), quantize(x, train_digits.INPUT))
    trained = net.forward(train_digits.as_input(x))[2]
    np.testing.assert_array_equal(np.ldexp(trained, scales.accumulators[1]), logits)


def test_price_pulls_to_zero_and_powers_of_two(train_digits):
    scales = train_digits.Scales(weights=(0, 0), hidden=0)
    w = np.array([[0.9, 3.1, 5.0, 7.0, -6.9, 7.9]], np.float32)
    for price, codes in ((0, [1, 3, 5, 7, -7, 7]), (2, [0, 4, 4, 7, -8, 7])):
        net = train_digits.Candidate([w, w[0], w, w[0]], scales, price)
        assert net.codes(0).tolist() == [codes]
