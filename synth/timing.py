"""Static timing of a mapped netlist from the library's delay tables.

Pre-layout: a net's load is the sum of the pins it drives, wires weigh nothing, inputs and the
clock, gated or not, arrive at time 0 with the steepest slew of the tables, and no buffer has been
put in.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.errors import HwgenError
from synth.library import Arc, Cell, CellLibrary, Table
from synth.netlist import Flat, Net

RISE, FALL = 0, 1
_CLOCKED = ("rising_edge", "falling_edge")


@dataclass(frozen=True)
class Stage:
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
    """The slowest path: ``delay`` ns from ``start`` to ``end``, ``setup`` ns of it at the end."""

    delay: float
    start: str
    end: str
    setup: float
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class _From:
    """Where an arrival came from: the net and edge before, and the stage that made it."""

    net: Net
    edge: int
    stage: Stage
    clocked: bool


class _Arrivals:
    """Latest arrival, its slew and its origin, by net and edge."""

    def __init__(self) -> None:
        self.time: dict[tuple[Net, int], float] = {}
        self.slew: dict[tuple[Net, int], float] = {}
        self.origin: dict[tuple[Net, int], _From] = {}


def critical_path(flat: Flat, library: CellLibrary) -> CriticalPath:
    """The slowest path from any input or flip-flop to any output or flip-flop.

    Raises
    ------
    HwgenError
        A cell is not in the library, or the netlist has a combinational loop.
    """
    cells = [_known(instance.cell, library) for instance in flat.instances]
    loads: dict[Net, float] = defaultdict(float)
    for instance, cell in zip(flat.instances, cells, strict=True):
        for pin in cell.inputs:
            if pin in instance.pins:
                loads[instance.pins[pin]] += cell.pins[pin].capacitance
    arrivals = _Arrivals()
    _propagate(flat, cells, loads, arrivals)
    return _slowest(flat, cells, arrivals)


def _known(name: str, library: CellLibrary) -> Cell:
    cell = library.cells.get(name)
    if cell is None:
        raise HwgenError("netlist", f"cell {name!r}", f"cells of {library.name}")
    return cell


def _propagate(
    flat: Flat, cells: list[Cell], loads: Mapping[Net, float], arrivals: _Arrivals
) -> None:
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
            sources = {pins[a.source] for a in arcs[key] if a.kind not in _CLOCKED} & driven
            missing[key] = len(sources)
            for net in sources:
                readers[net].append(key)
    ready = [key for key, count in missing.items() if not count]
    done = 0
    while ready:
        key = ready.pop()
        done += 1
        net = _visit(key, flat, cells, arcs[key], loads, arrivals)
        for reader in readers[net]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if done < len(missing):
        stuck = next(key for key, count in missing.items() if count)
        where = flat.instances[stuck[0]].path
        raise HwgenError("netlist", f"a combinational loop at {where}", "no loops")


def _visit(
    key: tuple[int, str],
    flat: Flat,
    cells: list[Cell],
    arcs: list[Arc],
    loads: Mapping[Net, float],
    arrivals: _Arrivals,
) -> Net:
    instance, cell, pin = flat.instances[key[0]], cells[key[0]], key[1]
    net = instance.pins[pin]
    load = loads.get(net, 0.0)
    for arc in arcs:
        source = instance.pins[arc.source]
        clocked = arc.kind in _CLOCKED
        for edge, delay, slew in (
            (RISE, arc.rise, arc.rise_slew),
            (FALL, arc.fall, arc.fall_slew),
        ):
            for before in _edges_before(arc, edge):
                start = (source, before)
                begun = 0.0 if clocked else arrivals.time.get(start, 0.0)
                slope = 0.0 if clocked else arrivals.slew.get(start, 0.0)
                time = begun + _look(delay, slope, load)
                if time > arrivals.time.get((net, edge), -1.0):
                    out = _look(slew, slope, load)
                    stage = Stage(
                        instance.path, cell.name, pin, "rise" if edge == RISE else "fall",
                        time, out, load,
                    )  # fmt: skip
                    arrivals.time[net, edge] = time
                    arrivals.slew[net, edge] = out
                    arrivals.origin[net, edge] = _From(source, before, stage, clocked)
    return net


def _edges_before(arc: Arc, edge: int) -> tuple[int, ...]:
    if arc.kind in _CLOCKED:
        return (RISE,)
    if arc.sense == "positive":
        return (edge,)
    return (1 - edge,) if arc.sense == "negative" else (RISE, FALL)


def _look(table: Table | None, row: float, col: float) -> float:
    return table.at(row, col) if table is not None else 0.0


def _slowest(flat: Flat, cells: list[Cell], arrivals: _Arrivals) -> CriticalPath:
    best: tuple[float, float, str, Net, int] = (0.0, 0.0, "", "0", RISE)
    for name, net in flat.outputs:
        for edge in (RISE, FALL):
            best = max(best, (arrivals.time.get((net, edge), 0.0), 0.0, name, net, edge), key=_time)
    for instance, cell in zip(flat.instances, cells, strict=True):
        for arc in cell.arcs:
            if not arc.kind.startswith("setup") or arc.target not in instance.pins:
                continue
            net = instance.pins[arc.target]
            for edge, table in ((RISE, arc.rise), (FALL, arc.fall)):
                setup = _look(table, arrivals.slew.get((net, edge), 0.0), 0.0)
                time = arrivals.time.get((net, edge), 0.0) + setup
                best = max(
                    best, (time, setup, f"{instance.path}.{arc.target}", net, edge), key=_time
                )
    return _trace(best, flat, arrivals)


def _time(candidate: tuple[float, float, str, Net, int]) -> float:
    return candidate[0]


def _trace(
    best: tuple[float, float, str, Net, int], flat: Flat, arrivals: _Arrivals
) -> CriticalPath:
    delay, setup, end, net, edge = best
    stages: list[Stage] = []
    launched = ""
    while not launched and (net, edge) in arrivals.origin:
        origin = arrivals.origin[net, edge]
        stages.append(origin.stage)
        launched = origin.stage.instance if origin.clocked else ""
        net, edge = origin.net, origin.edge
    inputs = {bit: name for name, bit in flat.inputs}
    start = launched or inputs.get(net, "")
    return CriticalPath(delay, start, end, setup, tuple(reversed(stages)))
