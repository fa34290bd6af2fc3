"""How results reach people, in tables and progress, and machines, in one JSON object.

Results go to stdout, everything else to stderr.
"""

import io
import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hwgen.flows.cli.state import STATE
from hwgen.support.errors import printable

_LONGEST = 10_000
_WIDEST = 100_000
_EVERY = 5.0
"""Seconds between two lines of a log that say how far something is."""

_COUNT = re.compile(r"(\d[\d,]*) of (\d[\d,]*)")

_STDOUT = Console(highlight=False, soft_wrap=True)
_STDERR = Console(stderr=True, highlight=False, soft_wrap=True)
if not _STDOUT.is_terminal:
    _STDOUT.width = 120


def emit_json(result: dict[str, Any]) -> None:
    """Print the one JSON object of a ``--json`` run."""
    print(json.dumps(result, indent=2), flush=True)
    STATE.printed = True


def emit_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; columns after the first are aligned to the right where they hold numbers.

    It is as wide as its content, however narrow the terminal.
    """
    body = [[_cell(value) for value in row] for row in rows]
    table = Table(
        title=_text(title),
        title_justify="left",
        header_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for column, name in enumerate(header):
        numeric = all(_is_number(row[column]) for row in body if row[column])
        table.add_column(
            _text(name), justify="right" if column and numeric else "left", no_wrap=True
        )
    for row in body:
        table.add_row(*map(_text, row))
    _print(table)


def emit_line(text: str) -> None:
    """Print one line."""
    _print(_text(text))


def emit_note(text: str) -> None:
    """Print one line that is no result, on stderr, unless that is to be quiet."""
    if not STATE.quiet:
        _STDERR.print(_text(text), style="dim")


def _print(content: Table | Text) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # else closed, or not a file
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _STDOUT.options.update(width=_WIDEST)
    needed = Measurement.get(_STDOUT, options, content).maximum
    _STDOUT.print(content, width=max(needed, _STDOUT.width), crop=False)


def _text(text: str) -> Text:
    """``text`` for a terminal: names are data, and may hold what would drive it."""
    return Text(printable(text, _LONGEST))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("%", "").replace("-", "").isdigit()


class Progress:
    """Says on stderr what is being done: a spinner on a terminal, lines elsewhere, or nothing.

    Called with one line of text whenever something new begins. In a log, lines that count
    (``mapped 3 of 32``) come every five seconds and when they are at their end, or all of them
    with ``--verbose``.
    """

    def __init__(self, quiet: bool):
        self._quiet = quiet or STATE.quiet
        self._said_at = time.monotonic()
        spins = _STDERR.is_terminal and not self._quiet and not STATE.verbose
        self._status = _STDERR.status("") if spins else None

    def __call__(self, text: str) -> None:
        """Now comes ``text``."""
        line = _text(text)
        if self._status is not None:
            self._status.update(line)
        elif not self._quiet and self._due(text):
            self._said_at = time.monotonic()
            _STDERR.print(line, style="dim")

    def _due(self, text: str) -> bool:
        count = _COUNT.search(text)
        if STATE.verbose or count is None or count[1] == count[2]:
            return True
        return time.monotonic() - self._said_at >= _EVERY

    def __enter__(self) -> "Progress":
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
