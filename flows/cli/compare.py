"""``hwgen compare``: two sweeps against each other, metric by metric."""

import contextlib
import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option
from hwgen.support.errors import HwgenError, printable

_SAME = 1e-9
_METRICS = ("area_um2", "cells", "interval_cycles", "latency_cycles", "critical_path_ns")
_ALSO = ("accuracy", "energy_pj", "leakage_nw")
Row = Mapping[str, Any]


@click.command(epilog="Example: hwgen compare build/before build/after --fail-if-worse 2%")
@click.argument("before", metavar="DIR_A", type=click.Path(path_type=Path))
@click.argument("after", metavar="DIR_B", type=click.Path(path_type=Path))
@click.option(
    "--fail-if-worse",
    metavar="SHARE",
    help="Exit with 1 if a metric of a point is worse in DIR_B by more than this (2% or 0.02), or "
    "if a point or a figure of it is not there, or has failed.",
)
@click.option("--metric", "metrics", multiple=True, help="Only this metric; may be given again.")
@json_option
def compare(
    before: Path, after: Path, fail_if_worse: str | None, metrics: tuple[str, ...], as_json: bool
) -> None:
    """Compare the points that two sweeps share: which metrics are better or worse in DIR_B.

    Points are the same if the sweep files say the same of them. Either may be a results.csv.
    """
    from hwgen.flows.sweep.config import nearest
    from hwgen.flows.sweep.metrics import METRICS

    for metric in metrics:
        if metric not in METRICS:
            raise HwgenError("--metric", f"unknown {metric!r}", nearest(metric, METRICS))
    limit = None if fail_if_worse is None else _share(fail_if_worse)
    a, b = read_rows(before), read_rows(after)
    if not a:
        raise HwgenError(str(before), "no good point", "results to compare with")
    _require(metrics, [*a.values(), *b.values()])
    result = comparison(a, b, metrics or (*_METRICS, *_ALSO))
    if as_json:
        emit_json(result)
    else:
        _show(result)
    if limit is not None:
        _judge(result, limit, str(after))


def read_rows(path: Path) -> dict[str, Row]:
    """The good points of a sweep's folder or of its ``results.csv``, by name.

    Raises
    ------
    HwgenError
        Neither.
    """
    if path.is_dir():
        from hwgen.flows.sweep.store import require_results

        rows = {name: entry["row"] for name, entry in require_results(path).items()}
    else:
        rows = _read_csv(path)
    return {name: row for name, row in rows.items() if row["status"] == "ok"}


def comparison(a: Mapping[str, Row], b: Mapping[str, Row], metrics: Any) -> dict[str, Any]:
    """How ``b`` differs from ``a``: counts and changes of each metric, as plain data.

    A change is relative and its sign is the figure's; ``worst`` is the point that is worst off.
    ``lost`` are, by metric, the points with a figure in ``a`` and none in ``b``.
    """
    both = sorted(set(a) & set(b))
    gone = {m: [n for n in both if _has(a[n], m) and not _has(b[n], m)] for m in metrics}
    return {
        "points": len(both),
        "missing": sorted(set(a) - set(b)),
        "added": sorted(set(b) - set(a)),
        "settings": {name: _settings(a[name]) for name in a if name in both or name not in b},
        "metrics": {
            metric: found
            for metric in metrics
            if (found := _compared(metric, {n: (a[n], b[n]) for n in both}))
        },
        "lost": {metric: names for metric, names in gone.items() if names},
    }


def _compared(metric: str, pairs: Mapping[str, tuple[Row, Row]]) -> dict[str, Any] | None:
    from hwgen.flows.sweep.metrics import METRICS

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
    return {
        "points": len(worse_by),
        "better": sum(change < -_SAME for change in worse_by.values()),
        "worse": sum(change > _SAME for change in worse_by.values()),
        "mean_change": round(math.expm1(sum(logs) / len(logs)), 6),
        "best": {"point": best, "worse_by": round(worse_by[best], 6)},
        "worst": {"point": worst, "worse_by": round(worse_by[worst], 6)},
    }


def _has(row: Row, metric: str) -> bool:
    """Whether ``row`` has a figure for ``metric``."""
    value = row.get(metric)
    return isinstance(value, int | float) and not math.isnan(value)


def _require(metrics: Iterable[str], rows: Sequence[Row]) -> None:
    """Refuse to look for what no point has."""
    from hwgen.flows.sweep.metrics import METRICS

    for metric in metrics:
        if not any(_has(row, metric) for row in rows):
            measured = [m for m in METRICS if any(_has(row, m) for row in rows)]
            listed = ", ".join(measured) or "none"
            raise HwgenError("--metric", f"no point has {metric}", f"measured are {listed}")


def _judge(result: dict[str, Any], limit: float, after: str) -> None:
    """Refuse what is worse than allowed."""
    if result["missing"]:
        name = _words(result["settings"][result["missing"][0]])
        raise HwgenError(
            after, f"{len(result['missing'])} points are missing or failed ({name})", "every point"
        )
    for metric, names in result["lost"].items():
        name = _words(result["settings"][names[0]])
        found = f"{len(names)} points have no {metric} any more ({name})"
        raise HwgenError(after, found, f"every {metric} that is in the first")
    for metric, found in result["metrics"].items():
        worst = found["worst"]
        if worst["worse_by"] > limit:
            raise HwgenError(
                f"{metric} of {_words(result['settings'][worst['point']])}",
                f"{worst['worse_by']:.2%} worse",
                f"at most {limit:.2%} is allowed",
            )


def _show(result: dict[str, Any]) -> None:
    emit_table(
        f"{result['points']:,} points in both",
        ["metric", "better", "same", "worse", "mean change", "largest loss"],
        (
            [
                metric,
                found["better"],
                found["points"] - found["better"] - found["worse"],
                found["worse"],
                f"{found['mean_change']:+.2%}",
                f"{max(found['worst']['worse_by'], 0):.2%}",
            ]
            for metric, found in result["metrics"].items()
        ),
    )
    for metric, found in result["metrics"].items():
        if found["worse"]:
            emit_line(
                f"{metric}: most lost by {_words(result['settings'][found['worst']['point']])}"
            )
    for metric, names in result["lost"].items():
        name = _words(result["settings"][names[0]])
        emit_line(f"{metric}: {len(names):,} points have it only in the first, such as {name}")
    for key, text in (("missing", "only in the first"), ("added", "only in the second")):
        if result[key]:
            emit_line(f"{len(result[key]):,} points are {text}, or failed in the other")


def _settings(row: Row) -> dict[str, Any]:
    names = list(row)
    first = 1 if names[0] == "point" else 0
    settings = {n: row[n] for n in names[first : names.index("status")]}
    return {n: v for n, v in settings.items() if v is not None and v is not False}


def _words(settings: Mapping[str, Any]) -> str:
    """A point's settings in one line."""
    return printable(" ".join(v if isinstance(v, str) else f"{k}={v}" for k, v in settings.items()))


def _share(text: str) -> float:
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise HwgenError("--fail-if-worse", f"found {text!r}", "a share such as 2% or 0.02")
    return value


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
