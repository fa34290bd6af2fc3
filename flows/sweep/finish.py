"""The end of a sweep, and all of ``hwgen report``: tables, kept designs, report and pictures."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hwgen.flows.sweep.config import SweepFile
from hwgen.flows.sweep.estimator import fit
from hwgen.flows.sweep.evaluate import artefacts
from hwgen.flows.sweep.executors import INSTALL, Executor
from hwgen.flows.sweep.metrics import best
from hwgen.flows.sweep.page import report_page
from hwgen.flows.sweep.pictures import pareto_pictures
from hwgen.flows.sweep.plan import Plan
from hwgen.flows.sweep.store import Entry, Store, read_marker, sorted_entries
from hwgen.flows.sweep.version import provenance
from hwgen.support.files import write_together

_RUNS = 20


def about_run(settings: SweepFile, file: Path, folder: Path) -> dict[str, Any]:
    """What the marker says of this run and of those before it."""
    before = read_marker(folder)
    run = {
        "sweep": str(file.name),
        "started": round(time.time(), 3),
        **provenance(file.absolute().parent),
    }
    return {
        "name": settings.name or file.stem,
        "settings": file.read_text("utf-8"),
        "runs": [*before.get("runs", [])[1 - _RUNS :], run],
    }


def finish(
    plan: Plan,
    settings: SweepFile,
    store: Store,
    executor: Executor,
    about: dict[str, Any],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Keep designs, write tables and report; what there is to say of it all."""
    keep_designs(plan, settings, store, executor)
    about["runs"][-1]["finished"] = round(time.time(), 3)
    store.write_marker(about)
    if not store.write_tables():
        say(f"no results.parquet: pyarrow is not installed, {INSTALL}")
    return write_report(store.folder, sorted_entries(store.entries.values()), about)


def keep_designs(plan: Plan, settings: SweepFile, store: Store, executor: Executor) -> None:
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


def figures(entries: list[Entry]) -> dict[str, Any]:
    """Names of the best points, and how well areas can be predicted."""
    rows = [entry["row"] for entry in entries]
    estimator = fit([row for row in rows if row["status"] == "ok"])
    return {
        "best": [entries[i]["point"] for i in best(rows)],
        "estimator": estimator.to_json() if estimator else None,
    }


def write_report(folder: Path, entries: list[Entry], about: dict[str, Any]) -> dict[str, Any]:
    """Write ``report.html`` and the pictures; what they show, in figures."""
    found = figures(entries)
    files = {entry["point"]: _files(folder, entry["point"]) for entry in entries}
    page = report_page(entries, about, found["estimator"], files)
    write_together({folder / "report.html": page})
    rows = [entry["row"] for entry in entries]
    pareto_pictures(rows, folder / "pareto", str(about.get("name", folder.name)))
    return {**found, "report": str(folder / "report.html")}


def _files(folder: Path, point: str) -> list[str]:
    place = design_folder(folder, point)
    if not place.is_dir():
        return []
    kept = (f for f in place.iterdir() if f.name != "stamp" and not f.name.startswith("."))
    return sorted(f"designs/{point}/{file.name}" for file in kept)
