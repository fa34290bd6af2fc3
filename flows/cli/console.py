"""How results reach people, in tables and progress, and machines, in one JSON object.

Results go to stdout, everything else to stderr.
"""

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hwgen.support.errors import printable

_LONGEST = 10_000

_STDOUT = Console(highlight=False, soft_wrap=True)
_STDERR = Console(stderr=True, highlight=False, soft_wrap=True)
if not _STDOUT.is_terminal:
    _STDOUT.width = 120


def emit_json(result: dict[str, Any]) -> None:
    """Print the one JSON object of a ``--json`` run."""
    print(json.dumps(result, indent=2), flush=True)


def emit_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; columns after the first are aligned to the right where they hold numbers."""
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
    """Print one line that is no result, on stderr."""
    _STDERR.print(_text(text), style="dim")


def _print(content: Table | Text) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # else closed, or not a file
        sys.stdout.reconfigure(errors="backslashreplace")
    _STDOUT.print(content)


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
    """Says on stderr what is being done: a spinner on a terminal, lines elsewhere, or nothing."""

    def __init__(self, quiet: bool):
        self._quiet = quiet
        self._prefix = ""
        self._status = _STDERR.status("") if _STDERR.is_terminal and not quiet else None

    def __call__(self, text: str) -> None:
        """Now comes ``text``."""
        line = _text(f"{self._prefix}{text}")
        if self._status is not None:
            self._status.update(line)
        elif not self._quiet:
            _STDERR.print(line, style="dim")

    @contextmanager
    def under(self, prefix: str) -> Iterator["Progress"]:
        """Put ``prefix`` before every line within."""
        self._prefix, before = f"{prefix}: ", self._prefix
        try:
            yield self
        finally:
            self._prefix = before

    def __enter__(self) -> "Progress":
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
