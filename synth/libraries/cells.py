"""A Liberty tree made into a :class:`~hwgen.synth.libraries.library.CellLibrary`."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.delays import Arc, DelayTable, Sense
from hwgen.synth.libraries.energies import Condition, conditions, powers
from hwgen.synth.libraries.liberty import Group
from hwgen.synth.libraries.library import Cell, CellLibrary, Pin, State

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_TIME = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0, "ps": 1e-3, "fs": 1e-6}
_POWER = {"w": 1e9, "mw": 1e6, "uw": 1e3, "nw": 1.0, "pw": 1e-3, "fw": 1e-6}
_FARAD = {"f": 1e12, "uf": 1e6, "nf": 1e3, "pf": 1.0, "ff": 1e-3}
_STATE_KEYS = (
    "clocked_on",
    "next_state",
    "enable",
    "data_in",
    "clear",
    "preset",
    "clear_preset_var1",
    "clear_preset_var2",
)
_KINDS = {"combinational", "rising_edge", "falling_edge", "setup_rising", "setup_falling"}
_KINDS_SAME = {"": "combinational", "combinational_rise": "combinational"} | {
    "combinational_fall": "combinational"
}
_SENSES: dict[str, Sense] = {
    "positive_unate": "positive",
    "negative_unate": "negative",
}
_TABLES = {
    "rise": ("cell_rise", "rise_constraint"),
    "fall": ("cell_fall", "fall_constraint"),
    "rise_slew": ("rise_transition",),
    "fall_slew": ("fall_transition",),
}


def library_from_groups(
    groups: Sequence[Group], where: Sequence[str], name: str | None = None
) -> CellLibrary:
    """Join the ``library`` groups of one corner; the first definition of a cell counts.

    Raises
    ------
    HwgenError
        A figure is not a number, a unit is not known, or a table does not fit its indices.
    """
    cells: dict[str, Cell] = {}
    for group, file in zip(groups, where, strict=True):
        reader = _Reader(group, file)
        for cell_group in group.of("cell"):
            cell = reader.cell(cell_group)
            cells.setdefault(cell.name, cell)
    head = groups[0]
    conditions = head.first("operating_conditions")
    corner = head.simple.get("default_operating_conditions") or (
        conditions.args[0] if conditions and conditions.args else "unnamed"
    )
    reader = _Reader(head, where[0])
    return CellLibrary(
        name=name or (head.args[0] if head.args else "unnamed"),
        corner=corner,
        cells=cells,
        voltage=reader.number(head, "nom_voltage", 0.0),
        temperature=reader.number(head, "nom_temperature", 25.0),
        source=", ".join(where),
    )


class _Reader:
    """Reads the cells of one ``library`` group, in that group's units."""

    def __init__(self, group: Group, where: str):
        self.where = where
        self.time = self._unit(group.simple.get("time_unit", "1ns"), _TIME)
        self.power = self._unit(group.simple.get("leakage_power_unit", "1nW"), _POWER)
        self.load = self._unit("".join(group.complex.get("capacitive_load_unit", ("1pf",))), _FARAD)
        templates = (*group.of("lu_table_template"), *group.of("power_lut_template"))
        self.templates = {t.args[0]: t for t in templates if t.args}
        self.leakage = self.number(group, "default_cell_leakage_power", 0.0)
        self.input_load = self.number(group, "default_input_pin_cap", 0.0)
        self.limits = {
            "max_capacitance": self.number(group, "default_max_capacitance", math.nan),
            "max_transition": self.number(group, "default_max_transition", math.nan),
        }

    def cell(self, group: Group) -> Cell:
        if not group.args or not group.args[0]:
            raise self._refuse(group, "a cell without a name", "a name in the parentheses")
        pins: dict[str, Pin] = {}
        arcs: list[Arc] = []
        energies: list[Condition] = []
        for pin in group.of("pin"):
            for name in pin.args:
                pins[name] = self._pin(name, pin)
                arcs += [arc for t in pin.of("timing") for arc in self._arcs(name, t)]
                energies += conditions(name, pin.of("internal_power"), self._energy)
        state = self._state(group)
        gate = group.simple.get("clock_gating_integrated_cell")
        return Cell(
            name=group.args[0],
            area=self.number(group, "area", 0.0),
            leakage=self._leakage(group),
            pins=pins,
            arcs=_worst(arcs),
            state=state,
            clock_gate=gate,
            powers=powers(energies, state is not None or gate is not None),
            dont_use=_true(group, "dont_use"),
            odd=_oddity(group, pins),
        )

    def _leakage(self, group: Group) -> float:
        """The cell's leakage; where it is not given, the mean over its conditions."""
        if "cell_leakage_power" in group.simple:
            return self.number(group, "cell_leakage_power", 0.0) * self.power
        values = [self.number(g, "value", 0.0) for g in group.of("leakage_power")]
        mean = sum(values) / len(values) if values else self.leakage
        return mean * self.power

    def _pin(self, name: str, group: Group) -> Pin:
        direction = group.simple.get("direction", "input")
        if direction not in ("input", "output", "inout", "internal"):
            raise self._refuse(group, f"pin {name} has direction {direction!r}", "input or output")
        load = self.number(group, "capacitance", self.input_load) if direction != "output" else 0.0
        rise, fall = (self._largest(group, edge, load) for edge in ("rise", "fall"))
        return Pin(
            name=name,
            direction=cast(Literal["input", "output", "inout", "internal"], direction),
            capacitance=load * self.load,
            function=group.simple.get("function"),
            clock=_true(group, "clock") or _true(group, "clock_gate_clock_pin"),
            max_capacitance=self._limit(group, "max_capacitance", self.load)
            if direction == "output"
            else None,
            three_state="three_state" in group.simple,
            test=_true(group, "clock_gate_test_pin"),
            rise_capacitance=None if rise == load else rise * self.load,
            fall_capacitance=None if fall == load else fall * self.load,
            max_transition=self._limit(group, "max_transition", self.time),
        )

    def _limit(self, group: Group, key: str, unit: float) -> float | None:
        """A pin's limit, or else the library's."""
        limit = self.number(group, key, self.limits[key]) * unit
        return None if math.isnan(limit) else limit

    def _largest(self, group: Group, edge: str, otherwise: float) -> float:
        """An input's capacitance for drivers of an ``edge``, the upper end where it is a range."""
        span = group.complex.get(f"{edge}_capacitance_range")
        values = self._floats(group, span) if span else ()
        return max((*values, self.number(group, f"{edge}_capacitance", otherwise)))

    def _state(self, group: Group) -> State | None:
        found = group.first("ff", "latch")
        if found is None or len(found.args) < 2:
            return None
        expressions = {key: found.simple[key] for key in _STATE_KEYS if key in found.simple}
        kind = cast(Literal["ff", "latch"], found.kind)
        return State(kind, (found.args[0], found.args[1]), expressions)

    def _arcs(self, pin: str, group: Group) -> list[Arc]:
        kind = group.simple.get("timing_type", "")
        kind = _KINDS_SAME.get(kind, kind)
        if kind not in _KINDS:
            return []
        sense = _SENSES.get(group.simple.get("timing_sense", ""), "both")
        tables = {key: self._table(group.first(*kinds), kind) for key, kinds in _TABLES.items()}
        if not any(tables.values()):
            return []
        related = group.simple.get("related_pin", "").split()
        return [Arc(source, pin, kind, sense, **tables) for source in related]

    def _energy(self, group: Group | None) -> DelayTable | None:
        return self._table(group, "power")

    def _table(self, group: Group | None, kind: str) -> DelayTable | None:
        if group is None:
            return None
        template = self.templates.get(group.args[0]) if group.args else None
        axes = []
        for key in ("index_1", "index_2"):
            axis = group.complex.get(key) or (template.complex.get(key) if template else None)
            axes.append(self._floats(group, axis) if axis else (0.0,))
        rows, cols = axes
        flat = self._floats(group, group.complex.get("values", ()))
        if len(flat) != len(rows) * len(cols):
            raise self._refuse(
                group, f"{len(flat)} values", f"{len(rows)} x {len(cols)} by its indices"
            )
        values = [flat[i : i + len(cols)] for i in range(0, len(flat), len(cols))]
        if template is not None and _second_first(template.simple.get("variable_1", "")):
            rows, cols = cols, rows
            values = [tuple(column) for column in zip(*values, strict=True)]
        second = self.time if kind.startswith("setup") else self.load
        unit = self.load if kind == "power" else self.time
        try:
            return DelayTable(
                tuple(v * self.time for v in rows),
                tuple(v * second for v in cols),
                tuple(tuple(v * unit for v in row) for row in values),
            )
        except ValueError as error:
            raise self._refuse(group, str(error), "a table over rising indices") from None

    def _floats(self, group: Group, texts: Sequence[str]) -> tuple[float, ...]:
        try:
            return tuple(_real(w) for text in texts for w in text.replace(",", " ").split())
        except ValueError:
            raise self._refuse(group, "a table entry that is no number", "numbers") from None

    def number(self, group: Group, key: str, default: float) -> float:
        """The simple attribute ``key`` as a finite number, ``default`` where it is absent."""
        text = group.simple.get(key)
        if text is None:
            return default
        try:
            value = _real(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._refuse(group, f"{key} is {text!r}", "a finite number is needed")
        return value

    def _unit(self, text: str, units: dict[str, float]) -> float:
        found = re.fullmatch(r"\s*([\d.eE+-]*?)\s*([a-z]+)\s*", text.lower())
        if found is None or found.group(2) not in units:
            raise HwgenError(self.where, f"unit {text!r}", f"one of {', '.join(units)}")
        try:
            return _real(found.group(1) or "1") * units[found.group(2)]
        except ValueError:
            raise HwgenError(self.where, f"unit {text!r}", "a number in front") from None

    def _refuse(self, group: Group, found: str, allowed: str) -> HwgenError:
        return HwgenError(f"{self.where}:{group.line}", found, allowed)


def _true(group: Group, key: str) -> bool:
    return group.simple.get(key, "false").lower() in ("true", "1")


def _second_first(variable: str) -> bool:
    """Whether a table's first axis is what this model has second: the load, the clock's slew."""
    return "capacitance" in variable or variable == "related_pin_transition"


def _oddity(group: Group, pins: dict[str, Pin]) -> str | None:
    """Why a cell is not for mapping, as far as its Liberty text tells."""
    if not _NAME.match(group.args[0]) or not all(_NAME.match(name) for name in pins):
        return "a name that is not a plain identifier"
    if "area" not in group.simple:
        return "no area"
    if group.first("test_cell") is not None:
        return "scan cell"
    if group.first("bus", "bundle", "ff_bank", "latch_bank") is not None:
        return "multi-bit cell"
    for key in ("is_isolation_cell", "is_level_shifter", "is_macro_cell", "pad_cell"):
        if _true(group, key):
            return key
    if any(p.three_state or p.direction == "inout" for p in pins.values()):
        return "three-state or inout pin"
    return None


def _worst(arcs: Sequence[Arc]) -> tuple[Arc, ...]:
    """Join the arcs that differ only in their ``when`` condition, value by value."""
    joined: dict[tuple[object, ...], Arc] = {}
    for arc in arcs:
        axes = [(t.rows, t.cols) if t else None for t in (arc.rise, arc.fall)]
        key = (arc.source, arc.target, arc.kind, arc.sense, *axes)
        before = joined.get(key)
        joined[key] = arc if before is None else _join(before, arc)
    return tuple(joined.values())


def _join(a: Arc, b: Arc) -> Arc:
    return replace(
        a,
        rise=_maximum(a.rise, b.rise),
        fall=_maximum(a.fall, b.fall),
        rise_slew=_maximum(a.rise_slew, b.rise_slew),
        fall_slew=_maximum(a.fall_slew, b.fall_slew),
    )


def _maximum(a: DelayTable | None, b: DelayTable | None) -> DelayTable | None:
    if a is None or b is None or (a.rows, a.cols) != (b.rows, b.cols):
        return a or b
    rows = zip(a.values, b.values, strict=True)
    return DelayTable(a.rows, a.cols, tuple(tuple(map(max, x, y)) for x, y in rows))


def _real(text: str) -> float:
    """The number ``text``; Python takes ``1_0`` and digits of all scripts, Liberty does not.

    Raises
    ------
    ValueError
        It is none.
    """
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text)
