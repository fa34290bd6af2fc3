"""Area is a test: exact cells and um2 of small units and of the digits network, pinned.

They hold for the pinned Yosys. A change that moves them on purpose moves them here, in the README's
table, and says why.
"""

import re
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Shape, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.lookup import lookup
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.requantize import Requantizer
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.macs import MacChain
from hwgen.rtl.serial.memory import ShiftMemory
from hwgen.rtl.serial.words import WordMemory
from hwgen.rtl.stream import Stream
from hwgen.rtl.tournament import ParallelArgmax
from hwgen.rtl.verilog import verilog_of
from hwgen.spec.network import load_network
from hwgen.support.cache import open_cache
from hwgen.synth import SynthesisReport, open_library, synthesize
from tests.networks import dense, network, rescale

ROOT = Path(__file__).resolve().parents[2]


class Requantize(wiring.Component):
    """A 10-bit accumulator to 4 unsigned bits: relu, shift by 3, half_up, saturate."""

    def __init__(self) -> None:
        output = rescale(4, False, 0)
        layer = network([dense([[1]], output=output, activation="relu")]).layers[0]
        rescaling = layer.rescales(3)[0]
        self.requantizer = Requantizer(rescale=rescaling, accumulator=(-512, 507))
        super().__init__({"i": In(signed(10)), "o": Out(4)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.o.eq(self.requantizer.build(m, "y", self.i))
        return m


class Rom(wiring.Component):
    """64 words of 4 bits: a fixed mixture."""

    def __init__(self) -> None:
        super().__init__({"i": In(6), "o": Out(signed(4))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        content = [(i * i * 7 + 3 * i) // 5 % 16 - 8 for i in range(64)]
        m.d.comb += self.o.eq(lookup(m, "rom", self.i, content, Shape(4, True)))
        return m


UNITS = {
    "mac": lambda: MacChain(1, unsigned(4), signed(4), 11),
    "requantizer": Requantize,
    "argmax": lambda: ParallelArgmax([(-128, 127)] * 5, 0),
    "rom": Rom,
    "memory": lambda: ShiftMemory(4, {8}),
    "words": lambda: WordMemory([8] * 16, 1),
}

UNIT_AREAS = {
    ("mac", "ihp-sg13g2"): (140, 1728.56),
    ("mac", "sky130hd"): (114, 870.84),
    ("requantizer", "ihp-sg13g2"): (9, 65.32),
    ("requantizer", "sky130hd"): (8, 35.03),
    ("argmax", "ihp-sg13g2"): (119, 1016.78),
    ("argmax", "sky130hd"): (112, 586.81),
    ("rom", "ihp-sg13g2"): (48, 422.34),
    ("rom", "sky130hd"): (41, 237.73),
    ("memory", "ihp-sg13g2"): (34, 1602.12),
    ("memory", "sky130hd"): (33, 658.13),
    ("words", "ihp-sg13g2"): (292, 5500.66),
    ("words", "sky130hd"): (280, 3110.48),
}

DIGITS = {
    "parallel": Parallel(),
    "parallel, pipeline 2": Parallel(pipeline=2),
    "bit-serial": BitSerial(),
    "bit-serial, stages 1": BitSerial(stages=1),
    "serial, 1 MAC": Serial(macs=1),
    "serial, 4 MACs": Serial(macs=4),
}


def unit(name: str, pdk: str, folder: Path) -> SynthesisReport:
    text = verilog_of(rtlil.convert(UNITS[name](), name="top", emit_src=False))
    (folder / "unit.v").write_text(text)
    return synthesize(folder / "unit.v", "top", library=open_library(pdk), out_dir=folder)


@pytest.mark.parametrize(("name", "pdk"), UNIT_AREAS)
def test_unit(name: str, pdk: str, tmp_path: Path) -> None:
    report = unit(name, pdk, tmp_path)
    assert (report.cells, round(report.area_um2, 2)) == UNIT_AREAS[name, pdk]


def readme_rows() -> list[list[str]]:
    """Cells of the README's table of measured figures, without its head."""
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:parallel|bit-serial|serial)[^|]*)\|(.*)\|$", text, re.MULTILINE)
    return [[name.strip(), *(cell.strip() for cell in rest.split("|"))] for name, rest in rows]


@pytest.mark.parametrize("row", readme_rows(), ids=lambda row: f"{row[0]}-{row[1]}")
def test_readme_figures(row: list[str], tmp_path: Path) -> None:
    name, pdk, *figures = row
    library = open_library(pdk)
    architecture = DIGITS[name].suited(library.latch_share)
    manifest = generate(load_network(ROOT / "examples/digits.json"), architecture, tmp_path)
    verilog = Path(manifest.verilog)
    report = synthesize(
        verilog, manifest.top, library=library, out_dir=tmp_path, cache=open_cache()
    )
    measured = [
        report.cells,
        round(report.area_um2),
        round(report.gate_equivalents),
        manifest.latency_cycles,
        manifest.interval_cycles,
    ]
    assert figures == [f"{value:,}" for value in measured]


def test_readme_has_figures() -> None:
    assert {row[0] for row in readme_rows()} == set(DIGITS)


CONVOLUTIONS = {
    "stream": (Stream(), (3248, 40002.34, 2, 64)),
    "serial": (Serial(), (1889, 26573.14, 1831, 6374)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_digits_by_convolution(name: str, tmp_path: Path) -> None:
    """As docs/stream.md and docs/architectures.md have them."""
    architecture, figures = CONVOLUTIONS[name]
    library, network = open_library("ihp-sg13g2"), load_network(ROOT / "examples/digits-conv.json")
    manifest = generate(network, architecture, tmp_path)
    report = synthesize(Path(manifest.verilog), manifest.top, library=library, cache=open_cache())
    area = round(report.area_um2, 2)
    assert (report.cells, area, manifest.latency_cycles, manifest.interval_cycles) == figures
    estimated = architecture.estimated_area(network.layers, network.input.format)
    assert estimated == pytest.approx(area, rel=0.05)
