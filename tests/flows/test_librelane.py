"""What is written for LibreLane: configuration, constraints, pins; and that LibreLane takes it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.librelane import pdk_root, synthesized
from hwgen.flows.handoff.flow import default_period
from hwgen.flows.handoff.librelane import Floorplan, pins_text
from hwgen.flows.handoff.tinytapeout.tile import tile_design
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.constraints import constraints_text
from hwgen.rtl.generate import generate
from hwgen.rtl.interface import Port
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.synth.libraries.processes import foundries
from tests.flows.test_handoff import LIBRARIES, handed, net, tiny
from tests.synth.test_library import FOUNDRY, needs_foundry

__all__ = ["net"]


def test_clock_follows_from_the_critical_path(tmp_path: Path) -> None:
    clocked = generate(tiny(), Parallel(), tmp_path)
    combinational = generate(tiny(), Parallel(bare=True), tmp_path)
    assert default_period(4.0, clocked, "librelane") == 7.5  # 1.5 * 4 / 0.8
    assert default_period(4.0, combinational, "librelane") == 10.0  # 1.5 * 4 / 0.6
    assert default_period(4.01, clocked, "librelane") == 7.6
    assert default_period(4.0, clocked, "tinytapeout") == 20.0
    assert default_period(16.0, clocked, "tinytapeout") == 30.0


def matched(manifest: Manifest) -> dict[str, list[str]]:
    """The bits of the ports that each line of the pin order stands for, by its side."""
    bits = [
        f"{port.name}[{i}]" if port.width > 1 else port.name
        for port in manifest.ports
        for i in range(port.width)
    ]
    found: dict[str, list[str]] = {}
    side = ""
    for line in filter(None, pins_text(manifest).splitlines()):
        if line.startswith("#"):
            side = line[1:]
            continue
        found.setdefault(side, []).extend(bit for bit in bits if re.fullmatch(line, bit))
    assert sorted(bit for side in found.values() for bit in side) == sorted(bits)
    return found


@pytest.mark.parametrize(
    "architecture",
    [
        Parallel(),
        Serial(),
        Parallel(bare=True),
        Parallel(bare=True, pipeline=1),
    ],
    ids=str,
)
def test_pins(architecture: Architecture, tmp_path: Path) -> None:
    sides = matched(generate(tiny(), architecture, tmp_path))
    prefixes = ("x", "y") if architecture.bare else ("s_axis_", "m_axis_")
    assert all(bit.startswith(prefixes[0]) for bit in sides["W"])
    assert all(bit.startswith(prefixes[1]) for bit in sides["E"])
    clocked = not architecture.bare or architecture.pipeline > 0
    expected = ["clk"] * clocked + ["rst"] * (not architecture.bare)
    assert sides.get("S", []) == expected


def with_pins(west: int) -> Manifest:
    _, manifest = tile_design(tiny(), Parallel(), "tt_um_x")
    return replace(manifest, ports=[Port(name="s_axis_tdata", direction="input", width=west)])


@pytest.mark.parametrize(
    ("area", "pins", "utilization", "die", "absolute"),
    [
        pytest.param(40_000, 100, 40.0, (328, 338), False, id="cells"),  # 316.2 and the margins
        pytest.param(40_000, 180, 40.0, (328, 338), True, id="cells, and nearly the pins"),
        pytest.param(40_000, 250, 32.7, (362, 372), True, id="pins"),
        pytest.param(100, 1, 4.0, (62, 72), True, id="power"),
    ],
)
def test_floorplan(
    area: float, pins: int, utilization: float, die: tuple[int, int], absolute: bool
) -> None:
    plan = Floorplan.of(area, 40, with_pins(pins), foundries()["sky130hd"])
    assert (plan.utilization, plan.die, plan.absolute) == (utilization, die, absolute)
    assert plan.to_config() == (
        {"FP_SIZING": "absolute", "DIE_AREA": [0, 0, *die]}
        if absolute
        else {"FP_SIZING": "relative", "FP_CORE_UTIL": utilization}
    )


class Tcl:
    """A Tcl interpreter that keeps what the constraints ask for."""

    _COMMANDS = (
        "create_clock get_ports get_clocks all_inputs all_outputs all_clocks current_design "
        "set_clock_transition set_clock_uncertainty set_input_delay set_output_delay "
        "set_timing_derate set_driving_cell set_load set_max_fanout set_max_transition "
        "set_propagated_clock unset_propagated_clock"
    )

    def __init__(self, **environment: str):
        tkinter = pytest.importorskip("tkinter")
        self.calls: list[list[str]] = []
        self._interpreter = tkinter.Tcl()
        self._interpreter.eval("unset -nocomplain ::env; array set ::env {}")
        for name, value in environment.items():
            self._interpreter.setvar(f"::env({name})", value)
        for command in self._COMMANDS.split():
            self._interpreter.createcommand(command, self._keep(command))

    def _keep(self, command: str) -> Any:
        def call(*arguments: str) -> str:
            self.calls.append([command, *map(str, arguments)])
            return f"<{' '.join([command, *arguments])}>"

        return call

    def run(self, text: str) -> dict[str, list[str]]:
        """The arguments of the last call of each command in ``text``."""
        self._interpreter.eval(text)
        return {command: arguments for command, *arguments in self.calls}


def test_constraints(tmp_path: Path) -> None:
    manifest = generate(tiny(), Parallel(), tmp_path)
    text = constraints_text(manifest, 12.5)
    calls = Tcl().run(text)
    clock = ["-name", "clk", "-period", "12.5", "<get_ports clk>"]
    assert calls["create_clock"] == clock
    assert calls["set_input_delay"] == ["2.5", "-clock", "clk", "<all_inputs -no_clocks>"]
    assert calls["set_output_delay"] == ["2.5", "-clock", "clk", "<all_outputs>"]
    assert calls["set_propagated_clock"] == ["<all_clocks>"]
    assert "set_driving_cell" not in calls
    assert "the synchronous reset among them" in text


def test_constraints_follow_the_configuration(tmp_path: Path) -> None:
    manifest = generate(tiny(), Parallel(), tmp_path)
    calls = Tcl(
        CLOCK_PERIOD="40",
        IO_DELAY_CONSTRAINT="10",
        SYNTH_DRIVING_CELL="sky130_fd_sc_hd__inv_2/Y",
        OUTPUT_CAP_LOAD="33",
        OPENLANE_SDC_IDEAL_CLOCKS="1",
        MAX_FANOUT_CONSTRAINT="10",
    ).run(constraints_text(manifest, 12.5))
    assert calls["create_clock"][3] == "40"
    assert calls["set_input_delay"][0] == "4.0"
    assert calls["set_driving_cell"][:4] == ["-lib_cell", "sky130_fd_sc_hd__inv_2", "-pin", "Y"]
    assert calls["set_load"][0] == "0.033"
    assert calls["set_max_fanout"][0] == "10"
    assert "set_propagated_clock" not in calls


def test_constraints_without_a_clock(tmp_path: Path) -> None:
    manifest = generate(tiny(), Parallel(bare=True), tmp_path)
    calls = Tcl().run(constraints_text(manifest, 8.0))
    assert calls["create_clock"] == ["-name", "clk", "-period", "8"]
    assert calls["set_input_delay"][-1] == "<all_inputs>"
    assert "get_ports" not in calls


def test_bare_has_no_clock_port(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path
) -> None:
    handed(capsys, net, tmp_path / "out", "--to", "librelane", "--bare")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["CLOCK_PORT"] is None


def loaded(files: list[object], folder: Path) -> list[str]:
    """What LibreLane's own loader has against a configuration, but for the PDK that is not here."""
    config = pytest.importorskip("librelane.config")
    flows = pytest.importorskip("librelane.flows")
    classic = flows.Flow.factory.get("Classic")
    variables = classic.get_all_config_variables(object.__new__(classic))
    try:
        config.Config.load(
            files, variables, design_dir=str(folder), pdk_root=str(folder), _load_pdk_configs=False
        )
    except config.InvalidConfig as invalid:
        return [error for error in invalid.errors if not re.search("did not get a", error)]
    return []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bare", [[], ["--bare"]], ids=["clocked", "bare"])
def test_librelane_loads_it(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path, bare: list[str]
) -> None:
    pytest.importorskip("librelane")
    out = tmp_path / "out"
    handed(capsys, net, out, "--to", "librelane", *bare)
    assert loaded([str(out / "config.json")], out) == []
    place = pytest.importorskip("librelane.scripts.odbpy.ioplace_parser")
    assert place.parse((out / "pin_order.cfg").read_text())["W"].pins


@pytest.mark.filterwarnings("ignore")
def test_librelane_loads_the_tile(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path
) -> None:
    pytest.importorskip("librelane")
    out = tmp_path / "out"
    handed(capsys, net, out, "--to", "tinytapeout")
    # What Tiny Tapeout's tool adds.
    user = {
        "meta": {"version": 2},
        "DESIGN_NAME": "tt_um_hwgen_tiny",
        "VERILOG_FILES": ["dir::project.v"],
        "DIE_AREA": [0, 0, 202.08, 154.98],
        "PDK": "ihp-sg13g2",
        "STD_CELL_LIBRARY": "sg13g2_stdcell",
    }
    config = json.loads((out / "src" / "config.json").read_text())
    assert loaded([{**user, **config}], out / "src") == []


@needs_foundry
@pytest.mark.skipif(not shutil.which("librelane"), reason="LibreLane is not on the PATH")
@pytest.mark.parametrize("library", LIBRARIES)
def test_area_after_librelanes_synthesis(
    capsys: pytest.CaptureFixture[str], net: Path, tmp_path: Path, library: str
) -> None:
    """Its configuration is taken without a warning, and what comes out is what we promised."""
    out = tmp_path / "out"
    root = pdk_root(library, FOUNDRY, tmp_path)
    result = handed(capsys, net, out, "--to", "librelane", "--pdk", library, "--arch", "serial")
    area, warnings = synthesized(out / "config.json", library, root)
    assert area == pytest.approx(result["area_um2"], rel=0.03)
    assert warnings == []
