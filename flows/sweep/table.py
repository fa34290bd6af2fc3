"""A table of settings in a sweep file, and refusals that name the place in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown


@dataclass(frozen=True)
class Table:
    """``[axes]``, or a ``[[point]]`` with one value for each setting.

    Attributes
    ----------
    path
        The sweep file; paths in it start from its folder.
    name
        ``axes`` or ``point[3]``.
    values
        What each setting takes; an absent one keeps its default.
    """

    path: Path
    name: str
    values: dict[str, list[Any]]

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.path.parent

    def refusal(self, setting: str, found: str, allowed: str) -> HwgenError:
        """What is wrong with a setting: ``arch`` or, of one value, ``arch[1]``."""
        return HwgenError(f"{self.path}: {self.name}.{setting}", found, allowed)

    def check_values(self) -> None:
        """Refuse a setting without values, and a value that stands twice.

        Raises
        ------
        HwgenError
            There is one.
        """
        for name, values in self.values.items():
            if not values:
                found = "an empty axis" if self.name == "axes" else "an empty list"
                allowed = "at least one value is needed" if self.name == "axes" else "one value"
                raise self.refusal(name, found, allowed)
            seen = set()
            for index, value in enumerate(values):
                key = value if isinstance(value, str | int | float) else repr(value)
                if key in seen:
                    found = f"{shown(value)} stands twice"
                    raise self.refusal(f"{name}[{index}]", found, "each value once")
                seen.add(key)

    @contextmanager
    def naming(self, setting: str) -> Iterator[None]:
        """Put the place of ``setting`` before what is refused within."""
        try:
            yield
        except HwgenError as error:
            raise self.refusal(f"{setting}: {error.where}", error.found, error.allowed) from None
