"""The project's own cell tables: read, written, and turned into Liberty text.

A table file is JSON: figures of one library at one corner with their source and licence. Units are
those of :mod:`hwgen.synth.libraries.library`, but ps, fF and fJ, whose figures are shorter. A delay
table is ``[grid, v, v, ...]``: the values, row by row, over ``grids[grid]`` of the same cell,
``[slews, loads]``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.delays import Arc, DelayTable
from hwgen.synth.libraries.library import Cell, CellLibrary, Pin, Power, State, by_name

FOLDER = Path(__file__).parent / "tables"
FORMAT = "hwgen-cells"
VERSION = 3

_MILLI = 1e-3
_UNITS = (
    ("area", "um2"),
    ("capacitance", "fF"),
    ("time", "ps"),
    ("leakage", "nW"),
    ("energy", "fJ"),
)
_KINDS = ("rise", "fall", "rise_slew", "fall_slew")
_OPTIONAL = {
    "max": "max_capacitance",
    "slew": "max_transition",
    "rise": "rise_capacitance",
    "fall": "fall_capacitance",
}
"""Figures that a pin may lack: key in the file, attribute of the pin."""


def built_in() -> tuple[str, ...]:
    """Names of the libraries whose tables the project carries."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load_table(path: Path) -> CellLibrary:
    """Read one table file.

    Raises
    ------
    HwgenError
        The file is absent or not a table of this version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise ValueError("another format or version")
        cells = by_name(_cell(name, fields) for name, fields in data["cells"].items())
        return CellLibrary(
            name=data["name"],
            corner=data["corner"],
            cells=cells,
            voltage=data["voltage"],
            temperature=data["temperature"],
            source=data["source"],
            licence=data["licence"],
            notice="\n".join(data["notice"]),
            process=data["process"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HwgenError(
            str(path), f"not a cell table ({error})", f"a {FORMAT} version {VERSION} file is needed"
        ) from None


def dump_table(library: CellLibrary) -> str:
    """The text of a table file: one line per cell, so that changes read well."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "name": library.name,
        "process": library.process,
        "corner": library.corner,
        "voltage": library.voltage,
        "temperature": library.temperature,
        "source": library.source,
        "licence": library.licence,
        "notice": library.notice.splitlines(),
        "units": {
            "area": "um2",
            "capacitance": "fF",
            "time": "ps",
            "leakage": "nW",
            "energy": "fJ",
        },
    }
    lines = [f'"{name}":{_compact(_fields(cell))}' for name, cell in library.cells.items()]
    return json.dumps(head, indent=1)[:-2] + ',\n "cells": {\n' + ",\n".join(lines) + "\n}}\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _fields(cell: Cell) -> dict[str, Any]:
    grids: list[list[list[float]]] = []

    def flat(table: DelayTable | None) -> list[float] | None:
        if table is None:
            return None
        grid = [_thousandths(table.rows), _thousandths(table.cols)]
        if grid not in grids:
            grids.append(grid)
        return [grids.index(grid), *(v for row in table.values for v in _thousandths(row))]

    fields: dict[str, Any] = {"area": cell.area, "leakage": cell.leakage}
    for key in ("clock_gate", "dont_use", "odd"):
        if getattr(cell, key):
            fields[key] = getattr(cell, key)
    if cell.state:
        fields[cell.state.kind] = [*cell.state.names, dict(cell.state.expressions)]
    fields["pins"] = {p.name: _pin_fields(p) for p in cell.pins.values()}
    fields["arcs"] = [
        [a.source, a.target, a.kind, a.sense, *(flat(getattr(a, key)) for key in _KINDS)]
        for a in cell.arcs
    ]
    if cell.powers:
        fields["powers"] = [[p.pin, p.related, p.when, flat(p.energy)] for p in cell.powers]
    fields["grids"] = grids
    return fields


def _thousandths(values: Iterable[float]) -> list[float]:
    """The values in the next smaller unit, whole numbers without a decimal point."""
    shifted = [float(f"{value / _MILLI:.6g}") for value in values]
    return [int(value) if value.is_integer() else value for value in shifted]


def _pin_fields(pin: Pin) -> dict[str, Any]:
    if pin.direction == "input":
        fields: dict[str, Any] = {"in": _thousandths([pin.capacitance])[0]}
    else:
        fields = {"out": pin.function}
    for key, name in _OPTIONAL.items():
        value = getattr(pin, name)
        if value is not None:
            fields[key] = _thousandths([value])[0]
    for key in ("clock", "test"):
        if getattr(pin, key):
            fields[key] = True
    return fields


def _cell(name: str, fields: Mapping[str, Any]) -> Cell:
    state = None
    for kind in ("ff", "latch"):
        if kind in fields:
            first, second, expressions = fields[kind]
            state = State(kind, (first, second), expressions)
    grids = fields["grids"]
    return Cell(
        name=name,
        area=fields["area"],
        leakage=fields["leakage"],
        pins={key: _pin(key, value) for key, value in fields["pins"].items()},
        arcs=tuple(
            Arc(*arc[:4], *(_table(values, grids) for values in arc[4:])) for arc in fields["arcs"]
        ),
        state=state,
        clock_gate=fields.get("clock_gate"),
        dont_use=fields.get("dont_use", False),
        odd=fields.get("odd"),
        powers=tuple(_powers(fields.get("powers", ()), grids)),
    )


def _powers(entries: Sequence[Any], grids: Sequence[Any]) -> Iterator[Power]:
    for pin, related, when, values in entries:
        table = _table(values, grids)
        if table is not None:
            yield Power(pin, related, when, table)


def _pin(name: str, fields: Mapping[str, Any]) -> Pin:
    return Pin(
        name=name,
        direction="input" if "in" in fields else "output",
        capacitance=fields.get("in", 0) * _MILLI,
        function=fields.get("out"),
        clock=fields.get("clock", False),
        test=fields.get("test", False),
        **{name: fields[key] * _MILLI for key, name in _OPTIONAL.items() if key in fields},
    )


def _table(values: Sequence[float] | None, grids: Sequence[Any]) -> DelayTable | None:
    if values is None:
        return None
    rows, cols = (tuple(v * _MILLI for v in axis) for axis in grids[int(values[0])])
    width = len(cols)
    flat = tuple(v * _MILLI for v in values[1:])
    return DelayTable(rows, cols, tuple(flat[i : i + width] for i in range(0, len(flat), width)))


def liberty_text(library: CellLibrary, cells: Iterable[Cell] | None = None) -> str:
    """Liberty text of ``cells`` (default: those that mapping may use), for Yosys and ABC.

    Names in it are plain identifiers: cells with other names are never usable.
    """
    out = [
        "library (hwgen_cells) {",
        "  delay_model : table_lookup;",
        '  time_unit : "1ns"; leakage_power_unit : "1nW"; voltage_unit : "1V";',
        '  current_unit : "1mA"; pulling_resistance_unit : "1kohm";',
        "  capacitive_load_unit (1,pf);",
        f"  nom_process : 1; nom_voltage : {library.voltage:g};"
        f" nom_temperature : {library.temperature:g};",
        "  default_max_transition : 100; default_output_pin_cap : 0;",
        "  slew_lower_threshold_pct_rise : 20; slew_lower_threshold_pct_fall : 20;",
        "  slew_upper_threshold_pct_rise : 80; slew_upper_threshold_pct_fall : 80;",
        "  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;",
        "  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;",
    ]
    chosen = library.mapped() if cells is None else list(cells)
    for rows, cols in sorted({_size(t) for c in chosen for a in c.arcs for t in arc_tables(a)}):
        out += [
            f"  lu_table_template (t{rows}x{cols}) {{",
            "    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;",
            f"    index_1 ({_quoted(range(rows))}); index_2 ({_quoted(range(cols))});",
            "  }",
        ]
    for cell in chosen:
        out += _liberty_cell(cell)
    return "\n".join([*out, "}", ""])


def arc_tables(arc: Arc) -> list[DelayTable]:
    """The tables an arc has."""
    return [table for key in _KINDS if (table := getattr(arc, key)) is not None]


def _size(table: DelayTable) -> tuple[int, int]:
    return len(table.rows), len(table.cols)


def _template(table: DelayTable) -> str:
    return "t{}x{}".format(*_size(table))


def _liberty_cell(cell: Cell) -> list[str]:
    out = [f"  cell ({cell.name}) {{", f"    area : {cell.area:g};"]
    out.append(f"    cell_leakage_power : {cell.leakage:g};")
    if not cell.usable:
        out.append("    dont_use : true;")
    if cell.state:
        out.append(f"    {cell.state.kind} ({cell.state.names[0]},{cell.state.names[1]}) {{")
        out += [f'      {k} : "{v}";' for k, v in cell.state.expressions.items()]
        out.append("    }")
    for pin in cell.pins.values():
        out += [f"    pin ({pin.name}) {{", f"      direction : {pin.direction};"]
        if pin.direction == "input":
            out.append(f"      capacitance : {pin.capacitance:g};")
        if pin.clock:
            out.append("      clock : true;")
        if pin.function is not None:
            out.append(f'      function : "{pin.function}";')
        if pin.max_capacitance is not None:
            out.append(f"      max_capacitance : {pin.max_capacitance:g};")
        out += [line for arc in cell.arcs if arc.target == pin.name for line in _liberty_arc(arc)]
        out.append("    }")
    return [*out, "  }"]


def _liberty_arc(arc: Arc) -> list[str]:
    setup = arc.kind.startswith("setup")
    sense = {"positive": "positive_unate", "negative": "negative_unate", "both": "non_unate"}
    out = ["      timing () {", f'        related_pin : "{arc.source}";']
    if arc.kind != "combinational":
        out.append(f"        timing_type : {arc.kind};")
    if not setup:
        out.append(f"        timing_sense : {sense[arc.sense]};")
    tables = {"rise": arc.rise, "fall": arc.fall}
    named = {f"{k}_constraint" if setup else f"cell_{k}": t for k, t in tables.items()}
    named |= {"rise_transition": arc.rise_slew, "fall_transition": arc.fall_slew}
    for name, table in named.items():
        if table is not None:
            out += [
                f"        {name} ({_template(table)}) {{",
                f"          index_1 ({_quoted(table.rows)});",
            ]
            out.append(f"          index_2 ({_quoted(table.cols)});")
            rows = ", ".join(_quoted(row) for row in table.values)
            out += [f"          values ({rows});", "        }"]
    return [*out, "      }"]


def _quoted(values: Iterable[float]) -> str:
    return '"' + ", ".join(f"{v:g}" for v in values) + '"'
