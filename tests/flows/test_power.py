"""Energy by hand, and ``hwgen power``."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.flows import power as flow
from hwgen.flows.cli.main import run
from hwgen.spec.network import save_network
from hwgen.support.errors import HwgenError
from hwgen.synth import CellLibrary, open_library
from hwgen.synth.libraries.library import Cell, Pin
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.power import average_power, default_wire, leakage_energy, switching
from tests.commands import json_of, refusal
from tests.sim.test_vectors import network
from tests.synth.test_timing import FF, INV, LIBRARY, NAND, RING, design, module, pin, port

QUICK = "icarus" if shutil.which("iverilog") else "verilator"
"""Icarus needs no compiler."""

GATE = Cell(
    "GATE",
    area=4.0,
    leakage=1.0,
    pins={
        "C": pin("C", 0.02, clock=True),
        "E": pin("E", 0.01),
        "G": Pin("G", "output", function="C&E"),
    },
    clock_gate="latch_posedge",
)
GATED = replace(LIBRARY, cells={cell.name: cell for cell in (FF, INV, NAND, GATE)})


def changes(netlist: Netlist, **by_name: float) -> dict[Any, float]:
    """Changes by the flat net that an instance's output drives, or an input port; else 0."""
    flat = netlist.flat()
    found: dict[Any, float] = {}
    for instance in flat.instances:
        for name, net in instance.pins.items():
            found.setdefault(net, 0.0)
            if name in GATED.cells[instance.cell].outputs:
                found[net] = by_name.get(instance.path.rpartition(".")[2], 0.0)
    return found | {net: by_name.get(name, 0.0) for name, net in flat.inputs}


def test_inverter_chain() -> None:
    chain = design(
        top=module(
            {"x": port("input", 2), "y": port("output", 5)},
            {
                "a": ("INV", {"A": 2, "Y": 3}),
                "b": ("INV", {"A": 3, "Y": 4}),
                "c": ("INV", {"A": 4, "Y": 5}),
            },
        )
    )
    found = switching(chain, LIBRARY, changes(chain, x=6, a=6, b=6, c=6), wire=2.0)
    # Three inputs of 10 fF with 2 fF of wire, six changes of CV2/2 each; y drives nothing of ours.
    assert found.energy == pytest.approx(3 * 6 * 0.012 * 2.0**2 / 2)
    assert found.by_kind == {
        "clock": 0.0,
        "sequential": 0.0,
        "combinational": found.energy,
        "clock_tree": 0.0,
    }
    assert found.internal == 0.0


def test_counter_bit_by_kind() -> None:
    """A flip-flop that toggles every cycle, ten cycles."""
    bit = design(
        top=module(
            {"clk": port("input", 2), "q": port("output", 3)},
            {"f": ("FF", {"C": 2, "D": 4, "Q": 3}), "i": ("INV", {"A": 3, "Y": 4})},
        )
    )
    found = switching(bit, LIBRARY, changes(bit, clk=20, f=10, i=10), wire=0.0)
    half = 2.0**2 / 2
    expected = {"clock": 20 * 0.04, "sequential": 10 * 0.05, "combinational": 10 * 0.01}
    expected["clock_tree"] = 0.0
    assert found.by_kind == pytest.approx({k: half * v for k, v in expected.items()})
    assert found.energy == pytest.approx(half * (0.8 + 0.5 + 0.1))


def test_energy_goes_with_the_square_of_the_voltage() -> None:
    ring = design(top=RING)
    counts = changes(ring, clk=8, **{"f$1": 3, "i$2": 3, "i$3": 3, "n$4": 2})
    low, high = (
        switching(ring, replace(LIBRARY, voltage=v), counts, 1.0).energy for v in (0.7, 1.4)
    )
    assert high == pytest.approx(4 * low)
    assert low > 0


def test_clock_gate_takes_its_own_and_spares_what_is_behind_it() -> None:
    gated = design(
        top=module(
            {"clk": port("input", 2), "en": port("input", 3), "d": port("input", 6)},
            {
                "g": ("GATE", {"C": 2, "E": 3, "G": 4}),
                "f": ("FF", {"C": 4, "D": 6, "Q": 5}),
            },
        )
    )
    found = switching(gated, GATED, changes(gated, clk=20, en=2, g=4), wire=0.0)
    assert found.by_kind["clock"] == pytest.approx(2 * (20 * 0.02 + 4 * 0.04))
    assert found.by_kind["sequential"] == pytest.approx(2 * 2 * 0.01)


def test_energy_by_module() -> None:
    """Pins count where they are, not where what drives them is; instances of a module together."""
    top = module(
        {"clk": port("input", 2), "en": port("input", 3), "q": port("output", 5)},
        {
            "one": ("ring", {"clk": 2, "en": 3, "q": 4}),
            "two": ("ring", {"clk": 2, "en": 4, "q": 6}),
            "i": ("INV", {"A": 6, "Y": 5}),
        },
    )
    nested = design(top=top, ring=RING)
    names = {"f$1": 3.0, "i$2": 3.0, "i$3": 3.0, "n$4": 2.0}
    found = switching(nested, LIBRARY, changes(nested, clk=8, en=1, **names), 1.0)
    assert found.by_module["top"] == pytest.approx(2 * 3 * 0.011)
    assert sum(found.by_module.values()) == pytest.approx(found.energy)
    assert sum(found.by_kind.values()) == pytest.approx(found.energy)


def test_constant_pins_take_nothing() -> None:
    tied = design(
        top=module(
            {"x": port("input", 2), "y": port("output", 3)},
            {"n": ("NAND", {"A": 2, "B": "1", "Y": 3})},
        )
    )
    found = switching(tied, LIBRARY, changes(tied, x=1), wire=0.0)
    assert found.energy == pytest.approx(2 * 0.02)


def test_library_without_a_voltage() -> None:
    with pytest.raises(HwgenError, match=r"^hand: no supply voltage, a library with nom_voltage$"):
        switching(design(top=RING), replace(LIBRARY, voltage=0.0), {}, 0.0)


def test_leakage_and_power() -> None:
    # 300 nW for 10 us; 20 pJ a million times a second and 300 nW.
    assert leakage_energy(300.0, 10e-6) == pytest.approx(3.0)
    assert average_power(20.0, 1e6, 300.0) == pytest.approx(20.0 + 0.3)


@pytest.mark.parametrize("pdk", ["ihp-sg13g2", "sky130hd", "gf180mcu", "asap7"])
def test_default_wire(pdk: str) -> None:
    """About what a pin of the smallest inverter weighs."""
    library = open_library(pdk)
    inverter = library.gates(0b01, 1)[0].pins
    pin_ff = sum(1e3 * p.capacitance for p in inverter.values() if p.direction == "input")
    assert 0.3 * pin_ff < default_wire(library).femtofarad < 1.2 * pin_ff


def test_default_wire_of_another_library() -> None:
    assert default_wire(LIBRARY).femtofarad == pytest.approx(10.0)
    assert default_wire(LIBRARY).source == "as much as the input of INV"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    save_network(network(signed=True), folder / "small.json")
    rng = np.random.default_rng(5)
    np.savez(folder / "x.npz", x=rng.integers(-4, 4, (7, 6)))
    np.savez(folder / "none.npz", x=np.zeros((0, 6), np.int64))
    return folder


def arguments(small: Path, *more: object) -> list[object]:
    data = more if "--data" in more else ("--data", small / "x.npz", *more)
    return ["power", small / "small.json", *data]


def test_report(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "power"
    result = json_of(
        capsys, *arguments(small, "--arch", "serial", "--clock", 50, "--rate", 1000, "-o", out)
    )
    assert json.loads((out / "power.json").read_text()) == result
    files = {"power.json", "manifest.json", "netlist.v", "netlist.json", "hwgen_small.v"}
    assert {path.name for path in out.iterdir()} == files | {"yosys.log"}
    interval = result["interval_cycles"]
    assert (result["inferences"], result["cycles"]) == (7, 7 * interval)
    assert result["highest_rate_hz"] == pytest.approx(1e9 / 50 / interval)
    leak = result["leakage_nw"]
    assert result["leakage_energy_pj"] == pytest.approx(1e-6 * leak * 50 * interval, rel=1e-3)
    dynamic = result["dynamic_energy_pj"]
    assert result["energy_pj"] == pytest.approx(dynamic + result["leakage_energy_pj"])
    assert result["average_power_uw"] == pytest.approx(1e-3 * dynamic + 1e-3 * leak, abs=1e-5)
    for key in ("dynamic_by_kind_pj", "dynamic_by_module_pj"):
        assert sum(result[key].values()) == pytest.approx(dynamic, abs=1e-4)
    kinds = ["clock", "sequential", "combinational", "clock_tree"]
    assert list(result["dynamic_by_kind_pj"]) == kinds
    assert min(result["dynamic_by_kind_pj"].values()) > 0
    assert 0 < result["internal_energy_pj"] < dynamic
    assert result["wire_cap_ff"] == 2.6
    said = "\n".join(result["assumptions"])
    assert all(word in said for word in ("glitches", "2.6 fF", "clock tree", "1.2 V", "inside"))


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
def test_glitches(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many adders in a row: most changes settle nothing; without Icarus none are counted."""
    given = arguments(small, "--bare", "--simulator", QUICK)
    found = json_of(capsys, *given)
    monkeypatch.setattr(flow, "countable", lambda: False)
    settles = json_of(capsys, *given)
    assert settles["glitch_energy_pj"] is None
    assert "glitches are not counted, as Icarus is not installed" in str(settles["assumptions"])
    assert "glitches counted over 7 inferences" in str(found["assumptions"])
    glitches = found["dynamic_energy_pj"] - settles["dynamic_energy_pj"]
    assert found["glitch_energy_pj"] == pytest.approx(glitches, abs=1e-5)
    assert 0.2 < glitches / settles["dynamic_energy_pj"] < 5


def test_clock_gates_save_clock_energy(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same design without clock gates: registers under an enable are clocked all the time.

    With three MACs, as accumulators of a single one move in nearly every cycle.
    """
    options = ("--arch", "serial", "--macs", 3, "--samples", 2, "--simulator", QUICK)
    gated = json_of(capsys, *arguments(small, *options))
    monkeypatch.setattr(CellLibrary, "clock_gate", None)
    plain = json_of(capsys, *arguments(small, *options))
    clock, without = (r["dynamic_by_kind_pj"]["clock"] for r in (gated, plain))
    assert clock < 0.8 * without
    assert plain["dynamic_by_kind_pj"]["sequential"] > 0


def test_figures_for_people(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments(
        small, "--bare", "--samples", 3, "--wire-cap", 0, "--pdk", "asap7", "--simulator", QUICK
    )
    assert run([*map(str, given)]) == 0
    text = capsys.readouterr().out
    assert "J an inference: " in text
    assert "counted over 3 inferences, 3 cycles" in text
    assert "dynamic energy by module" in text
    assert "* the wire to a driven pin weighs 0 fF: as given" in text


def test_too_fast_a_clock(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, *arguments(small, "--bare", "--clock", 0.1))
    assert said.startswith("--clock: 0.1 ns, at least ")
    assert said.endswith(" ns by static timing")


def test_too_high_a_rate(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, *arguments(small, "--bare", "--clock", 100, "--rate", 2e7))
    assert said == "--rate: 2e+07 inferences a second, at most 1e+07 at 100 ns"


def test_no_samples(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, *arguments(small, "--data", small / "none.npz"))
    assert said.endswith("none.npz: no samples, at least 1 is needed")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pdk", "cmos"), r"--pdk: 'cmos' is not known, one of asap7"),
        (("--recipe", "fast"), r"--recipe: 'fast' is not known, one of area"),
        (("--liberty", "none.lib"), r"none.lib: No such file"),
        (("--macs", "2"), r"--macs: given with parallel"),
        (("--clock", "nan"), r"--clock: found nan, a finite number is needed"),
        (("--rate", "inf"), r"--rate: found inf, a finite number is needed"),
        (("--wire-cap", "nan"), r"--wire-cap: found nan, a finite number is needed"),
    ],
)
def test_refusals(
    small: Path, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, *arguments(small, *options)).startswith(said)


@pytest.mark.parametrize(
    "options",
    [
        ("--samples", "0"),
        ("--clock", "0"),
        ("--clock", "1e10"),
        ("--rate", "0"),
        ("--wire-cap", "-1"),
        ("--wire-cap", "1e9"),
    ],
)
def test_wrong_usage(
    small: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*map(str, arguments(small, *options))]) == 2
    assert capsys.readouterr().out == ""


def test_clock_is_rounded_up() -> None:
    assert [flow.rounded_up(t) for t in (5.241, 5.25, 0.001, 1.2164)] == [5.25, 5.25, 0.01, 1.22]


@pytest.mark.parametrize(
    ("pico", "text"), [(0.0123, "12.3 f"), (28.49, "28.5 p"), (6170.0, "6.17 n"), (2.6e9, "2.6 m")]
)
def test_prefixes(pico: float, text: str) -> None:
    assert flow.si(pico) == text
