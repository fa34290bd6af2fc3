"""Static timing by hand, and what the report says of the slowest path."""

from dataclasses import replace
from typing import Any

import pytest

from hwgen.flows.cli.synth import show_areas
from hwgen.flows.synthesis import DesignReport
from hwgen.rtl.parallel import Parallel
from hwgen.synth.libraries.delays import Arc, DelayTable
from hwgen.synth.libraries.library import Cell, CellLibrary, Pin, State
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.report import measure_netlist
from hwgen.synth.timing import critical_path


def table(*loads: float) -> DelayTable:
    """Times at the loads 0 and 1 pF, whatever the slew."""
    return DelayTable((0.0,), (0.0, 1.0), (loads,))


def pin(name: str, capacitance: float, **more: Any) -> Pin:
    return Pin(name, "input", capacitance, **more)


FLAT = table(0.0, 0.0)
INV = Cell(
    "INV",
    area=1.0,
    leakage=2.0,
    pins={"A": pin("A", 0.01), "Y": Pin("Y", "output", function="!A")},
    arcs=(
        Arc("A", "Y", "combinational", "negative", table(0.1, 1.1), table(0.2, 2.2), FLAT, FLAT),
    ),
)
NAND = Cell(
    "NAND",
    area=1.5,
    leakage=3.0,
    pins={
        "A": pin("A", 0.02),
        "B": pin("B", 0.03),
        "Y": Pin("Y", "output", function="!(A&B)"),
    },
    arcs=tuple(
        Arc(source, "Y", "combinational", "negative", table(d, d), table(d, d), FLAT, FLAT)
        for source, d in (("A", 0.05), ("B", 0.06))
    ),
)
SETUP = Arc("C", "D", "setup_rising", "both", table(0.07, 0.07), table(0.08, 0.08))
FF = Cell(
    "FF",
    area=5.0,
    leakage=7.0,
    pins={
        "C": pin("C", 0.04, clock=True),
        "D": pin("D", 0.05),
        "Q": Pin("Q", "output", function="IQ"),
    },
    arcs=(
        Arc("C", "Q", "rising_edge", "both", table(0.3, 1.3), table(0.4, 1.4), FLAT, FLAT),
        SETUP,
    ),
    state=State("ff", ("IQ", "IQN"), {"clocked_on": "C", "next_state": "D"}),
)
LIBRARY = CellLibrary("hand", "typ", {c.name: c for c in (INV, NAND, FF)}, voltage=2.0)


def port(direction: str, *bits: int | str) -> dict[str, Any]:
    return {"direction": direction, "bits": list(bits)}


def module(
    ports: dict[str, Any], cells: dict[str, Any], names: dict[str, Any] | None = None, top: int = 0
) -> dict[str, Any]:
    """A module as ``write_json`` has it: cells as ``(type, {pin: bit})``."""
    return {
        "attributes": {"top": f"{top:b}"},
        "ports": ports,
        "cells": {
            name: {
                "type": kind,
                "connections": {p: b if isinstance(b, list) else [b] for p, b in pins.items()},
            }
            for name, (kind, pins) in cells.items()
        },
        "netnames": {name: {"bits": bits, "hide_name": 0} for name, bits in (names or {}).items()},
    }


def design(**modules: dict[str, Any]) -> Netlist:
    return Netlist({"modules": modules}, "top")


RING = module(
    {"clk": port("input", 2), "en": port("input", 3), "q": port("output", 4)},
    {
        "f$1": ("FF", {"C": 2, "D": 7, "Q": 4}),
        "i$2": ("INV", {"A": 4, "Y": 5}),
        "i$3": ("INV", {"A": 5, "Y": 6}),
        "n$4": ("NAND", {"A": 6, "B": 3, "Y": 7}),
    },
    names={"clk": [2], "en": [3], "state": [8, 4]},
)
"""A flip-flop through two inverters and a NAND back to itself."""


def test_register_to_register() -> None:
    path = critical_path(design(top=RING).flat(), LIBRARY)
    # Q falls under 0.01 pF, then Y rises under 0.01, Y falls under 0.02, Y rises; D rises: setup.
    arrivals = [0.4 + 0.01, 0.41 + 0.1 + 0.01, 0.52 + 0.2 + 0.04, 0.76 + 0.05]
    assert [stage.arrival for stage in path.stages] == pytest.approx(arrivals)
    assert [stage.edge for stage in path.stages] == ["fall", "rise", "fall", "rise"]
    assert [stage.load for stage in path.stages] == pytest.approx([0.01, 0.01, 0.02, 0.05])
    assert (path.start, path.end, path.setup) == ("f$1.C", "f$1.D", 0.07)
    assert path.delay == pytest.approx(0.88)


def test_timing_of_the_report() -> None:
    timing = measure_netlist(design(top=RING), LIBRARY).to_json()["timing"]
    assert timing["fastest_clock_ns"] == 0.88
    assert timing["fastest_clock_mhz"] == pytest.approx(1136.364)
    assert (timing["start"], timing["end"], timing["setup_ns"]) == ("f$1.C", "f$1.D", 0.07)
    assert (timing["start_register"], timing["end_register"]) == ("state[1]", "state[1]")
    assert timing["stages"][1] == {
        "instance": "i$2",
        "cell": "INV",
        "pin": "Y",
        "edge": "rise",
        "arrival_ns": 0.52,
        "delay_ns": 0.11,
    }
    total = sum(stage["delay_ns"] for stage in timing["stages"]) + timing["setup_ns"]
    assert total == pytest.approx(timing["fastest_clock_ns"])
    assert not any("no setup time" in text for text in timing["assumptions"])


def test_library_without_setup_times() -> None:
    bare = replace(LIBRARY, cells={**LIBRARY.cells, "FF": replace(FF, arcs=FF.arcs[:1])})
    path = critical_path(design(top=RING).flat(), bare)
    assert (path.end, path.setup, path.delay) == ("f$1.D", None, pytest.approx(0.81))
    assert any("no setup time" in text for text in path.to_json()["assumptions"])


def test_input_to_output() -> None:
    wires = module(
        {"x": port("input", 2, 3), "y": port("output", 5)},
        {"a": ("INV", {"A": 3, "Y": 4}), "b": ("NAND", {"A": 2, "B": 4, "Y": 5})},
    )
    path = critical_path(design(top=wires).flat(), LIBRARY)
    assert (path.start, path.end, path.setup) == ("x[1]", "y", None)
    assert path.delay == pytest.approx(0.2 + 2 * 0.03 + 0.06)
    timing = path.to_json()
    assert (timing["start_register"], timing["end_register"]) == (None, None)


def test_nothing_on_the_way() -> None:
    through = module({"x": port("input", 2), "y": port("output", 2)}, {})
    timing = critical_path(design(top=through).flat(), LIBRARY).to_json()
    assert (timing["fastest_clock_ns"], timing["fastest_clock_mhz"]) == (0.0, None)
    assert timing["stages"] == []


def test_register_inside_a_module() -> None:
    top = module(
        {"clk": port("input", 2), "en": port("input", 3), "q": port("output", 4)},
        {"inner": ("ring", {"clk": 2, "en": 3, "q": 4})},
    )
    path = measure_netlist(design(top=top, ring=RING), LIBRARY).path
    assert (path.start, path.start_register) == ("inner.f$1.C", "inner.state[1]")


def test_submodule_with_one_net_on_two_ports() -> None:
    """What drives the second port drives what hangs on it, too."""
    twice = module(
        {"a": port("input", 2), "y": port("output", 3), "z": port("output", 3)},
        {"i": ("INV", {"A": 2, "Y": 3})},
    )
    top = module(
        {"x": port("input", 2), "y": port("output", 5)},
        {
            "one": ("twice", {"a": 2, "y": 3, "z": 4}),
            "n": ("NAND", {"A": 3, "B": 4, "Y": 5}),
        },
    )
    flat = design(top=top, twice=twice).flat()
    pins = {instance.cell: instance.pins for instance in flat.instances}
    assert pins["NAND"]["A"] == pins["NAND"]["B"] == pins["INV"]["Y"]
    path = critical_path(flat, LIBRARY)
    assert path.delay == pytest.approx(0.2 + 2 * 0.05 + 0.06)


@pytest.mark.parametrize("bits", [("1", "0"), ("0", "1")])
def test_submodule_with_constant_outputs(bits: tuple[str, str]) -> None:
    fixed = module({"y": port("output", *bits)}, {})
    top = module(
        {"y": port("output", 4)},
        {"one": ("fixed", {"y": [2, 3]}), "n": ("NAND", {"A": 2, "B": 3, "Y": 4})},
    )
    [gate] = design(top=top, fixed=fixed).flat().instances
    assert (gate.pins["A"], gate.pins["B"]) == bits


def test_submodule_that_hands_on_its_input() -> None:
    through = module({"a": port("input", 2), "y": port("output", 2)}, {})
    top = module(
        {"x": port("input", 2), "y": port("output", 4)},
        {
            "one": ("through", {"a": 2, "y": 3}),
            "i": ("INV", {"A": 3, "Y": 4}),
        },
    )
    flat = design(top=top, through=through).flat()
    assert flat.instances[0].pins["A"] == dict(flat.inputs)["x"]


def test_path_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    report = measure_netlist(design(top=RING), LIBRARY)
    about = {"top": "top", "latency_cycles": 1, "interval_cycles": 1, "network_sha256": ""}
    show_areas(DesignReport(**vars(report), arch=Parallel(), **about))
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    at = shown.index(["from", "to", "stages", "ns", "setup", "ns", "fastest", "clock", "MHz"])
    assert shown[at + 1] == ["state[1]", "state[1]", "4", "0.88", "0.07", "1,136.4"]
