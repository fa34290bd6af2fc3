"""``hwgen handoff``: what it writes for a layout flow, and what it refuses."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from hwgen.flows.cli.main import run
from hwgen.flows.handoff import librelane
from hwgen.flows.handoff.tinytapeout import project as tinytapeout
from hwgen.flows.handoff.tinytapeout.tile import tile_design
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim import runner
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import Network, save_network
from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.processes import foundries
from hwgen.synth.mapping.netlist import Netlist
from tests.networks import dense, network, rescale

ASSIGNED = re.compile(r"^\s*assign\b", re.MULTILINE)
"""What LibreLane stops at in a netlist."""

LIBRARIES = {
    "ihp-sg13g2": ("ihp-sg13g2", "sg13g2_stdcell"),
    "sky130hd": ("sky130A", "sky130_fd_sc_hd"),
    "gf180mcu": ("gf180mcuD", "gf180mcu_fd_sc_mcu7t5v0"),
}
HOSTILE = (
    'x"; ]}\n# [exec touch /tmp/hwgen-owned] $(id): `*_|\u202e\U0001f600\x00 é: - &a' + "n" * 500
)


def tiny(name: str = "tiny", output: str = "argmax") -> Network:
    hidden = dense(
        [[1, -2, 3], [0, 4, -1]], [2, -1], output=rescale(4, False, 0), activation="relu", name=name
    )
    return network([hidden, dense([[1, 2], [-2, 1]], name="out")], output=output, name=name)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    save_network(tiny(), tmp_path / "tiny.json")
    return tmp_path / "tiny.json"


def handed(
    capsys: pytest.CaptureFixture[str], net: Path, out: Path, *arguments: object
) -> dict[str, Any]:
    """The JSON object of a handoff into ``out`` that is not verified, unless asked for."""
    verified = [] if "--vectors" in arguments else ["--no-verify"]
    words = ["handoff", net, "-o", out, *verified, "--json", *arguments]
    assert run(list(map(str, words))) == 0, capsys.readouterr().err
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert json.loads((out / "handoff.json").read_text()) == result
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == result["files"]
    return result


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["handoff", *map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = [line for line in captured.err.splitlines() if line.startswith("hwgen: error: ")]
    return line.removeprefix("hwgen: error: ")


@pytest.mark.parametrize("library", LIBRARIES)
def test_librelane(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path, library: str
) -> None:
    out = tmp_path / "out"
    result = handed(capsys, net, out, "--to", "librelane", "--pdk", library, "--arch", "serial")
    config = json.loads((out / "config.json").read_text())
    assert (config["PDK"], config["STD_CELL_LIBRARY"]) == LIBRARIES[library]
    assert config["meta"]["version"] == 2
    assert config["DESIGN_NAME"] == result["top"] == "hwgen_tiny"
    assert (config["CLOCK_PORT"], config["CLOCK_PERIOD"]) == ("clk", result["clock_ns"])
    assert (config["SYNTH_ELABORATE_ONLY"], config["SYNTH_HIERARCHY_MODE"]) == (True, "keep")
    for key in ("PNR_SDC_FILE", "SIGNOFF_SDC_FILE", "IO_PIN_ORDER_CFG"):
        assert (out / config[key].removeprefix("dir::")).is_file()
    [verilog] = config["VERILOG_FILES"]
    text = (out / verilog.removeprefix("dir::")).read_text()
    assert "module hwgen_tiny" in text
    assert not ASSIGNED.search(text)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["verilog"] == str(out / "hwgen_tiny.v")
    assert result["notes"][0] == "not verified"
    assert result["expected_area_um2"] == result["area_um2"] > 0
    assert (result["form"], result["nets_over"]) == (
        "netlist",
        {"max_capacitance": 0, "max_transition": 0},
    )


def test_source(capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = handed(capsys, net, out, "--to", "librelane", "--rtl", "--vectors", 5)
    config = json.loads((out / "config.json").read_text())
    assert config["SYNTH_HIERARCHY_MODE"] == "deferred_flatten"
    assert "SYNTH_ELABORATE_ONLY" not in config
    assert result["form"] == "rtl"
    assert result["expected_area_um2"] > result["area_um2"] > 0
    assert "sg13g2_" not in (out / "hwgen_tiny.v").read_text()
    words = ["--to", "librelane", "--rtl", "--clock-gates", "-o", tmp_path / "none"]
    assert refusal(capsys, net, *words) == (
        "clock gates: asked for with the source, only a netlist has them"
    )


def test_clock_too_short_is_noted(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path
) -> None:
    result = handed(capsys, net, tmp_path / "a", "--to", "tinytapeout", "--clock", 0.1)
    assert result["clock_ns"] == 0.1
    assert [note.partition(" ")[0] for note in result["notes"]] == ["not", "a", "the", "info.yaml"]
    assert "clock of 0.1 ns is shorter than the critical path of" in result["notes"][1]


def info_of(out: Path) -> dict[str, Any]:
    """``info.yaml``, held to what Tiny Tapeout's tool checks."""
    yaml = pytest.importorskip("yaml")
    info: dict[str, Any] = yaml.safe_load((out / "info.yaml").read_text("utf-8"))
    assert set(info) == {"project", "pinout", "yaml_version"}
    assert info["yaml_version"] == 6
    pins = {f"{group}[{i}]" for group in ("ui", "uo", "uio") for i in range(8)}
    assert set(info["pinout"]) == pins
    project: dict[str, Any] = info["project"]
    assert all(project[key] for key in ("title", "description", "language", "tiles"))
    assert re.fullmatch(r"tt_um_[a-z0-9_]+", project["top_module"])
    assert isinstance(project["clock_hz"], int)
    for source in project["source_files"]:
        assert (out / "src" / source).is_file()
    return project


@pytest.mark.parametrize("library", LIBRARIES)
def test_tinytapeout(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path, library: str
) -> None:
    out = tmp_path / "out"
    settings = ["--to", "tinytapeout", "--pdk", library, "--author", " Jane Doe "]
    result = handed(capsys, net, out, *settings, "--clock", 25)
    project = info_of(out)
    assert project["title"] == "tiny"
    assert project["author"] == "Jane Doe"
    assert project["top_module"] == result["top"] == "tt_um_jane_doe_tiny"
    assert project["clock_hz"] == 40_000_000
    assert project["tiles"] == result["tiles"] == "1x1"
    config = json.loads((out / "src" / "config.json").read_text())
    assert (config["CLOCK_PERIOD"], config["PL_TARGET_DENSITY_PCT"]) == (25, 60)
    text = (out / "src" / "project.v").read_text()
    assert not ASSIGNED.search(text)
    # Tiny Tapeout looks for the module so, and for these ports.
    assert re.findall(r"(?:^|[\s])module[\s]{1,}([\w]+)", text).count(result["top"]) == 1
    ports = re.findall(r"^  (input|output) (?:reg )?(\[7:0\] )?(\w+);", text, re.MULTILINE)[:8]
    assert sorted((name, direction, bool(width)) for direction, width, name in ports) == [
        ("clk", "input", False),
        ("ena", "input", False),
        ("rst_n", "input", False),
        ("ui_in", "input", True),
        ("uio_in", "input", True),
        ("uio_oe", "output", True),
        ("uio_out", "output", True),
        ("uo_out", "output", True),
    ]
    page = (out / "docs" / "info.md").read_text()
    assert "## How it works" in page
    assert "## How to test" in page
    assert "3 features of 4 bits, unsigned, side by side" in page


@pytest.mark.parametrize("target", ["librelane", "tinytapeout"])
def test_verified(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path, target: str
) -> None:
    simulator = "verilator" if target == "tinytapeout" or not shutil.which("iverilog") else "icarus"
    settings = ["--vectors", 12, "--seed", 5, "--simulator", simulator]
    result = handed(capsys, net, tmp_path / "out", "--to", target, *settings)
    checked = result["verified"]
    assert (checked["passed"], checked["mismatches"], checked["vectors"]) == (True, 0, 12)
    assert (checked["seed"], checked["simulator"].split()[0]) == (5, simulator)
    assert "not verified" not in result["notes"]
    assert result["proved"]["status"] == "proved"


def test_netlist_of_another_gate_is_not_written(
    capsys: pytest.CaptureFixture[str],
    net: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = Netlist.read

    def faulty(path: Path, top: str) -> Netlist:
        data = json.loads(path.read_text("utf-8"))
        gates = [c for m in data["modules"].values() for c in m["cells"].values()]
        next(c for c in gates if c["type"] == "sg13g2_nand2_1")["type"] = "sg13g2_nor2_1"
        path.write_text(json.dumps(data), "utf-8")
        return read(path, top)

    monkeypatch.setattr("hwgen.flows.handoff.flow.Netlist.read", faulty)
    out = tmp_path / "out"
    line = refusal(capsys, net, "--to", "librelane", "-o", out, "--vectors", 5)
    assert re.match(
        r"handoff: netlist = RTL is (refuted|undecided) \(.*, nothing was written", line
    )
    assert not out.exists()


def test_wrong_design_is_not_written(
    capsys: pytest.CaptureFixture[str],
    net: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(*_: object, **__: object) -> runner.SimulationResult:
        return runner.SimulationResult(
            passed=False,
            vectors=3,
            mismatches=2,
            cycles=9,
            simulator="s 1",
            seed=4,
            phases=[],
            failure="stalls: vector 1: expected [1], got [0]",
            first_mismatch=None,
            seconds=0.1,
            build_seconds=0.0,
        )

    monkeypatch.setattr("hwgen.flows.handoff.tinytapeout.regression.run_tile", wrong)
    out = tmp_path / "out"
    line = refusal(capsys, net, "--to", "tinytapeout", "-o", out, "--seed", 4)
    assert line == (
        "handoff (seed 4): 2 mismatches; stalls: vector 1: expected [1], got [0], "
        "nothing was written"
    )
    assert not out.exists()


def test_unsupported_library(capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path) -> None:
    for target in ("librelane", "tinytapeout"):
        line = refusal(capsys, net, "--to", target, "--pdk", "asap7", "-o", tmp_path / "out")
        assert line == (
            "--pdk: 'asap7' cannot be made with LibreLane, one of ihp-sg13g2, sky130hd, gf180mcu"
        )


def test_bare_tile(capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path) -> None:
    line = refusal(capsys, net, "--to", "tinytapeout", "--bare", "-o", tmp_path / "out")
    assert line == "--bare: given with tinytapeout, the tile needs a handshake"


def test_author_of_a_block(capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path) -> None:
    line = refusal(capsys, net, "--to", "librelane", "--author", "J", "-o", tmp_path / "out")
    assert line == "--author: given with librelane, only tinytapeout names one"


@pytest.mark.parametrize("option", ["--clock", "--utilization"])
def test_not_a_number(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path, option: str
) -> None:
    line = refusal(capsys, net, "--to", "librelane", option, "nan", "-o", tmp_path / "out")
    assert line == f"{option}: found nan, a finite number is needed"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--to", "gds"],
        ["--to", "librelane", "--clock", "0"],
        ["--to", "librelane", "--clock", "inf"],
    ],
)
def test_wrong_usage(net: Path, tmp_path: Path, arguments: list[str]) -> None:
    assert run(["handoff", str(net), "-o", str(tmp_path / "out"), *arguments]) == 2
    assert not (tmp_path / "out").exists()


def test_too_large(
    capsys: pytest.CaptureFixture[str],
    net: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(foundries()["ihp-sg13g2"].tiles, "1x1", (40.0, 40.0))
    for name in ("1x2", "2x2", "3x2", "4x2", "6x2", "8x2"):
        monkeypatch.setitem(foundries()["ihp-sg13g2"].tiles, name, (50.0, 40.0))
    line = refusal(capsys, net, "--to", "tinytapeout", "-o", tmp_path / "out")
    assert re.fullmatch(
        r"tiles: [\d,]+ um2 of cells are expected, 8x2, the largest, holds 933 at 65 % utilization",
        line,
    ), line
    assert not (tmp_path / "out").exists()


def test_tiles() -> None:
    sky = foundries()["sky130hd"]
    core = (161 - 12 * 0.46) * (111.52 - 2 * 2.72)  # as Tiny Tapeout's own results have it
    assert core == pytest.approx(16493.3, abs=0.1)
    assert tinytapeout.Tiles.of(0.6 * core, 60, sky).name == "1x1"
    assert tinytapeout.Tiles.of(0.6 * core, 59, sky).name == "1x2"
    for foundry in foundries().values():
        areas = [width * height for width, height in foundry.tiles.values()]
        assert areas == sorted(areas)
    with pytest.raises(HwgenError, match=r"^tiles: 200,000 um2 .*, 8x2, the largest, holds 181,"):
        tinytapeout.Tiles.of(200_000, 60, sky)


def test_density_follows_the_fill() -> None:
    foundry = foundries()["gf180mcu"]
    for fill, density in ((20.0, 60), (50.0, 60), (61.3, 72), (95.0, 95)):
        tiles = tinytapeout.Tiles(name="1x1", size=(346.64, 160.72), fill=fill)
        config = json.loads(tinytapeout.config_text(foundry, 20.0, tiles, netlist=True))
        assert config["PL_TARGET_DENSITY_PCT"] == density


@pytest.mark.parametrize("target", ["librelane", "tinytapeout"])
def test_hostile_names_are_data(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str
) -> None:
    save_network(tiny(HOSTILE), tmp_path / "net.json")
    out = tmp_path / "out"
    author = ["--author", HOSTILE] if target == "tinytapeout" else []
    result = handed(capsys, tmp_path / "net.json", out, "--to", target, *author)
    assert re.fullmatch(r"[a-z0-9_]{1,70}", result["top"])
    for path in out.rglob("*"):
        assert re.fullmatch(r"[\w.]+", path.name)
        if path.is_file() and path.name not in ("info.yaml", "info.md"):
            assert "touch /tmp" not in path.read_text("utf-8")
    if target == "tinytapeout":
        project = info_of(out)
        assert project["title"].startswith('x"; ]}\\n# [exec touch /tmp/hwgen-owned] $(id): `*_|')
        assert len(project["title"]) == len(project["author"]) == 80
        page = (out / "docs" / "info.md").read_text("utf-8")
        assert r"x\"\; \]\}\\n\# \[exec touch \/tmp" in page
    assert not Path("/tmp/hwgen-owned").exists()


def test_nameless_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    save_network(tiny("数"), tmp_path / "net.json")
    out = tmp_path / "out"
    result = handed(capsys, tmp_path / "net.json", out, "--to", "tinytapeout")
    assert result["top"] == "tt_um_hwgen"
    assert info_of(out)["title"] == "数"


def test_packing_in_words() -> None:
    text, manifest = tile_design(tiny(output="values"), Serial(), "tt_um_x")
    vectors = make_vectors(tiny(output="values"), count=4, seed=1)
    page = tinytapeout.page_text(tiny(output="values"), manifest, vectors, True)
    assert "3 features of 4 bits, unsigned, each in a byte of its own; high bits left over" in page
    assert f"2 outputs of {manifest.output.element_bits} bits, signed, each in" in page
    assert "simulated against its integer model" in page
    assert "module tt_um_x" in text


def test_area_after_another_synthesis() -> None:
    foundry = foundries()["sky130hd"].model_copy(update={"resynthesis": (2.0, 1.5)})
    assert foundry.expected_area(100, Parallel().sequenced) == 200
    assert foundry.expected_area(100, Serial().sequenced) == 150
    assert librelane.find_foundry("gf180mcu").pdk == "gf180mcuD"


def test_said_in_lines(capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path) -> None:
    words = ["handoff", str(net), "--to", "tinytapeout", "-o", str(tmp_path / "out"), "--no-verify"]
    assert run(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tt_um_hwgen_tiny for tinytapeout, ihp-sg13g2: 1x1 tiles, 202.08 x")
    assert "note: not verified" in lines
    assert lines[-1] == f"everything in {tmp_path / 'out'}"
