"""``hwgen report``: what a sweep found, on the terminal and as a page."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import emit_json, emit_line, emit_note, emit_table
from hwgen.flows.cli.options import json_option
from hwgen.support.errors import printable
from hwgen.support.extras import need

_MOST = 40


@click.command(epilog="Example: hwgen report build/sweep")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def report(folder: Path, as_json: bool) -> None:
    """Show the results of the sweep in DIR; write its tables, report.html and pictures anew.

    While a sweep is at work there, only show what is finished.
    """
    need("matplotlib")
    from hwgen.flows.sweep.finish import figures, write_report
    from hwgen.flows.sweep.store import (
        BusyError,
        Store,
        read_marker,
        require_results,
        sorted_entries,
    )

    entries = sorted_entries(require_results(folder).values())
    try:
        with Store(folder) as store:
            entries = sorted_entries(store.entries.values())
            store.write_tables()
            result = write_report(folder, entries, read_marker(folder))
    except BusyError as busy:
        result = {**figures(entries), "report": None}
        emit_note(f"{busy.where}: {busy.found}, its tables and report are written when it ends")
    if as_json:
        failed = [entry["point"] for entry in entries if entry["row"]["status"] != "ok"]
        emit_json({"folder": str(folder), "points": len(entries), "failed": failed, **result})
        return
    show_results(entries)
    emit_line(f"{len(entries):,} points; report: {result['report'] or 'not yet'}")


def show_results(entries: Any) -> None:
    """The best designs of each library in a table, and the points that failed."""
    from hwgen.flows.sweep.metrics import METRICS, best, measured

    rows = [entry["row"] for entry in entries]
    chosen = [rows[i] for i in best(rows)]
    metrics = measured(rows)
    settings = _differing(chosen)
    if chosen:
        titles = [f"{METRICS[m].title} {METRICS[m].unit}".strip() for m in metrics]
        emit_table(
            f"best of each library ({len(chosen):,} points)",
            [*settings, *titles],
            (
                [*(row.get(s) for s in settings), *(_figure(m, row[m]) for m in metrics)]
                for row in chosen[:_MOST]
            ),
        )
    if len(chosen) > _MOST:
        emit_line(f"... and {len(chosen) - _MOST:,} more, see the report")
    failed = Counter(row["error"] for row in rows if row["status"] != "ok")
    if failed:
        emit_table(
            f"failed ({failed.total():,} points)",
            ["points", "error"],
            ([count, printable(error, 100)] for error, count in failed.most_common(_MOST)),
        )


def _differing(rows: list[dict[str, Any]]) -> list[str]:
    """Settings that tell the rows apart; the columns before their status."""
    if not rows:
        return []
    names = dict.fromkeys(n for row in rows for n in list(row)[: list(row).index("status")])
    found = [n for n in names if len({str(row.get(n)) for row in rows} - {"None"}) > 1]
    always = [n for n in ("network", "arch", "library") if n in names]
    return [n for n in names if n in found or (not found and n in always)]


def _figure(metric: str, value: float) -> str:
    from hwgen.flows.sweep.metrics import METRICS

    if metric == "accuracy":
        return f"{value:.2%}"
    return f"{value:,.{METRICS[metric].digits}f}"
