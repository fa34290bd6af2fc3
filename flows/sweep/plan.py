"""From the axes of a sweep file to points.

An axis is a setting with the values it takes; the points are all combinations. A knob counts for
the architectures that have it, a clock for the recipes that aim at one.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.sweep.axes import Mappings, architectures, check_names, count_parts
from hwgen.flows.sweep.config import SweepFile
from hwgen.flows.sweep.points import Checks, Context, Mapping, Point
from hwgen.flows.sweep.sources import Sources, read_data
from hwgen.flows.sweep.table import Table
from hwgen.rtl.architecture import Architecture
from hwgen.support.cache import key_of
from hwgen.support.errors import HwgenError
from hwgen.support.fingerprint import fingerprint
from hwgen.synth import CellLibrary
from hwgen.synth.libraries.tables import liberty_text

MOST = 10_000
"""Points that a sweep may have unless more are asked for."""

Parts = tuple[tuple[int, ...], tuple[Architecture, ...], tuple[Mapping, ...]]
"""Sources by their place, architectures, mappings: points are all combinations."""


@dataclass(frozen=True)
class SweepPlan:
    """The points of a sweep: every combination of the three parts, then those listed alone.

    Attributes
    ----------
    sources
        Indices into the context's sources.
    listed
        Points of ``[[point]]`` that the axes do not give.
    """

    context: Context
    sources: tuple[int, ...]
    architectures: tuple[Architecture, ...]
    mappings: tuple[Mapping, ...]
    listed: tuple[Point, ...] = ()

    def __len__(self) -> int:
        parts = (self.sources, self.architectures, self.mappings)
        return math.prod(map(len, parts)) + len(self.listed)

    def __iter__(self) -> Iterator[Point]:
        """Designs that differ come before the same ones in other libraries."""
        yield from combinations((self.sources, self.architectures, self.mappings))
        yield from self.listed


def combinations(parts: Parts) -> Iterator[Point]:
    """Every source in every architecture with every mapping."""
    sources, own, mappings = parts
    for m, a, s in itertools.product(mappings, own, sources):
        yield Point(source=s, architecture=a, mapping=m)


def make_plan(file: SweepFile, path: Path, many: bool = False) -> SweepPlan:
    """The points of the sweep file at ``path``; paths in it start from its folder.

    ``many`` allows more than :data:`MOST`.

    Raises
    ------
    HwgenError
        An unknown, empty or useless axis, a value that is not allowed, a file that cannot be read,
        too many points. A network file that cannot be loaded is refused where there is no other
        network; else its points fail.
    """
    axes = Table(path, "axes", file.axes)
    check_names(axes, file)
    if not many:
        _check_count(file, axes)
    axes.check_values()
    sources, mappings = Sources(file.model), Mappings(energy=bool(file.energy_samples))

    def parts_of(table: Table) -> Parts:
        return sources.read(table), architectures(table), mappings.read(table)

    parts: Parts = parts_of(axes) if file.axes else ((), (), ())
    tables = (_point_table(file, path, index) for index in range(len(file.point)))
    listed = [point for table in tables for point in combinations(parts_of(table))]
    sources.check()
    context = Context(
        sources=tuple(sources.found),
        libraries=mappings.libraries,
        checks=Checks(**{name: getattr(file, name) for name in Checks.__dataclass_fields__}),
        data=None if file.data is None else read_data(path.parent, file.data),
        code=fingerprint(),
        fingerprints={name: _fingerprint(lib) for name, lib in mappings.libraries.items()},
    )
    known = {context.identity(p) for p in combinations(parts)} if listed else set()
    alone = {context.identity(p): p for p in listed}
    return SweepPlan(context, *parts, listed=tuple(p for k, p in alone.items() if k not in known))


def _check_count(file: SweepFile, axes: Table) -> None:
    """Refuse too many points before any is made."""
    sizes = count_parts(axes.values, file) if axes.values else (0, 0, 0)
    count = math.prod(sizes) + len(file.point)
    spent = min(count, file.search.points + len(file.point)) if file.search else count
    if spent > MOST or max(sizes) > 10 * MOST:
        found, allowed = f"{count:,} points", f"at most {MOST:,} are taken (or many)"
        raise HwgenError(f"{axes.path}: axes", found, allowed)


def _point_table(file: SweepFile, path: Path, index: int) -> Table:
    """A ``[[point]]`` with one value for each setting; of one network the axes name, that one."""
    point: dict[str, Any] = file.point[index]
    table = Table(path, f"point[{index}]", {name: [value] for name, value in point.items()})
    for name, value in point.items():
        if isinstance(value, list) and not value:
            raise table.refusal(name, "an empty list", "one value")
    check_names(table, file)
    networks = file.axes.get("network", [])
    if "network" not in point and file.model is None and len(networks) == 1:
        return Table(path, table.name, {**table.values, "network": networks})
    return table


def _fingerprint(library: CellLibrary) -> str:
    return key_of(liberty_text(library))
