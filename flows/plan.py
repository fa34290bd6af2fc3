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

from hwgen.flows.results import html_line, html_table
from hwgen.flows.synthesis import SynthesisOptions, synthesize_design
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT, families
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


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A design in cells: um2, critical path in ns, cycles, pJ of an inference where measured."""

    area: float
    path_ns: float
    latency: int
    interval: int
    energy_pj: float | None = None


Map = Callable[[Architecture], Mapped]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a design must keep to; None: no limit.

    Parameters
    ----------
    max_cycles
        Clocks from one input to the next.
    max_area
        um2 of cells.
    clock
        Clock period in ns.
    rate
        Inferences a second, at that clock.

    Raises
    ------
    HwgenError
        A rate without a clock, or one that no design reaches.
    """

    max_cycles: int | None = None
    max_area: float | None = None
    clock: float | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and self.clock is None:
            raise HwgenError("rate", "given without a clock", "a clock period is needed")
        if self.clocks is not None and self.clocks < 1:
            found = f"{self.rate:g} inferences a second at {self.clock:g} ns"
            raise HwgenError("rate", found, "at most one in a clock")

    @property
    def clocks(self) -> int | None:
        """The longest interval that is allowed."""
        both = [self.max_cycles] if self.max_cycles is not None else []
        if self.rate is not None and self.clock is not None:
            both.append(int(1e9 / (self.clock * self.rate) + 1e-9))
        return min(both, default=None)

    def fit(self, point: "Point") -> bool:
        """Whether a design keeps to them, as far as is known of it."""
        slow = self.clock is not None and (point.path_ns or 0.0) > self.clock
        late = self.clocks is not None and point.interval > self.clocks
        return not slow and not late and (self.max_area is None or point.area <= self.max_area)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A design.

    Parameters
    ----------
    architecture
        Which.
    latency, interval
        In clocks; a latency that takes hardware to know is None until it is mapped.
    estimate
        um2.
    mapped
        What became of it in cells; None where that is not known.
    """

    architecture: Architecture
    latency: int | None
    interval: int
    estimate: float
    mapped: Mapped | None = None

    @property
    def area(self) -> float:
        """um2, mapped or else estimated."""
        return self.estimate if self.mapped is None else self.mapped.area

    @property
    def path_ns(self) -> float | None:
        """Critical path, where mapped."""
        return None if self.mapped is None else self.mapped.path_ns

    @property
    def energy_pj(self) -> float | None:
        """Of an inference, where measured."""
        return None if self.mapped is None else self.mapped.energy_pj

    @property
    def options(self) -> str:
        """The options of the command line that choose it."""
        words = [] if type(self.architecture) is DEFAULT else ["--arch", self.architecture.name]
        for knob in self.architecture.knobs():
            value = getattr(self.architecture, knob.name)
            if value != knob.default:
                flag = f"--{knob.name.replace('_', '-')}"
                words += [flag] if knob.type is bool else [flag, str(value)]
        return shlex.join(words)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "arch": self.architecture.to_json(),
            "options": self.options,
            "latency_cycles": self.latency,
            "interval_cycles": self.interval,
            "estimated_area_um2": round(self.estimate),
            "area_um2": self.mapped and self.mapped.area,
            "critical_path_ns": self.path_ns,
            "energy_pj": self.energy_pj,
        }


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
        header = ["design", "interval", "latency", "estimated um2", "mapped um2", "path ns", "pJ"]
        rows: list[list[object]] = [
            [
                str(one.architecture),
                one.interval,
                one.latency,
                round(one.estimate),
                one.mapped and round(one.mapped.area),
                one.path_ns,
                one.energy_pj,
            ]
            for one in self.front
        ]
        used = [i for i in range(len(header)) if i < 4 or any(row[i] is not None for row in rows)]
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
    points = candidates(network, library.nand2_area / NAND2)
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


def candidates(network: Network, scale: float = 1.0) -> list[Point]:
    """Every design that is worth a look, by interval."""
    layers, source = simplify(network).layers, network.input.format
    points = []
    for family in families().values():
        for one in family.choices(network) if family.takes(network) else ():
            cycles = one.cycles(network)
            points.append(
                Point(
                    architecture=one,
                    latency=cycles.latency,
                    interval=cycles.interval,
                    estimate=scale * one.estimated_area(layers, source),
                )
            )
    if not points:
        kinds = ", ".join(sorted({layer.kind for layer in network.layers}))
        raise HwgenError("layers", f"kinds {kinds}", "no architecture has all of these")
    return sorted(points, key=lambda one: (one.interval, one.estimate))


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
