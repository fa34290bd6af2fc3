"""A mapped netlist placed in rows: where each cell stands, and how long its wires are.

Cells stand on whole sites in rows, every second row turned over, and do not overlap. Pins are taken
to be in the middle of their cells, wires to run as a rectilinear spanning tree. Clock nets are left
out: their tree is not there yet.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hwgen.support.errors import HwgenError
from hwgen.support.process import clean_environment, run_group
from hwgen.support.temporary import temporary_folder
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.netlist import Flat, Net
from hwgen.synth.placement.rows import Core, core_for, site_of, widths_of
from hwgen.synth.placement.wires import half_perimeter, spanning_tree

SIDES = ("W", "E", "S", "N")
_WORKER = Path(__file__).with_name("worker.py")

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where a cell stands: its leftmost site, its row, and its width in sites."""

    column: int
    row: int
    width: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placed netlist.

    Attributes
    ----------
    core
        The rows.
    flat
        The netlist; ``places`` are those of its instances, in order.
    ports
        Position of each port's bit by its name, um from the core's lower left corner.
    clocks
        Nets that carry a clock.
    """

    core: Core
    flat: Flat
    places: tuple[Place, ...]
    ports: Mapping[str, Point]
    clocks: frozenset[Net]

    @cached_property
    def pins(self) -> dict[Net, list[Point]]:
        """Where each net has a pin, um; constants and clocks are left out."""
        found: dict[Net, list[Point]] = defaultdict(list)
        width, height = self.core.site
        for instance, place in zip(self.flat.instances, self.places, strict=True):
            middle = (place.column + place.width / 2) * width, (place.row + 0.5) * height
            for net in dict.fromkeys(instance.pins.values()):
                found[net].append(middle)
        for name, net in (*self.flat.inputs, *self.flat.outputs):
            found[net].append(self.ports[name])
        return {
            net: points
            for net, points in found.items()
            if not isinstance(net, str) and net not in self.clocks and len(points) > 1
        }

    @cached_property
    def lengths(self) -> dict[Net, float]:
        """um of wire by net: a rectilinear spanning tree of its pins."""
        return {net: spanning_tree(points) for net, points in self.pins.items()}

    @property
    def half_perimeter(self) -> float:
        """um, over all nets: half the perimeter of the box around the pins of each."""
        return sum(map(half_perimeter, self.pins.values()))


def place(
    flat: Flat,
    library: CellLibrary,
    *,
    utilization: float,
    sides: Mapping[str, Sequence[str]],
    timeout: float,
) -> Placement:
    """Place a netlist in the squarest core that it fills to ``utilization`` percent at most.

    Parameters
    ----------
    flat
        The netlist, all cells of it in ``library``.
    sides
        Names of port bits in order, by the side (:data:`SIDES`) of the die that they are on.
    timeout
        Seconds.

    Raises
    ------
    HwgenError
        Nothing to place, no site is known for the library, or the placer failed.
    """
    if not flat.instances:
        raise HwgenError("netlist", "no cells", "at least one to place")
    widths = widths_of(flat, library)
    core = core_for(widths, site_of(library), utilization)
    ports = _ports(core, sides)
    clocks = _clocks(flat, library)
    found = _placed(flat, core, widths, ports, clocks, timeout)
    places = tuple(
        Place(column, row, width) for (column, row), width in zip(found, widths, strict=True)
    )
    check(core, places)
    return Placement(core=core, flat=flat, places=places, ports=ports, clocks=clocks)


def check(core: Core, places: Sequence[Place]) -> None:
    """Refuse a placement of which cells overlap or stand outside of their rows.

    Raises
    ------
    HwgenError
        They do.
    """
    ends = [0] * core.rows
    for one in sorted(places, key=lambda place: place.column):
        inside = 0 <= one.row < core.rows and one.column + one.width <= core.columns
        if not inside or one.column < ends[one.row]:
            raise HwgenError(
                "placement",
                f"a cell at site {one.column} of row {one.row} is in the way of another",
                "a lower utilization may help",
            )
        ends[one.row] = one.column + one.width


def _ports(core: Core, sides: Mapping[str, Sequence[str]]) -> dict[str, Point]:
    """Positions on the edges of the die, evenly spread, in order from below or from the left."""
    width, height = core.size
    out = core.margin
    found = {}
    for side, names in sides.items():
        for i, name in enumerate(names):
            share = (i + 0.5) / len(names)
            found[name] = {
                "W": (-out, share * height),
                "E": (width + out, share * height),
                "S": (share * width, -out),
                "N": (share * width, height + out),
            }[side]
    return found


def _clocks(flat: Flat, library: CellLibrary) -> frozenset[Net]:
    """Nets at clock pins."""
    return frozenset(
        instance.pins[pin.name]
        for instance in flat.instances
        for pin in library.cells[instance.cell].pins.values()
        if pin.clock and pin.name in instance.pins
    )


def _placed(
    flat: Flat,
    core: Core,
    widths: list[int],
    ports: Mapping[str, Point],
    clocks: frozenset[Net],
    timeout: float,
) -> list[tuple[int, int]]:
    """Site and row of every cell, by the placer."""
    width, height = core.site
    row = max(1, round(height / width))  # the placer's unit is one in both directions
    names = {name: len(widths) + i for i, name in enumerate(ports)}
    nets: dict[Net, list[int]] = defaultdict(list)
    for i, instance in enumerate(flat.instances):
        for net in dict.fromkeys(instance.pins.values()):
            nets[net].append(i)
    for name, net in (*flat.inputs, *flat.outputs):
        nets[net].append(names[name])
    wanted = [
        cells
        for net, cells in nets.items()
        if not isinstance(net, str) and net not in clocks and len(cells) > 1
    ]
    given = {
        "columns": core.columns,
        "rows": core.rows,
        "row": row,
        "widths": widths,
        "ports": [[round(x / width), round(y * row / height)] for x, y in ports.values()],
        "nets": wanted,
    }
    with temporary_folder("place") as temporary:
        folder = Path(temporary)
        (folder / "in.json").write_text(json.dumps(given), "utf-8")
        code = run_group(
            [sys.executable, str(_WORKER), "in.json", "out.json"],
            what="placing",
            cwd=folder,
            env=clean_environment(),
            log=folder / "log",
            timeout=timeout,
        )
        if code:
            last = (folder / "log").read_text("utf-8", "replace").strip().splitlines()
            raise HwgenError("coloquinte", f"failed ({' '.join(last[-1:])[:200]})", "a placement")
        return [(x, y) for x, y in json.loads((folder / "out.json").read_text("utf-8"))]
