"""Progress: a function that is called with one line whenever something new begins."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Progress that nobody looks at."""


def under(progress: Progress, prefix: str) -> Progress:
    """``progress`` with ``prefix`` before every line."""
    return lambda text: progress(f"{prefix}: {text}")
