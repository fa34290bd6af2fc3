"""The delay of each gate of a netlist, for a simulation that counts glitches.

A gate has one delay for its output's rise and one for its fall: the mean over its inputs of what
the library's tables say at the slews and loads of static timing. Clocks, gated or not, arrive
everywhere at once.
"""

from collections.abc import Iterator

from hwgen.synth.libraries.delays import Arc
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.mapping.netlist import Flat, Instance
from hwgen.synth.timing import FALL, RISE, Timing, edges_before

Delays = dict[str, tuple[int, int]]
"""Picoseconds until an output pin has risen, or fallen."""


def gate_delays(flat: Flat, library: CellLibrary, timing: Timing) -> list[Delays]:
    """The delays of each instance, in the order of ``flat.instances``.

    Parameters
    ----------
    timing
        Slews and loads of the same netlist.
    """
    return [
        {
            pin: (
                _delay(cell, instance, pin, RISE, timing),
                _delay(cell, instance, pin, FALL, timing),
            )
            for pin in cell.outputs
            if pin in instance.pins and cell.clock_gate is None
        }
        for instance in flat.instances
        for cell in (library.cells[instance.cell],)
    ]


def _delay(cell: Cell, instance: Instance, pin: str, edge: int, timing: Timing) -> int:
    found = list(_arc_delays(cell, instance, pin, edge, timing))
    return max(0, round(1e3 * sum(found) / len(found))) if found else 0


def _arc_delays(
    cell: Cell, instance: Instance, pin: str, edge: int, timing: Timing
) -> Iterator[float]:
    """In ns, of each arc and each edge before it."""
    load = timing.load.get((instance.pins[pin], edge), 0.0)
    for arc in cell.arcs:
        table = arc.rise if edge == RISE else arc.fall
        if arc.target != pin or arc.source not in instance.pins or table is None:
            continue
        for before in edges_before(arc, edge):
            yield table.at(_slew(arc, instance, before, timing), load)


def _slew(arc: Arc, instance: Instance, edge: int, timing: Timing) -> float:
    return 0.0 if arc.clocked else timing.slew.get((instance.pins[arc.source], edge), 0.0)
