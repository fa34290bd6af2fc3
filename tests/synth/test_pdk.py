"""Every library: the way through mapping and simulation, and ``hwgen pdk``."""

import gzip
import os
from pathlib import Path

import pytest

from hwgen.flows.cli.main import run as hwgen
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim.runner import run
from hwgen.sim.vectors import make_vectors
from hwgen.synth import measure, open_library, synthesize
from hwgen.synth.libraries.models import verilog_models
from hwgen.synth.libraries.pdk import basic_cells, installed
from tests.commands import json_of, refusal
from tests.networks import dense, network, rescale
from tests.synth.test_liberty import SMALL
from tests.synth.test_library import LIBRARIES, foundry, needs_foundry

ARCHITECTURES = {
    "serial": Serial(),
    "bare": Parallel(bare=True),
}


@pytest.fixture(scope="module")
def small():
    hidden = dense(
        [[1, -2, 3, 0], [0, 4, -1, 2], [-3, 1, 1, 1]],
        [2, -1, 0],
        output=rescale(4, False, 0),
        activation="relu",
        name="hidden",
    )
    return network([hidden, dense([[1, 2, -1], [-2, 1, 1]], name="out")], output="argmax")


@pytest.fixture(scope="module")
def mapped(small, tmp_path_factory):
    """Each architecture in each library, mapped when it is first asked for."""
    folder = tmp_path_factory.mktemp("mapped")
    done = {}

    def of(name, pdk):
        if (name, pdk) not in done:
            out = folder / f"{name}-{pdk}"
            manifest = generate(small, ARCHITECTURES[name], out)
            report = synthesize(
                Path(manifest.verilog),
                manifest.top,
                library=open_library(pdk),
                out_dir=out,
                timeout=60,
            )
            done[name, pdk] = (manifest, report, out)
        return done[name, pdk]

    return of


@needs_foundry
@pytest.mark.parametrize("pdk", LIBRARIES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_table_agrees_with_the_foundry(name, pdk, mapped):
    _, ours, out = mapped(name, pdk)
    theirs = measure(out / "netlist.json", foundry(pdk))
    assert ours.area_um2 == pytest.approx(theirs.area_um2, rel=0.005)
    assert ours.critical_path_ns == pytest.approx(theirs.critical_path_ns, rel=0.1)
    assert ours.leakage_nw == pytest.approx(theirs.leakage_nw, rel=0.005)


@pytest.mark.parametrize("pdk", LIBRARIES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gates_simulate_right(name, pdk, small, mapped):
    manifest, report, out = mapped(name, pdk)
    cells = out / "cells.v"
    cells.write_text(verilog_models(open_library(pdk), report.cells_by_type))
    vectors = make_vectors(small, count=30, seed=5)
    result = run(out / "netlist.v", manifest, vectors, extra_sources=[cells], seed=5, timeout=120)
    assert result.failure is None
    assert (result.passed, result.vectors, result.mismatches) == (True, 30, 0)


def test_basic_cells_of_an_incomplete_library(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL)
    found = basic_cells(open_library(None, [tmp_path / "a.lib"]))
    assert {what: cell and cell.name for what, cell in found.items()} == {
        "inverter": "INV",
        "NAND2": "NAND",
        "NOR2": "NOR",
        "XOR2": None,
        "half adder": None,
        "full adder": None,
        "flip-flop": "DFF",
        "clock gate": None,
    }


def install(root, text=SMALL):
    """A PDK below ``root``, as ciel lays it out."""
    cells = "gf180mcu_fd_sc_mcu7t5v0"
    folder = root / "gf180mcuD" / "libs.ref" / cells / "lib"
    folder.mkdir(parents=True)
    (folder / f"{cells}__tt_025C_3v30.lib.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def test_list(capsys, monkeypatch):
    monkeypatch.delenv("PDK_ROOT", raising=False)
    rows = json_of(capsys, "pdk", "list")["libraries"]
    assert tuple(row["name"] for row in rows) == LIBRARIES
    assert {row["origin"] for row in rows} == {"built-in"}
    assert rows[2] == {
        "name": "ihp-sg13g2",
        "process": "130 nm",
        "corner": "typ_1p20V_25C",
        "cells": 58,
        "nand2_area_um2": 7.2576,
        "source": "IHP-Open-PDK, sg13g2_stdcell_typ_1p20V_25C.lib"
        " (github.com/IHP-GmbH/IHP-Open-PDK)",
        "licence": "Apache-2.0",
        "origin": "built-in",
        "problem": None,
    }
    assert hwgen(["pdk", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in LIBRARIES)
    assert "BSD-3-Clause" in text


def test_list_installed(capsys, monkeypatch, tmp_path):
    folder = install(tmp_path)
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    (file,) = installed().values()
    assert file.parent == folder
    row = json_of(capsys, "pdk", "list")["libraries"][-1]
    assert (row["name"], row["origin"]) == ("pdk_root:gf180mcu", "installed")
    assert (row["cells"], row["nand2_area_um2"], row["file"]) == (4, 3.0, str(file))
    assert json_of(capsys, "pdk", "show", "pdk_root:gf180mcuD")["process"] == "180 nm"


def test_list_goes_on_past_a_damaged_library(capsys, monkeypatch, tmp_path):
    install(tmp_path, SMALL.rstrip().removesuffix("}"))
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    rows = json_of(capsys, "pdk", "list")["libraries"]
    assert len(rows) == len(LIBRARIES) + 1
    assert "the file ends inside library of line 3" in rows[-1]["problem"]
    assert hwgen(["pdk", "list"]) == 0
    assert "the file ends inside" in capsys.readouterr().out


@pytest.mark.parametrize("pdk", LIBRARIES)
def test_show(pdk, capsys):
    result = json_of(capsys, "pdk", "show", pdk)
    assert result["basic_cells"]["NAND2"]["gate_equivalents"] == 1
    assert result["basic_cells"]["NAND2"]["area_um2"] == result["nand2_area_um2"]
    assert result["basic_cells"]["clock gate"]
    assert len(result["used"]) + len(result["left_alone"]) == result["cells"]
    assert "latch" in result["left_alone"].values()
    assert hwgen(["pdk", "show", pdk]) == 0
    text = capsys.readouterr().out
    assert result["basic_cells"]["flip-flop"]["cell"] in text
    assert "left alone, latch" in text


@pytest.mark.parametrize("command", ["list", "show"])
def test_help_of_each_command(command, capsys):
    assert hwgen(["pdk", command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: hwgen pdk {command}" in text
    assert "--json" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nope",
            "pdk: 'nope' is not known, one of asap7, gf180mcu, ihp-sg13g2, sky130hd, pdk_root",
        ),
        ("pdk_root:nope", "PDK: 'nope' is not known, one of ihp-sg13g2, sky130hd, gf180mcu"),
        ("pdk_root:asap7", "PDK: no PDK of 'asap7' is known, its Liberty files with --liberty"),
        ("pdk_root:gf180mcu", "PDK_ROOT: gf180mcuD is not installed in "),
        ("pdk_root:gf180mcuA", "PDK_ROOT: gf180mcuA is not installed in "),
    ],
)
def test_show_what_is_not_there(name, message, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    assert refusal(capsys, "pdk", "show", name).startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  cell (NAND)", "  } cell (NAND)", "cell outside the library group, expected braces in"),
        ("}\n  cell (NOR)", "\n  cell (NOR)", "cell inside the cell of line 16, expected a } befo"),
        (SMALL[-5:], "", "the file ends inside "),
    ],
    ids=["too many", "too few", "cut off"],
)
def test_lying_braces(old, new, message, capsys, monkeypatch, tmp_path):
    assert SMALL.count(old) == 1
    folder = install(tmp_path, SMALL.replace(old, new))
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    found = refusal(capsys, "pdk", "show", "pdk_root:gf180mcu")
    assert found.startswith(str(next(folder.iterdir())) + ":")
    assert message in found


def test_no_pdk_root(capsys, monkeypatch):
    monkeypatch.delenv("PDK_ROOT", raising=False)
    assert "PDK_ROOT" not in os.environ
    message = "PDK_ROOT: not set, the folder that holds the installed PDKs"
    assert refusal(capsys, "pdk", "show", "pdk_root:sky130hd") == message
