"""A mapped netlist as Yosys' ``write_json`` leaves it, hierarchical, and its flat form."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain

Net = int | str

MAX_NETLIST_BYTES = 1 << 30
"""Largest file of a netlist or of Verilog that is read."""

_NEEDED = "a file of Yosys' write_json"


@dataclass(frozen=True)
class Instance:
    """A library cell in the flat netlist; nets are numbers, constants ``"0"``, ``"1"``, ``"x"``."""

    path: str
    cell: str
    pins: Mapping[str, Net]


@dataclass(frozen=True)
class Flat:
    """The flat netlist: its cells, and the top's ports as ``(name, net)`` bit by bit."""

    instances: tuple[Instance, ...]
    inputs: tuple[tuple[str, Net], ...]
    outputs: tuple[tuple[str, Net], ...]


class Netlist:
    """Modules of library cells and of each other.

    Parameters
    ----------
    data
        The object that ``write_json`` wrote.
    top
        Name of the top module; ``None``: the one with the attribute ``top``.

    Raises
    ------
    HwgenError
        There is no such top module.
    """

    def __init__(self, data: Mapping[str, Any], top: str | None = None):
        self.modules: Mapping[str, Any] = data.get("modules", {})
        marked = [n for n, m in self.modules.items() if int(m["attributes"].get("top", "0"), 2)]
        self.top = top or (marked[0] if marked else "")
        if self.top not in self.modules:
            raise HwgenError("netlist", f"no top module {self.top!r}", "a netlist with a top")

    @classmethod
    def read(cls, path: Path, top: str | None = None) -> "Netlist":
        """Read a ``write_json`` file.

        Raises
        ------
        HwgenError
            It cannot be read or is not such a file.
        """
        try:
            return cls(json.loads(read_plain(path, _NEEDED, MAX_NETLIST_BYTES)), top)
        except (ValueError, KeyError, AttributeError) as error:
            raise HwgenError(str(path), f"not a netlist ({error})", _NEEDED) from None

    def own_cells(self, module: str) -> Counter[str]:
        """Cells of a module by type, without those of its submodules."""
        cells = self.modules[module]["cells"].values()
        return Counter(c["type"] for c in cells if c["type"] not in self.modules)

    def uses(self) -> dict[str, int]:
        """How often each module occurs below and including the top, top first."""
        counts: dict[str, int] = {}
        waiting = [self.top]
        while waiting:
            name = waiting.pop()
            counts[name] = counts.get(name, 0) + 1
            cells = self.modules[name]["cells"].values()
            waiting += [c["type"] for c in cells if c["type"] in self.modules]
        return counts

    def places(self) -> Iterator[tuple[str, str, str]]:
        """The path of each flat instance, the module that holds it, and its name in there."""
        waiting = [("", self.top)]
        while waiting:
            path, module = waiting.pop()
            for name, cell in self.modules[module]["cells"].items():
                if cell["type"] in self.modules:
                    waiting.append((f"{path}{name}.", cell["type"]))
                else:
                    yield path + name, module, name

    def driven(self, path: str, pins: Collection[str]) -> str | None:
        """What the source calls the net that one of an instance's ``pins`` drives, if it does.

        A flip-flop's name is the tool's own, the register's is that of the net.
        """
        place = next(((m, n) for found, m, n in self.places() if found == path), None)
        if place is None:
            return None
        module, name = self.modules[place[0]], place[1]
        bits = [bit for pin in pins for bit in module["cells"][name]["connections"].get(pin, ())]
        prefix = path.removesuffix(name)
        for net, fields in module.get("netnames", {}).items():
            for i, bit in enumerate(fields["bits"]):
                if bit in bits and isinstance(bit, int) and not fields.get("hide_name"):
                    return f"{prefix}{net}[{i}]" if len(fields["bits"]) > 1 else prefix + net
        return None

    def flat(self) -> Flat:
        """All library cells with nets numbered across the hierarchy."""
        found = self._expanded()
        tied = found.tied
        ports = {"input": [], "output": []}  # type: dict[str, list[tuple[str, Net]]]
        for port, fields in self.modules[self.top]["ports"].items():
            for i, bit in enumerate(fields["bits"]):
                label = f"{port}[{i}]" if len(fields["bits"]) > 1 else port
                net = _number(bit, found.scopes[0][1], found.numbers)
                ports[fields["direction"]].append((label, tied.find(net)))
        return Flat(
            tuple(Instance(i.path, i.cell, tied.over(i.pins)) for i in found.instances),
            tuple(ports["input"]),
            tuple(ports["output"]),
        )

    def parts(self) -> Iterator[tuple[Net, tuple[str, Net]]]:
        """Each net of :meth:`flat`, with the module and the bit of every part of it."""
        found = self._expanded()
        for module, nets in found.scopes:
            for bit, net in nets.items():
                yield found.tied.find(net), (module, bit)

    def _expanded(self) -> "_Expanded":
        outer: dict[Net, Net] = {}
        found = _Expanded([], [(self.top, outer)], _Ties(), iter(range(1 << 62)))
        waiting = [("", self.top, outer)]
        while waiting:
            path, name, nets = waiting.pop()
            for cell_path, cell in self._cells(path, name):
                pins = {
                    pin: [_number(bit, nets, found.numbers) for bit in bits]
                    for pin, bits in cell["connections"].items()
                }
                if cell["type"] in self.modules:
                    inner = self._inside(cell["type"], pins, found.tied)
                    found.scopes.append((cell["type"], inner))
                    waiting.append((cell_path + ".", cell["type"], inner))
                else:
                    single = {pin: bits[0] for pin, bits in pins.items() if bits}
                    found.instances.append(Instance(cell_path, cell["type"], single))
        return found

    def _cells(self, path: str, module: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, cell in self.modules[module]["cells"].items():
            yield path + name, cell

    def _inside(self, module: str, pins: Mapping[str, list[Net]], tied: "_Ties") -> dict[Net, Net]:
        """Nets of a submodule that its ports tie to nets outside, and those to each other."""
        inner: dict[Net, Net] = {}
        for port, fields in self.modules[module]["ports"].items():
            for bit, net in zip(fields["bits"], pins.get(port, ()), strict=False):
                tied.tie(bit if isinstance(bit, str) else inner.setdefault(bit, net), net)
        return inner


@dataclass(frozen=True)
class _Expanded:
    """The hierarchy, unfolded: cells, the nets by bit of each use of a module, and their ties."""

    instances: list[Instance]
    scopes: list[tuple[str, dict[Net, Net]]]
    tied: "_Ties"
    numbers: Iterator[int]


class _Ties:
    """Nets that are one: a submodule may hand the same net out twice, or a constant."""

    def __init__(self) -> None:
        self._other: dict[Net, Net] = {}

    def tie(self, a: Net, b: Net) -> None:
        a, b = self.find(a), self.find(b)
        if isinstance(a, str):
            a, b = b, a
        if a != b and not isinstance(a, str):
            self._other[a] = b

    def find(self, net: Net) -> Net:
        while net in self._other:
            net = self._other[net]
        return net

    def over(self, pins: Mapping[str, Net]) -> dict[str, Net]:
        return {pin: self.find(net) for pin, net in pins.items()}


def _number(bit: Net, nets: dict[Net, Net], numbers: Iterator[int]) -> Net:
    if isinstance(bit, str):
        return bit
    if bit not in nets:
        nets[bit] = next(numbers)
    return nets[bit]
