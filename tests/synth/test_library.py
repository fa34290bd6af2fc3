import re
from functools import cache
from pathlib import Path

import pytest

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.models import verilog_models
from hwgen.synth.libraries.pdk import open_library
from hwgen.synth.libraries.tables import built_in, dump_table, liberty_text, load_table
from hwgen.synth.libraries.tabulate import foundry_library, thinned
from hwgen.synth.mapping.adders import AdderCells, find_gate
from tests.synth.test_liberty import SMALL

FOUNDRY = Path(__file__).parents[3] / "shared" / "pdk"
needs_foundry = pytest.mark.skipif(not FOUNDRY.is_dir(), reason="the foundries' files are not here")

LIBRARIES = ("asap7", "gf180mcu", "ihp-sg13g2", "sky130hd")


@cache
def foundry(name):
    """The foundry's own figures; reading them takes seconds."""
    return foundry_library(name, FOUNDRY)


def test_built_in_libraries():
    assert built_in() == LIBRARIES


def test_default_library():
    library = open_library()
    assert (library.name, library.corner, library.licence) == (
        "ihp-sg13g2",
        "typ_1p20V_25C",
        "Apache-2.0",
    )
    assert library.nand2_area == 7.2576


@pytest.mark.parametrize("name", LIBRARIES)
def test_table_survives_a_round_trip(name, tmp_path):
    library = open_library(name)
    (tmp_path / "a.json").write_text(dump_table(library))
    assert load_table(tmp_path / "a.json") == library


def test_clock_gates_and_latches_are_kept_but_not_used():
    library = open_library("sky130hd")
    assert not library.cells["sky130_fd_sc_hd__dlclkp_1"].usable
    assert not library.cells["sky130_fd_sc_hd__dlxtp_1"].usable
    assert not any("lpflow" in cell.name for cell in library.mapped())


def test_adders_are_found_by_function():
    kit = AdderCells(open_library("sky130hd"))
    assert (kit.full.cell, kit.half.cell) == ("sky130_fd_sc_hd__fa_1", "sky130_fd_sc_hd__ha_1")
    assert kit.full.pins == {"a": "A", "b": "B", "c": "CIN", "s": "SUM", "co": "COUT"}
    kit = AdderCells(open_library("gf180mcu"))
    assert (kit.full.cell, kit.half.cell) == (
        "gf180mcu_fd_sc_mcu7t5v0__addf_1",
        "gf180mcu_fd_sc_mcu7t5v0__addh_1",
    )
    assert not kit.full_inverts
    kit = AdderCells(open_library("ihp-sg13g2"))
    assert kit.full is None
    assert kit.complete


def test_adders_with_inverted_outputs():
    kit = AdderCells(open_library("asap7"))
    assert (kit.full.cell, kit.half.cell) == ("FAx1_ASAP7_75t_R", "HAxp5_ASAP7_75t_R")
    assert (kit.full_inverts, kit.half_inverts) == (True, True)
    assert kit.full.pins == {"a": "A", "b": "B", "c": "CI", "s": "SN", "co": "CON"}


@pytest.mark.parametrize(
    ("name", "cell", "pins"),
    [
        ("asap7", "ICGx1_ASAP7_75t_R", ("ENA", "CLK", "GCLK", ("SE",))),
        ("gf180mcu", "gf180mcu_fd_sc_mcu7t5v0__icgtp_1", ("E", "CLK", "Q", ("TE",))),
        ("ihp-sg13g2", "sg13g2_lgcp_1", ("GATE", "CLK", "GCLK", ())),
        ("sky130hd", "sky130_fd_sc_hd__dlclkp_1", ("GATE", "CLK", "GCLK", ())),
    ],
)
def test_clock_gates_are_found(name, cell, pins):
    gate = open_library(name).clock_gates[0]
    assert (gate.cell, (gate.enable, gate.clock, gate.output, gate.tied)) == (cell, pins)


def test_licences_travel_with_the_figures():
    notice = open_library("asap7").notice
    assert notice.startswith("BSD 3-Clause License\n\nCopyright 2020 Lawrence T. Clark")
    assert notice.endswith("POSSIBILITY OF SUCH DAMAGE.")
    assert "Copyright 2022 GlobalFoundries PDK Authors" in open_library("gf180mcu").notice
    assert "Copyright 2024 IHP PDK Authors" in open_library("ihp-sg13g2").notice


def test_units_of_asap7():
    library = open_library("asap7")
    inverter = library.cells["INVx1_ASAP7_75t_R"]
    assert inverter.area == pytest.approx(3 * 0.054 * 0.27)
    assert 0.0001 < inverter.pins["A"].capacitance < 0.001
    assert 0.001 < inverter.arcs[0].rise.at(0.01, 0.001) < 0.02


def test_inverting_flip_flop():
    text = verilog_models(open_library("asap7"), ["DFFHQNx1_ASAP7_75t_R"])
    assert "IQN <= (~D);" in text
    assert "assign QN = IQN;" in text


def test_gate_pins_in_any_order():
    gate = find_gate(open_library(), "abc", lambda a, b, c: 1 - ((a | b) & c))
    assert gate.cell == "sg13g2_o21ai_1"
    assert gate.pins == {"a": "A1", "b": "A2", "c": "B1", "y": "Y"}


def test_models_of_flip_flops():
    library = open_library("sky130hd")
    text = verilog_models(library, ["sky130_fd_sc_hd__edfxtp_1"])
    assert "IQ <= ((D & DE) | (IQ & (~DE)));" in text
    text = verilog_models(open_library(), ["sg13g2_dfrbpq_1"])
    assert "always @(posedge clock or posedge clear)" in text


def test_model_of_a_clock_gate_with_a_test_pin():
    text = verilog_models(open_library("gf180mcu"), ["gf180mcu_fd_sc_mcu7t5v0__icgtp_1"])
    assert "always @* if (!CLK) open = E | TE;" in text


@needs_foundry
@pytest.mark.parametrize("name", LIBRARIES)
def test_table_is_current(name):
    assert dump_table(thinned(foundry(name))) == dump_table(open_library(name))


@needs_foundry
@pytest.mark.parametrize("name", LIBRARIES)
def test_areas_and_functions_are_the_foundrys(name):
    library = open_library(name)
    for cell in library.cells.values():
        own = foundry(name).cells[cell.name]
        assert (cell.area, cell.kin) == (own.area, own.kin)
    assert library.mapped() == [library.cells[cell.name] for cell in foundry(name).mapped()]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"  cell \(DFF\).*\n", "a.lib: no usable flip-flop, every library needs one"),
        (r"  cell \(INV\).*\n", "a.lib: no usable inverter, every library needs one"),
        (r"  cell \(NAND\).*\n", "a.lib: no usable 2-input NAND, every library needs one"),
        (r"  cell \(NOR\).*\n", "a.lib: no usable 2-input NOR, every library needs one"),
        (r"area : \d;", "a.lib: no usable cell with an area, a library with areas"),
    ],
)
def test_incomplete_library(pattern, message, tmp_path):
    head, *cells = re.split(r"(?=  cell \()", SMALL.rstrip().removesuffix("}"))
    text = head + "".join(re.sub(pattern, "", c, flags=re.DOTALL) for c in cells) + "}"
    (tmp_path / "a.lib").write_text(text)
    with pytest.raises(HwgenError, match=re.escape(f"/{message}")):
        open_library(None, [tmp_path / "a.lib"])


GATE = """
  cell (ICG) { area : 4; dont_use : true; clock_gating_integrated_cell : latch_posedge;
    pin (CK) { direction : input; clock : true; }
    pin (E) { direction : input; }
    pin (G) { direction : output; } }
  cell (BIG) { area : 1; dont_use : true;
    pin (A, B, C) { direction : input; }
    pin (Y) { direction : output; function : "A ^ B ^ C"; } }
}
"""


@pytest.mark.parametrize(
    ("area", "what"), [("area : 2;", "inverter"), ("area : 9;", "flip-flop")], ids=["gate", "ff"]
)
def test_dont_use_counts(area, what, tmp_path):
    (tmp_path / "a.lib").write_text(SMALL.replace(area, f"{area} dont_use : true;"))
    with pytest.raises(HwgenError, match=rf"/a\.lib: no usable {what}, every library needs one"):
        open_library(None, [tmp_path / "a.lib"])


def test_all_cells_are_dont_use(tmp_path):
    (tmp_path / "a.lib").write_text(re.sub(r"(area : \d;)", r"\1 dont_use : true;", SMALL))
    with pytest.raises(HwgenError, match=r"/a\.lib: every cell is dont_use, some must be free"):
        open_library(None, [tmp_path / "a.lib"])


def test_dont_use_cells_do_not_reach_the_mapper(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL.rstrip().removesuffix("}") + GATE)
    library = open_library(None, [tmp_path / "a.lib"])
    assert "BIG" in library.cells
    assert [cell.name for cell in library.mapped()] == ["INV", "NAND", "NOR", "DFF"]
    text = liberty_text(library)
    assert "cell (INV)" in text
    assert "BIG" not in text
    assert find_gate(library, "abc", lambda a, b, c: a ^ b ^ c) is None
    assert library.left_alone() == {"BIG": "marked dont_use"}


def test_dont_use_clock_gate_is_a_clock_gate_only(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL.rstrip().removesuffix("}") + GATE)
    library = open_library(None, [tmp_path / "a.lib"])
    assert library.clock_gate.cell == "ICG"
    assert not library.cells["ICG"].usable


def test_liberty_wins_over_name(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL)
    library = open_library("sky130hd", [tmp_path / "a.lib"])
    assert (library.name, len(library.cells)) == ("sky130hd", 4)


def test_unknown_name():
    message = (
        r"^pdk: 'nope' is not known, one of asap7, gf180mcu, ihp-sg13g2, sky130hd, pdk_root:NAME"
    )
    with pytest.raises(HwgenError, match=message):
        open_library("nope")


def test_pdk_root(tmp_path, monkeypatch):
    folder = tmp_path / "ihp-sg13g2/libs.ref/sg13g2_stdcell/lib"
    folder.mkdir(parents=True)
    (folder / "sg13g2_stdcell_typ_1p20V_25C.lib").write_text(SMALL)
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    assert len(open_library("pdk_root:ihp-sg13g2").cells) == 4
    monkeypatch.setenv("PDK", "ihp-sg13g2")
    assert len(open_library("pdk_root").cells) == 4
    assert len(open_library("ihp-sg13g2").cells) > 40
    with pytest.raises(HwgenError, match=r"^PDK_ROOT: sky130A is not installed in"):
        open_library("pdk_root:sky130hd")
    with pytest.raises(
        HwgenError, match=r"^PDK: 'x' is not known, one of ihp-sg13g2, sky130hd, gf180mcu"
    ):
        open_library("pdk_root:x")
    with pytest.raises(HwgenError, match=r"^PDK: no PDK of 'asap7' is known, its Liberty files"):
        open_library("pdk_root:asap7")


def test_pdk_root_not_set(monkeypatch):
    monkeypatch.delenv("PDK_ROOT", raising=False)
    with pytest.raises(HwgenError, match=r"^PDK_ROOT: not set"):
        open_library("pdk_root:sky130A")
