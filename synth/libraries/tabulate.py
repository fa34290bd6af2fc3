"""Make the project's cell tables from the foundries' own files.

``python -m hwgen.synth.libraries.tabulate FOLDER`` reads ``FOLDER/<library>/...`` and writes
``synth/tables/<library>.json``: the cells that mapping uses, with latches and clock gates for
later, and delay tables thinned to a small grid.
"""

import gzip
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic
from hwgen.synth.libraries.cells import library_from_groups
from hwgen.synth.libraries.delays import Arc, DelayTable
from hwgen.synth.libraries.liberty import Group, read_liberty
from hwgen.synth.libraries.library import NOT_FOR_LOGIC, Cell, CellLibrary, by_name
from hwgen.synth.libraries.tables import FOLDER, arc_tables, dump_table

SLEWS = 7
LOADS = 5
DIGITS = 4
TIME_DIGITS = 3
"""Of delays and slews: the rounding of a path's stages averages out."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the figures of one library come from."""

    files: str
    source: str
    licence: str
    process: str
    corner: str
    read: Callable[[Sequence[Path]], CellLibrary]


def tabulate(name: str, folder: Path) -> CellLibrary:
    """The thinned library ``name``, made from the foundry's files in ``folder / name``.

    Raises
    ------
    HwgenError
        The name is not known, or the files are absent or damaged.
    """
    if name not in ORIGINS:
        raise HwgenError("library", f"{name!r} is not known", f"one of {', '.join(ORIGINS)}")
    return thinned(foundry_library(name, folder))


def thinned(full: CellLibrary) -> CellLibrary:
    """What a table keeps of the foundry's own figures."""
    cells = [*full.mapped(), *_for_later(full)]
    kept = [cell for cell in full.cells.values() if cell in cells]
    thin = _Thinner(kept)
    return replace(full, cells=by_name(thin.cell(cell) for cell in kept))


def foundry_library(name: str, folder: Path) -> CellLibrary:
    """The foundry's own figures, all cells, full tables."""
    origin = ORIGINS[name]
    files = sorted((folder / name).glob(origin.files))
    if not files:
        raise HwgenError(str(folder / name), "no such files", f"{origin.files} is needed")
    library = origin.read(files)
    return replace(
        library,
        name=name,
        corner=origin.corner,
        source=origin.source,
        licence=origin.licence,
        notice=_notice(files[0]),
        process=origin.process,
    )


def _for_later(library: CellLibrary) -> list[Cell]:
    """Smallest latches, clock gates: in the table, not used by the present recipes."""
    extra: dict[tuple[object, ...], Cell] = {}
    for cell in library.cells.values():
        latch = cell.state is not None and cell.state.kind == "latch"
        if cell.odd or cell.usable or not (latch or cell.clock_gate) or _excluded(cell):
            continue
        best = extra.get(cell.kin)
        if best is None or cell.area < best.area:
            extra[cell.kin] = cell
    return list(extra.values())


def _excluded(cell: Cell) -> bool:
    return any(Path(cell.name).match(pattern) for pattern in NOT_FOR_LOGIC)


def _liberty(files: Sequence[Path]) -> CellLibrary:
    return library_from_groups([read_liberty(f) for f in files], [str(f) for f in files])


def _sky130(files: Sequence[Path]) -> CellLibrary:
    """All cells as one JSON object, groups written ``"pin,A"``."""
    data = json.loads(gzip.decompress(files[0].read_bytes()))
    header = data.pop("sky130_fd_sc_hd")
    library = group_from_json("library", ("sky130_fd_sc_hd",), header)
    library.groups.append(_SKY130_CONSTRAINTS)
    library.groups += [group_from_json("cell", (name,), body) for name, body in data.items()]
    return library_from_groups([library], [str(files[0])])


_SKY130_CONSTRAINTS = Group("lu_table_template", ("vio_3_3_1",), 0)
"""How setup tables are indexed: from the library's header, which its cells come without."""
_SKY130_CONSTRAINTS.simple["variable_1"] = "related_pin_transition"
_SKY130_CONSTRAINTS.simple["variable_2"] = "constrained_pin_transition"


def group_from_json(kind: str, args: tuple[str, ...], body: dict[str, Any]) -> Group:
    """A Liberty group of the JSON form that skywater-pdk keeps its cells in."""
    group = Group(kind, args, 0)
    for key, value in body.items():
        name, *parts = key.split(",")
        bodies = value if isinstance(value, list) else [value]
        if bodies and all(isinstance(item, dict) for item in bodies):
            group.groups += [group_from_json(name, tuple(parts), item) for item in bodies]
        elif isinstance(value, list):
            texts = tuple(" ".join(map(str, v)) if isinstance(v, list) else str(v) for v in value)
            group.complex[name] = texts
        else:
            group.simple[name] = str(value)
    return group


class _Thinner:
    """Keeps a few rows and columns of every table: those that lose least over all cells."""

    def __init__(self, cells: Iterable[Cell]):
        tables = [t for c in cells for a in c.arcs if a.kind[:5] != "setup" for t in arc_tables(a)]
        self.rows = _positions(SLEWS, tables, lambda t: (t.rows, t.values))
        self.cols = _positions(
            LOADS, tables, lambda t: (t.cols, tuple(zip(*t.values, strict=True)))
        )

    def cell(self, cell: Cell) -> Cell:
        pins = {
            name: replace(
                pin,
                capacitance=_round(pin.capacitance),
                max_capacitance=_rounded(pin.max_capacitance),
                max_transition=_rounded(pin.max_transition),
                rise_capacitance=_rounded(pin.rise_capacitance),
                fall_capacitance=_rounded(pin.fall_capacitance),
            )
            for name, pin in cell.pins.items()
            if pin.direction in ("input", "output")
        }
        return replace(
            cell,
            leakage=_round(cell.leakage),
            pins=pins,
            arcs=tuple(self._arc(arc) for arc in cell.arcs),
            powers=tuple(replace(p, energy=_thin_energy(p.energy)) for p in cell.powers),
        )

    def _arc(self, arc: Arc) -> Arc:
        setup = arc.kind.startswith("setup")
        return replace(
            arc,
            rise=self._table(arc.rise, setup),
            fall=self._table(arc.fall, setup),
            rise_slew=self._table(arc.rise_slew, setup),
            fall_slew=self._table(arc.fall_slew, setup),
        )

    def _table(self, table: DelayTable | None, setup: bool) -> DelayTable | None:
        if table is None:
            return None
        rows = self.rows.get(len(table.rows), tuple(range(len(table.rows))))
        cols = self.cols.get(len(table.cols), tuple(range(len(table.cols))))
        if setup:
            rows, cols = _spread(len(table.rows)), _spread(len(table.cols))
        return DelayTable(
            tuple(_round(table.rows[i]) for i in rows),
            tuple(_round(table.cols[j]) for j in cols),
            tuple(tuple(_round(table.values[i][j], TIME_DIGITS) for j in cols) for i in rows),
        )


def _thin_energy(table: DelayTable) -> DelayTable:
    """At most three slews, those of ordinary nets first, and three loads."""
    rows = _lowest(len(table.rows))
    cols = _spread(len(table.cols))
    return DelayTable(
        tuple(_round(table.rows[i]) for i in rows),
        tuple(_round(table.cols[j]) for j in cols),
        tuple(tuple(_round(table.values[i][j], TIME_DIGITS) for j in cols) for i in rows),
    )


def _lowest(length: int) -> tuple[int, ...]:
    return tuple(sorted({0, length // 3, 2 * length // 3} if length > 1 else {0}))


def _spread(length: int) -> tuple[int, ...]:
    return tuple(sorted({0, length // 2, length - 1}))


def _positions(
    grid: int,
    tables: Sequence[DelayTable],
    lines: Callable[[DelayTable], tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]],
) -> dict[int, tuple[int, ...]]:
    """By axis length, the ``grid`` positions with the least squared relative error.

    The ends always stay, of loads the last two: beyond the end the last slope counts.
    """
    chosen = {}
    for length in {len(lines(t)[0]) for t in tables}:
        sample = [lines(t) for t in tables if len(lines(t)[0]) == length][::7]
        ends = {0, length - 1} | ({max(length - 2, 0)} if grid == LOADS else set())
        inner = [i for i in range(length) if i not in ends]
        choices = [
            tuple(sorted(ends.union(middle)))
            for middle in itertools.combinations(inner, max(min(grid, length) - len(ends), 0))
        ]
        chosen[length] = min(choices, key=lambda kept: sum(_loss(kept, *s) for s in sample))
    return chosen


def _loss(
    kept: tuple[int, ...], axis: tuple[float, ...], values: tuple[tuple[float, ...], ...]
) -> float:
    """Squared relative error of drawing straight lines between the kept positions."""
    loss = 0.0
    floor = 0.05 * max(map(max, values)) or 1.0
    for low, high in itertools.pairwise(kept):
        for i in range(low + 1, high):
            u = (axis[i] - axis[low]) / (axis[high] - axis[low])
            for a, b, true in zip(values[low], values[high], values[i], strict=True):
                loss += ((a + u * (b - a) - true) / max(abs(true), floor)) ** 2
    return loss


def _round(value: float, digits: int = DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else _round(value)


def _notice(path: Path) -> str:
    """The comment that a Liberty file begins with, if that is a licence."""
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        head = file.read(10_000).lstrip()
    text, end, _ = head.removeprefix("/*").partition("*/")
    if not head.startswith("/*") or not end or "Copyright" not in text:
        return ""
    lines = [line.strip().strip("*").strip() for line in text.strip("* \n").splitlines()]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines).strip())


ORIGINS = {
    "ihp-sg13g2": Origin(
        files="*typ_1p20V_25C.lib.gz",
        source="IHP-Open-PDK, sg13g2_stdcell_typ_1p20V_25C.lib (github.com/IHP-GmbH/IHP-Open-PDK)",
        licence="Apache-2.0",
        process="130 nm",
        corner="typ_1p20V_25C",
        read=_liberty,
    ),
    "sky130hd": Origin(
        files="*tt_025C_1v80.cells.json.gz",
        source="skywater-pdk-libs-sky130_fd_sc_hd, timing tt_025C_1v80"
        " (github.com/google/skywater-pdk-libs-sky130_fd_sc_hd)",
        licence="Apache-2.0",
        process="130 nm",
        corner="tt_025C_1v80",
        read=_sky130,
    ),
    "gf180mcu": Origin(
        files="*tt_025C_3v30.lib.gz",
        source="GlobalFoundries gf180mcu_fd_sc_mcu7t5v0, tt_025C_3v30, as in OpenROAD-flow-scripts"
        " (github.com/The-OpenROAD-Project/OpenROAD-flow-scripts)",
        licence="Apache-2.0",
        process="180 nm",
        corner="tt_025C_3v30",
        read=_liberty,
    ),
    "asap7": Origin(
        files="asap7sc7p5t_*_RVT_TT_nldm_*.lib.gz",
        source="ASAP7 asap7sc7p5t, RVT TT in five files, as in OpenROAD-flow-scripts"
        " (github.com/The-OpenROAD-Project/OpenROAD-flow-scripts)",
        licence="BSD-3-Clause",
        process="7 nm, predictive",
        corner="tt_025C_0v70",
        read=_liberty,
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Write every table; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m hwgen.synth.libraries.tabulate FOLDER", file=sys.stderr)
        return 2
    try:
        for name in ORIGINS:
            library = tabulate(name, Path(arguments[0]))
            text = dump_table(library)
            write_atomic(FOLDER / f"{name}.json", text)
            print(f"{name}: {len(library.cells)} cells, {len(text)} bytes")
    except HwgenError as error:
        print(f"hwgen: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
