"""Energy of a mapped netlist from how often its nets change.

A change of a net moves the charge of half a cycle, ``C V^2 / 2``: the capacitance of every pin
that the net drives, and of the wire to it. Both count where the pin is: in the module of its cell,
and as ``clock`` (clock pins of flip-flops and clock gates), ``sequential`` (their other pins) or
``combinational`` (pins of gates). What output ports drive is not the design's. What a cell takes
inside besides (:mod:`hwgen.synth.internal`) counts where the changing pin is.

A clock tree is not there yet. What is allowed for one is a buffer to every :data:`FANOUT` pins that
a clock net drives, and again for the buffers.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.support.errors import HwgenError
from hwgen.synth.internal import internal_energy
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.libraries.processes import Wire, processes
from hwgen.synth.mapping.netlist import Net, Netlist
from hwgen.synth.timing import analyse

KINDS = ("clock", "sequential", "combinational", "clock_tree")

FANOUT = 12
"""Clock pins, or buffers, that a buffer of the clock tree is taken to drive."""


@dataclass(frozen=True)
class Switching:
    """Energy in pJ, whole, by module and by kind (:data:`KINDS`); both sum to the whole.

    ``internal`` is the part that is taken inside cells.
    """

    energy: float
    internal: float
    by_module: dict[str, float]
    by_kind: dict[str, float]


def default_wire(library: CellLibrary) -> Wire:
    """The wire to a driven pin where nothing is known of the layout: an assumption."""
    known = processes().get(library.name)
    if known is not None:
        return known.wire
    inverter = library.gates(0b01, 1)[0]
    load = sum(inverter.pins[pin].capacitance for pin in inverter.inputs)
    source = f"as much as the input of {inverter.name}"
    return Wire(femtofarad=round(1e3 * load, 3), source=source)


def switching(
    netlist: Netlist,
    library: CellLibrary,
    changes: Mapping[Net, float],
    wire: float,
    high: Mapping[Net, float] | None = None,
) -> Switching:
    """Energy that the changes of the nets take.

    Parameters
    ----------
    changes
        Changes between 0 and 1 by net of :meth:`~hwgen.synth.mapping.netlist.Netlist.flat`.
    wire
        Capacitance in fF of the wire to each driven pin.
    high
        Share of the time at 1 by net, 0..1; None: half of it everywhere.

    Raises
    ------
    HwgenError
        The library states no supply voltage.
    """
    if not library.voltage:
        raise HwgenError(library.name, "no supply voltage", "a library with nom_voltage")
    half = library.voltage**2 / 2
    homes = {path: module for path, module, _ in netlist.places()}
    by_module: dict[str, float] = dict.fromkeys(netlist.uses(), 0.0)
    by_kind: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    flat = netlist.flat()
    readers: Counter[Net] = Counter()
    sinks: Counter[Net] = Counter()
    for instance in flat.instances:
        cell = library.cells[instance.cell]
        for pin in cell.inputs:
            net = instance.pins.get(pin)
            if not isinstance(net, int):
                continue
            readers[net] += 1
            sinks[net] += pin in cell.clocks
            energy = half * (cell.pins[pin].capacitance + 1e-3 * wire) * changes[net]
            by_module[homes[instance.path]] += energy
            by_kind[_kind(cell, pin in cell.clocks)] += energy
    timing = analyse(flat, library, lambda net: 1e-3 * wire * readers[net])
    inside = 0.0
    for instance, pin, energy in internal_energy(flat, library, timing, changes, high or {}):
        cell = library.cells[instance.cell]
        by_module[homes[instance.path]] += energy
        by_kind[_kind(cell, pin in cell.clocks)] += energy
        inside += energy
    tree = sum(_buffers(count) * changes[net] for net, count in sinks.items() if count)
    by_kind["clock_tree"] = tree * _buffer_energy(library, half, wire)
    by_module[netlist.top] += by_kind["clock_tree"]
    return Switching(math.fsum(by_kind.values()), inside, by_module, by_kind)


def _buffers(sinks: int) -> int:
    """Buffers in a tree to so many pins."""
    total = 0
    while sinks > FANOUT:
        sinks = math.ceil(sinks / FANOUT)
        total += sinks
    return total


def _buffer_energy(library: CellLibrary, half: float, wire: float) -> float:
    """What a change takes of a buffer in a clock tree: its input, its wire, its inside, in pJ."""
    found = library.gates(0b10, 1)
    if not found:
        return 0.0
    buffer = found[0]
    outputs = [p.energy for p in buffer.powers if p.related]
    load = FANOUT * (buffer.pins[buffer.inputs[0]].capacitance + 1e-3 * wire)
    inside = outputs[0].at(0.0, load) if outputs else 0.0
    return half * (buffer.pins[buffer.inputs[0]].capacitance + 1e-3 * wire) + inside


def leakage_energy(leakage: float, seconds: float) -> float:
    """Energy in pJ that ``leakage`` in nW takes in some seconds."""
    return 1e3 * leakage * seconds


def average_power(energy: float, rate: float, leakage: float) -> float:
    """Power in uW at ``rate`` inferences a second of ``energy`` pJ, and ``leakage`` in nW."""
    return 1e-6 * energy * rate + 1e-3 * leakage


def _kind(cell: Cell, clock: bool) -> str:
    if clock:
        return "clock"
    return "sequential" if cell.sequential else "combinational"
