"""``hwgen report``: what a sweep or a co-design found, on the terminal and as a page."""

from collections.abc import Sequence
from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_note, emit_table
from hwgen.flows.cli.fronts import emit_front
from hwgen.flows.cli.options import json_option
from hwgen.flows.codesign.page import read_front, write_page
from hwgen.flows.codesign.results import Front
from hwgen.flows.sweep.finish import report_folder
from hwgen.flows.sweep.store import Entry
from hwgen.flows.sweep.summary import best_designs, failures
from hwgen.support.errors import printable
from hwgen.support.extras import need

_MOST = 40


@command(epilog="Example: hwgen report build/sweep")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def report(folder: Path, as_json: bool) -> None:
    """Show the results of the sweep or co-design in DIR; write report.html and pictures anew.

    While a sweep is at work there, only show what is finished.
    """
    front = read_front(folder)
    if front is not None:
        show_front(front, folder, as_json)
        return
    found = report_folder(folder, emit_note)
    if as_json:
        emit_json(found.to_json())
        return
    show_results(found.entries)
    emit_line(f"{len(found.entries):,} points; report: {found.report or 'not yet'}")


def show_front(front: Front, folder: Path, as_json: bool) -> None:
    """A co-design's front; its page is written anew."""
    from hwgen.flows.codesign.picture import front_picture

    need("matplotlib")
    front_picture(front, folder / "front")
    path = write_page(front, folder)
    if as_json:
        emit_json(front.to_json())
        return
    emit_front(front)
    emit_line(f"report: {path}")


def show_results(entries: Sequence[Entry]) -> None:
    """The best designs of each library in a table, and the points that failed."""
    best = best_designs(entries)
    if best.rows:
        emit_table(best.title, best.header, best.rows[:_MOST])
    if len(best.rows) > _MOST:
        emit_line(f"... and {len(best.rows) - _MOST:,} more, see the report")
    failed = failures(entries)
    if failed:
        emit_table(
            f"failed ({sum(count for count, _ in failed):,} points)",
            ["points", "error"],
            ([count, printable(error, 100)] for count, error in failed[:_MOST]),
        )
