"""Two sweeps against each other, metric by metric."""

import contextlib
import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.results import html_table
from hwgen.flows.sweep.config import nearest
from hwgen.flows.sweep.metrics import METRICS
from hwgen.flows.sweep.store import require_results
from hwgen.support.errors import HwgenError, printable

_SAME = 1e-9
_METRICS = ("area_um2", "cells", "interval_cycles", "latency_cycles", "critical_path_ns")
_ALSO = ("accuracy", "energy_pj", "leakage_nw")
Row = Mapping[str, Any]
HEADER = ("metric", "better", "same", "worse", "mean change", "largest loss")


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """The point that is best or worst off, and by which share it is worse."""

    point: str
    worse_by: float


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one metric differs; a change is relative, and its sign is the figure's."""

    points: int
    better: int
    worse: int
    mean_change: float
    best: Extreme
    worst: Extreme


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How one sweep differs from another.

    Attributes
    ----------
    points
        How many both have.
    missing, added
        Points that only the first, or only the second has.
    settings
        Of the first's points, what tells them apart.
    metrics
        The changes of each metric.
    lost
        By metric, the points with a figure in the first and none in the second.
    """

    points: int
    missing: list[str]
    added: list[str]
    settings: dict[str, dict[str, Any]]
    metrics: dict[str, Change]
    lost: dict[str, list[str]]

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen compare --json`` prints."""
        return asdict(self)

    def rows(self) -> list[list[object]]:
        """Cells below :data:`HEADER`."""
        return [
            [
                metric,
                found.better,
                found.points - found.better - found.worse,
                found.worse,
                f"{found.mean_change:+.2%}",
                f"{max(found.worst.worse_by, 0):.2%}",
            ]
            for metric, found in self.metrics.items()
        ]

    def remarks(self) -> list[str]:
        """What else is to be said, in lines."""
        lines = [
            f"{metric}: most lost by {self.named(found.worst.point)}"
            for metric, found in self.metrics.items()
            if found.worse
        ]
        for metric, names in self.lost.items():
            example = self.named(names[0])
            lines.append(
                f"{metric}: {len(names):,} points have it only in the first, such as {example}"
            )
        for names, text in ((self.missing, "first"), (self.added, "second")):
            if names:
                lines.append(
                    f"{len(names):,} points are only in the {text}, or failed in the other"
                )
        return lines

    def named(self, point: str) -> str:
        """A point's settings in one line."""
        parts = (v if isinstance(v, str) else f"{k}={v}" for k, v in self.settings[point].items())
        return printable(" ".join(parts))

    def require(self, limit: float, after: str) -> None:
        """Refuse what is worse by more than the share ``limit``, or not there in ``after``.

        Raises
        ------
        HwgenError
            Something is.
        """
        if self.missing:
            name = self.named(self.missing[0])
            found = f"{len(self.missing)} points are missing or failed ({name})"
            raise HwgenError(after, found, "every point")
        for metric, names in self.lost.items():
            found = f"{len(names)} points have no {metric} any more ({self.named(names[0])})"
            raise HwgenError(after, found, f"every {metric} that is in the first")
        for metric, change in self.metrics.items():
            if change.worst.worse_by > limit:
                raise HwgenError(
                    f"{metric} of {self.named(change.worst.point)}",
                    f"{change.worst.worse_by:.2%} worse",
                    f"at most {limit:.2%} is allowed",
                )

    def _repr_html_(self) -> str:
        return html_table(f"{self.points:,} points in both", HEADER, self.rows())


def compare_sweeps(before: Path, after: Path, metrics: Sequence[str] = ()) -> Comparison:
    """The points that two sweeps share; either may be a folder or its ``results.csv``.

    Raises
    ------
    HwgenError
        An unknown metric or one that no point has, files that are no results, no good point.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise HwgenError("metric", f"unknown {metric!r}", nearest(metric, METRICS))
    a, b = read_rows(before), read_rows(after)
    if not a:
        raise HwgenError(str(before), "no good point", "results to compare with")
    _require_metrics(metrics, [*a.values(), *b.values()])
    return comparison(a, b, metrics or (*_METRICS, *_ALSO))


def read_rows(path: Path) -> dict[str, Row]:
    """The good points of a sweep's folder or of its ``results.csv``, by name.

    Raises
    ------
    HwgenError
        Neither.
    """
    if path.is_dir():
        rows = {name: entry["row"] for name, entry in require_results(path).items()}
    else:
        rows = _read_csv(path)
    return {name: row for name, row in rows.items() if row["status"] == "ok"}


def comparison(a: Mapping[str, Row], b: Mapping[str, Row], metrics: Iterable[str]) -> Comparison:
    """How the rows ``b`` differ from ``a``, both by the names of their points."""
    metrics, both = list(metrics), sorted(set(a) & set(b))
    gone = {m: [n for n in both if _has(a[n], m) and not _has(b[n], m)] for m in metrics}
    return Comparison(
        points=len(both),
        missing=sorted(set(a) - set(b)),
        added=sorted(set(b) - set(a)),
        settings={name: _settings(a[name]) for name in a},
        metrics={
            metric: found
            for metric in metrics
            if (found := _change(metric, {n: (a[n], b[n]) for n in both}))
        },
        lost={metric: names for metric, names in gone.items() if names},
    )


def _change(metric: str, pairs: Mapping[str, tuple[Row, Row]]) -> Change | None:
    worse_by: dict[str, float] = {}
    logs = []
    for name, (old, new) in pairs.items():
        if not (_has(old, metric) and _has(new, metric)):
            continue
        x, y = old[metric], new[metric]
        change = (y - x) / abs(x) if x else math.copysign(math.inf, y) if y else 0.0
        worse_by[name] = change if METRICS[metric].smaller else 0.0 - change
        logs.append(math.log(y / x) if x > 0 and y > 0 else 0.0)
    if not worse_by:
        return None
    worst = max(worse_by, key=lambda name: worse_by[name])
    best = min(worse_by, key=lambda name: worse_by[name])
    return Change(
        points=len(worse_by),
        better=sum(change < -_SAME for change in worse_by.values()),
        worse=sum(change > _SAME for change in worse_by.values()),
        mean_change=round(math.expm1(sum(logs) / len(logs)), 6),
        best=Extreme(point=best, worse_by=round(worse_by[best], 6)),
        worst=Extreme(point=worst, worse_by=round(worse_by[worst], 6)),
    )


def _has(row: Row, metric: str) -> bool:
    """Whether ``row`` has a figure for ``metric``."""
    value = row.get(metric)
    return isinstance(value, int | float) and not math.isnan(value)


def _require_metrics(metrics: Iterable[str], rows: Sequence[Row]) -> None:
    """Refuse to look for what no point has."""
    for metric in metrics:
        if not any(_has(row, metric) for row in rows):
            measured = [m for m in METRICS if any(_has(row, m) for row in rows)]
            listed = ", ".join(measured) or "none"
            raise HwgenError("metric", f"no point has {metric}", f"measured are {listed}")


def _settings(row: Row) -> dict[str, Any]:
    names = list(row)
    first = 1 if names[0] == "point" else 0
    settings = {n: row[n] for n in names[first : names.index("status")]}
    return {n: v for n, v in settings.items() if v is not None and v is not False}


def _read_csv(path: Path) -> dict[str, Row]:
    """The rows of a ``results.csv``."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        return {row["point"]: {k: _value(v) for k, v in row.items()} for row in rows}
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise HwgenError(str(path), reason, "a sweep's folder or results.csv") from None
    except (KeyError, ValueError, AttributeError, csv.Error):
        raise HwgenError(
            str(path), "not a results.csv", "a sweep's folder or results.csv"
        ) from None


def _value(text: str) -> Any:
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
