"""``hwgen study``: what quantization costs in accuracy and gives in area."""

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, output_option
from hwgen.flows.cli.train import need_torch
from hwgen.flows.study.config import Study, load_study
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
from hwgen.support.extras import need
from hwgen.support.files import check_folder, write_together


@click.command(epilog="Example: hwgen study examples/studies/tabular.toml -o build/study")
@click.argument("study", metavar="STUDY", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--no-area", is_flag=True, help="Synthesize nothing; all areas are estimates.")
@output_option("Folder for study.txt, .csv, .json, .png, .svg, and every single result.")
@json_option
def study(study: Path, jobs: int, no_area: bool, output: Path, as_json: bool) -> None:
    """Train and quantize what STUDY (TOML) lists in every way, as a table and a picture.

    A study that was stopped goes on where it was when it is started again.
    """
    need("matplotlib")
    file = load_study(study)
    check_data(file, study.parent)
    check_folder(output)
    with Progress(quiet=as_json) as progress:
        rows = studied(file, study.parent, output, jobs, not no_area, progress)
    if as_json:
        emit_json(document(file, rows))
        return
    for task in file.task:
        own = [row for row in rows if row["task"] == task.name]
        emit_table(title(own), header(), map(cells, own))
    emit_line("~ estimated from the network's integers, not synthesized")
    emit_line(f"everything in {output}")


def studied(
    study: Study, base: Path, output: Path, jobs: int, areas: bool, progress: Progress
) -> list[Row]:
    """Compute what is missing in ``output`` and write table and picture; the rows."""
    from hwgen.flows.study.picture import study_picture

    todo = [
        Job(study=study, task=task, seed=seed, base=base, folder=output)
        for seed in range(study.seeds)
        for task in study.task
    ]
    unfinished = [job for job in todo if job.missing()]
    if unfinished:
        need_torch()
    calls = {f"{job.task.name}, seed {job.seed}": (compute_quietly, job) for job in unfinished}
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
    return rows


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


def compute_quietly(job: Job) -> None:
    """:func:`compute` in a process of its own, which has no progress to show."""
    compute(job, lambda text: None)


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
        futures = {pool.submit(call, *rest): name for name, (call, *rest) in calls.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)
