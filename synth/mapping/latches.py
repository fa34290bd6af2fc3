"""Words of one memory in latches, behind one row of flip-flops that they share.

A flip-flop is two latches. Where several words are written from the same data, each by a clock gate
of its own, they can share the first of the two. Here that is a whole flip-flop, so that its output
stands still while the latches close: for each bit of the data one that takes it at every clock
edge, and for each bit of a word a latch that a clock gate opens in the first half of the next
cycle.

===========  =========================================  ==========================================
clock        flip-flop of a word                        shared flip-flop, latch of a word
===========  =========================================  ==========================================
rising       takes the data if it is enabled            the flip-flop takes the data, the clock
                                                        gate opens the latch if it is enabled
high         has it                                     an open latch has what the flip-flop has
falling                                                 it closes; the flip-flop stands still
low          has it                                     has it
===========  =========================================  ==========================================

So a latch has at every rising edge what the word's flip-flop had, and :func:`unlatched` may put
that one back. The rules of timing are those of any library's latches: the flip-flop's output must
be there before the falling edge, and nothing else has to arrive within half a cycle.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from hwgen.synth.libraries.library import Cell, CellLibrary, Latch
from hwgen.synth.mapping.netlist import Net

Module = Mapping[str, Any]
_LABEL = "$shared$"


def latched(module: Module, library: CellLibrary) -> dict[str, Any]:
    """``module``, mapped, with words in latches where that is smaller."""
    work = _Work(module, library)
    fresh = iter(range(1 + max(_bits(module), default=1), 1 << 62))
    for labels in work.groups():
        kind = library.cells[work.cells[labels[0]]["type"]]
        latch = work.latch(len(labels), kind)
        if latch is None:
            continue
        first = work.cells[labels[0]]["connections"]
        net = next(fresh)
        clock = work.gated[first[kind.clock][0]]
        shared = {**first, kind.clock: [clock], kind.outputs[0]: [net]}
        for label in labels:
            own = work.cells[label]["connections"]
            work.cells[label] = _cell(
                work.library.cells[latch.cell],
                {
                    latch.data: [net],
                    latch.enable: own[kind.clock],
                    latch.output: own[kind.outputs[0]],
                    **{pin: [work.high or "1"] for pin in latch.tied},
                },
            )
        work.cells[f"{_LABEL}{net}"] = _cell(kind, shared)
    return {**module, "cells": work.cells}


def unlatched(netlist: Mapping[str, Any], library: CellLibrary) -> dict[str, Any]:
    """A mapped netlist, as of ``write_json``, with flip-flops again where :func:`latched` was.

    A latch is a flip-flop if what it stores comes, straight or through buffers, from a flip-flop
    with the clock that its clock gate passes on. All others stay as they are.
    """
    modules = {name: _unlatched(m, library) for name, m in netlist["modules"].items()}
    return {**netlist, "modules": modules}


def _unlatched(module: Module, library: CellLibrary) -> Module:
    work = _Work(module, library)
    known = {latch.cell: latch for latch in library.latches}
    replaced: dict[str, dict[str, Any]] = {}
    behind: set[Net] = set()
    for label, cell in work.cells.items():
        latch = known.get(cell["type"])
        if latch is None or any(work.constant(cell, pin) != "1" for pin in latch.tied):
            continue
        nets = cell["connections"]
        source = work.source(nets[latch.data][0])
        enable = nets[latch.enable][0]
        if source is None or work.clock_of(source) != work.gated.get(enable):
            continue
        kind = library.cells[work.cells[source]["type"]]
        own = work.cells[source]["connections"]
        data = {kind.clock: [enable], kind.outputs[0]: nets[latch.output]}
        replaced[label] = _cell(kind, {**own, **data})
        behind.add(own[kind.outputs[0]][0])
    work.cells.update(replaced)
    work.drop(behind)
    return {**module, "cells": work.cells}


class _Work:
    """A mapped module that is looked at and changed.

    Attributes
    ----------
    cells
        A copy of its cells.
    gated
        The clock that a clock gate passes on, by what it drives.
    high
        A net that is always 1, if there is one.
    """

    def __init__(self, module: Module, library: CellLibrary):
        self.library = library
        self.cells: dict[str, Any] = dict(module["cells"])
        self._module = module
        gates = {gate.cell: gate for gate in library.clock_gates}
        self.gated: dict[Net, Net] = {}
        self._driver: dict[Net, str] = {}
        for label, cell in self.cells.items():
            kind, nets = library.cells.get(cell["type"]), cell["connections"]
            for pin in kind.outputs if kind else ():
                self._driver.update(dict.fromkeys(nets.get(pin, ()), label))
            gate = gates.get(cell["type"])
            if gate and all(self._low(nets[pin][0]) for pin in gate.tied):
                self.gated[nets[gate.output][0]] = nets[gate.clock][0]
        self.high = next((net for net in self._driver if self._table(net) == 1), None)

    def groups(self) -> Iterator[list[str]]:
        """Gated flip-flops of one type that store the same, but for their clock gates."""
        found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        for label, cell in self.cells.items():
            kind, nets = self.library.cells.get(cell["type"]), cell["connections"]
            if kind is None or not kind.plain_flip_flop or len(kind.outputs) != 1:
                continue
            gate = nets[kind.clock][0]
            if gate in self.gated and kind.rising:
                rest = [(pin, *nets[pin]) for pin in kind.inputs if pin != kind.clock]
                found[kind.name, self.gated[gate], *rest].append(label)
        yield from found.values()

    def latch(self, count: int, kind: Cell) -> Latch | None:
        """The smallest latch, if ``count`` of it and a flip-flop are less than so many of these."""
        for latch in self.library.latches:
            if self.high is None and latch.tied:
                continue
            smaller = count * self.library.cells[latch.cell].area + kind.area < count * kind.area
            return latch if smaller else None
        return None

    def source(self, net: Net) -> str | None:
        """The flip-flop that drives a net, straight or through buffers."""
        while (label := self._driver.get(net)) is not None:
            kind = self.library.cells[self.cells[label]["type"]]
            if kind.plain_flip_flop:
                return label if kind.rising else None
            if kind.tables != (0b10,) or len(kind.inputs) != 1:
                return None
            net = self.cells[label]["connections"][kind.inputs[0]][0]
        return None

    def clock_of(self, label: str) -> Net:
        """The net that clocks a flip-flop."""
        cell = self.cells[label]
        net: Net = cell["connections"][self.library.cells[cell["type"]].clock][0]
        return net

    def constant(self, cell: Mapping[str, Any], pin: str) -> str:
        """``0`` or ``1`` if a pin is always that, else nothing."""
        net = cell["connections"][pin][0]
        if isinstance(net, str):
            return net
        table = self._table(net)
        return "" if table is None else str(table)

    def drop(self, nets: set[Net]) -> None:
        """Without what drives ``nets``, and with it what leads from there nowhere."""
        for net in nets:
            for label in [n for n in self._cone(net) if not self._read(n)]:
                del self.cells[label]

    def _cone(self, net: Net) -> list[str]:
        """The buffers behind a net, the last first, and what drives it."""
        found = [self._driver[net]] if self._driver[net] in self.cells else []
        for cell in list(self.cells.values()):
            kind = self.library.cells.get(cell["type"])
            if kind is None or kind.tables != (0b10,) or len(kind.inputs) != 1:
                continue
            if cell["connections"][kind.inputs[0]] == [net]:
                found = self._cone(cell["connections"][kind.outputs[0]][0]) + found
        return found

    def _read(self, label: str) -> bool:
        kind = self.library.cells[self.cells[label]["type"]]
        net = self.cells[label]["connections"][kind.outputs[0]][0]
        outputs = (p["bits"] for p in self._module["ports"].values() if p["direction"] != "input")
        return any(net in bits for bits in outputs) or any(
            net in bits
            for name, cell in self.cells.items()
            for bits in cell["connections"].values()
            if name != label
        )

    def _low(self, net: Net) -> bool:
        return net == "0" or self._table(net) == 0

    def _table(self, net: Net) -> int | None:
        """What drives a net always, if that is a constant cell."""
        label = self._driver.get(net)
        kind = self.library.cells[self.cells[label]["type"]] if label else None
        if kind is None or kind.inputs or kind.tables is None:
            return None
        driven = self.cells[label]["connections"] if label else {}
        return next(
            table
            for pin, table in zip(kind.outputs, kind.tables, strict=True)
            if driven.get(pin) == [net]
        )


def _cell(kind: Cell, nets: Mapping[str, list[Net]]) -> dict[str, Any]:
    return {
        "hide_name": 1,
        "type": kind.name,
        "parameters": {},
        "attributes": {},
        "port_directions": {
            **dict.fromkeys(kind.inputs, "input"),
            **dict.fromkeys(kind.outputs, "output"),
        },
        "connections": dict(nets),
    }


def _bits(module: Module) -> Iterator[int]:
    for fields in (*module["ports"].values(), *module["netnames"].values()):
        yield from (bit for bit in fields["bits"] if isinstance(bit, int))
    for cell in module["cells"].values():
        for bits in cell["connections"].values():
            yield from (bit for bit in bits if isinstance(bit, int))
