"""The designs of a network, and which one to take.

Every family and every setting of its knobs that makes a difference is estimated, without hardware.
Those that no other beats in interval and area are the front. The ones that matter may be mapped;
then the mapped areas decide.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.flows.plan_points import Limits, Mapped, Point
from hwgen.flows.results import html_line, html_table
from hwgen.flows.synthesis import SynthesisOptions, synthesize_design
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import families
from hwgen.rtl.simplify import simplify
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.extras import hint, installed
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent, under
from hwgen.synth import CellLibrary

NAND2 = 7.2576
"""Area in um2 of the smallest NAND of the library that estimates were fitted to, ihp-sg13g2."""

ACTIVITY = 1.0
"""Energy of a design in a clock for each of its gate equivalents, in C V^2 of a NAND's input."""


Map = Callable[[Architecture], Mapped]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The designs of a network.

    Parameters
    ----------
    name, pdk
        The network and the library.
    points
        All designs, by interval.
    chosen
        The one to take; None where none keeps to the limits.
    limits
        What it had to keep to.
    """

    name: str
    pdk: str
    points: list[Point]
    chosen: Point | None
    limits: Limits

    @property
    def front(self) -> list[Point]:
        """Those that no other beats."""
        return front(self.points)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "network": self.name,
            "pdk": self.pdk,
            "limits": vars(self.limits),
            "chosen": self.chosen and self.chosen.to_json(),
            "front": [one.to_json() for one in self.front],
            "points": [one.to_json() for one in self.points],
        }

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Header and rows of the front."""
        header = ["design", "interval", "latency", "estimated um2", "estimated pJ"]
        header += ["mapped um2", "path ns", "measured pJ"]
        rows: list[list[object]] = [
            [
                str(one.architecture),
                one.interval,
                one.latency,
                round(one.estimate),
                _short(one.estimated_pj),
                one.mapped and round(one.mapped.area),
                one.path_ns,
                one.mapped and one.mapped.energy_pj,
            ]
            for one in self.front
        ]
        used = [i for i in range(len(header)) if i < 5 or any(row[i] is not None for row in rows)]
        return [header[i] for i in used], [[row[i] for i in used] for row in rows]

    def title(self) -> str:
        """What :meth:`table` shows."""
        return f"{len(self.front)} designs of {len(self.points)} that no other beats"

    def _repr_html_(self) -> str:
        chosen = str(self.chosen.architecture) if self.chosen else "none keeps to the limits"
        return html_table(self.title(), *self.table()) + html_line(f"to take: {chosen}")


def plan(
    network: Network,
    library: CellLibrary,
    limits: Limits | None = None,
    *,
    count: int = 0,
    mapper: Map | None = None,
    progress: Progress = silent,
) -> Plan:
    """The front of ``network``, and the design to take.

    Without a limit of the area that is the smallest design that keeps to the others; with one, the
    one with the shortest interval, of these the smallest.

    Parameters
    ----------
    library
        Estimates are scaled by its smallest NAND.
    count
        How many designs are mapped: those that may be the choice first, then others of the front.
    mapper
        Maps a design; see :func:`cells_of`.
    """
    limits = limits or Limits()
    progress("estimating")
    points = candidates(network, library)
    for _ in range(count if mapper is not None else 0):
        following = next(
            (one for one in [*_ranked(points, limits), *front(points)] if one.mapped is None), None
        )
        if following is None or mapper is None:
            break
        found = mapper(following.architecture)
        points[points.index(following)] = replace(
            following, mapped=found, latency=found.latency, interval=found.interval
        )
    ranked = _ranked(points, limits)
    return Plan(
        name=network.name,
        pdk=library.name,
        points=points,
        chosen=ranked[0] if ranked else None,
        limits=limits,
    )


def candidates(network: Network, library: CellLibrary) -> list[Point]:
    """Every design that is worth a look, by interval."""
    layers, source = simplify(network).layers, network.input.format
    scale, energy = library.nand2_area / NAND2, ACTIVITY * _gate_energy(library) / NAND2
    points = []
    for family in families().values():
        for choice in family.choices(network) if family.takes(network) else ():
            one = choice.suited(library.latch_share)
            cycles, area = one.cycles(network), one.estimated_area(layers, source)
            points.append(
                Point(
                    architecture=one,
                    latency=cycles.latency,
                    interval=cycles.interval,
                    estimate=scale * area,
                    estimated_pj=energy * one.activity * area * cycles.interval,
                )
            )
    if not points:
        kinds = ", ".join(sorted({layer.kind for layer in network.layers}))
        raise HwgenError("layers", f"kinds {kinds}", "no architecture has all of these")
    return sorted(points, key=lambda one: (one.interval, one.estimate))


def _gate_energy(library: CellLibrary) -> float:
    """pJ to charge an input of the smallest NAND; 0 without one."""
    found = library.gates(0b0111, 2)
    return found[0].pins[found[0].inputs[0]].capacitance * library.voltage**2 if found else 0.0


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both interval and area, by interval."""
    best: list[Point] = []
    for one in sorted(points, key=lambda one: (one.interval, one.area)):
        if not best or one.area < best[-1].area:
            best.append(one)
    return best


def _ranked(points: Sequence[Point], limits: Limits) -> list[Point]:
    """Those that keep to the limits, the best first."""

    def order(point: Point) -> tuple[float, float]:
        if limits.max_area is None:
            return point.area, point.interval
        return point.interval, point.area

    return sorted(filter(limits.fit, points), key=order)


def cells_of(
    network: Network,
    library: CellLibrary,
    options: SynthesisOptions,
    x: Integers | None = None,
    progress: Progress = silent,
) -> Map:
    """Maps designs of ``network``; with ``x`` [samples, features] their energy is measured too."""

    def run(architecture: Architecture) -> Mapped:
        said = under(progress, str(architecture))
        report = synthesize_design(
            network, architecture, library=library, options=options, progress=said
        )
        energy = None
        if x is not None:
            from hwgen.flows.power import estimate_power

            measured = estimate_power(
                network, architecture, x, library=library, options=options, progress=said
            )
            energy = measured.energy_pj
        return Mapped(
            area=report.area_um2,
            path_ns=report.critical_path_ns,
            latency=report.latency_cycles,
            interval=report.interval_cycles,
            energy_pj=energy,
        )

    return run


def _short(figure: float) -> float:
    """Two digits, and no decimals that say nothing."""
    rounded = float(f"{figure:.2g}")
    return rounded if rounded < 10 else int(rounded)


def write_plan(plan: Plan, output: Path, progress: Progress = silent) -> None:
    """``plan.json``, and the picture where matplotlib is installed."""
    check_folder(output)
    files: dict[str, str | bytes] = {"plan.json": json.dumps(plan.to_json(), indent=2) + "\n"}
    if installed("matplotlib"):
        from hwgen.flows.pictures import picture_files
        from hwgen.flows.plan_picture import plan_figure

        files |= picture_files("plan", plan_figure(plan))
    else:
        progress(f"no picture: matplotlib is not installed, {hint('matplotlib')}")
    write_together({output / name: content for name, content in files.items()})


def command_of(net: Path, point: Point, pdk: str | None) -> str:
    """The command line that makes a design."""
    library = ["--pdk", pdk] if pdk else []
    words = ["hwgen", "synth", str(net), *shlex.split(point.options), *library, "-o", "build/synth"]
    return shlex.join(words)
