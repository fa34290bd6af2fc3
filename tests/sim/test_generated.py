"""Generated designs through real Verilog simulation, and through the linter."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim import verilator
from hwgen.sim.runner import run
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.networks import networks
from tests.sim.test_vectors import network

ARCHITECTURES = {
    "parallel": Parallel(),
    "pipelined": Parallel(pipeline=1),
    "bare": Parallel(bare=True),
    "bare-pipelined": Parallel(bare=True, pipeline=2),
    "serial": Serial(),
    "serial-2": Serial(macs=2),
    "bit-serial": BitSerial(),
    "bit-serial-3": BitSerial(digit=3, stages=1),
}

CASES: list[tuple[str, str, Simulator]] = [
    ("pipelined", "values", "verilator"),
    ("serial-2", "values", "verilator"),
    ("parallel", "argmax", "icarus"),
    ("bare", "argmax", "icarus"),
    ("bare-pipelined", "values", "icarus"),
    ("serial", "argmax", "icarus"),
    ("serial-2", "values", "icarus"),
    ("bit-serial", "values", "icarus"),
    ("bit-serial-3", "argmax", "verilator"),
]


@pytest.mark.parametrize(("architecture", "output", "simulator"), CASES)
def test_generated(tmp_path: Path, architecture: str, output: str, simulator: Simulator) -> None:
    if simulator == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    small = network(signed=True, output=output)
    manifest = generate(small, ARCHITECTURES[architecture], tmp_path)
    vectors = make_vectors(small, count=40, seed=4)
    result = run(Path(manifest.verilog), manifest, vectors, simulator=simulator, seed=4)
    assert result.failure is None
    assert (result.passed, result.vectors, result.mismatches) == (True, 40, 0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_lint(tmp_path: Path, architecture: str) -> None:
    manifest = generate(network(), ARCHITECTURES[architecture], tmp_path)
    assert verilator.lint(Path(manifest.verilog), manifest.top) == []


def goes_into(net: Network, architecture: Architecture) -> bool:
    """Bit-serial refuses wide digits of some networks, as tests/rtl/test_bitserial.py has it."""
    try:
        architecture.check(net)
    except HwgenError as error:
        return not (isinstance(architecture, BitSerial) and error.where == "digit")
    return True


@settings(max_examples=12, deadline=None, derandomize=True)
@given(net=networks(max_width=6))
def test_lint_of_random_networks(net: Network) -> None:
    widest = max(layer.outputs for layer in net.layers)
    for architecture in (
        Parallel(),
        Parallel(pipeline=1, bare=True),
        Serial(macs=1),
        Serial(macs=widest),
        BitSerial(),
        BitSerial(digit=3, stages=1),
    ):
        if not goes_into(net, architecture):
            continue
        with tempfile.TemporaryDirectory() as folder:
            manifest = generate(net, architecture, Path(folder))
            assert verilator.lint(Path(manifest.verilog), manifest.top) == []
