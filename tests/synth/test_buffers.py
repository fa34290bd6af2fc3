"""What a layout flow is handed: cells that it takes, buffers where nets and ports need them."""

import tarfile
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from benchmarks.netlist_sim import evaluate_flat
from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.delays import Arc
from hwgen.synth.libraries.layout import excluded, for_layout
from hwgen.synth.libraries.library import Cell, CellLibrary, Pin
from hwgen.synth.libraries.pdk import open_library
from hwgen.synth.limits import excess
from hwgen.synth.mapping.buffers import buffered
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.timing import analyse
from tests.synth.test_library import FOUNDRY, needs_foundry
from tests.synth.test_timing import FLAT, INV, LIBRARY, NAND, design, module, pin, port, table

BUF = Cell(
    "BUF",
    area=1.0,
    leakage=0.0,
    pins={"A": pin("A", 0.01), "X": Pin("X", "output", function="A", max_capacitance=0.08)},
    arcs=(
        Arc("A", "X", "combinational", "positive", table(0.1, 1.1), table(0.1, 1.1), FLAT, FLAT),
    ),
)
WEAK = replace(NAND, pins={**NAND.pins, "Y": Pin("Y", "output", function="!(A&B)")})
WEAK = replace(WEAK, pins={**WEAK.pins, "Y": replace(WEAK.pins["Y"], max_capacitance=0.05)})
CELLS = replace(LIBRARY, cells={"INV": INV, "NAND": WEAK, "BUF": BUF})


def over(netlist: Netlist, library: CellLibrary) -> int:
    flat = netlist.flat()
    found = excess(flat, library, analyse(flat, library))
    return len(found.capacitance) + len(found.transition)


def fan(sinks: int) -> Netlist:
    """A NAND that drives inverters, half of them in a module of their own."""
    half = sinks // 2
    inner = module(
        {"a": port("input", 2), "b": port("output", *range(3, 3 + half))},
        {f"j{k}": ("INV", {"A": 2, "Y": 3 + k}) for k in range(half)},
    )
    cells = {f"i{k}": ("INV", {"A": 4, "Y": 100 + k}) for k in range(sinks - half)}
    top = module(
        {
            "x": port("input", 2, 3),
            "y": port("output", *range(100, 100 + sinks - half), *range(200, 200 + half)),
        },
        {
            "n": ("NAND", {"A": 2, "B": 3, "Y": 4}),
            **cells,
            "m": ("inner", {"a": 4, "b": list(range(200, 200 + half))}),
        },
    )
    return design(top=top, inner=inner)


@pytest.mark.parametrize("sinks", [4, 8, 30, 61])
def test_nets_come_within_their_limits(sinks: int) -> None:
    netlist = fan(sinks)
    done = Netlist(buffered({"modules": netlist.modules}, CELLS, "top"), "top")
    assert over(netlist, CELLS) == (sinks > 5)
    assert over(done, CELLS) == 0
    for a in (0, 1):
        assert evaluate_flat(done.flat(), CELLS, {"x[0]": a, "x[1]": 1}) == evaluate_flat(
            netlist.flat(), CELLS, {"x[0]": a, "x[1]": 1}
        )
    assert over(netlist, CELLS) == (sinks > 5)  # what was given is left alone


def test_ports_that_would_be_one_wire_are_parted() -> None:
    wires = design(
        top=module(
            {"x": port("input", 2), "y": port("output", 2, 3, 3)},
            {"i": ("INV", {"A": 2, "Y": 3})},
        )
    )
    done = Netlist(buffered({"modules": wires.modules}, CELLS, "top"), "top").flat()
    nets = [net for _, net in (*done.inputs, *done.outputs)]
    assert len(set(nets)) == len(nets) == 4
    assert sorted(i.cell for i in done.instances) == ["BUF", "BUF", "INV"]
    for x in (0, 1):
        found = evaluate_flat(done, CELLS, {"x": x})
        assert found == {"y[0]": x, "y[1]": 1 - x, "y[2]": 1 - x}


def test_nothing_is_assigned() -> None:
    """In a module, too: outputs on one wire, on an input, and two names of one net."""
    inner = module(
        {"a": port("input", 2), "b": port("output", 2, 3, 3)},
        {"i": ("INV", {"A": 2, "Y": 3})},
        {"also": [3], "b": [2, 3, 3], "a": [2]},
    )
    top = module(
        {"x": port("input", 2), "y": port("output", 3, 4, 5)},
        {"m": ("inner", {"a": 2, "b": [3, 4, 5]})},
    )
    done = buffered({"modules": design(top=top, inner=inner).modules}, CELLS, "top")
    ports = done["modules"]["inner"]["ports"]
    assert len({*ports["a"]["bits"], *ports["b"]["bits"]}) == 4
    names = {name: one["bits"] for name, one in done["modules"]["inner"]["netnames"].items()}
    assert names == {name: ports[name]["bits"] for name in ("a", "b")}
    flat = Netlist(done, "top").flat()
    for x in (0, 1):
        found = evaluate_flat(flat, CELLS, {"x": x})
        assert found == {"y[0]": x, "y[1]": 1 - x, "y[2]": 1 - x}


def test_library_without_a_buffer() -> None:
    with pytest.raises(HwgenError, match=r"^hand: no usable buffer, one, to buffer nets with$"):
        buffered({"modules": fan(2).modules}, LIBRARY, "top")


def test_cells_for_layout() -> None:
    ihp, sky, gf = map(open_library, ("ihp-sg13g2", "sky130hd", "gf180mcu"))
    assert for_layout(ihp).clock_gate is None
    assert for_layout(ihp, clock_gates=True).clock_gate == ihp.clock_gate
    assert for_layout(sky).clock_gate == sky.clock_gate
    assert for_layout(sky).mapped() == sky.mapped()
    gone = {cell.name for cell in gf.mapped()} - {cell.name for cell in for_layout(gf).mapped()}
    assert {name.rpartition("__")[2] for name in gone} == {"mux2_1", "oai33_2"} & {
        cell.name.rpartition("__")[2] for cell in gf.mapped()
    }
    asap = open_library("asap7")
    assert for_layout(asap, clock_gates=True) == asap


@needs_foundry
@pytest.mark.parametrize("name", ["ihp-sg13g2", "sky130hd", "gf180mcu"])
def test_excluded_cells_are_those_of_the_pdks(name: str) -> None:
    """Our patterns say of every cell in our table what the PDK's lists say."""
    lists = FOUNDRY / "librelane"
    if name == "ihp-sg13g2":
        with tarfile.open(lists / "ihp-sg13g2.tar.gz") as archive:
            members = [m for m in archive.getmembers() if m.name.endswith("_exclude.cells")]
            files = [archive.extractfile(member) for member in members]
            texts = [file.read().decode() for file in files if file is not None]
    else:
        family = {"sky130hd": "sky130", "gf180mcu": "gf180mcu"}[name]
        texts = [p.read_text() for p in (lists / "open_pdks" / family).rglob("*exclude*.cells")]
    theirs = [line.strip() for text in texts for line in text.splitlines()]
    theirs = [line for line in theirs if line and not line.startswith("#")]
    assert len(texts) == 2
    assert set(theirs) == set(excluded(name))
    assert not any(
        fnmatchcase(cell.name, pattern)
        for cell in for_layout(open_library(name)).mapped()
        for pattern in theirs
    )
