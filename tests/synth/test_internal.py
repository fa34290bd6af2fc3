"""Energy inside cells: read from Liberty, kept in tables, counted by what pins do."""

from dataclasses import replace

import pytest

from hwgen.synth.internal import internal_energy
from hwgen.synth.libraries.cells import library_from_groups
from hwgen.synth.libraries.delays import DelayTable
from hwgen.synth.libraries.liberty import parse_liberty
from hwgen.synth.libraries.library import Cell, CellLibrary, Power
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.power import FANOUT, switching
from hwgen.synth.timing import analyse
from tests.synth.test_timing import FF, LIBRARY, NAND, Pin, design, module, pin, port


def energy(*values: float) -> DelayTable:
    """Energies at the loads 0 and 1 pF, whatever the slew."""
    return DelayTable((0.0,), (0.0, 1.0)[: len(values)], (values,))


NAND_POWERED = replace(
    NAND,
    powers=(
        Power("Y", "A", None, energy(1.0, 3.0)),
        Power("Y", "B", None, energy(2.0, 4.0)),
        Power("A", None, None, energy(0.5)),
    ),
)
FF_POWERED = replace(
    FF,
    powers=(
        Power("C", None, "D&Q", energy(1.0)),
        Power("C", None, "!D&!Q", energy(3.0)),
        Power("D", None, "!C", energy(0.25)),
        Power("Q", "C", None, energy(5.0)),
    ),
)
CELLS = replace(LIBRARY, cells={**LIBRARY.cells, "NAND": NAND_POWERED, "FF": FF_POWERED})
GATE = module(
    {"x": port("input", 2, 3), "y": port("output", 5)},
    {"n": ("NAND", {"A": 2, "B": 3, "Y": 4}), "i": ("INV", {"A": 4, "Y": 5})},
)


def found(
    netlist: Netlist, library: CellLibrary, changes: dict[str, float], high: dict[str, float]
) -> dict[str, float]:
    """The energy by pin as ``instance.pin``; nets by the pin that says what they are called."""
    flat = netlist.flat()
    nets = {f"{i.path}.{p}": net for i in flat.instances for p, net in i.pins.items()}
    entries = internal_energy(
        flat,
        library,
        analyse(flat, library),
        {nets[name]: value for name, value in changes.items()},
        {nets[name]: value for name, value in high.items()},
    )
    return {f"{instance.path}.{name}": pj for instance, name, pj in entries}


def test_the_input_that_changes_and_is_seen_counts_for_the_output() -> None:
    """A is seen while B is 1, B while A is 1; the NAND drives 0.01 pF."""
    changes = {"n.A": 4.0, "n.B": 2.0, "n.Y": 3.0}
    pins = found(design(top=GATE), CELLS, changes, {"n.A": 0.75, "n.B": 0.25})
    by_a, by_b = 4 * 0.25, 2 * 0.75
    assert pins["n.Y"] == pytest.approx(3 * (by_a * 1.02 + by_b * 2.02) / (by_a + by_b))
    assert pins["n.A"] == pytest.approx(4 * 0.5 * (1 - 0.25))


def test_conditions_of_a_flip_flop_hold_as_often_as_their_pins_are_so() -> None:
    bit = module(
        {"clk": port("input", 2), "d": port("input", 3), "q": port("output", 4)},
        {"f": ("FF", {"C": 2, "D": 3, "Q": 4})},
    )
    changes = {"f.C": 20.0, "f.D": 6.0, "f.Q": 4.0}
    pins = found(design(top=bit), CELLS, changes, {"f.D": 0.2, "f.Q": 0.3, "f.C": 0.5})
    assert pins["f.C"] == pytest.approx(20 * (0.2 * 0.3 * 1.0 + 0.8 * 0.7 * 3.0))
    assert pins["f.D"] == pytest.approx(6 * 0.5 * 0.25)
    assert pins["f.Q"] == pytest.approx(4 * 5.0)


def test_it_is_part_of_the_whole() -> None:
    netlist = design(top=GATE)
    changes = {net: 2.0 for _, net in netlist.flat().inputs}
    changes |= {i.pins["Y"]: 2.0 for i in netlist.flat().instances}
    bare = switching(netlist, LIBRARY, changes, 1.0)
    powered = switching(netlist, CELLS, changes, 1.0)
    assert powered.internal > 0
    assert powered.energy == pytest.approx(bare.energy + powered.internal)
    assert sum(powered.by_module.values()) == pytest.approx(powered.energy)


def test_a_clock_tree_is_allowed_for() -> None:
    """One buffer to twelve pins, and one more level as soon as there are more than twelve."""
    buffer = Cell(
        "BUF",
        area=1.0,
        leakage=0.0,
        pins={"A": pin("A", 0.015), "X": Pin("X", "output", function="A")},
    )
    cells = replace(LIBRARY, cells={**LIBRARY.cells, "BUF": buffer})

    def tree(sinks: int) -> float:
        flops = {f"f{i}": ("FF", {"C": 2, "D": 3, "Q": 4 + i}) for i in range(sinks)}
        bits = module({"clk": port("input", 2), "d": port("input", 3)}, flops)
        netlist = design(top=bits)
        nets = {net for i in netlist.flat().instances for net in i.pins.values()}
        return switching(netlist, cells, dict.fromkeys(nets, 1.0), 1.0).by_kind["clock_tree"]

    one = 2.0**2 / 2 * (0.015 + 0.001)
    assert [tree(n) for n in (1, FANOUT, FANOUT + 1)] == pytest.approx([0.0, 0.0, 2 * one])
    assert tree(FANOUT**2 + 1) == pytest.approx((13 + 2) * one)


LIBERTY = """
library (l) {
  capacitive_load_unit (1, ff); nom_voltage : 1.0; time_unit : "1ns";
  power_lut_template (p) {
    variable_1 : total_output_net_capacitance; variable_2 : input_transition_time;
    index_1 ("1, 2"); index_2 ("1, 2, 3");
  }
  cell (X) {
    area : 1; ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; }
    pin (C) { direction : input; clock : true;
      internal_power () { when : "D"; rise_power (scalar) { values ("6"); } }
      internal_power () { rise_power (scalar) { values ("100"); } }
    }
    pin (D) { direction : input; }
    pin (Q) { direction : output; function : "IQ";
      internal_power () { related_pin : "C"; when : "D"; related_pg_pin : "VDD";
        rise_power (p) { values ("1, 2, 3", "4, 5, 6"); } }
      internal_power () { related_pin : "C"; when : "D"; related_pg_pin : "VSS";
        rise_power (scalar) { values ("10"); } }
      internal_power () { related_pin : "C"; when : "!D"; fall_power (scalar) { values ("8"); } }
    }
  }
}
"""


def test_groups_of_a_liberty_file() -> None:
    """fJ become pJ; supplies add up, edges and conditions are meant; named conditions win."""
    [cell] = library_from_groups([parse_liberty(LIBERTY, "l")], ["l"]).cells.values()
    clock, output = cell.powers
    assert (clock.pin, clock.related, clock.when) == ("C", None, "D")
    assert clock.energy.at(0.0, 0.0) == pytest.approx(0.003)
    assert (output.pin, output.related, output.when) == ("Q", "C", None)
    assert output.energy.rows == pytest.approx((1.0, 2.0, 3.0))
    assert output.energy.cols == pytest.approx((0.001, 0.002))
    assert output.energy.at(3.0, 0.001) == pytest.approx(1e-3 * (3 + 10 + 8) / 2)
