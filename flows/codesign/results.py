"""What a co-design gives: points of a front, and the one that meets a budget."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.results import html_line, html_table
from hwgen.support.errors import HwgenError

HEADER = ["network", "validation", "test", "+-", "um2", "GE", "neurons", "weights", "verified"]
"""Of :meth:`Front.rows`."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the chosen point must keep to; at most one of the four.

    Parameters
    ----------
    accuracy
        Least accuracy on validation samples, or R2 of real values, 0..1: the smallest such point is
        chosen.
    loss
        Most accuracy lost against the float network on validation samples, 0..1, likewise.
    area
        Most um2: the most accurate such point is chosen.
    tiles
        Tiles of Tiny Tapeout, such as ``1x1``: the most accurate point that fits into them, wrapper
        and all, is chosen.

    Raises
    ------
    HwgenError
        Two of them, or a value out of range.
    """

    accuracy: float | None = None
    loss: float | None = None
    area: float | None = None
    tiles: str | None = None

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

    def least(self, floating: float) -> float | None:
        """Least accuracy, where ``floating`` is the float network's."""
        if self.loss is not None:
            return floating - self.loss
        return self.accuracy

    def choose(
        self,
        points: "Sequence[Point]",
        floating: float,
        fits: "Callable[[Point], bool]" = lambda point: True,
    ) -> "Point | None":
        """The point that meets the budget; without one, None.

        ``fits`` says whether a point fits into the tiles; it is asked of as few as need be.
        """
        if self.area is not None or self.tiles is not None:
            most = float("inf") if self.area is None else self.area
            small = [point for point in points if point.area_um2 <= most]
            best = sorted(small, key=lambda one: (-one.validation, one.area_um2))
            return next((one for one in best if self.tiles is None or fits(one)), None)
        least = self.least(floating)
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
        Accuracy, 0..1, by the golden model, or R2 of real values; points are chosen by
        ``validation`` alone.
    test_error
        Mean absolute error of real values; None of classes.
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
    unread_bits
        Of every feature, how many of its lowest bits no weight reads.
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
    unread_bits: tuple[int, ...]
    vectors: int
    test_error: float | None = None

    def unread(self) -> str:
        """The features that are not read, and those read without low bits, in words."""
        gone = ", ".join(map(str, self.unused_inputs))
        less = [
            f"{feature} ({bits})"
            for feature, bits in enumerate(self.unread_bits)
            if bits and feature not in self.unused_inputs
        ]
        parts = [f"inputs {gone}" * bool(gone), f"low bits of {', '.join(less)}" * bool(less)]
        return " and ".join(part for part in parts if part) or "nothing"

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
    score: str = "accuracy"

    def shown(self, value: float) -> str:
        """An accuracy or an R2 for people."""
        return f"{value:.4f}" if self.score == "R2" else f"{value:.2%}"

    def float_line(self) -> str:
        """What the float network is."""
        validation, test = self.shown(self.float_validation), self.shown(self.float_test)
        return f"float: {self.score} {validation} validation, {test} test"

    def rows(self) -> list[list[object]]:
        """Network, accuracies and areas of every point."""
        return [
            [
                point.network.name,
                self.shown(point.validation),
                self.shown(point.test),
                self.shown(point.standard_error),
                round(point.area_um2),
                round(point.gate_equivalents),
                "-".join(map(str, point.neurons)),
                point.weights,
                point.vectors,
            ]
            for point in self.points
        ]

    def _repr_html_(self) -> str:
        return html_table(self.title(), HEADER, self.rows()) + html_line(self.float_line())

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

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Front":
        """The front that :meth:`to_json` wrote.

        Raises
        ------
        HwgenError
            It is of another version, or no front.
        """
        try:
            points = tuple(_point(one) for one in content["points"])
            chosen = None if content["chosen"] is None else _point(content["chosen"])
            rest = {"points": points, "chosen": chosen, "samples": tuple(content["samples"])}
            return cls(**{**content, **rest})
        except (KeyError, TypeError) as error:
            raise HwgenError("front.json", f"found {error}", "what hwgen codesign wrote") from None


def _point(content: dict[str, Any]) -> Point:
    lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
    return Point(**{**content, **lists, "network": Path(content["network"])})
