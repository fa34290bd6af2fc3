"""What was measured, kept in a file, so that a run goes on where another stopped."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.support.files import write_together

Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """Rows by a key that stands for all they depend on; each is in the file once it is there.

    Parameters
    ----------
    path
        A JSON file; it need not be there yet.
    """

    path: Path

    def get(self, key: str) -> Row | None:
        """The row under ``key``, if it was measured."""
        return self._rows().get(key)

    def put(self, key: str, row: Row) -> None:
        """Keep a row."""
        text = json.dumps({**self._rows(), key: row}, indent=1) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_together({self.path: text})

    def _rows(self) -> dict[str, Row]:
        if not self.path.exists():
            return {}
        rows: dict[str, Row] = json.loads(self.path.read_text("utf-8"))
        return rows
