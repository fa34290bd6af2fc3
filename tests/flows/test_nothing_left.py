"""Designs of which nothing is left for ABC: their netlists are constants and wires, and valid."""

import shutil
from pathlib import Path

import pytest

from hwgen.flows.cli.main import run
from hwgen.spec.network import Network, save_network
from tests.commands import json_of
from tests.networks import dense, network, rescale

BIT = rescale(1, False, 0)
NETWORKS: dict[str, Network] = {
    "constant": network([dense([[0, 0], [0, 0]], [3, 5])], name="constant"),
    "constant-argmax": network([dense([[0, 0], [0, 0]], [3, 5])], output="argmax"),
    "zero": network([dense([[0, 0]], output=rescale(4, False, 0)), dense([[0], [0]])]),
    "one-neuron": network([dense([[1, 2]])], output="argmax"),
    "identity": network([dense([[1, 0], [0, 1]], output=BIT)], bits=1),
}
ARCHITECTURES = {
    "bare": ("--bare",),
    "parallel": (),
    "serial": ("--arch", "serial"),
}


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        *((name, "bare") for name in NETWORKS),
        *((name, "parallel") for name in ("constant-argmax", "one-neuron", "identity")),
        *((name, "serial") for name in ("zero", "one-neuron")),
    ],
)
def test_synthesized_and_proved(
    name: str, architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_network(NETWORKS[name], tmp_path / "net.json")
    knobs, out = ARCHITECTURES[architecture], tmp_path / "out"
    report = json_of(capsys, "synth", tmp_path / "net.json", "-o", out, *knobs)
    assert report["cells"] == sum(report["cells_by_type"].values())
    assert (out / "area.png").stat().st_size > 0
    netlist = out / "netlist.v"
    proof = json_of(capsys, "prove", tmp_path / "net.json", "--netlist", netlist, *knobs)
    assert {q["status"] for q in proof["questions"].values()} == {"proved"}


def test_one_neuron_in_serial_is_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Synthesis calls its flip-flop by the name of logic that is it because others are constant."""
    layer = dense([[-4]], [9], output=BIT, activation="relu")
    save_network(network([layer], output="argmax", signed=True), tmp_path / "net.json")
    proof = json_of(capsys, "prove", tmp_path / "net.json", "--arch", "serial")
    assert proof["questions"]["netlist"]["status"] == "proved"


@pytest.mark.parametrize(
    ("name", "cells", "area"),
    [("identity", {}, 0.0), ("one-neuron", {"sg13g2_tielo": 1}, 7.2576)],
)
def test_area_is_what_is_there(
    name: str,
    cells: dict[str, int],
    area: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One-bit identities are wires, the class of a single neuron is a constant."""
    save_network(NETWORKS[name], tmp_path / "net.json")
    report = json_of(capsys, "synth", tmp_path / "net.json", "--bare", "-o", tmp_path / "out")
    assert report["cells_by_type"] == cells
    assert report["area_um2"] == pytest.approx(area)
    assert run(["synth", str(tmp_path / "net.json"), "--bare", "-o", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("name", ["constant", "identity"])
def test_gates_are_simulated(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_network(NETWORKS[name], tmp_path / "net.json")
    simulator = "icarus" if shutil.which("iverilog") else "verilator"
    report = json_of(
        capsys,
        *("verify", tmp_path / "net.json", "--bare", "--gates", "--vectors", 8),
        *("--simulator", simulator),
    )
    assert (report["passed"], report["vectors"]) == (True, 8)
