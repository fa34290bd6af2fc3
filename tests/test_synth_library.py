import re
from pathlib import Path

import pytest

from hwgen.errors import HwgenError
from synth.adders import AdderCells, find_gate
from synth.models import verilog_models
from synth.pdk import open_library
from synth.tables import built_in, dump_table, load_table
from synth.tabulate import foundry_library, tabulate
from tests.test_synth_liberty import SMALL

FOUNDRY = Path(__file__).parents[2] / "shared" / "pdk"
needs_foundry = pytest.mark.skipif(not FOUNDRY.is_dir(), reason="the foundries' files are not here")


def test_default_library():
    library = open_library()
    assert (library.name, library.corner, library.licence) == (
        "ihp-sg13g2",
        "typ_1p20V_25C",
        "Apache-2.0",
    )
    assert library.nand2_area == 7.2576


@pytest.mark.parametrize("name", ["ihp-sg13g2", "sky130hd"])
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
    kit = AdderCells(open_library("ihp-sg13g2"))
    assert kit.full is None
    assert kit.complete


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


@needs_foundry
@pytest.mark.parametrize("name", ["ihp-sg13g2", "sky130hd"])
def test_table_is_current(name):
    assert dump_table(tabulate(name, FOUNDRY)) == dump_table(open_library(name))


@needs_foundry
@pytest.mark.parametrize("name", built_in())
def test_areas_and_functions_are_the_foundrys(name):
    foundry = foundry_library(name, FOUNDRY)
    for cell in open_library(name).cells.values():
        own = foundry.cells[cell.name]
        assert (cell.area, cell.kin) == (own.area, own.kin)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"  cell \(DFF\).*\n", "small: no usable flip-flop, every library needs one"),
        (r"  cell \(INV\).*\n", "small: no usable inverter, every library needs one"),
        (r"  cell \(NAND\).*\n", "small: no usable 2-input NAND, every library needs one"),
        (r"  cell \(NOR\).*\n", "small: no usable 2-input NOR, every library needs one"),
        (r"area : \d;", "small: no usable cell with an area, a library with areas"),
    ],
)
def test_incomplete_library(pattern, message, tmp_path):
    head, *cells = re.split(r"(?=  cell \()", SMALL.rstrip().removesuffix("}"))
    text = head + "".join(re.sub(pattern, "", c, flags=re.DOTALL) for c in cells) + "}"
    (tmp_path / "a.lib").write_text(text)
    with pytest.raises(HwgenError, match="^" + re.escape(message)):
        open_library(None, [tmp_path / "a.lib"])


def test_dont_use_counts(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL.replace("area : 9;", "area : 9; dont_use : true;"))
    with pytest.raises(HwgenError, match=r"^small: no usable flip-flop"):
        open_library(None, [tmp_path / "a.lib"])


def test_liberty_wins_over_name(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL)
    library = open_library("sky130hd", [tmp_path / "a.lib"])
    assert (library.name, len(library.cells)) == ("sky130hd", 4)


def test_unknown_name():
    message = r"^pdk: 'nope' is not known, one of ihp-sg13g2, sky130hd, pdk_root:NAME"
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
    with pytest.raises(HwgenError, match=r"^PDK: 'x' is not known, one of ihp-sg13g2, sky130hd"):
        open_library("pdk_root:x")


def test_pdk_root_not_set(monkeypatch):
    monkeypatch.delenv("PDK_ROOT", raising=False)
    with pytest.raises(HwgenError, match=r"^PDK_ROOT: not set"):
        open_library("pdk_root:sky130A")
