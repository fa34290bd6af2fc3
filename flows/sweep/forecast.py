"""What a sweep would do: its points, with predicted areas and times, before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from hwgen.flows.sweep.estimator import Estimator, fit
from hwgen.flows.sweep.evaluate import features
from hwgen.flows.sweep.networks import network_of
from hwgen.flows.sweep.plan import SweepPlan
from hwgen.flows.sweep.points import Point
from hwgen.flows.sweep.store import Entry
from hwgen.spec.network import Network
from hwgen.support.cache import open_cache
from hwgen.support.errors import HwgenError

_MOST_NETWORKS = 64
_SECONDS = 15.0
"""Of a point with about 1,800 weights, where no finished point tells more."""

_WEIGHTS = 1800


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known or predicted of each point, and the time that is left.

    Attributes
    ----------
    points
        Settings of each, its ``state`` (``done``, ``failed`` or ``missing``), its area in um2
        where it is known or can be predicted.
    missing
        How many are to be done.
    estimated_seconds
        About how long that takes.
    estimator
        How good the predicted areas are; None where too few points are finished.
    budget
        How many points a search spends; None for a full grid.
    """

    points: list[dict[str, Any]]
    missing: int
    estimated_seconds: float
    estimator: dict[str, Any] | None
    budget: int | None

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen sweep --dry-run --json`` prints."""
        return {
            "points": self.points,
            "count": len(self.points),
            "missing": self.missing,
            "estimated_seconds": self.estimated_seconds,
            "estimator": self.estimator,
            "budget": self.budget,
        }


def make_forecast(
    plan: SweepPlan,
    entries: Mapping[str, Entry],
    *,
    jobs: int,
    retry_failed: bool = False,
    budget: int | None = None,
) -> Forecast:
    """What a run of ``plan`` would do where ``entries`` are finished already."""
    rows = [entry["row"] for entry in entries.values()]
    estimator = fit([row for row in rows if row["status"] == "ok"])
    networks = _networks(plan)
    points = []
    for point in plan:
        entry = entries.get(plan.context.identity(point))
        missing = (
            entry is None
            or entry["stamp"] != plan.context.stamp(point)
            or (retry_failed and entry["row"]["status"] != "ok")
        )
        points.append(_point(plan, point, None if missing else entry, estimator, networks))
    todo = [p for p in points if p["state"] == "missing"]
    seconds = sum(_seconds(p, rows) for p in todo if "error" not in p)
    return Forecast(
        points=points,
        missing=len(todo),
        estimated_seconds=round(seconds / max(1, jobs), 1),
        estimator=estimator.to_json() if estimator else None,
        budget=budget,
    )


def _networks(plan: SweepPlan) -> dict[str, Network]:
    """The networks by label and settings, unless they are too many to make just for this."""
    if len(plan.context.sources) > _MOST_NETWORKS:
        return {}
    found, cache = {}, open_cache()
    for source in plan.context.sources:
        try:
            found[source.stamp] = network_of(source, cache, plan.context.code)
        except HwgenError:
            continue
    return found


def _point(
    plan: SweepPlan,
    point: Point,
    entry: Entry | None,
    estimator: Estimator | None,
    networks: Mapping[str, Network],
) -> dict[str, Any]:
    settings = plan.context.settings(point)
    if entry is not None:
        row = entry["row"]
        state = "done" if row["status"] == "ok" else "failed"
        known = {"error": row["error"]} if row["error"] else {}
        return {**settings, "state": state, "area_um2": row.get("area_um2"), **known}
    source = plan.context.sources[point.source]
    network = networks.get(source.stamp)
    area = None
    if network is not None and estimator is not None:
        known = features(network, point.architecture)
        area = estimator.predict({**known, **settings})
    found = {**settings, "state": "missing", "area_um2": None if area is None else round(area)}
    if network is not None:
        found["weights"] = network.weight_count
    if source.refusal is not None:
        found["error"] = str(HwgenError(*source.refusal))
    return found


def _seconds(point: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> float:
    """What a point of this architecture took, or takes by experience."""
    took = [
        row["seconds"]
        for row in rows
        if row.get("arch") == point["arch"] and row.get("seconds") and not row.get("cached")
    ]
    if took:
        return float(median(took))
    size = float(point.get("weights", _WEIGHTS)) / _WEIGHTS
    return _SECONDS * (0.2 + 0.8 * size)
