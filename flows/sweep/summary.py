"""What a sweep found, in tables for people: the best designs of each library, and what failed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.flows.sweep.metrics import METRICS, best, measured
from hwgen.flows.sweep.store import Entry

Row = dict[str, Any]


@dataclass(frozen=True)
class BestDesigns:
    """A table of the designs that no other of their library beats."""

    header: list[str]
    rows: list[list[object]]

    @property
    def title(self) -> str:
        """Its heading."""
        return f"best of each library ({len(self.rows):,} points)"


def best_designs(entries: Sequence[Entry]) -> BestDesigns:
    """The best of ``entries``: what tells them apart, and what they were measured by."""
    rows = [entry["row"] for entry in entries]
    chosen = [rows[i] for i in best(rows)]
    metrics, settings = measured(rows), _differing(chosen)
    titles = [f"{METRICS[m].title} {METRICS[m].unit}".strip() for m in metrics]
    return BestDesigns(
        header=[*settings, *titles],
        rows=[
            [*(row.get(s) for s in settings), *(_figure(m, row[m]) for m in metrics)]
            for row in chosen
        ],
    )


def failures(entries: Sequence[Entry]) -> list[tuple[int, str]]:
    """How many points failed with the same error, the most frequent first."""
    rows = (entry["row"] for entry in entries)
    counts = Counter(row["error"] for row in rows if row["status"] != "ok")
    return [(count, error) for error, count in counts.most_common()]


def about_estimator(estimator: dict[str, Any], what: str) -> str:
    """How good predicted areas are, in one line."""
    return (
        f"{what} from {estimator['points']:,} finished points; half of them are predicted by the "
        f"others within {estimator['median_error']:.1%}, nine of ten within "
        f"{estimator['p90_error']:.1%}"
    )


def _differing(rows: list[Row]) -> list[str]:
    """Settings that tell the rows apart; the columns before their status."""
    if not rows:
        return []
    names = dict.fromkeys(n for row in rows for n in list(row)[: list(row).index("status")])
    found = [n for n in names if len({str(row.get(n)) for row in rows} - {"None"}) > 1]
    always = [n for n in ("network", "arch", "library") if n in names]
    return [n for n in names if n in found or (not found and n in always)]


def _figure(metric: str, value: float) -> str:
    if metric == "accuracy":
        return f"{value:.2%}"
    return f"{value:,.{METRICS[metric].digits}f}"
