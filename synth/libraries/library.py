"""The cell library model: what mapping, area and timing need to know of a cell.

Units everywhere: area um2, capacitance pF, time ns, leakage nW, energy pJ, voltage V,
temperature C.
Tables hold the worst of all ``when`` conditions of one arc.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

from hwgen.synth.libraries import logic
from hwgen.synth.libraries.delays import Arc, DelayTable

NOT_FOR_LOGIC = (
    "*__lpflow_*",  # isolation and level shifting; some look like plain gates
    "*__probe*",
    "*sparecell*",
    "*clkdlybuf*",
    "*dlygate*",
    "*dlymetal*",
    "*__dly[a-d]_*",
    "*__hold",
    "*sighold*",
    "*antenna*",
    "*clkbuf*",  # balanced edges, never smaller than the plain cell
    "*clkinv*",
    "*__bufbuf_*",
    "*__bufinv_*",
    "HB[1-4]x*",
)

LARGEST_DRIVE = 2.05
"""Area of the largest drive that is mapped to, over that of the smallest of the same function."""


@dataclass(frozen=True)
class Pin:
    """A pin.

    Attributes
    ----------
    capacitance
        The mean one, which energy is counted with.
    rise_capacitance, fall_capacitance
        The largest that a rising or falling driver sees; ``None``: ``capacitance``.
    function
        The Liberty text of an output's function, or ``None``.
    max_capacitance, max_transition
        The load that an output may drive, and the slew that the pin may have; ``None``: any.
    """

    name: str
    direction: Literal["input", "output", "inout", "internal"]
    capacitance: float = 0.0
    function: str | None = None
    clock: bool = False
    max_capacitance: float | None = None
    three_state: bool = False
    test: bool = False
    rise_capacitance: float | None = None
    fall_capacitance: float | None = None
    max_transition: float | None = None

    @property
    def loads(self) -> tuple[float, float]:
        """What a rising and a falling driver see of an input at most."""
        rise, fall = self.rise_capacitance, self.fall_capacitance
        both = self.capacitance
        return (both if rise is None else rise, both if fall is None else fall)


@dataclass(frozen=True)
class Power:
    """What a change of ``pin`` takes inside the cell.

    Attributes
    ----------
    related
        The pin whose change made an output change; ``None`` for an input.
    when
        The condition on other pins, as Liberty text; ``None``: the mean over all.
    energy
        pJ by slew and load, the mean of a rise and a fall; of an input by slew alone.
    """

    pin: str
    related: str | None
    when: str | None
    energy: DelayTable


@dataclass(frozen=True)
class State:
    """The ``ff`` or ``latch`` group: kind, the two state names, and its expressions by key."""

    kind: Literal["ff", "latch"]
    names: tuple[str, str]
    expressions: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """A cell. ``odd`` says why mapping must leave it alone (``None``: it may be used)."""

    name: str
    area: float
    leakage: float
    pins: Mapping[str, Pin]
    arcs: tuple[Arc, ...] = ()
    state: State | None = None
    clock_gate: str | None = None
    dont_use: bool = False
    odd: str | None = None
    powers: tuple[Power, ...] = ()

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input pins, in library order."""
        return tuple(p.name for p in self.pins.values() if p.direction == "input")

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the output pins, in library order."""
        return tuple(p.name for p in self.pins.values() if p.direction == "output")

    @property
    def enables(self) -> tuple[str, ...]:
        """The input pins of a clock gate besides its clock: any of them opens it."""
        return tuple(name for name in self.inputs if not self.pins[name].clock)

    @cached_property
    def clocks(self) -> frozenset[str]:
        """The input pins that clock the cell, if it holds state."""
        if not self.sequential:
            return frozenset()
        marked = {name for name in self.inputs if self.pins[name].clock}
        said = self.state.expressions if self.state else {}
        text = said.get("clocked_on") or said.get("enable", "")
        return frozenset(marked | set(logic.names(text) if text else ()))

    @property
    def clock(self) -> str:
        """The one pin that clocks a flip-flop."""
        (pin,) = self.clocks
        return pin

    @property
    def rising(self) -> bool:
        """Whether a flip-flop takes its data at a rising edge."""
        text = self.state.expressions.get("clocked_on", "") if self.state else ""
        return len(self.clocks) == 1 and logic.truth_table(text or "0", tuple(self.clocks)) == 0b10

    @cached_property
    def sequential(self) -> bool:
        """Whether the cell holds state: flip-flop, latch or clock gate."""
        return self.state is not None or self.clock_gate is not None

    @cached_property
    def tables(self) -> tuple[int, ...] | None:
        """Truth table of each output over :attr:`inputs`; ``None`` for anything not a gate."""
        if self.sequential or not self.outputs:
            return None
        functions = [self.pins[name].function for name in self.outputs]
        try:
            return tuple(logic.truth_table(text or "?", self.inputs) for text in functions)
        except ValueError:
            return None

    @property
    def usable(self) -> bool:
        """Whether the present recipes may use the cell."""
        return self.left_alone is None

    @cached_property
    def left_alone(self) -> str | None:
        """Why the present recipes leave the cell alone, ``None`` if they may use it."""
        reasons = {
            "clock gate": self.clock_gate is not None,
            "marked dont_use": self.dont_use,
            "latch": self.state is not None and self.state.kind == "latch",
            "not for logic": any(fnmatchcase(self.name, pattern) for pattern in NOT_FOR_LOGIC),
            "no output": not self.outputs,
            "flip-flop of more than data and enable": self.state is not None
            and not self.plain_flip_flop,
            "no known function": self.state is None and self.tables is None,
        }
        return self.odd or next((reason for reason, holds in reasons.items() if holds), None)

    @cached_property
    def plain_flip_flop(self) -> bool:
        """A flip-flop that stores one pin, its inverse, or one pin under an enable."""
        if self.state is None or self.state.kind != "ff":
            return False
        try:
            reads = logic.names(self.state.expressions.get("next_state", ""))
        except ValueError:
            return False
        data = [name for name in reads if name not in self.state.names]
        return len(data) == 1 or (len(data) == 2 and len(reads) == 3)

    @cached_property
    def kin(self) -> tuple[object, ...]:
        """Equal for cells that differ only in drive."""
        if self.state is None:
            return (self.inputs, self.outputs, self.tables, self.clock_gate)
        functions = tuple(pin.function for pin in self.pins.values())
        return (self.state.kind, tuple(self.pins), functions, *self.state.expressions.items())


@dataclass(frozen=True)
class ClockGate:
    """A cell that lets a rising clock pass while its enable is high, and its pins.

    ``tied`` are its test pins: they must be held at 0.
    """

    cell: str
    enable: str
    clock: str
    output: str
    tied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Latch:
    """A latch that is open while its enable is high, and its pins; ``tied`` must be held at 1."""

    cell: str
    data: str
    enable: str
    output: str
    tied: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellLibrary:
    """A cell library at one corner.

    Attributes
    ----------
    name
        What reports call ``pdk``.
    corner
        Process, voltage and temperature as the library names them.
    cells
        By name, in library order.
    process
        The node, ``"130 nm"``; ``""`` where it is not known.
    source, licence, notice
        Where the figures are from, and the text that has to travel with them.
    """

    name: str
    corner: str
    cells: Mapping[str, Cell]
    voltage: float = 0.0
    temperature: float = 25.0
    source: str = ""
    licence: str = ""
    notice: str = ""
    process: str = ""

    def gates(self, table: int, inputs: int) -> list[Cell]:
        """Usable one-output gates of this truth table, smallest first."""
        found = [c for c in self._mapped if c.tables == (table,) and len(c.inputs) == inputs]
        return sorted(found, key=lambda c: (c.area, c.name))

    @cached_property
    def _mapped(self) -> list[Cell]:
        return [c for c in self.cells.values() if c.usable]

    @cached_property
    def nand2_area(self) -> float:
        """Area of the smallest 2-input NAND, the unit of gate equivalents; 0 if there is none."""
        found = self.gates(0b0111, 2)
        return found[0].area if found else 0.0

    @cached_property
    def clock_gates(self) -> list[ClockGate]:
        """Clock gates for rising edges: those without a test pin first, then by area.

        Libraries mark these cells ``dont_use`` to keep them out of logic; as what they are they
        may be used.
        """
        found = [
            ClockGate(
                cell=cell.name,
                enable=enables[0],
                clock=clocks[0],
                output=cell.outputs[0],
                tied=tuple(name for name in cell.inputs if cell.pins[name].test),
            )
            for cell in sorted(self.cells.values(), key=lambda c: (c.area, c.name))
            if cell.clock_gate in ("latch_posedge", "latch_posedge_precontrol")
            and cell.odd is None
            and len(cell.outputs) == 1
            for clocks in [[name for name in cell.inputs if cell.pins[name].clock]]
            for enables in [[name for name in cell.enables if not cell.pins[name].test]]
            if len(clocks) == len(enables) == 1
        ]
        return sorted(found, key=lambda gate: len(gate.tied))

    @property
    def clock_gate(self) -> ClockGate | None:
        """The clock gate that mapping uses, if there is one."""
        return next(iter(self.clock_gates), None)

    @cached_property
    def latches(self) -> list[Latch]:
        """Latches that are open at high and hand on what they store as it is, smallest first."""
        cells = sorted(self.cells.values(), key=lambda c: (c.area, c.name))
        return [found for cell in cells if (found := _latch(cell)) is not None]

    @cached_property
    def latch_share(self) -> float | None:
        """Area of the smallest latch over that of a flip-flop, where clock gates may open it."""
        flip_flops = [cell.area for cell in self.mapped() if cell.plain_flip_flop and cell.rising]
        if self.clock_gate is None or not self.latches or not flip_flops:
            return None
        return self.cells[self.latches[0].cell].area / min(flip_flops)

    def mapped(self) -> list[Cell]:
        """Cells that mapping may use, without drives far beyond the smallest of their kin."""
        smallest: dict[tuple[object, ...], float] = {}
        for cell in self._mapped:
            smallest[cell.kin] = min(cell.area, smallest.get(cell.kin, cell.area))
        return [c for c in self._mapped if c.area <= LARGEST_DRIVE * smallest[c.kin]]

    def left_alone(self) -> dict[str, str]:
        """The cells that are not used, each with the reason."""
        used = {cell.name for cell in self.mapped()}
        if self.clock_gate is not None:
            used.add(self.clock_gate.cell)
        used |= {latch.cell for latch in self.latches[:1]}
        large = f"more than {LARGEST_DRIVE} times the smallest of its kind"
        return {
            cell.name: cell.left_alone or large
            for cell in self.cells.values()
            if cell.name not in used
        }


def _latch(cell: Cell) -> Latch | None:
    """``cell`` as a plain latch, if it is one: a clear or preset may be held off by pins at 1."""
    if cell.odd or cell.dont_use or cell.state is None or cell.state.kind != "latch":
        return None
    state, said = cell.state.names[0], cell.state.expressions
    pins = [said.get(key, "").strip("() ") for key in ("data_in", "enable")]
    if len(cell.outputs) != 1 or not set(pins) <= set(cell.inputs):
        return None
    if (cell.pins[cell.outputs[0]].function or "").strip("() ") != state:
        return None
    tied = tuple(pin for pin in cell.inputs if pin not in pins)
    held = dict.fromkeys(tied, True)
    for key in ("clear", "preset"):
        text = said.get(key)
        if text and (set(logic.names(text)) - set(tied) or _value(text, held)):
            return None
    return Latch(cell.name, pins[0], pins[1], cell.outputs[0], tied)


def _value(function: str, pins: Mapping[str, bool]) -> bool:
    """A function of pins whose values are known."""
    names = tuple(pins)
    row = sum(pins[name] << i for i, name in enumerate(names))
    return bool(logic.truth_table(function, names) >> row & 1)


def by_name(cells: Iterable[Cell]) -> dict[str, Cell]:
    """Cells keyed by their names."""
    return {cell.name: cell for cell in cells}
