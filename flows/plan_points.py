"""A design that a plan looks at, and what it must keep to."""

import shlex
from dataclasses import dataclass
from typing import Any

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT
from hwgen.support.errors import HwgenError


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A design in cells: um2, critical path in ns, cycles, pJ of an inference where measured."""

    area: float
    path_ns: float
    latency: int
    interval: int
    energy_pj: float | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a design must keep to; None: no limit.

    Parameters
    ----------
    max_cycles
        Clocks from one input to the next.
    max_area
        um2 of cells.
    max_energy
        pJ of an inference.
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
    max_energy: float | None = None
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
        large = self.max_area is not None and point.area > self.max_area
        hungry = self.max_energy is not None and point.energy_pj > self.max_energy
        return not (slow or late or large or hungry)


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
    estimated_pj
        Energy of an inference, roughly.
    mapped
        What became of it in cells; None where that is not known.
    """

    architecture: Architecture
    latency: int | None
    interval: int
    estimate: float
    estimated_pj: float = 0.0
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
    def energy_pj(self) -> float:
        """Of an inference, measured or else estimated."""
        measured = None if self.mapped is None else self.mapped.energy_pj
        return self.estimated_pj if measured is None else measured

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
            "estimated_energy_pj": float(f"{self.estimated_pj:.3g}"),
            "energy_pj": self.mapped and self.mapped.energy_pj,
        }
