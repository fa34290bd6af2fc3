"""A study from its file to its table and picture."""

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.results import html_table
from hwgen.flows.study.config import Study
from hwgen.flows.study.points import Job, Row, area, check_data, compute
from hwgen.flows.study.summary import (
    cells,
    document,
    header,
    summarize,
    title,
    to_csv,
    to_json,
    to_text,
)
from hwgen.flows.training import need_torch
from hwgen.support.extras import need
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent
from hwgen.support.workers import without_main


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A row for each task and way; see :func:`hwgen.flows.study.summary.summarize`."""

    study: Study
    folder: Path
    rows: list[Row]

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen study --json`` prints."""
        return document(self.study, self.rows)

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """Of each task a heading, and the rows below :func:`hwgen.flows.study.summary.header`."""
        found = []
        for task in self.study.task:
            own = [row for row in self.rows if row["task"] == task.name]
            found.append((title(own), [cells(row) for row in own]))
        return found

    def _repr_html_(self) -> str:
        return "".join(html_table(heading, header(), rows) for heading, rows in self.tables())


def run_study(
    study: Study,
    base: Path,
    output: Path,
    *,
    jobs: int = 1,
    areas: bool = True,
    progress: Progress = silent,
) -> StudyResult:
    """Compute what is missing in ``output``, and write table and picture.

    Parameters
    ----------
    base
        Folder that relative paths of the study start at.
    jobs
        Networks at a time.
    areas
        Whether networks are synthesized; else all areas are estimates.

    Raises
    ------
    HwgenError
        Data that cannot be used, or the extra ``train`` is missing where something is trained.
    """
    need("matplotlib")
    check_data(study, base)
    check_folder(output)
    from hwgen.flows.study.picture import study_picture

    todo = [
        Job(study=study, task=task, seed=seed, base=base, folder=output)
        for seed in range(study.seeds)
        for task in study.task
    ]
    unfinished = [job for job in todo if job.missing()]
    if unfinished:
        need_torch()
    calls = {f"{job.task.name}, seed {job.seed}": (compute, job) for job in unfinished}
    for name, _ in _all(calls, jobs, progress):
        progress(f"{name}: done")
    found: dict[tuple[str, str, str], Row] = {}
    if areas:
        wanted = _wanted(study, todo)
        for name, row in _all(wanted, jobs, progress):
            task, way, arch = name.split("/")
            found[task, way, arch] = row
            size = row["why"] if row["um2"] is None else f"{row['um2']:,.0f} um2"
            progress(f"{task}, {way}, {arch}: {size}")
    rows = summarize(study, todo, found)
    write_together(
        {
            output / "study.txt": to_text(study, rows),
            output / "study.csv": to_csv(rows),
            output / "study.json": to_json(study, rows),
        }
    )
    study_picture(study, rows, output / "study")
    return StudyResult(study=study, folder=output, rows=rows)


def _wanted(study: Study, jobs: list[Job]) -> dict[str, tuple[Any, ...]]:
    """Syntheses: of each task and way, the network of the first seed that has one."""
    calls: dict[str, tuple[Any, ...]] = {}
    for job in jobs:
        for way in study.area.ways or study.ways:
            row = job.stored(way)
            for arch in study.area.architectures:
                name = f"{job.task.name}/{way}/{arch}"
                if row is not None and "network" in row and name not in calls:
                    calls[name] = (area, job, way, arch)
    return calls


def _all(
    calls: dict[str, tuple[Any, ...]], jobs: int, progress: Progress
) -> Iterable[tuple[str, Any]]:
    """Call all, ``jobs`` at a time; names and results as they come."""
    if jobs == 1 or len(calls) < 2:
        for name, (call, *arguments) in calls.items():
            progress(name)
            yield name, call(*arguments)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(calls)), mp_context=context)
    try:
        with without_main():
            futures = {pool.submit(call, *rest): name for name, (call, *rest) in calls.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)
