"""A module of Yosys' ``write_json`` as functions of its inputs and its registers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.library import Cell as LibraryCell
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.netlist import Net
from hwgen.synth.prove.cells import Word

Bit = tuple[str, int]
"""A name and an index into it."""


@dataclass(frozen=True)
class Register:
    """One bit that is stored.

    Attributes
    ----------
    now
        Its literal, an input of the graph.
    next
        What it becomes at the next edge of ``clock``, the name of an input port.
    initial
        ``0``, ``1``, or ``x`` where nothing is said.
    """

    now: int
    next: int
    clock: str
    initial: str = "x"


@dataclass
class Circuit:
    """A module, cut at its ports, its registers and the ports of what it instantiates.

    Attributes
    ----------
    inputs, outputs
        Words by port; those of a submodule's ports are called ``<instance>.<port>``.
    named
        The literal of every bit that has a name.
    """

    inputs: dict[str, Word] = field(default_factory=dict)
    outputs: dict[str, Word] = field(default_factory=dict)
    registers: list[Register] = field(default_factory=list)
    named: dict[Bit, int] = field(default_factory=dict)


Cell = Mapping[str, Any]

REGISTERS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce")
"""Types of registers without asynchronous inputs."""


class CircuitSource:
    """A module, ready to be evaluated any number of times.

    Parameters
    ----------
    module
        As in ``write_json``.
    modules
        All modules: what is none of them is a cell.
    library
        Whose cells it may have besides Yosys' own.

    Attributes
    ----------
    kinds
        The library cells, by name.

    Raises
    ------
    HwgenError
        A net has two drivers, or a cell is unknown.
    """

    def __init__(
        self,
        name: str,
        module: Mapping[str, Any],
        modules: Mapping[str, Any],
        library: CellLibrary | None = None,
    ):
        self.name = name
        self.library = library
        self.ports: Mapping[str, Any] = module["ports"]
        self.cells: Mapping[str, Cell] = {
            label: cell for label, cell in module["cells"].items() if cell["type"] != "$scopeinfo"
        }
        self.nets: Mapping[str, Any] = module["netnames"]
        self.modules = modules
        known = library.cells if library else {}
        self.kinds: Mapping[str, LibraryCell] = {
            label: known[cell["type"]]
            for label, cell in self.cells.items()
            if cell["type"] in known and cell["type"] not in modules
        }
        self.driver = self._drivers()
        self.used = self._used()
        self._orders: dict[frozenset[str], list[str]] = {}

    def is_instance(self, label: str) -> bool:
        """Whether the cell of this name is a submodule."""
        return self.cells[label]["type"] in self.modules

    def is_register(self, label: str) -> bool:
        """Whether the cell of this name is a register, of Yosys or of the library."""
        kind = self.kinds.get(label)
        if kind is None:
            return self.cells[label]["type"] in REGISTERS
        return kind.state is not None and kind.clock_gate is None

    def is_clock_gate(self, label: str) -> bool:
        """Whether the cell of this name is a clock gate of the library."""
        return label in self.kinds and self.kinds[label].clock_gate is not None

    def bits(self, label: str) -> int:
        """How many bits a register has."""
        return 1 if label in self.kinds else len(self.cells[label]["connections"]["Q"])

    def _drivers(self) -> dict[Net, tuple[str, str, int]]:
        """The cell that drives each net, its port and the place there."""
        found: dict[Net, tuple[str, str, int]] = {}
        inputs = {
            net
            for port in self.ports.values()
            if port["direction"] != "output"
            for net in port["bits"]
        }
        for label, cell in self.cells.items():
            for port in self.outputs_of(cell):
                for i, net in enumerate(cell["connections"][port]):
                    if net in found or net in inputs or isinstance(net, str):
                        raise HwgenError(self.name, f"two drivers of net {net}", "one is allowed")
                    found[net] = (label, port, i)
        return found

    def _used(self) -> set[Net]:
        """Nets that a cell or an output port reads."""
        used: set[Net] = set()
        for cell in self.cells.values():
            for port in self.inputs_of(cell):
                used.update(cell["connections"][port])
        for port in self.ports.values():
            if port["direction"] != "input":
                used.update(port["bits"])
        return used

    def clock(self, label: str) -> str:
        """The input port whose rising edge is the clock of a register.

        Raises
        ------
        HwgenError
            It is none.
        """
        cell = self.cells[label]
        net = cell["connections"]["CLK"][0]
        for name, port in self.ports.items():
            rising = int(cell["parameters"]["CLK_POLARITY"], 2) == 1
            if port["direction"] == "input" and port["bits"] == [net] and rising:
                return name
        raise HwgenError(self.name, "a clock from within", "the rising edge of a port is needed")

    @cached_property
    def names(self) -> dict[Net, set[Bit]]:
        """The public names of every net."""
        found: dict[Net, set[Bit]] = {}
        for name, net in self.nets.items():
            if net["hide_name"]:
                continue
            base, _, index = name.rpartition("[")
            alone = len(net["bits"]) == 1 and base and index[:-1].isdecimal() and index[-1] == "]"
            for i, bit in enumerate(net["bits"]):
                label = (base, int(index[:-1])) if alone else (name, i)
                found.setdefault(bit, set()).add(label)
        return found

    @cached_property
    def initial(self) -> dict[Net, str]:
        """What nets are said to be before the first clock edge."""
        return {
            bit: value
            for net in self.nets.values()
            if "init" in net["attributes"]
            for bit, value in zip(net["bits"], net["attributes"]["init"][::-1], strict=False)
        }

    def order(self, sources: frozenset[str]) -> list[str]:
        """Cells after those that they read, without ``sources``, which read nothing at once.

        Raises
        ------
        HwgenError
            There is a combinational loop.
        """
        if sources not in self._orders:
            self._orders[sources] = self._ordered(sources)
        return self._orders[sources]

    def _ordered(self, sources: frozenset[str]) -> list[str]:
        ordered: list[str] = []
        state: dict[str, int] = {}
        for start in self.cells:
            waiting = [start]
            while waiting:
                label = waiting[-1]
                if state.get(label) or label in sources:
                    waiting.pop()
                    if state.get(label) == 1:
                        state[label] = 2
                        ordered.append(label)
                    continue
                state[label] = 1
                for needed in self._needed(label):
                    if needed in sources or state.get(needed) == 2:
                        continue
                    if state.get(needed) == 1:
                        raise HwgenError(self.name, "a combinational loop", "none is allowed")
                    waiting.append(needed)
        return ordered

    def _needed(self, label: str) -> Iterator[str]:
        cell = self.cells[label]
        for port in self.inputs_of(cell):
            for net in cell["connections"][port]:
                if net in self.driver:
                    yield self.driver[net][0]

    def inputs_of(self, cell: Cell) -> list[str]:
        """Connected input ports of a cell or submodule."""
        return [port for port in cell["connections"] if self._direction(cell, port) != "output"]

    def outputs_of(self, cell: Cell) -> list[str]:
        """Connected output ports of a cell or submodule."""
        return [port for port in cell["connections"] if self._direction(cell, port) == "output"]

    def _direction(self, cell: Cell, port: str) -> str:
        if "port_directions" in cell:
            return str(cell["port_directions"].get(port))
        kind = cell["type"]
        if kind in self.modules:
            return str(self.modules[kind]["ports"][port]["direction"])
        known = self.library.cells.get(kind) if self.library else None
        if known is None or port not in known.pins:
            raise HwgenError(f"cell {kind}", f"no pin {port} known", "a cell of the library")
        return known.pins[port].direction


def sources_of(
    design: Mapping[str, Any], library: CellLibrary | None = None
) -> dict[str, CircuitSource]:
    """Every module of a ``write_json`` object, of cells of ``library`` or of Yosys' own."""
    modules = design["modules"]
    return {name: CircuitSource(name, module, modules, library) for name, module in modules.items()}
