"""The regression on synthesized netlists, and ``hwgen verify --gates``."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hwgen.flows.cli.main import run
from hwgen.flows.gates import Gates, make_gates
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.parallel import Parallel
from hwgen.sim.runner import run as simulate
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import save_network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import silent
from hwgen.synth import open_library
from hwgen.synth.libraries.library import Cell, Pin, State
from hwgen.synth.libraries.models import flat_verilog, verilog_models
from hwgen.synth.mapping.netlist import Flat, Instance
from tests.commands import json_of, refusal
from tests.sim.test_activity import tiny
from tests.sim.test_generated import ARCHITECTURES
from tests.synth.test_timing import LIBRARY, pin

QUICK: Simulator = "icarus" if shutil.which("iverilog") else "verilator"
"""Icarus needs no compiler."""

CASES: list[tuple[str, str, Simulator]] = [
    ("serial", "ihp-sg13g2", "verilator"),
    ("bare-pipelined", "asap7", "verilator"),
    ("parallel", "asap7", "icarus"),
    ("pipelined", "sky130hd", "icarus"),
    ("bare", "gf180mcu", "icarus"),
    ("serial", "sky130hd", "icarus"),
    ("serial-2", "gf180mcu", "icarus"),
]


def gates(folder: Path, architecture: str, pdk: str) -> Gates:
    return make_gates(
        tiny(),
        ARCHITECTURES[architecture],
        folder,
        library=open_library(pdk),
        options=SynthesisOptions(),
        progress=silent,
    )


@pytest.mark.parametrize(("architecture", "pdk", "simulator"), CASES)
def test_netlist_passes(architecture: str, pdk: str, simulator: Simulator, tmp_path: Path) -> None:
    """Registers start at random in Verilator and unknown in Icarus: the reset is enough."""
    if simulator == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    made = gates(tmp_path, architecture, pdk)
    vectors = make_vectors(tiny(), count=20, seed=4)
    result = simulate(
        made.netlist,
        made.manifest,
        vectors,
        simulator=simulator,
        seed=4,
        extra_sources=[made.models],
    )
    assert result.failure is None
    assert (result.passed, result.vectors) == (True, 20)
    assert set(vectors.expected.ravel().tolist()) == {0, 1}
    if architecture.startswith("serial"):
        assert made.library.clock_gate.cell in made.report.cells_by_type


def test_fault_in_the_netlist_is_found(tmp_path: Path) -> None:
    made = gates(tmp_path, "bare", "ihp-sg13g2")
    text = made.netlist.read_text()
    made.netlist.write_text(text.replace("sg13g2_nand2_1", "sg13g2_nor2_1"))
    cells = {*made.report.cells_by_type, "sg13g2_nor2_1"}
    made.models.write_text(verilog_models(made.library, cells))
    result = simulate(
        made.netlist,
        made.manifest,
        make_vectors(tiny(), count=40, seed=1),
        simulator=QUICK,
        extra_sources=[made.models],
    )
    assert not result.passed
    assert result.mismatches > 0


def test_verify_gates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_network(tiny(), tmp_path / "tiny.json")
    more = ("--gates", "--pdk", "sky130hd", "--bare", "--vectors", 12, "--seed", 3)
    result = json_of(capsys, "verify", tmp_path / "tiny.json", *more)
    assert (result["passed"], result["vectors"], result["mismatches"]) == (True, 12, 0)
    assert set(result["gates"]) == {"pdk", "corner", "recipe", "area_um2", "cells"}
    assert result["gates"]["pdk"] == "sky130hd"
    assert result["gates"]["recipe"] == "area"
    assert result["gates"]["cells"] > 10
    assert run(["verify", str(tmp_path / "tiny.json"), *map(str, more)]) == 0
    assert re.search(r"netlist: \d+ cells, [\d,]+ um2 in sky130hd", capsys.readouterr().out)


def test_verify_gates_looks_at_the_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With cells that do not invert, the netlist fails; the RTL would not."""
    monkeypatch.setattr(
        "hwgen.flows.gates.verilog_models",
        lambda *cells: verilog_models(*cells).replace("~", ""),
    )
    save_network(tiny(), tmp_path / "tiny.json")
    more = ("--gates", "--bare", "--vectors", "12", "--seed", "3", "--simulator", QUICK)
    assert run(["verify", str(tmp_path / "tiny.json"), *more]) == 1
    captured = capsys.readouterr()
    assert "FAILED: 12 vectors" in captured.out
    assert re.search(r"hwgen: error: verify \(seed 3\): \d+ mismatches; bare: ", captured.err)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pdk", "asap7"), "--pdk: given without --gates, only a netlist is made of cells"),
        (
            ("--liberty", "a.lib"),
            "--liberty: given without --gates, only a netlist is made of cells",
        ),
        (("--recipe", ""), "--recipe: given without --gates, only a netlist is made of cells"),
        (("--gates", "--pdk", "cmos"), "--pdk: 'cmos' is not known, one of asap7"),
        (("--gates", "--recipe", "fast"), "--recipe: 'fast' is not known, one of area"),
        (("--gates", "--liberty", "none.lib"), "none.lib: No such file"),
    ],
)
def test_refusals(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_network(tiny(), tmp_path / "tiny.json")
    assert refusal(capsys, "verify", tmp_path / "tiny.json", *options).startswith(said)


@pytest.mark.parametrize("name", ["hwgen", "hwgen_tiny", "hwgen_tiny_argmax"])
def test_cell_named_like_a_module(name: str, tmp_path: Path) -> None:
    library = open_library()
    odd = replace(library, cells={**library.cells, name: library.cells["sg13g2_inv_1"]})
    said = f"^ihp-sg13g2: a cell called {name}, hwgen is the design's own prefix$"
    with pytest.raises(HwgenError, match=said):
        make_gates(
            tiny(),
            Parallel(),
            tmp_path,
            library=odd,
            options=SynthesisOptions(),
            progress=silent,
        )


def test_models_with_pins_of_any_name() -> None:
    """No name of the model's own is that of a pin."""
    odd = Cell(
        "ODD",
        area=1.0,
        leakage=0.0,
        pins={
            "clock": pin("clock", 0.0, clock=True),
            "clear": pin("clear", 0.0),
            "clear_": pin("clear_", 0.0),
            "q": Pin("q", "output", function="IQ"),
        },
        state=State(
            "ff", ("IQ", "IQN"), {"clocked_on": "clock", "next_state": "clear_", "clear": "clear"}
        ),
    )
    text = verilog_models(replace(LIBRARY, cells={"ODD": odd}), ["ODD"])
    assert "wire clock_ = clock;" in text
    assert "wire clear__ = clear;" in text
    assert "always @(posedge clock_ or posedge clear__)" in text


def test_flat_verilog() -> None:
    flat = Flat(
        (Instance("a.i", "INV", {"A": 3, "Y": 5}), Instance("n", "NAND", {"A": 4, "B": "1"})),
        (("x[0]", 3), ("x[1]", 4), ("en", 6)),
        (("y[0]", 5), ("y[1]", "x"), ("z", 4)),
    )
    text = flat_verilog(flat, LIBRARY, "top")
    inner = text[text.index("module top_netlist (x, en, y, z);") :].splitlines()
    assert inner[1:] == [
        "  input [1:0] x;",
        "  input en;",
        "  output [1:0] y;",
        "  output z;",
        *(f"  wire n{i};" for i in (3, 4, 5, 6)),
        "  assign n3 = x[0];",
        "  assign n4 = x[1];",
        "  assign n6 = en;",
        "  assign y[0] = n5;",
        "  assign y[1] = 1'b0;",
        "  assign z = n4;",
        "  INV u0 (.A(n3), .Y(n5));",
        "  NAND u1 (.A(n4), .B(1'b1));",
        "endmodule",
    ]
    assert "  top_netlist netlist (.x(x), .en(en), .y(y), .z(z));" in text
    assert text.index("tracing_off") < text.index("module INV") < text.index("tracing_on")
