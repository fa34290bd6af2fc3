"""A new architecture is a class and a line: nothing else in this package knows of any."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hwgen
from hwgen.rtl.architectures import families, from_json, register
from hwgen.rtl.parallel import Parallel
from hwgen.spec.network import save_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network, rescale

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(hwgen.__file__).parent
REGISTRY = PACKAGE / "rtl" / "architectures.py"
NET = network(
    [
        dense([[1, -2, 3], [0, 4, -1]], [2, -1], output=rescale(4, False, 0), activation="relu"),
        dense([[1, -3], [2, 1]], [0, 5]),
    ],
    output="argmax",
)


def wrapped(folder: Path, *arguments: object, code: int = 0) -> Any:
    """``hwgen`` with the architecture of :mod:`tests.rtl.wrapped`."""
    command = [sys.executable, "-m", "tests.rtl.wrapped", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr


def test_another_architecture_goes_all_the_way(tmp_path: Path) -> None:
    save_network(NET, tmp_path / "net.json")
    own = ("net.json", "--arch", "wrapped", "--stages", 2, "--json")
    arch = {"name": "wrapped", "stages": 2}
    made = wrapped(tmp_path, "generate", *own, "-o", "rtl")
    assert made["arch"] == arch
    assert (made["latency_cycles"], made["interval_cycles"]) == (2, 1)
    assert (
        "// Network net, wrapped, stages 2; written by hwgen"
        in (tmp_path / "rtl/hwgen_net.v").read_text()
    )
    checked = wrapped(tmp_path, "verify", *own, "--vectors", 20, "--simulator", "verilator")
    assert (checked["passed"], checked["mismatches"], checked["arch"]) == (True, 0, arch)
    mapped = wrapped(tmp_path, "synth", *own, "-o", "netlist")
    flipflops = [n for cell, n in mapped["cells_by_type"].items() if "df" in cell]
    assert sum(flipflops) == 2 * (1 + 1)  # in each stage the index and its valid
    assert wrapped(tmp_path, "prove", *own)["proved"]


def test_its_knobs_are_options_and_axes(tmp_path: Path) -> None:
    save_network(NET, tmp_path / "net.json")
    assert "wrapped: registers behind the core." in " ".join(
        wrapped(tmp_path, "generate", "--help").split()
    )
    own = ("generate", "net.json", "-o", "rtl", "--arch")
    said = wrapped(tmp_path, *own, "wrapped", "--stages", 9, code=1)
    assert said == "hwgen: error: --stages: found 9, 1..8 registers\n"
    said = wrapped(tmp_path, *own, "serial", "--stages", 2, code=1)
    assert (
        said == "hwgen: error: --stages: given with serial, only bit-serial and wrapped have it\n"
    )
    axes = 'network = ["net.json"]\narchitecture = ["wrapped", "serial"]\nstages = [1, 3]\n'
    (tmp_path / "sweep.toml").write_text(f"[axes]\n{axes}")
    plan = wrapped(tmp_path, "sweep", "sweep.toml", "-o", "out", "--dry-run", "--json")
    points = {(p["arch"], p["stages"], p["macs"]) for p in plan["points"]}
    assert points == {("wrapped", 1, None), ("wrapped", 3, None), ("serial", None, 1)}


@pytest.mark.parametrize("name", list(families()))
def test_no_other_code_names_an_architecture(name: str) -> None:
    room = PACKAGE / "rtl" / families()[name].__module__.split(".")[2]
    found = []
    for file in sorted(PACKAGE.rglob("*.py")) + [
        file for link in ("sim", "synth", "flows") for file in (PACKAGE / link).rglob("*.py")
    ]:
        if room in file.parents or file == REGISTRY:
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Constant) and node.value == name:
                found.append(f"{file}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and f".rtl.{room.name}" in str(node.module):
                found.append(f"{file}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("name", list(families()))
def test_json_and_defaults(name: str) -> None:
    family = families()[name]
    assert from_json(family().to_json()) == family() == from_json({"name": name})
    assert str(family()).startswith(name)
    for knob in family.knobs():
        assert knob.help
        if knob.least is not None:
            with pytest.raises(HwgenError, match=rf"^{knob.name}: found {knob.least - 1}, "):
                family(**{knob.name: knob.least - 1})


def test_a_name_is_taken_once() -> None:
    class Other(Parallel):
        """Another one of the same name."""

    with pytest.raises(HwgenError, match=r'^arch: "parallel" again, a name that is not taken$'):
        register(Other)
    assert register(Parallel) is families()["parallel"] is Parallel
