"""The same integers elsewhere: C and numpy equal the golden model, vector for vector."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.exports import GCC, by_c, by_numpy, vectors
from hwgen.exports import export
from hwgen.exports.c import _BITS
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network, load_network
from hwgen.support.errors import HwgenError
from tests.convnets import random_network
from tests.networks import dense, network, networks, rescale

EXAMPLES = Path(__file__).parents[2] / "examples"


def expected(net: Network, x: Integers) -> Integers:
    return golden.predict(net, x).reshape(len(x), -1)


def test_digits() -> None:
    net = load_network(EXAMPLES / "digits.json")
    x = vectors(net, 100_000)
    y = expected(net, x)
    assert np.array_equal(by_c(net, x), y)
    assert np.array_equal(by_numpy(net, x), y)


@settings(max_examples=60, deadline=None)
@given(net=networks())
def test_numpy_on_random_networks(net: Network) -> None:
    x = vectors(net, 200)
    assert np.array_equal(by_numpy(net, x), expected(net, x))


@settings(max_examples=12, deadline=None)
@given(net=networks())
def test_c_on_random_networks(net: Network) -> None:
    x = vectors(net, 500)
    assert np.array_equal(by_c(net, x), expected(net, x))


def test_self_test_of_c_fails_on_a_wrong_weight(tmp_path: Path) -> None:
    net = network([dense([[3, -5], [7, 2]], output=rescale(8, True, 0))], bits=8)
    header = export(net, "c")
    for text, code in ((header, 0), (header.replace(" 3, -5,", " 3, -6,"), 1)):
        (tmp_path / "net.h").write_text(text)
        command = [*GCC, "-DHWGEN_SELF_TEST", "-x", "c", "net.h", "-o", "test"]
        subprocess.run(command, cwd=tmp_path, check=True)
        assert subprocess.run(["./test"], cwd=tmp_path, check=False).returncode == code


def test_script_runs(tmp_path: Path) -> None:
    net = network([dense([[1, 2], [3, -4]])], output="argmax")
    x = vectors(net, 9)
    np.savez(tmp_path / "data.npz", x=x)
    (tmp_path / "net.py").write_text(export(net, "numpy"))
    command = [sys.executable, "net.py", "data.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(golden.predict(net, x))


def test_too_wide() -> None:
    wide = network([dense([[1 << 30]], weight_bits=32)], bits=32, signed=True)
    wider = network([dense([[1 << 30] * 4], [1 << 62], weight_bits=32)], bits=32)
    assert wide.widest[0] <= _BITS < wider.widest[0]
    for to in ("c", "numpy"):
        assert export(wide, to)
        with pytest.raises(HwgenError, match=r"^layers\[0\]: numbers of \d+ bits, at most 62 in "):
            export(wider, to)


def test_unknown() -> None:
    net = network([dense([[1]])])
    with pytest.raises(HwgenError, match=r"^to: found 'rust', one of c, numpy, onnx$"):
        export(net, "rust")


def _windowed(seed: int) -> Network:
    """A random network with maps that both exports take."""
    rng = np.random.default_rng(seed)
    while True:
        net = random_network(rng)
        if max(net.widest) <= _BITS and len(net.layers) > 1:
            return net


def test_numpy_on_maps() -> None:
    for seed in range(40):
        net = _windowed(seed)
        x = vectors(net, 20)
        assert np.array_equal(by_numpy(net, x), expected(net, x))


@pytest.mark.parametrize("seed", range(6))
def test_c_on_maps(seed: int, tmp_path: Path) -> None:
    net = _windowed(100 + seed)
    x = vectors(net, 200)
    assert np.array_equal(by_c(net, x), expected(net, x))
