"""A sweep from its file to its results."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.results import html_line, html_table
from hwgen.flows.sweep.config import SweepFile
from hwgen.flows.sweep.driver import Counts, Driver
from hwgen.flows.sweep.executors import INSTALL, DaskExecutor, Executor, LocalExecutor
from hwgen.flows.sweep.finish import about_run, finish
from hwgen.flows.sweep.forecast import Forecast, make_forecast
from hwgen.flows.sweep.memory import memory_per_job
from hwgen.flows.sweep.plan import SweepPlan, make_plan
from hwgen.flows.sweep.points import Context
from hwgen.flows.sweep.search import search
from hwgen.flows.sweep.store import (
    Entry,
    Store,
    read_entries,
    require_results,
    sorted_entries,
    sorted_rows,
    to_table,
)
from hwgen.flows.sweep.summary import BestDesigns, best_designs
from hwgen.support.errors import HwgenError
from hwgen.support.extras import need
from hwgen.support.progress import Progress, silent


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What a run of a sweep left in its folder.

    Attributes
    ----------
    points, failed
        Points with a result, and how many of them say why there is none.
    kept, cached, computed
        From an earlier run in the same folder, from the cache, and worked out now.
    best
        Names of the points that no other of their library beats.
    estimator
        How well areas can be predicted from the finished points; None where they are too few.
    report
        The page ``report.html``.
    seconds
        Wall time.
    first_error
        Of the first point that failed.
    """

    folder: Path
    points: int
    failed: int
    kept: int
    cached: int
    computed: int
    best: list[str]
    estimator: dict[str, Any] | None
    report: Path | None
    seconds: float
    first_error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen sweep --json`` prints."""
        found = dict(vars(self))
        del found["first_error"]
        return {**found, "folder": str(self.folder), "report": str(self.report)}

    def entries(self) -> list[Entry]:
        """Every finished point in the folder, sorted by its settings."""
        return sorted_entries(require_results(self.folder).values())

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat row for each point: ``point``, settings, status, figures."""
        return sorted_rows(self.entries())

    @property
    def table(self) -> Any:
        """The rows as a :class:`pyarrow.Table`.

        Raises
        ------
        HwgenError
            pyarrow is not installed.
        """
        try:
            return to_table(self.rows)
        except ImportError:
            raise HwgenError("pyarrow", "not installed", INSTALL) from None

    def best_designs(self) -> BestDesigns:
        """The best designs of each library, as a table for people."""
        return best_designs(self.entries())

    def require(self) -> "SweepResult":
        """The same, if any point has a result.

        Raises
        ------
        HwgenError
            All failed.
        """
        if self.failed == self.points:
            found = f"all {self.points:,} points failed, the first with: {self.first_error}"
            raise HwgenError(str(self.folder), found, "at least one must work")
        return self

    def _repr_html_(self) -> str:
        best = self.best_designs()
        said = f"{self.points:,} points, {self.failed:,} failed; report: {self.report}"
        return html_table(best.title, best.header, best.rows) + html_line(said)


@dataclass(frozen=True, kw_only=True)
class SweepInput:
    """A sweep file and where it stands.

    Attributes
    ----------
    path
        Relative paths in it start from its folder; its name is the sweep's where it has none.
    text
        What the report shows of it.
    """

    settings: SweepFile
    path: Path
    text: str


def run_sweep(
    given: SweepInput,
    output: Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    many: bool = False,
    tell: Callable[[Counts], None] = lambda counts: None,
    progress: Progress = silent,
) -> SweepResult:
    """Map, check and measure every point that has no result in ``output`` yet.

    Parameters
    ----------
    jobs
        Points at a time on this machine; None: its cores.
    scheduler
        Address of a Dask scheduler to work on instead.
    retry_failed
        Whether points that failed before are tried again.
    many
        Whether there may be more than 10,000 points.
    tell
        Called with the counts whenever they have changed.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.flows.sweep.plan.make_plan`; a result that cannot be written. A point
        that fails is a result.
    """
    need("matplotlib")
    begun = time.monotonic()
    settings = given.settings
    plan = make_plan(settings, given.path, many)
    budget = settings.search.points if settings.search else len(plan)
    total = min(len(plan), budget + len(plan.listed))
    with Store(output) as store:
        about = about_run(settings, given.path, given.text, output)
        store.write_marker(about)
        with _executor(plan.context, jobs or cores(), scheduler) as executor:
            driver = Driver(
                plan.context, store, executor, tell, total=total, retry_failed=retry_failed
            )
            if settings.search is None:
                driver.run(plan)
            else:
                search(plan, settings.search, driver.run)
            found = finish(plan, settings, store, executor, about, progress)
    counts = driver.counts
    return SweepResult(
        folder=output,
        points=counts.finished,
        failed=counts.failed,
        kept=counts.kept,
        cached=counts.cached,
        computed=counts.done - counts.cached,
        best=found.best,
        estimator=found.estimator,
        report=found.report,
        seconds=round(time.monotonic() - begun, 3),
        first_error=counts.first_error,
    )


def forecast_sweep(
    given: SweepInput,
    output: Path,
    *,
    jobs: int | None = None,
    retry_failed: bool = False,
    many: bool = False,
) -> Forecast:
    """What :func:`run_sweep` would do; nothing is done."""
    search_table = given.settings.search
    plan: SweepPlan = make_plan(given.settings, given.path, many)
    return make_forecast(
        plan,
        read_entries(output),
        jobs=jobs or cores(),
        retry_failed=retry_failed,
        budget=search_table.points if search_table else None,
    )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _executor(
    context: Context, jobs: int, scheduler: str | None
) -> AbstractContextManager[Executor]:
    if scheduler is not None:
        return DaskExecutor(context, scheduler)
    largest = max((source.most_weights for source in context.sources), default=0)
    return LocalExecutor(context, jobs, memory_per_job(largest))
