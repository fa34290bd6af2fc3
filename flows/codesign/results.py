"""What a co-design gives: points of a front, and the one that meets a budget."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.results import html_line, html_table
from hwgen.support.errors import HwgenError

HEADER = ["network", "validation", "test", "+-", "um2", "GE", "neurons", "weights", "verified"]
"""Of :meth:`Front.rows`."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the chosen point must keep to; at most one of the three.

    Parameters
    ----------
    accuracy
        Least accuracy on validation samples, 0..1: the smallest such point is chosen.
    loss
        Most accuracy lost against the float network on validation samples, 0..1, likewise.
    area
        Most um2: the most accurate such point is chosen.

    Raises
    ------
    HwgenError
        Two of them, or a value out of range.
    """

    accuracy: float | None = None
    loss: float | None = None
    area: float | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) > 1:
            raise HwgenError(given[1], f"given with {given[0]}", "one budget at a time")
        for name in ("accuracy", "loss"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise HwgenError(name, f"found {value:.2%}", "0% to 100%")
        if self.area is not None and self.area <= 0:
            raise HwgenError("area", f"found {self.area:g}", "more than 0 um2")

    def choose(self, points: "Sequence[Point]", floating: float) -> "Point | None":
        """The point that meets the budget; without one, None."""
        if self.area is not None:
            small = [point for point in points if point.area_um2 <= self.area]
            return max(small, key=lambda one: (one.validation, -one.area_um2), default=None)
        least = self.accuracy if self.loss is None else floating - self.loss
        if least is None:
            return None
        good = [point for point in points if point.validation >= least - 1e-9]
        return min(good, key=lambda one: one.area_um2, default=None)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network and its silicon.

    Parameters
    ----------
    network
        The network file.
    validation, test
        Accuracy, 0..1, by the golden model; points are chosen by ``validation`` alone.
    standard_error
        Of ``test``, from the number of test samples.
    area_um2, estimated_um2
        Mapped cells, and what the search took them for.
    gate_equivalents
        The mapped area over that of the smallest 2-input NAND.
    neurons
        Of every layer.
    weights
        Those that are not 0.
    unused_inputs
        Features that no weight reads.
    vectors
        Results of the simulated Verilog that equalled the golden model's; 0: not simulated.
    """

    network: Path
    validation: float
    test: float
    standard_error: float
    area_um2: float
    estimated_um2: float
    gate_equivalents: float
    neurons: tuple[int, ...]
    weights: int
    unused_inputs: tuple[int, ...]
    vectors: int

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "network": str(self.network)}


@dataclass(frozen=True, kw_only=True)
class Front:
    """Points by area, the float network's accuracy, and how they were come by.

    Parameters
    ----------
    cut
        The time ran out before the search was done: another machine may find another front.
    """

    data: str
    samples: tuple[int, int, int]
    points: tuple[Point, ...]
    chosen: Point | None
    float_validation: float
    float_test: float
    pdk: str
    recipe: str
    arch: dict[str, Any]
    seed: int
    seconds: float
    networks_tried: int
    cut: bool

    def rows(self) -> list[list[object]]:
        """Network, accuracies and areas of every point."""
        return [
            [
                point.network.name,
                f"{point.validation:.2%}",
                f"{point.test:.2%}",
                f"{point.standard_error:.2%}",
                round(point.area_um2),
                round(point.gate_equivalents),
                "-".join(map(str, point.neurons)),
                point.weights,
                point.vectors,
            ]
            for point in self.points
        ]

    def _repr_html_(self) -> str:
        line = f"float: {self.float_validation:.2%} validation, {self.float_test:.2%} test"
        return html_table(self.title(), HEADER, self.rows()) + html_line(line)

    def title(self) -> str:
        """What was searched for."""
        return f"{self.data}, {self.arch['name']} in {self.pdk}, recipe {self.recipe}"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **vars(self),
            "points": [point.to_json() for point in self.points],
            "chosen": None if self.chosen is None else self.chosen.to_json(),
        }
