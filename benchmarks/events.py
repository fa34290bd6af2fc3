"""An event simulation of a netlist, each arc with a delay: how often every net changes.

It shares nothing with the simulators that ``hwgen power`` counts with: a queue of events, truth
tables of the cells, pulses shorter than a gate's delay are swallowed.
"""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from hwgen.synth.libraries import logic
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.mapping.netlist import Flat, Net

Arcs = Mapping[tuple[str, str], tuple[int, int]]
"""Picoseconds from an input pin to an output pin's rise and fall."""

Ports = Mapping[str, int]
Read = Callable[[str], int]


class _Gate:
    """A cell in the netlist: pins, tables by output, state, and what is on its way out."""

    def __init__(self, number: int, cell: Cell, pins: Mapping[str, Net], arcs: Arcs):
        self.cell, self.pins, self.arcs = cell, pins, arcs
        self.number = number
        state = cell.state
        self.names = [*cell.inputs, *(state.names if state else ())]
        self.tables = {
            pin: _table(cell.pins[pin].function or "1", self.names)
            for pin in cell.outputs
            if pin in pins and not cell.clock_gate
        }
        self.state = {key: _table(text, self.names) for key, text in state_of(cell).items()}
        self.keep = 0
        self.coming: dict[str, tuple[int, int]] = {}


def state_of(cell: Cell) -> Mapping[str, str]:
    """The expressions of a flip-flop or latch."""
    return cell.state.expressions if cell.state else {}


def _table(text: str, names: Sequence[str]) -> list[int]:
    """Values of a function for every assignment, the first name the highest bit."""
    steps = list(logic.postfix(text))
    found = []
    for bits in itertools.product((0, 1), repeat=len(names)):
        known, stack = dict(zip(names, bits, strict=True)), list[int]()
        for step in steps:
            if step == "!":
                stack.append(1 - stack.pop())
            elif step in "&|^":
                right, left = stack.pop(), stack.pop()
                stack.append({"&": left & right, "|": left | right, "^": left ^ right}[step])
            else:
                stack.append(int(step) if step in "01" else known[step])
        found.append(stack[0])
    return found


class Simulation:
    """A netlist under way.

    Parameters
    ----------
    arcs
        By instance, in the order of the netlist; clock gates have none.
    """

    def __init__(self, flat: Flat, library: CellLibrary, arcs: Sequence[Arcs]):
        self.values: dict[Net, int] = defaultdict(int, {"1": 1})
        self.changes: Counter[Net] = Counter()
        self._gates = [
            _Gate(i, library.cells[one.cell], one.pins, arcs[i])
            for i, one in enumerate(flat.instances)
        ]
        self._readers: dict[Net, list[tuple[_Gate, str]]] = defaultdict(list)
        for gate in self._gates:
            for pin in gate.cell.inputs:
                self._readers[gate.pins[pin]].append((gate, pin))
        self._queue: list[tuple[int, int, int, Net, int, _Gate | None, str]] = []
        self._order = itertools.count()
        self._now = 0
        for gate in self._gates:
            self._react(gate, set(gate.cell.inputs))

    def drive(self, time: int, net: Net, value: int) -> None:
        """Let a net of an input port have a value from ``time`` on."""
        heapq.heappush(self._queue, (time, 0, next(self._order), net, value, None, ""))

    def run(self, until: int) -> None:
        """Everything that happens before ``until``; what nets change within no time is not seen."""
        while self._queue and self._queue[0][0] < until:
            self._now = self._queue[0][0]
            before: dict[Net, int] = {}
            while self._queue and self._queue[0][0] == self._now:
                self._step(before)
            self.changes.update(net for net, value in before.items() if value != self.values[net])

    def _step(self, before: dict[Net, int]) -> None:
        """The next events of one moment; those of registers come when there are no others."""
        at = self._queue[0][:2]
        touched: dict[int, set[str]] = defaultdict(set)
        while self._queue and self._queue[0][:2] == at:
            _, _, ticket, net, value, gate, pin = heapq.heappop(self._queue)
            if gate is not None:
                if gate.coming.get(pin, (0, -1))[1] != ticket:
                    continue
                del gate.coming[pin]
            if self.values[net] == value:
                continue
            before.setdefault(net, self.values[net])
            self.values[net] = value
            for reader, name in self._readers[net]:
                touched[reader.number].add(name)
        for number, pins in touched.items():
            self._react(self._gates[number], pins)

    def _index(self, gate: _Gate) -> int:
        index = 0
        for pin in gate.cell.inputs:
            index = 2 * index + self.values[gate.pins[pin]]
        return index if gate.cell.state is None else 4 * index + 2 * gate.keep + 1 - gate.keep

    def _react(self, gate: _Gate, pins: set[str]) -> None:
        """What a cell does when ``pins`` have changed."""
        if gate.cell.clock_gate:
            self._clock_gate(gate)
            return
        if gate.state:
            self._remember(gate, pins)
        index = self._index(gate)
        for pin, table in gate.tables.items():
            value, net = table[index], gate.pins[pin]
            if value == gate.coming.get(pin, (self.values[net], 0))[0]:
                continue
            gate.coming.pop(pin, None)
            if value == self.values[net]:
                continue
            own = [gate.arcs[at, pin][1 - value] for at in pins if (at, pin) in gate.arcs]
            self._send(gate, pin, value, min(own) if own else 0)

    def _remember(self, gate: _Gate, pins: set[str]) -> None:
        """The state after a change: of a flip-flop, where its clock rises."""
        index, table = self._index(gate), gate.state
        if "clear" in table and table["clear"][index]:
            gate.keep = 0
        elif "preset" in table and table["preset"][index]:
            gate.keep = 1
        elif "enable" in table:
            if table["enable"][index]:
                gate.keep = table["data_in"][index]
        elif table["clocked_on"][index] and pins & set(gate.cell.clocks):
            gate.keep = table["next_state"][index]

    def _clock_gate(self, gate: _Gate) -> None:
        clock = next(pin for pin in gate.cell.inputs if gate.cell.pins[pin].clock)
        high = self.values[gate.pins[clock]]
        if not high:
            gate.keep = int(any(self.values[gate.pins[pin]] for pin in gate.cell.enables))
        pin = gate.cell.outputs[0]
        if high & gate.keep != self.values[gate.pins[pin]]:
            self._send(gate, pin, high & gate.keep, 0)

    def _send(self, gate: _Gate, pin: str, value: int, delay: int) -> None:
        ticket = next(self._order)
        gate.coming[pin] = (value, ticket)
        event = (self._now + delay, int(bool(gate.state)), ticket, gate.pins[pin], value, gate, pin)
        heapq.heappush(self._queue, event)


def count(
    flat: Flat,
    library: CellLibrary,
    arcs: Sequence[Arcs],
    period: int,
    cycles: tuple[int, int],
    beats: Callable[[int, Read], Ports],
) -> Counter[Net]:
    """Changes of each net in the clock cycles from the first of ``cycles`` to the last.

    Parameters
    ----------
    beats
        Ports of a clock edge of this number and of what output ports were before it; they change
        1 ps behind the edge.
    """
    simulation = Simulation(flat, library, arcs)
    inputs, outputs = dict(flat.inputs), dict(flat.outputs)
    for cycle in range(cycles[1]):
        edge = cycle * period + period // 2
        simulation.run(edge)
        if cycle == cycles[0]:
            simulation.changes.clear()
        ports = beats(cycle, lambda name: simulation.values[outputs[name]])
        simulation.drive(edge, inputs["clk"], 1)
        simulation.drive(edge + period // 2, inputs["clk"], 0)
        for name, value in ports.items():
            simulation.drive(edge + 1, inputs[name], value)
    simulation.run(cycles[1] * period + period // 2)
    return simulation.changes
