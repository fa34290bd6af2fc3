"""Placements: legal rows, wires by hand, DEF, sizes against the foundry's LEF, the whole flow."""

import gzip
import json
import re
from pathlib import Path

import pytest

from hwgen.flows.placement import PlacementReport, place_design
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.extras import installed
from hwgen.synth import open_library
from hwgen.synth.libraries.processes import foundries
from hwgen.synth.mapping.netlist import Flat, Instance
from hwgen.synth.placement.deffile import def_text
from hwgen.synth.placement.place import Place, check
from hwgen.synth.placement.rows import Core, core_for, widths_of
from hwgen.synth.placement.wires import half_perimeter, spanning_tree
from tests.commands import json_of, refusal
from tests.networks import dense, network, rescale
from tests.synth.test_library import FOUNDRY, needs_foundry

needs_placer = pytest.mark.skipif(not installed("coloquinte"), reason="coloquinte is missing")


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> PlacementReport:
    hidden = dense([[1, -2, 3], [0, 4, -1]], [2, -1], output=rescale(4, False, 0))
    net = network([hidden, dense([[1, 2], [-2, 1]], name="out")], output="argmax")
    folder = tmp_path_factory.mktemp("placed")
    return place_design(net, Serial(), library=open_library("sky130hd"), output=folder)


def test_wires_by_hand() -> None:
    assert half_perimeter([(0, 0), (3, 1), (1, 5)]) == spanning_tree([(0, 0), (3, 1), (1, 5)]) == 8
    cross = [(0.0, 1.0), (2.0, 1.0), (1.0, 0.0), (1.0, 2.0), (1.0, 1.0)]
    assert spanning_tree(cross) == 4
    assert spanning_tree([(0, 0), (4, 0), (0, 3), (4, 3)]) == 3 + 4 + 3


def test_core_is_as_full_as_asked() -> None:
    core = core_for([4] * 500, (0.5, 4.0), 80)
    width, height = core.size
    assert 0.9 < width / height < 1.1
    assert 0.78 <= 2000 / (core.columns * core.rows) <= 0.8


@pytest.mark.parametrize(
    "places",
    [
        [Place(0, 0, 3), Place(2, 0, 3)],
        [Place(8, 1, 3)],
        [Place(0, 2, 1)],
        [Place(-1, 0, 2)],
    ],
)
def test_illegal_placements_are_refused(places: list[Place]) -> None:
    core = Core(site=(0.5, 4.0), columns=10, rows=2)
    check(core, [Place(0, 0, 3), Place(3, 0, 7), Place(0, 1, 10)])
    with pytest.raises(HwgenError, match=r"^placement: a cell at site .* in the way of another"):
        check(core, places)


@needs_placer
def test_flow(placed: PlacementReport) -> None:
    found = placed.to_json()
    assert found["cells"] == len(placed.placement.places)
    assert 65 <= found["utilization"] <= 70
    assert found["half_perimeter_mm"] <= found["wire_mm"] <= 1.5 * found["half_perimeter_mm"]
    assert found["critical_path_ns"] > found["critical_path_without_wires_ns"]
    folder = Path(found["def"]).parent
    assert json.loads((folder / "placement.json").read_text("utf-8")) == found
    assert {one.name for one in folder.iterdir()} >= {"netlist.v", "placement.def"}
    assert "layer0" in "".join(placed.modules)
    assert "without" in placed._repr_html_()


@needs_placer
def test_def_has_everything(placed: PlacementReport) -> None:
    text = def_text(placed.placement, "top", "unithd")
    flat = placed.placement.flat
    for section, count in (
        ("COMPONENTS", len(flat.instances)),
        ("PINS", len(flat.inputs) + len(flat.outputs)),
    ):
        body = re.search(rf"^{section} (\d+) ;\n(.*?)END {section}$", text, re.M | re.S)
        assert body is not None
        assert int(body[1]) == body[2].count(" ;") == count
    named = set(re.findall(r"^- (\S+) \S+ \+ PLACED", text, re.M))
    used = set(re.findall(r"\( (?!PIN)(\S+) \w+ \)", text[text.index("\nNETS ") :]))
    assert used == named
    assert len(re.findall(r"^ROW ", text, re.M)) == placed.placement.core.rows


@needs_placer
def test_same_again(placed: PlacementReport) -> None:
    again = place_design(_network(), Parallel(), library=open_library("ihp-sg13g2"))
    twice = place_design(_network(), Parallel(), library=open_library("ihp-sg13g2"))
    assert again.placement.places == twice.placement.places
    assert again.files == {}


def _network() -> Network:
    return network([dense([[1, 2, -3], [-2, 1, 3]], name="out")], output="argmax")


@needs_placer
def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("place", "examples/sweeps/tiny.json", "--utilization", 50, "-o", tmp_path / "out")
    assert json_of(capsys, *words)["utilization"] <= 50
    said = refusal(capsys, *words[:2], "--pdk", "asap7", *words[4:])
    assert said.startswith("--pdk: 'asap7' cannot be made with LibreLane, one of ihp-sg13g2")


def test_needs_the_placer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(HwgenError, match=r"^coloquinte: not installed, .*place"):
        place_design(_network(), Parallel(), library=open_library())


@needs_foundry
def test_widths_are_those_of_the_lef() -> None:
    lef = gzip.decompress((FOUNDRY / "sky130hd/sky130_fd_sc_hd_merged.lef.gz").read_bytes())
    sizes = re.findall(r"^MACRO (\w+).*?SIZE\s+([\d.]+) BY\s+([\d.]+)", lef.decode(), re.M | re.S)
    library = open_library("sky130hd")
    cells = [(name, float(width)) for name, width, _ in sizes if name in library.cells]
    assert len(cells) > 100
    flat = Flat(tuple(Instance("", name, {}) for name, _ in cells), (), ())
    site = foundries()["sky130hd"].site[0]
    assert widths_of(flat, library) == [round(width / site) for _, width in cells]
