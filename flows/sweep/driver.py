"""Runs points to their end: what is missing is worked on, what is done is kept, at once."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from hwgen.flows.sweep.evaluate import Outcome, evaluate
from hwgen.flows.sweep.executors import Executor
from hwgen.flows.sweep.points import Context, Point
from hwgen.flows.sweep.store import Entry, Store
from hwgen.support.errors import printable

_ATTEMPTS = 3
_LOOK_AHEAD = 256
_TABLES_EVERY = 10.0


@dataclass
class Counts:
    """How far a sweep is.

    Attributes
    ----------
    kept
        Points that an earlier run had finished.
    cached
        Points of which everything had been found out before, in other sweeps.
    first_error
        Of the first point that failed, in the order they were asked for.
    worked_seconds
        What the points that were not cached took, one after the other.
    most_running
        How many were under way at a time at most.
    """

    total: int
    kept: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    running: int = 0
    first_error: str | None = None
    worked_seconds: float = 0.0
    most_running: int = 0
    last_finished: float = field(default_factory=time.monotonic)

    @property
    def finished(self) -> int:
        """Points with a result."""
        return self.kept + self.done

    def finish(self, seconds: float, cached: bool, ok: bool) -> None:
        """One more point is done; it kept a worker busy for ``seconds``."""
        self.done += 1
        self.cached += cached
        self.failed += not ok
        self.worked_seconds += 0.0 if cached else seconds
        self.last_finished = time.monotonic()

    def seconds_left(self) -> float | None:
        """What points took on average, for those that are left; None before one took time.

        It counts down while a point takes long: only finished points change the average.
        """
        worked = self.done - self.cached
        if not worked:
            return None
        to_work = (self.total - self.finished) * worked / self.done
        expected = self.worked_seconds / worked * to_work / max(1, self.most_running)
        return max(0.0, expected - (time.monotonic() - self.last_finished))


@dataclass
class _Task:
    point: Point
    name: str
    design: str
    attempts: int = 0


class Driver:
    """Works on the points of one sweep, several calls of :meth:`run` after another.

    Parameters
    ----------
    tell
        Called whenever the counts have changed, and about once a second.
    retry_failed
        Whether points that failed before are tried again.
    """

    def __init__(
        self,
        context: Context,
        store: Store,
        executor: Executor,
        tell: Callable[[Counts], None],
        *,
        total: int,
        retry_failed: bool = False,
    ):
        self._context, self._store, self._executor, self._tell = context, store, executor, tell
        self._retry = retry_failed
        self._waiting: deque[_Task] = deque()
        self._retry_alone: deque[_Task] = deque()
        self._running: dict[Future[Outcome], _Task] = {}
        self._proofs = {e["design"]: e["proof"] for e in store.entries.values() if e.get("proof")}
        self._tables_at = time.monotonic()
        self.counts = Counts(total)

    def run(self, points: Iterable[Point]) -> list[Entry]:
        """Bring every one of ``points`` to a result; the entries, in the same order.

        Raises
        ------
        HwgenError
            A result cannot be written, or nobody is left to work.
        """
        names = list(self._sort_out(points))
        self._tell(self.counts)
        while self._waiting or self._retry_alone or self._running:
            self._submit()
            self._collect()
        entries = [self._store.entries[name] for name in names]
        errors = (e["row"]["error"] for e in entries if e["row"]["status"] != "ok")
        self.counts.first_error = self.counts.first_error or next(errors, None)
        return entries

    def _sort_out(self, points: Iterable[Point]) -> Iterator[str]:
        for point in points:
            name, context = self._context.identity(point), self._context
            entry = self._store.entries.get(name)
            done = entry is not None and entry["stamp"] == context.stamp(point)
            if done and entry is not None and (entry["row"]["status"] == "ok" or not self._retry):
                self.counts.kept += 1
                self.counts.failed += entry["row"]["status"] != "ok"
            else:
                self._waiting.append(_Task(point, name, context.proof(point)))
            yield name

    def _submit(self) -> None:
        """Give out what there is room for; those that a worker may have died of go alone."""
        while self._retry_alone and not self._running:
            self._start(self._retry_alone.popleft())
            return
        while self._waiting and not self._retry_alone and self._executor.room(len(self._running)):
            task = self._next()
            if task is None:
                return
            self._start(task)

    def _next(self) -> _Task | None:
        """A point whose Verilog nobody is just verifying."""
        busy = {task.design for task in self._running.values()}
        if self._context.checks.verify == "off":
            busy = set()
        for index in range(min(len(self._waiting), _LOOK_AHEAD)):
            if self._waiting[index].design not in busy:
                task = self._waiting[index]
                del self._waiting[index]
                return task
        return None

    def _start(self, task: _Task) -> None:
        proof = self._proofs.get(task.design)
        self._running[self._executor.submit(evaluate, task.point, proof)] = task
        self.counts.running = len(self._running)
        self.counts.most_running = max(self.counts.most_running, len(self._running))

    def _collect(self) -> None:
        done, _ = wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in done:
            task = self._running.pop(future)
            self._finish(task, future)
        self.counts.running = len(self._running)
        if done and time.monotonic() > self._tables_at:
            begun = time.monotonic()
            self._store.write_tables()
            spent = time.monotonic() - begun
            self._tables_at = time.monotonic() + max(_TABLES_EVERY, 20 * spent)
        self._tell(self.counts)

    def _finish(self, task: _Task, future: "Future[Outcome]") -> None:
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            self._retry_or_fail(task, error or InterruptedError("cancelled"))
            return
        self._keep(future.result())

    def _retry_or_fail(self, task: _Task, error: BaseException) -> None:
        """A call came to nothing: try again, alone, or give up and say why."""
        task.attempts += 1
        lost = self._executor.lost(error)
        if lost and task.attempts < _ATTEMPTS:
            self._retry_alone.append(task)
            return
        found = "its worker died (out of memory?)" if lost else f"{type(error).__name__}: {error}"
        row = {
            **self._context.settings(task.point),
            "status": "error",
            "error": f"worker: {printable(found)}, tried {task.attempts} times",
        }
        stamp = self._context.stamp(task.point)
        self._keep(Outcome(point=task.name, stamp=stamp, design=task.design, row=row))

    def _keep(self, outcome: Outcome) -> None:
        self._store.put(outcome)
        if outcome.proof:
            self._proofs[outcome.design] = outcome.proof
        row = outcome.row
        seconds, ok = float(row.get("seconds") or 0.0), row["status"] == "ok"
        self.counts.finish(seconds, bool(row.get("cached")), ok)
