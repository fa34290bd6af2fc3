"""What static timing takes for the worst, and the nets that pass a library's limits."""

from dataclasses import replace

import pytest

from hwgen.synth.libraries.delays import Arc, DelayTable
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.limits import excess
from hwgen.synth.report import measure_netlist
from hwgen.synth.timing import FALL, analyse
from tests.synth.test_timing import FF, INV, LIBRARY, NAND, RING, design, module, pin, port, table


def slopes(*slews: float) -> DelayTable:
    """Slews at input slews of 0 and 1 ns, whatever the load."""
    return DelayTable((0.0, 1.0), (0.0,), tuple((slew,) for slew in slews))


def library(**cells: object) -> CellLibrary:
    return replace(LIBRARY, cells={**LIBRARY.cells, **cells})


FAN = module(
    {"x": port("input", 2, 3), "y": port("output", 5)},
    {
        "n": ("NAND", {"A": 2, "B": 3, "Y": 4}),
        **{f"i{k}": ("INV", {"A": 4, "Y": 5 + k}) for k in range(3)},
    },
)
"""A NAND that drives three inverters."""


def test_a_driver_sees_the_largest_pins_of_its_edge() -> None:
    wide = replace(INV, pins={**INV.pins, "A": pin("A", 0.01, rise_capacitance=0.012)})
    timing = analyse(design(top=FAN).flat(), library(INV=wide))
    [net] = [net for net, edge in timing.load if timing.load[net, edge] == pytest.approx(0.036)]
    assert timing.load[net, FALL] == pytest.approx(0.03)


def test_a_net_has_the_slowest_slew_though_another_arc_is_the_last() -> None:
    def arc(source: str, delay: float, slew: float) -> Arc:
        flat = table(delay, delay)
        return Arc(
            source, "Y", "combinational", "negative", flat, flat, slopes(slew, slew),
            slopes(slew, slew),
        )  # fmt: skip

    nand = replace(NAND, arcs=(arc("A", 0.5, 0.1), arc("B", 0.2, 0.4)))
    slow = DelayTable((0.0, 1.0), (0.0,), ((0.0,), (1.0,)))
    inverter = replace(
        INV, arcs=(Arc("A", "Y", "combinational", "negative", slow, slow, slopes(0, 0)),)
    )
    path = analyse(design(top=FAN).flat(), library(NAND=nand, INV=inverter)).path
    assert path.start == "x[0]"
    assert path.delay == pytest.approx(0.5 + 0.4)


def test_nets_over_a_limit() -> None:
    nand = replace(NAND, pins={**NAND.pins, "Y": replace(NAND.pins["Y"], max_capacitance=0.02)})
    steep = replace(INV, pins={**INV.pins, "A": pin("A", 0.01, max_transition=0.25)})
    slow = tuple(replace(a, rise_slew=slopes(0.5, 0.5), fall_slew=slopes(0, 0)) for a in NAND.arcs)
    cells = library(NAND=replace(nand, arcs=slow), INV=steep)
    flat = design(top=FAN).flat()
    found = excess(flat, cells, analyse(flat, cells))
    [(net, share)] = found.capacitance.items()
    assert share == pytest.approx(1.5)
    assert found.transition == {net: pytest.approx(2.0)}
    report = measure_netlist(design(top=FAN), cells).to_json()
    assert report["nets_over"] == {"max_capacitance": 1, "max_transition": 1}


def test_clock_nets_are_left_to_a_clock_tree() -> None:
    clock = replace(FF, pins={**FF.pins, "C": pin("C", 0.04, clock=True, max_transition=0.0)})
    cells = library(FF=clock)
    flat = design(top=RING).flat()
    assert excess(flat, cells, analyse(flat, cells)).transition == {}
