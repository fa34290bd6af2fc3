"""Live progress of a sweep on stderr: a bar on a terminal, a line now and then elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from hwgen.flows.cli.state import STATE
from hwgen.flows.sweep.driver import Counts
from hwgen.flows.sweep.progress import summary

_EVERY = 5.0


class LiveProgress:
    """A context manager that is called with the counts; silent where ``quiet``."""

    def __init__(self, quiet: bool):
        quiet = quiet or STATE.quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._said_at = time.monotonic()
        self._said = ""

    def __enter__(self) -> "LiveProgress":
        if self._console.is_terminal and not self._console.quiet:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, counts: Counts) -> None:
        """Show ``counts``."""
        text = summary(counts)
        if self._bar is not None:
            self._bar.update(
                self._task, description=text, completed=counts.finished, total=counts.total
            )
        elif text != self._said and self._due(counts):
            self.say(f"{counts.finished:,} of {counts.total:,}: {text}")
            self._said, self._said_at = text, time.monotonic()

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, style="dim", markup=False)

    def _due(self, counts: Counts) -> bool:
        return counts.finished == counts.total or time.monotonic() - self._said_at >= _EVERY
