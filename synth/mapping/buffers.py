"""Buffers in a mapped netlist: where a net passes a limit, and where ports would be one wire.

A layout flow puts in buffers for wires; these are for what the netlist itself asks too much of.
Recipes map without them.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.limits import excess
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.timing import analyse

_ROUNDS = 30
_SHARE = 0.9
"""Of a limit, how much is used."""

Bit = int | str


def buffered(netlist: Mapping[str, Any], library: CellLibrary, top: str) -> dict[str, Any]:
    """A copy of a mapped netlist, as of ``write_json``, with buffers.

    No output of a module is one wire with an input or another output, no net has two names, so that
    the Verilog assigns nothing, and no net but those that clock or that have nothing to be split
    passes a limit of :mod:`hwgen.synth.limits`.

    Raises
    ------
    HwgenError
        The library has no buffer.
    """
    data: dict[str, Any] = copy.deepcopy(dict(netlist))
    work = _Work(data["modules"], library, top, _buffer(library))
    work.part_ports()
    for _ in range(_ROUNDS):
        flat = Netlist(data, top).flat()
        found = excess(flat, library, analyse(flat, library))
        shares = {**found.transition}
        for net, share in found.capacitance.items():
            shares[net] = max(share, shares.get(net, 0.0))
        if not work.split(shares):
            break
    for module in data["modules"].values():
        _name_once(module)
    return data


def _name_once(module: dict[str, Any]) -> None:
    """Leave a net the name of its port, or else the first that has no net twice."""
    ports = module["ports"]
    taken = {bit for fields in ports.values() for bit in fields["bits"]}
    for name, fields in list(module.get("netnames", {}).items()):
        if name in ports:
            fields["bits"] = list(ports[name]["bits"])
            continue
        bits = fields["bits"]
        if taken.intersection(bits) or len(set(bits)) < len(bits):
            del module["netnames"][name]
        taken.update(bits)


def _buffer(library: CellLibrary) -> Cell:
    found = library.gates(0b10, 1)
    if not found:
        raise HwgenError(library.name, "no usable buffer", "one, to buffer nets with")
    return found[0]


@dataclass(frozen=True)
class _Branch:
    """What a net drives in a module: a pin of a cell, or a port of a submodule; load in pF."""

    cell: str
    port: str
    index: int
    load: float


class _Work:
    """The modules being changed.

    Parameters
    ----------
    modules
        As of ``write_json``; changed in place.
    buffer
        The cell to put in.
    """

    def __init__(self, modules: dict[str, Any], library: CellLibrary, top: str, buffer: Cell):
        self._modules = modules
        self._library = library
        self._top = top
        self._buffer = buffer
        self._input, self._output = buffer.inputs[0], buffer.outputs[0]

    def part_ports(self) -> None:
        """Put buffers before outputs that are wired to an input or to another output."""
        for module in self._modules.values():
            ports = module["ports"].values()
            taken = {b for port in ports if port["direction"] != "output" for b in port["bits"]}
            for fields in ports:
                if fields["direction"] != "output":
                    continue
                for i, bit in enumerate(fields["bits"]):
                    if bit in taken and isinstance(bit, int):
                        fields["bits"][i] = self._insert(module, bit)
                    taken.add(bit)

    def split(self, shares: Mapping[Any, float]) -> bool:
        """Move part of what each net drives behind a buffer; whether that could be done.

        ``shares`` says by flat net how many times too much it drives.
        """
        places = self._places(set(shares))
        done: set[tuple[str, Bit]] = set()
        least = 2 * max(self._buffer.pins[self._input].loads)
        for net, share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
            if done.intersection(places[net]):
                continue
            choices = {place: self._branches(*place) for place in places[net]}
            place = max(choices, key=lambda place: _movable(choices[place]))
            if _movable(choices[place]) > least:
                done.add(place)
                self._move(place, choices[place], share)
        return bool(done)

    def _move(self, place: tuple[str, Bit], branches: list[_Branch], share: float) -> None:
        module = self._modules[place[0]]
        total = sum(branch.load for branch in branches)
        own = max(self._buffer.pins[self._input].loads)
        limit = self._buffer.pins[self._output].max_capacitance
        most = _SHARE * limit if limit is not None else total
        wanted = min(total * (1 - _SHARE / share) + own, most)
        bit = self._insert(module, place[1])
        moved = 0.0
        for branch in sorted(branches, key=lambda b: (-b.load, b.cell, b.port, b.index))[1:]:
            if moved >= wanted:
                break
            module["cells"][branch.cell]["connections"][branch.port][branch.index] = bit
            moved += branch.load

    def _insert(self, module: dict[str, Any], bit: Bit) -> int:
        """A buffer that reads ``bit``; what it drives."""
        new = 1 + max(_bits(module))
        name = f"$buffer${new}"
        module["cells"][name] = {
            "hide_name": 1,
            "type": self._buffer.name,
            "parameters": {},
            "attributes": {},
            "port_directions": {self._input: "input", self._output: "output"},
            "connections": {self._input: [bit], self._output: [new]},
        }
        return new

    def _places(self, wanted: set[Any]) -> dict[Any, list[tuple[str, Bit]]]:
        """The module and bit of every part of each wanted flat net."""
        found: dict[Any, list[tuple[str, Bit]]] = defaultdict(list)
        for net, place in Netlist({"modules": self._modules}, self._top).parts():
            if net in wanted:
                found[net].append(place)
        return found

    def _branches(self, name: str, bit: Bit) -> list[_Branch]:
        """What a bit of a module drives, inside it and below."""
        found = []
        for cell_name, cell in self._modules[name]["cells"].items():
            for port, bits in cell["connections"].items():
                for index, one in enumerate(bits):
                    if one == bit and (load := self._load(cell["type"], port, index)):
                        found.append(_Branch(cell_name, port, index, load))
        return found

    def _load(self, kind: str, port: str, index: int) -> float:
        if kind not in self._modules:
            pin = self._library.cells[kind].pins[port]
            return max(pin.loads) if pin.direction == "input" else 0.0
        fields = self._modules[kind]["ports"][port]
        if fields["direction"] != "input":
            return 0.0
        return sum(branch.load for branch in self._branches(kind, fields["bits"][index]))


def _movable(branches: list[_Branch]) -> float:
    """Load of all branches but the largest, in pF."""
    loads = sorted(branch.load for branch in branches)
    return sum(loads[:-1])


def _bits(module: Mapping[str, Any]) -> Iterator[int]:
    yield 1
    for fields in (*module["ports"].values(), *module.get("netnames", {}).values()):
        yield from (bit for bit in fields["bits"] if isinstance(bit, int))
    for cell in module["cells"].values():
        for bits in cell["connections"].values():
            yield from (bit for bit in bits if isinstance(bit, int))
