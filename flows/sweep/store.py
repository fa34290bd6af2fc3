"""The folder of a sweep: a journal with one file per finished point, and tables made from it.

Only the process that holds the folder's lock writes; the lock ends with the process, however that
ends. A point's file is there whole or not at all.
"""

import contextlib
import csv
import importlib
import io
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hwgen import __version__
from hwgen.flows.sweep.evaluate import Outcome
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together

FORMAT, VERSION = "hwgen-sweep", 1
VOLATILE = ("cached", "seconds", "synth_seconds", "verify_seconds", "worker", "finished")
"""Columns that say how a result was come by; all others are the same on every run."""

Entry = dict[str, Any]


class BusyError(HwgenError):
    """Another process is at work in a sweep's folder."""

    def __init__(self, folder: Path, holder: str):
        super().__init__(
            str(folder), f"a sweep is at work here ({holder})", "wait or take another folder"
        )


class Store:
    """The results in ``folder``; a context manager that holds its lock.

    Raises
    ------
    BusyError
        On entry: another process is at work there.
    HwgenError
        On entry: another version wrote the folder, or it cannot be written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self._lock = FileLock(folder / "lock", blocking=False)

    def __enter__(self) -> "Store":
        check_folder(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / "lock"
        try:
            self._lock.acquire()
        except Timeout:
            holder = place.read_text("utf-8", "replace")[:200].strip()
            raise BusyError(self.folder, holder) from None
        except OSError as error:
            reason = error.strerror or "cannot be locked"
            raise HwgenError(str(place), reason, "a writable folder is needed") from None
        place.write_text(f"process {os.getpid()} on {platform.node()}\n", "utf-8")
        try:
            self.entries = read_entries(self.folder)
        except HwgenError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def put(self, outcome: Outcome) -> None:
        """Keep what became of a point."""
        entry = outcome.to_json()
        text = json.dumps({"format": VERSION, **entry}, separators=(",", ":"))
        write_together({_place(self.folder, outcome.point): text})
        self.entries[outcome.point] = entry

    def write_marker(self, about: Mapping[str, Any]) -> None:
        """Say what the folder is, and how its results came about."""
        head = {"format": FORMAT, "version": VERSION, "hwgen": __version__}
        write_together({self.folder / "sweep.json": json.dumps({**head, **about}, indent=1) + "\n"})

    def write_tables(self) -> bool:
        """Write ``results.csv`` and, where pyarrow is there, ``results.parquet``; whether it is."""
        rows = sorted_rows(self.entries.values())
        files: dict[Path, str | bytes] = {self.folder / "results.csv": to_csv(rows)}
        parquet = to_parquet(rows)
        if parquet is not None:
            files[self.folder / "results.parquet"] = parquet
        write_together(files)
        return parquet is not None


def read_marker(folder: Path) -> dict[str, Any]:
    """What :meth:`Store.write_marker` wrote; empty where there is none.

    Raises
    ------
    HwgenError
        Another version of hwgen wrote it, or it is no such file.
    """
    try:
        found = json.loads((folder / "sweep.json").read_text("utf-8"))
        made_by = (found["format"], found["version"], found["hwgen"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        raise HwgenError(
            str(folder / "sweep.json"), "not a sweep's", "the results folder of a sweep"
        ) from None
    if made_by != (FORMAT, VERSION, __version__):
        raise HwgenError(
            str(folder),
            f"written by hwgen {made_by[2]} (format {made_by[1]})",
            f"a new folder for hwgen {__version__} (format {VERSION})",
        )
    return dict(found)


def read_entries(folder: Path) -> dict[str, Entry]:
    """Every finished point in ``folder``; a damaged file counts as absent.

    Raises
    ------
    HwgenError
        Another version wrote the folder.
    """
    read_marker(folder)
    found = {}
    for path in (folder / "points").glob("[0-9a-f][0-9a-f]/*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            entry = json.loads(path.read_bytes())
            if entry.pop("format") == VERSION and entry["row"]["status"]:
                found[str(entry["point"])] = entry
    return found


def require_results(folder: Path) -> dict[str, Entry]:
    """The finished points in ``folder``, of which there must be one.

    Raises
    ------
    HwgenError
        There is none.
    """
    if not folder.is_dir():
        raise HwgenError(str(folder), "no such folder", "the results folder of a sweep")
    entries = read_entries(folder)
    if not entries:
        raise HwgenError(str(folder), "no finished point", "the results folder of a sweep")
    return entries


def sorted_entries(entries: Iterator[Entry] | Sequence[Entry] | Any) -> list[Entry]:
    """Entries by their settings, numbers as numbers."""
    entries = list(entries)
    rows = [entry["row"] for entry in entries]
    names = dict.fromkeys(n for row in rows for n in list(row)[: list(row).index("status")])
    return sorted(entries, key=lambda entry: [_rank(entry["row"].get(name)) for name in names])


def sorted_rows(entries: Any) -> list[dict[str, Any]]:
    """One flat row per entry, with all columns: ``point``, settings, status, figures."""
    flat = [
        {
            "point": entry["point"],
            **entry["row"],
            "area_by_module": json.dumps(entry["area_by_module"]),
            "cells_by_type": json.dumps(entry["cells_by_type"]),
        }
        for entry in sorted_entries(entries)
    ]
    columns = dict.fromkeys(name for row in flat for name in row)
    order = [c for c in columns if c not in VOLATILE] + [c for c in VOLATILE if c in columns]
    return [{column: row.get(column) for column in order} for row in flat]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a spreadsheet reads them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ["point"])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def to_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes | None:
    """The rows as Parquet; None without pyarrow."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
        table = to_table(rows)
    except ImportError:
        return None
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()


def to_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The rows as a :class:`pyarrow.Table`.

    Raises
    ------
    ImportError
        pyarrow is not installed.
    """
    arrow = importlib.import_module("pyarrow")
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return arrow.table({name: _typed(values) for name, values in columns.items()})


def _typed(values: list[Any]) -> list[Any]:
    """Values of one type: mixed ones become text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or len(kinds) <= 1:
        return [float(v) if v is not None and kinds == {int, float} else v for v in values]
    return [None if value is None else str(value) for value in values]


def _cell(value: Any) -> Any:
    """A value for a spreadsheet, which must not take text for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _rank(value: Any) -> tuple[int, float, str]:
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (2, 0.0, str(value))


def _place(folder: Path, point: str) -> Path:
    return folder / "points" / point[:2] / f"{point[2:]}.json"
