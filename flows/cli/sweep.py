"""``hwgen sweep``: many designs, each checked and measured, never done twice."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.live import LiveProgress
from hwgen.flows.cli.options import json_option, output_option
from hwgen.flows.cli.report import show_results
from hwgen.flows.sweep.config import load_sweep
from hwgen.flows.sweep.forecast import Forecast
from hwgen.flows.sweep.progress import duration
from hwgen.flows.sweep.run import SweepInput, SweepResult, cores, forecast_sweep, run_sweep
from hwgen.flows.sweep.summary import about_estimator

_SHOWN = 100


@command(
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
@click.option("--yes-really", "many", is_flag=True, help="More than 10,000 points.")
@json_option
def sweep(
    file: Path,
    output: Path,
    jobs: int | None,
    scheduler: str | None,
    dry_run: bool,
    retry_failed: bool,
    many: bool,
    as_json: bool,
) -> None:
    """Map, check and measure every design of the sweep file SWEEP (TOML).

    Results land in the folder as they finish. A sweep that was stopped, in whatever way, goes on
    where it was when it is started again.
    """
    given = SweepInput(settings=load_sweep(file), path=file, text=file.read_text("utf-8"))
    jobs = jobs or cores()
    if dry_run:
        forecast = forecast_sweep(given, output, jobs=jobs, retry_failed=retry_failed, many=many)
        if as_json:
            emit_json(forecast.to_json())
        else:
            _show_forecast(forecast, jobs)
        return
    with LiveProgress(as_json) as live:
        result = run_sweep(
            given,
            output,
            jobs=jobs,
            scheduler=scheduler,
            retry_failed=retry_failed,
            many=many,
            tell=live,
            progress=live.say,
        )
    if as_json:
        emit_json(result.to_json())
    else:
        _show(result)
    result.require()


def _show_forecast(found: Forecast, jobs: int) -> None:
    points = found.points
    shown = points[:_SHOWN]
    named = dict.fromkeys(name for point in shown for name in point)
    columns = [c for c in named if any(p.get(c) is not None for p in shown)]
    emit_table("points", columns, ([p.get(c) for c in columns] for p in shown))
    if len(points) > len(shown):
        emit_line(f"... and {len(points) - len(shown):,} more")
    emit_line(
        f"{len(points):,} points, {found.missing:,} of them to do, "
        f"about {duration(found.estimated_seconds)} with {jobs} at a time"
    )
    if found.budget is not None:
        emit_line(f"a search spends {found.budget:,} of them")
    if found.estimator:
        emit_line(about_estimator(found.estimator, "areas to come are predicted"))


def _show(result: SweepResult) -> None:
    show_results(result.entries())
    emit_line(
        f"{result.points:,} points in {duration(result.seconds)}: "
        f"{result.computed:,} worked out, {result.cached:,} from the cache, "
        f"{result.kept:,} from an earlier run; {result.failed:,} failed"
    )
    if result.estimator:
        emit_line(about_estimator(result.estimator, "area can be predicted"))
    emit_line(f"report: {result.report}")
