"""A mapped module that is looked at and changed, cell by cell."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.mapping.netlist import Net

Module = Mapping[str, Any]
Literal = tuple[Net, bool]
"""A net, and whether it counts as it is."""

_BUFFER, _INVERTER = (0b10,), (0b01,)


class Cells:
    """The cells of a mapped module.

    Attributes
    ----------
    cells
        A copy of them, by name; instances of other modules stay as they are.
    gates
        Clock gates by the net that they drive.
    high
        A net that is always 1, if there is one.
    """

    def __init__(self, module: Module, library: CellLibrary):
        self.library = library
        self.cells: dict[str, Any] = {}
        self._outputs = {
            net
            for port in module["ports"].values()
            if port["direction"] != "input"
            for net in port["bits"]
        }
        self._driver: dict[Net, str] = {}
        self._readers: dict[Net, dict[tuple[str, str], None]] = defaultdict(dict)
        for label, cell in module["cells"].items():
            self._put(label, dict(cell))
        known = {gate.cell: gate for gate in library.clock_gates}
        self.gates = {
            cell["connections"][gate.output][0]: label
            for label, cell in self.cells.items()
            if (gate := known.get(cell["type"]))
            and all(self.constant(cell["connections"][pin][0]) == 0 for pin in gate.tied)
        }
        self.high = next((net for net in self._driver if self.constant(net) == 1), None)

    def add(self, label: str, kind: Cell, nets: Mapping[str, list[Net]]) -> None:
        """Put in a cell of the library, in place of the one of that name if there is one."""
        if label in self.cells:
            self._take(label)
        directions = dict.fromkeys(kind.inputs, "input") | dict.fromkeys(kind.outputs, "output")
        cell = {"hide_name": 1, "type": kind.name, "parameters": {}, "attributes": {}}
        pins = {pin: list(nets[pin]) for pin in directions if pin in nets}
        self._put(label, {**cell, "port_directions": directions, "connections": pins})

    def drop(self, nets: Iterable[Net]) -> None:
        """Take out what drives ``nets``, and what that alone needed, where nobody reads it."""
        waiting = list(nets)
        while waiting:
            net = waiting.pop()
            label = self._driver.get(net)
            kind = self.kind(label) if label is not None else None
            if label is None or kind is None or len(kind.outputs) != 1:
                continue
            if self._readers[net] or net in self._outputs:
                continue
            nets_in = [self.cells[label]["connections"][pin][0] for pin in kind.inputs]
            self._take(label)
            waiting += nets_in if kind.tables is not None else []

    def kind(self, label: str) -> Cell | None:
        """The library cell of this name, if it is one."""
        return self.library.cells.get(self.cells[label]["type"])

    def readers(self, net: Net) -> list[tuple[str, str]]:
        """Cells and pins that read a net."""
        return list(self._readers[net])

    def driver(self, net: Net) -> str | None:
        """The cell that drives a net, straight or through buffers."""
        return self._driver.get(self.root(net))

    def root(self, net: Net) -> Net:
        """The net that a net is behind buffers."""
        while (label := self.buffer(net)) is not None:
            kind = self.kind(label)
            net = self.cells[label]["connections"][kind.inputs[0]][0] if kind else net
        return net

    def buffer(self, net: Net) -> str | None:
        """The buffer that drives a net, if one does."""
        label = self._driver.get(net)
        kind = self.kind(label) if label is not None else None
        return label if kind is not None and kind.tables == _BUFFER else None

    def constant(self, net: Net) -> int | None:
        """What a net always is, if anything."""
        net = self.root(net)
        if isinstance(net, str):
            return int(net) if net in "01" else None
        label = self._driver.get(net)
        kind = self.kind(label) if label is not None else None
        if label is None or kind is None or kind.inputs or kind.tables is None:
            return None
        pins = zip(kind.outputs, kind.tables, strict=True)
        return next(t for pin, t in pins if self.cells[label]["connections"].get(pin) == [net])

    def conjunction(self, net: Net) -> tuple[Literal, Literal] | None:
        """The two literals whose conjunction a net is, if it is one of two."""
        label = self._driver.get(net)
        kind = self.kind(label) if label is not None else None
        if label is None or kind is None or len(kind.inputs) != 2 or len(kind.tables or ()) != 1:
            return None
        rows = [row for row in range(4) if (kind.tables or (0,))[0] >> row & 1]
        if len(rows) != 1:
            return None
        nets = [self.cells[label]["connections"][pin][0] for pin in kind.inputs]
        one, other = (self._literal(n, bool(rows[0] >> i & 1)) for i, n in enumerate(nets))
        return one, other

    def net_of(self, literal: Literal, fresh: "count[int]") -> Net:
        """A net that is ``literal``; with an inverter where there is none."""
        net, straight = literal
        if straight:
            return net
        for label, pin in self.readers(net):
            kind = self.kind(label)
            if kind is not None and kind.tables == _INVERTER and kind.inputs == (pin,):
                found: Net = self.cells[label]["connections"][kind.outputs[0]][0]
                return found
        inverter = self.library.gates(0b01, 1)[0]
        made = next(fresh)
        pins: dict[str, list[Net]] = {inverter.inputs[0]: [net], inverter.outputs[0]: [made]}
        self.add(f"$inverse${made}", inverter, pins)
        return made

    def _literal(self, net: Net, straight: bool) -> Literal:
        while (label := self._driver.get(net)) is not None:
            kind = self.kind(label)
            if kind is None or kind.tables not in (_INVERTER, _BUFFER):
                break
            straight ^= kind.tables == _INVERTER
            net = self.cells[label]["connections"][kind.inputs[0]][0]
        return net, straight

    def _put(self, label: str, cell: dict[str, Any]) -> None:
        self.cells[label] = cell
        for pin, net, drives in self._pins(label):
            if drives:
                self._driver[net] = label
            else:
                self._readers[net][label, pin] = None

    def _take(self, label: str) -> None:
        for pin, net, drives in self._pins(label):
            if drives:
                self._driver.pop(net, None)
            else:
                self._readers[net].pop((label, pin), None)
        del self.cells[label]

    def _pins(self, label: str) -> Iterator[tuple[str, Net, bool]]:
        """Pins with their nets; a submodule's, whose direction is not known here, read them."""
        kind = self.kind(label)
        for pin, nets in self.cells[label]["connections"].items():
            for net in nets:
                yield pin, net, kind is not None and pin in kind.outputs


def last_net(module: Module) -> int:
    """The largest number of a net."""
    found = [1]
    for fields in (*module["ports"].values(), *module["netnames"].values()):
        found += [bit for bit in fields["bits"] if isinstance(bit, int)]
    for cell in module["cells"].values():
        found += [
            bit for bits in cell["connections"].values() for bit in bits if isinstance(bit, int)
        ]
    return max(found)
