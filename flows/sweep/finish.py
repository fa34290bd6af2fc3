"""The end of a sweep, and all of ``hwgen report``: tables, kept designs, report and pictures."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.sweep.config import SweepFile
from hwgen.flows.sweep.estimator import fit
from hwgen.flows.sweep.evaluate import artefacts
from hwgen.flows.sweep.executors import INSTALL, Executor
from hwgen.flows.sweep.metrics import best
from hwgen.flows.sweep.page import report_page
from hwgen.flows.sweep.plan import SweepPlan
from hwgen.flows.sweep.store import (
    BusyError,
    Entry,
    Store,
    read_marker,
    require_results,
    sorted_entries,
)
from hwgen.flows.sweep.version import provenance
from hwgen.support.extras import need
from hwgen.support.files import write_together
from hwgen.support.progress import Progress

_RUNS = 20


def about_run(settings: SweepFile, file: Path, text: str, folder: Path) -> dict[str, Any]:
    """What the marker says of this run and of those before it; ``text`` is the sweep file's."""
    before = read_marker(folder)
    run = {
        "sweep": str(file.name),
        "started": round(time.time(), 3),
        **provenance(file.absolute().parent),
    }
    return {
        "name": settings.name or file.stem,
        "settings": text,
        "runs": [*before.get("runs", [])[1 - _RUNS :], run],
    }


def finish(
    plan: SweepPlan,
    settings: SweepFile,
    store: Store,
    executor: Executor,
    about: dict[str, Any],
    say: Progress,
) -> "Findings":
    """Keep designs, write tables and report; what they show."""
    keep_designs(plan, settings, store, executor)
    about["runs"][-1]["finished"] = round(time.time(), 3)
    store.write_marker(about)
    if not store.write_tables():
        say(f"no results.parquet: pyarrow is not installed, {INSTALL}")
    return write_report(store.folder, sorted_entries(store.entries.values()), about)


def keep_designs(plan: SweepPlan, settings: SweepFile, store: Store, executor: Executor) -> None:
    """Write Verilog and netlists of the points that are kept and have none yet."""
    if settings.keep == "none":
        return
    entries = sorted_entries(store.entries.values())
    rows = [entry["row"] for entry in entries]
    good = [i for i, row in enumerate(rows) if row["status"] == "ok"]
    chosen = good if settings.keep == "all" else best(rows)
    wanted = {entries[i]["point"] for i in chosen}
    named = ((plan.context.identity(point), point) for point in plan)
    jobs = {
        name: executor.submit(artefacts, point)
        for name, point in named
        if name in wanted and read_stamp(store.folder, name) != store.entries[name]["stamp"]
    }
    for name, future in jobs.items():
        error = future.exception()
        if error is not None and not executor.lost(error):
            raise error
        files = {} if error else future.result()
        folder = design_folder(store.folder, name)
        if files:
            files["stamp"] = store.entries[name]["stamp"]
            write_together({folder / file: text for file, text in files.items()})


def design_folder(folder: Path, point: str) -> Path:
    """Where the files of a kept point are."""
    return folder / "designs" / point


def read_stamp(folder: Path, point: str) -> str:
    """What the kept files of a point were made from; empty where there are none."""
    try:
        return (design_folder(folder, point) / "stamp").read_text("utf-8")
    except OSError:
        return ""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the results of a sweep show.

    Attributes
    ----------
    best
        Names of the points that no other of their library beats.
    estimator
        How well areas can be predicted; None where too few points are finished.
    report
        The page; None where it is not written yet.
    """

    folder: Path
    entries: list[Entry]
    best: list[str]
    estimator: dict[str, Any] | None
    report: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen report --json`` prints."""
        failed = [entry["point"] for entry in self.entries if entry["row"]["status"] != "ok"]
        return {
            "folder": str(self.folder),
            "points": len(self.entries),
            "failed": failed,
            "best": self.best,
            "estimator": self.estimator,
            "report": None if self.report is None else str(self.report),
        }


def report_folder(folder: Path, note: Progress) -> Findings:
    """Write tables, page and pictures of a sweep's folder anew.

    Where a sweep is at work, ``note`` is told, and nothing is written.

    Raises
    ------
    HwgenError
        There are no results.
    """
    need("matplotlib")
    entries = sorted_entries(require_results(folder).values())
    try:
        with Store(folder) as store:
            entries = sorted_entries(store.entries.values())
            store.write_tables()
            return write_report(folder, entries, read_marker(folder))
    except BusyError as busy:
        note(f"{busy.where}: {busy.found}, its tables and report are written when it ends")
        return find(folder, entries)


def find(folder: Path, entries: list[Entry], report: Path | None = None) -> Findings:
    """What ``entries`` show."""
    rows = [entry["row"] for entry in entries]
    estimator = fit([row for row in rows if row["status"] == "ok"])
    return Findings(
        folder=folder,
        entries=entries,
        best=[entries[i]["point"] for i in best(rows)],
        estimator=estimator.to_json() if estimator else None,
        report=report,
    )


def write_report(folder: Path, entries: list[Entry], about: Mapping[str, Any]) -> Findings:
    """Write ``report.html`` and the pictures; what they show."""
    from hwgen.flows.sweep.pictures import pareto_pictures

    found = find(folder, entries, folder / "report.html")
    files = {entry["point"]: _files(folder, entry["point"]) for entry in entries}
    page = report_page(entries, about, found.estimator, files)
    write_together({folder / "report.html": page})
    rows = [entry["row"] for entry in entries]
    pareto_pictures(rows, folder / "pareto", str(about.get("name", folder.name)))
    return found


def _files(folder: Path, point: str) -> list[str]:
    place = design_folder(folder, point)
    if not place.is_dir():
        return []
    kept = (f for f in place.iterdir() if f.name != "stamp" and not f.name.startswith("."))
    return sorted(f"designs/{point}/{file.name}" for file in kept)
