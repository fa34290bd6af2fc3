"""The designs of a network, and which one to take.

Every family and every setting of its knobs that makes a difference is estimated, without hardware.
Those that no other beats in interval and area are the front. The ones that matter may be mapped;
then the mapped areas decide.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT, families
from hwgen.rtl.simplify import simplify
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

NAND2 = 7.2576
"""Area in um2 of the smallest NAND of the library that estimates were fitted to, ihp-sg13g2."""

Map = Callable[[Architecture], dict[str, Any]]
"""Maps a design; returns the report of ``hwgen synth``, with ``energy_pj`` where it is known."""


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
            raise HwgenError("--rate", "given without --clock", "a clock period is needed")
        if self.clocks is not None and self.clocks < 1:
            found = f"{self.rate:g} inferences a second at {self.clock:g} ns"
            raise HwgenError("--rate", found, "at most one in a clock")

    @property
    def clocks(self) -> int | None:
        """The longest interval that is allowed."""
        both = [self.max_cycles] if self.max_cycles is not None else []
        if self.rate is not None and self.clock is not None:
            both.append(int(1e9 / (self.clock * self.rate) + 1e-9))
        return min(both, default=None)

    def fit(self, point: "Point") -> bool:
        """Whether a design keeps to them, as far as is known of it."""
        slow = point.path_ns is not None and self.clock is not None and point.path_ns > self.clock
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
        um2 of the netlist, the critical path in ns, the energy of an inference in pJ; None where
        not known.
    """

    architecture: Architecture
    latency: int | None
    interval: int
    estimate: float
    mapped: float | None = None
    path_ns: float | None = None
    energy_pj: float | None = None

    @property
    def area(self) -> float:
        """Mapped, or estimated."""
        return self.estimate if self.mapped is None else self.mapped

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
            "area_um2": self.mapped,
            "critical_path_ns": self.path_ns,
            "energy_pj": self.energy_pj,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The designs of a network.

    Parameters
    ----------
    points
        All of them, by interval.
    front
        Those that no other beats.
    chosen
        The one to take; None where none keeps to the limits.
    limits
        What it had to keep to.
    """

    points: list[Point]
    front: list[Point]
    chosen: Point | None
    limits: Limits


def plan(
    network: Network,
    limits: Limits,
    *,
    nand2_area: float = NAND2,
    count: int = 0,
    mapper: Map | None = None,
) -> Plan:
    """The front of ``network``, and the design to take.

    Without a limit of the area that is the smallest design that keeps to the others; with one, the
    one with the shortest interval, of these the smallest.

    Parameters
    ----------
    nand2_area
        Of the library, in um2: estimates are scaled by it.
    count
        How many designs may be mapped: the best ones first, until the choice is mapped.
    mapper
        Maps a design.
    """
    points = candidates(network, nand2_area / NAND2)
    left = count if mapper is not None else 0
    while left and mapper is not None:
        ranked = sorted(filter(limits.fit, points), key=lambda one: _rank(one, limits))
        following = next((one for one in [*ranked, *front(points)] if one.mapped is None), None)
        if following is None:
            break
        points[points.index(following)] = _mapped(following, mapper)
        left -= 1
    ranked = sorted(filter(limits.fit, points), key=lambda one: _rank(one, limits))
    return Plan(
        points=points,
        front=front(points),
        chosen=ranked[0] if ranked else None,
        limits=limits,
    )


def candidates(network: Network, scale: float = 1.0) -> list[Point]:
    """Every design that is worth a look, by interval."""
    layers, source = simplify(network).layers, network.input.format
    points = []
    for family in families().values():
        for one in family.choices(network):
            cycles = one.cycles(network)
            points.append(
                Point(
                    architecture=one,
                    latency=cycles.latency,
                    interval=cycles.interval,
                    estimate=scale * one.estimated_area(layers, source),
                )
            )
    return sorted(points, key=lambda one: (one.interval, one.estimate))


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both interval and area, by interval."""
    best: list[Point] = []
    for one in sorted(points, key=lambda one: (one.interval, one.area)):
        if not best or one.area < best[-1].area:
            best.append(one)
    return best


def _rank(point: Point, limits: Limits) -> tuple[float, float]:
    """The best comes first."""
    if limits.max_area is None:
        return point.area, point.interval
    return point.interval, point.area


def _mapped(point: Point, mapper: Map) -> Point:
    report = mapper(point.architecture)
    return replace(
        point,
        mapped=report["area_um2"],
        path_ns=report["critical_path_ns"],
        latency=report["latency_cycles"],
        interval=report["interval_cycles"],
        energy_pj=report.get("energy_pj"),
    )


def command(net: Path, point: Point, pdk: str | None) -> str:
    """The command that makes the design."""
    library = ["--pdk", pdk] if pdk else []
    words = ["hwgen", "synth", str(net), *shlex.split(point.options), *library, "-o", "build/synth"]
    return shlex.join(words)
