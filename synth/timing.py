"""Static timing of a mapped netlist from the library's delay tables.

Pre-layout: a net's load is the sum of the pins it drives, wires weigh nothing, inputs and the
clock, gated or not, arrive at time 0 as steps, and no buffer has been put in.

As sign-off tools do it, nothing is taken for better than it may be: a driver sees the largest
capacitance of each pin for its edge, a net has the slowest slew that any arc into it makes, though
another arc may be the last, and of all conditions of an arc the slowest counts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries import logic
from hwgen.synth.libraries.delays import Arc, DelayTable
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.mapping.netlist import Flat, Instance, Net

ASSUMPTIONS = (
    "before layout: wires weigh nothing, no buffers",
    "inputs arrive at the clock edge, outputs are due at the next",
    "one edge for all: no skew, no jitter, a gated clock is as early as any",
)
_WITHOUT_SETUP = (*ASSUMPTIONS, "no setup time at the end: a port, or not in the library")

RISE, FALL = 0, 1
_EDGES = ("rise", "fall")


@dataclass(frozen=True)
class PathStage:
    """One cell of a path. Times in ns, load in pF; ``edge`` is that of its output."""

    instance: str
    cell: str
    pin: str
    edge: str
    arrival: float
    slew: float
    load: float


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path: ``delay`` ns from ``start`` to ``end``, ``setup`` ns of it at the end.

    Attributes
    ----------
    start, end
        A port's bit, or a flip-flop's pin as ``instance.pin``.
    setup
        ``None`` where the path ends at a port, or the library states no setup time.
    start_register, end_register
        What the source calls the register's bit, where it begins or ends there and is known.
    """

    delay: float
    start: str
    end: str
    setup: float | None
    stages: tuple[PathStage, ...]
    start_register: str | None = None
    end_register: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The path with what it means for the clock, as plain data; times in ns."""
        arrivals = [0.0, *(stage.arrival for stage in self.stages)]
        period = round(self.delay, 6)
        return {
            "start": self.start,
            "end": self.end,
            "start_register": self.start_register,
            "end_register": self.end_register,
            "fastest_clock_ns": period,
            "fastest_clock_mhz": round(1e3 / period, 3) if period else None,
            "setup_ns": None if self.setup is None else round(self.setup, 6),
            "stages": [
                {
                    "instance": stage.instance,
                    "cell": stage.cell,
                    "pin": stage.pin,
                    "edge": stage.edge,
                    "arrival_ns": round(stage.arrival, 6),
                    "delay_ns": round(stage.arrival - before, 6),
                }
                for before, stage in zip(arrivals, self.stages, strict=False)
            ],
            "assumptions": list(ASSUMPTIONS if self.setup is not None else _WITHOUT_SETUP),
        }


@dataclass(frozen=True)
class _From:
    """Where an arrival came from: net, pin and edge before, and the stage that made it."""

    net: Net
    pin: str
    edge: int
    stage: PathStage
    clocked: bool


class _Arrivals:
    """Load in pF, latest arrival and slowest slew in ns, and origin, by net and edge."""

    def __init__(self) -> None:
        self.load: dict[tuple[Net, int], float] = defaultdict(float)
        self.time: dict[tuple[Net, int], float] = {}
        self.slew: dict[tuple[Net, int], float] = {}
        self.origin: dict[tuple[Net, int], _From] = {}


@dataclass(frozen=True)
class Timing:
    """Every net of a netlist in time.

    Attributes
    ----------
    path
        The slowest path.
    load, slew
        pF and ns by net and edge (:data:`RISE`, :data:`FALL`); nets that change have a slew.
    """

    path: CriticalPath
    load: Mapping[tuple[Net, int], float]
    slew: Mapping[tuple[Net, int], float]


def critical_path(flat: Flat, library: CellLibrary) -> CriticalPath:
    """The slowest path from any input or flip-flop to any output or flip-flop.

    Raises
    ------
    HwgenError
        As of :func:`analyse`.
    """
    return analyse(flat, library).path


def analyse(
    flat: Flat, library: CellLibrary, wires: Callable[[Net], float] = lambda _: 0.0
) -> Timing:
    """Arrival, slew and load of every net; ``wires`` says what the wire of a net weighs, in pF.

    Raises
    ------
    HwgenError
        A cell is not in the library, or the netlist has a combinational loop.
    """
    cells = [_known(instance.cell, library) for instance in flat.instances]
    arrivals = _Arrivals()
    for instance, cell in zip(flat.instances, cells, strict=True):
        for pin in cell.inputs:
            if pin in instance.pins:
                for edge, load in enumerate(cell.pins[pin].loads):
                    arrivals.load[instance.pins[pin], edge] += load
    for net, edge in arrivals.load:
        arrivals.load[net, edge] += wires(net)
    _propagate(flat, cells, arrivals)
    return Timing(_slowest(flat, cells, arrivals), arrivals.load, arrivals.slew)


def _known(name: str, library: CellLibrary) -> Cell:
    cell = library.cells.get(name)
    if cell is None:
        raise HwgenError("netlist", f"cell {name!r}", f"cells of {library.name}")
    return cell


def _propagate(flat: Flat, cells: list[Cell], arrivals: _Arrivals) -> None:
    """Visit outputs in topological order; what is left over is a loop."""
    arcs: dict[tuple[int, str], list[Arc]] = {}
    readers: dict[Net, list[tuple[int, str]]] = defaultdict(list)
    missing: dict[tuple[int, str], int] = {}
    driven = {
        flat.instances[i].pins[pin]
        for i, cell in enumerate(cells)
        for pin in cell.outputs
        if pin in flat.instances[i].pins
    }
    for i, cell in enumerate(cells):
        pins = flat.instances[i].pins
        for pin in cell.outputs:
            if pin not in pins:
                continue
            key = (i, pin)
            arcs[key] = [a for a in cell.arcs if a.target == pin and a.source in pins]
            sources = {pins[a.source] for a in arcs[key] if not a.clocked} & driven
            missing[key] = len(sources)
            for net in sources:
                readers[net].append(key)
    ready = [key for key, count in missing.items() if not count]
    done = 0
    while ready:
        key = ready.pop()
        done += 1
        net = _visit(flat.instances[key[0]], cells[key[0]], key[1], arcs[key], arrivals)
        for reader in readers[net]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if done < len(missing):
        stuck = next(key for key, count in missing.items() if count)
        where = flat.instances[stuck[0]].path
        raise HwgenError("netlist", f"a combinational loop at {where}", "no loops")


def _visit(instance: Instance, cell: Cell, pin: str, arcs: list[Arc], arrivals: _Arrivals) -> Net:
    net = instance.pins[pin]
    for arc in arcs:
        source = instance.pins[arc.source]
        clocked = arc.clocked
        for edge, delay, slew in (
            (RISE, arc.rise, arc.rise_slew),
            (FALL, arc.fall, arc.fall_slew),
        ):
            load = arrivals.load.get((net, edge), 0.0)
            for before in edges_before(arc, edge) if delay is not None else ():
                start = (source, before)
                begun = 0.0 if clocked else arrivals.time.get(start, 0.0)
                slope = 0.0 if clocked else arrivals.slew.get(start, 0.0)
                time = begun + _look(delay, slope, load)
                out = _look(slew, slope, load)
                arrivals.slew[net, edge] = max(out, arrivals.slew.get((net, edge), 0.0))
                if time > arrivals.time.get((net, edge), -1.0):
                    stage = PathStage(instance.path, cell.name, pin, _EDGES[edge], time, out, load)
                    arrivals.time[net, edge] = time
                    arrivals.origin[net, edge] = _From(source, arc.source, before, stage, clocked)
    return net


def edges_before(arc: Arc, edge: int) -> tuple[int, ...]:
    """The edges of an arc's source that make that edge of its target."""
    if arc.clocked:
        return (RISE,)
    if arc.sense == "positive":
        return (edge,)
    return (1 - edge,) if arc.sense == "negative" else (RISE, FALL)


def _look(table: DelayTable | None, row: float, col: float) -> float:
    return table.at(row, col) if table is not None else 0.0


@dataclass(frozen=True)
class _Candidate:
    """A path's end."""

    time: float
    end: str = ""
    net: Net = "0"
    edge: int = RISE
    setup: float | None = None


def _slowest(flat: Flat, cells: list[Cell], arrivals: _Arrivals) -> CriticalPath:
    best = _Candidate(0.0)
    for candidate in _ends(flat, cells, arrivals):
        if candidate.time > best.time:
            best = candidate
    return _trace(best, flat, arrivals)


def _ends(flat: Flat, cells: list[Cell], arrivals: _Arrivals) -> Iterator[_Candidate]:
    """Outputs, and the pins that flip-flops, latches and clock gates sample, with both edges.

    A latch closes in the middle of the cycle: twice its arrival is what the cycle must last.
    """
    for name, net in flat.outputs:
        for edge in (RISE, FALL):
            yield _Candidate(arrivals.time.get((net, edge), 0.0), name, net, edge)
    for instance, cell in zip(flat.instances, cells, strict=True):
        for pin, arcs in _sampled(cell).items():
            net = instance.pins.get(pin, "0")
            if isinstance(net, str):
                continue
            for edge in (RISE, FALL):
                tables = [arc.rise if edge == RISE else arc.fall for arc in arcs]
                slew = arrivals.slew.get((net, edge), 0.0)
                setup = max((t.at(slew, 0.0) for t in tables if t is not None), default=None)
                time = arrivals.time.get((net, edge), 0.0) + (setup or 0.0)
                time *= 2 if cell.state is not None and cell.state.kind == "latch" else 1
                yield _Candidate(time, f"{instance.path}.{pin}", net, edge, setup)


def _sampled(cell: Cell) -> dict[str, list[Arc]]:
    """The pins that a cell samples at the clock edge, each with its setup arcs, if any."""
    if not cell.sequential:
        return {}
    data = logic.names(cell.state.expressions.get("next_state", "0")) if cell.state else ()
    pins = [pin for pin in (*data, *(cell.enables if cell.clock_gate else ())) if pin in cell.pins]
    found: dict[str, list[Arc]] = {pin: [] for pin in pins}
    for arc in cell.arcs:
        if arc.kind.startswith("setup"):
            found.setdefault(arc.target, []).append(arc)
    return found


def _trace(best: _Candidate, flat: Flat, arrivals: _Arrivals) -> CriticalPath:
    stages: list[PathStage] = []
    start, net, edge = "", best.net, best.edge
    while not start and (net, edge) in arrivals.origin:
        origin = arrivals.origin[net, edge]
        stages.append(origin.stage)
        start = f"{origin.stage.instance}.{origin.pin}" if origin.clocked else ""
        net, edge = origin.net, origin.edge
    inputs = {bit: name for name, bit in flat.inputs}
    start = start or inputs.get(net, "")
    return CriticalPath(best.time, start, best.end, best.setup, tuple(reversed(stages)))
