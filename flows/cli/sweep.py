"""``hwgen sweep``: many designs, each checked and measured, never done twice."""

import os
import time
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, output_option
from hwgen.support.errors import HwgenError
from hwgen.support.extras import need


@click.command(
    epilog="Example: hwgen sweep examples/sweeps/tiny.toml -o build/sweep, "
    "then hwgen report build/sweep"
)
@click.argument("file", metavar="SWEEP", type=click.Path(path_type=Path))
@output_option("Folder for results, report and pictures; what is in it is not done again.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Points at a time on this machine, fewer while memory is short.  [default: its cores]",
)
@click.option("--scheduler", metavar="URL", help="Dask scheduler to work on, tcp://HOST:PORT.")
@click.option("--dry-run", is_flag=True, help="Show the points and the estimated time.")
@click.option("--retry-failed", is_flag=True, help="Try points again that failed before.")
@click.option("--yes-really", is_flag=True, help="More than 10,000 points.")
@json_option
def sweep(
    file: Path,
    output: Path,
    jobs: int | None,
    scheduler: str | None,
    dry_run: bool,
    retry_failed: bool,
    yes_really: bool,
    as_json: bool,
) -> None:
    """Map, check and measure every design of the sweep file SWEEP (TOML).

    Results land in the folder as they finish. A sweep that was stopped, in whatever way, goes on
    where it was when it is started again.
    """
    from hwgen.flows.sweep.config import load_sweep
    from hwgen.flows.sweep.plan import make_plan

    begun = time.monotonic()
    settings = load_sweep(file)
    plan = make_plan(settings, file, yes_really)
    jobs = jobs or len(os.sched_getaffinity(0))
    if dry_run:
        _foretell(plan, settings, output, jobs, retry_failed, as_json)
        return
    need("matplotlib")
    result = _run(plan, settings, file, output, jobs, scheduler, retry_failed, as_json)
    result["seconds"] = round(time.monotonic() - begun, 3)
    first_error = result.pop("first_error")
    if as_json:
        emit_json(result)
    else:
        _show(result, output)
    if result["failed"] == result["points"]:
        found = f"all {result['points']:,} points failed, the first with: {first_error}"
        raise HwgenError(str(output), found, "at least one must work")


def _foretell(
    plan: Any, settings: Any, output: Path, jobs: int, retry: bool, as_json: bool
) -> None:
    from hwgen.flows.sweep.outlook import outlook
    from hwgen.flows.sweep.progress import duration
    from hwgen.flows.sweep.store import read_entries

    found = outlook(plan, read_entries(output), jobs, retry)
    budget = settings.search.points if settings.search else None
    if as_json:
        emit_json({**found, "budget": budget})
        return
    points = found["points"]
    shown = points[:_SHOWN]
    named = dict.fromkeys(name for point in shown for name in point)
    columns = [c for c in named if any(p.get(c) is not None for p in shown)]
    emit_table("points", columns, ([p.get(c) for c in columns] for p in shown))
    if len(points) > len(shown):
        emit_line(f"... and {len(points) - len(shown):,} more")
    emit_line(
        f"{found['count']:,} points, {found['missing']:,} of them to do, "
        f"about {duration(found['estimated_seconds'])} with {jobs} at a time"
    )
    if budget is not None:
        emit_line(f"a search spends {budget:,} of them")
    if found["estimator"]:
        emit_line(_about(found["estimator"], "areas to come are predicted"))


_SHOWN = 100


def _run(
    plan: Any,
    settings: Any,
    file: Path,
    output: Path,
    jobs: int,
    scheduler: str | None,
    retry: bool,
    quiet: bool,
) -> dict[str, Any]:
    from hwgen.flows.sweep.driver import Driver
    from hwgen.flows.sweep.finish import about_run, finish
    from hwgen.flows.sweep.progress import LiveProgress
    from hwgen.flows.sweep.search import search
    from hwgen.flows.sweep.store import Store

    total = (
        min(len(plan), settings.search.points + len(plan.listed)) if settings.search else len(plan)
    )
    with Store(output) as store, LiveProgress(quiet) as progress:
        about = about_run(settings, file, output)
        store.write_marker(about)
        with _executor(plan.context, jobs, scheduler) as executor:
            driver = Driver(
                plan.context, store, executor, progress, total=total, retry_failed=retry
            )
            if settings.search is None:
                driver.run(plan)
            else:
                search(plan, settings.search, driver.run)
            result = finish(plan, settings, store, executor, about, progress.say)
    counts = driver.counts
    return {
        "folder": str(output),
        "points": counts.finished,
        "failed": counts.failed,
        "kept": counts.kept,
        "cached": counts.cached,
        "computed": counts.done - counts.cached,
        "first_error": counts.first_error,
        **result,
    }


def _executor(context: Any, jobs: int, scheduler: str | None) -> Any:
    from hwgen.flows.sweep.executors import DaskExecutor, LocalExecutor
    from hwgen.flows.sweep.memory import memory_per_job

    if scheduler is not None:
        return DaskExecutor(context, scheduler)
    largest = max((len(source.file.data) for source in context.sources), default=0)
    return LocalExecutor(context, jobs, memory_per_job(largest // 4))


def _about(estimator: dict[str, Any], what: str) -> str:
    return (
        f"{what} from {estimator['points']:,} finished points; half of them are predicted by the "
        f"others within {estimator['median_error']:.1%}, nine of ten within "
        f"{estimator['p90_error']:.1%}"
    )


def _show(result: dict[str, Any], output: Path) -> None:
    from hwgen.flows.cli.report import show_results
    from hwgen.flows.sweep.progress import duration
    from hwgen.flows.sweep.store import require_results, sorted_entries

    show_results(sorted_entries(require_results(output).values()))
    emit_line(
        f"{result['points']:,} points in {duration(result['seconds'])}: "
        f"{result['computed']:,} worked out, {result['cached']:,} from the cache, "
        f"{result['kept']:,} from an earlier run; {result['failed']:,} failed"
    )
    if result["estimator"]:
        emit_line(_about(result["estimator"], "area can be predicted"))
    emit_line(f"report: {output / 'report.html'}")
