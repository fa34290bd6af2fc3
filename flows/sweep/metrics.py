"""What a point is measured by: each metric with its unit and the direction that is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A column that can be better or worse.

    Attributes
    ----------
    title, unit
        For people.
    smaller
        Whether smaller is better.
    digits
        Decimal places worth showing.
    """

    title: str
    unit: str = ""
    smaller: bool = True
    digits: int = 0

    def cost(self, value: float) -> float:
        """``value`` with its sign such that smaller is better."""
        return value if self.smaller else -value


METRICS = {
    "area_um2": Metric(title="area", unit="µm²"),
    "gate_equivalents": Metric(title="gate equivalents", unit="GE"),
    "cells": Metric(title="cells"),
    "sequential_area_um2": Metric(title="sequential area", unit="µm²"),
    "interval_cycles": Metric(title="interval", unit="cycles"),
    "latency_cycles": Metric(title="latency", unit="cycles"),
    "critical_path_ns": Metric(title="critical path", unit="ns", digits=2),
    "interval_ns": Metric(title="interval", unit="ns", digits=1),
    "latency_ns": Metric(title="latency", unit="ns", digits=1),
    "accuracy": Metric(title="accuracy", smaller=False, digits=4),
    "energy_pj": Metric(title="energy", unit="pJ", digits=2),
    "leakage_nw": Metric(title="leakage", unit="nW", digits=1),
}

FRONT = ("area_um2", "interval_cycles", "accuracy", "energy_pj")
"""By what a point is among the best of its library, as far as it has been measured."""


def front(rows: Sequence[Row], metrics: Sequence[str]) -> list[int]:
    """Indices of the rows that no other beats: as good in all ``metrics``, and better in one.

    Of rows that are equal in all of them the first counts. A row that lacks a metric is out.
    """
    there = [i for i, row in enumerate(rows) if all(row.get(m) is not None for m in metrics)]
    costs = np.array([[METRICS[m].cost(rows[i][m]) for m in metrics] for i in there], dtype=float)
    best = np.empty_like(costs)
    chosen: list[int] = []
    for place in sorted(range(len(there)), key=lambda k: (*costs[k], k)):
        # Whatever beats a point stands before it.
        if not (best[: len(chosen)] <= costs[place]).all(axis=1).any():
            best[len(chosen)] = costs[place]
            chosen.append(there[place])
    return sorted(chosen)


def measured(rows: Sequence[Row], metrics: Sequence[str] = FRONT) -> list[str]:
    """Those of ``metrics`` that every good row has."""
    good = [row for row in rows if row["status"] == "ok"]
    return [m for m in metrics if good and all(row.get(m) is not None for row in good)]


def best(rows: Sequence[Row]) -> list[int]:
    """Indices of the good rows on the front of their own library, by what all were measured by."""
    metrics = measured(rows)
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row["status"] == "ok":
            groups.setdefault(str(row["library"]), []).append(index)
    if not metrics:
        return []
    chosen = (
        indices[place]
        for indices in groups.values()
        for place in front([rows[i] for i in indices], metrics)
    )
    return sorted(chosen)
