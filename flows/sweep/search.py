"""Search: a budget of points spent near the Pareto front, proposed by Optuna's samplers.

Points are proposed in batches, each from the results of those before it. What is proposed follows
from the sweep file and those results alone, so that an interrupted search goes on as if it had
not been.
"""

import importlib
import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hwgen.flows.sweep.config import Search
from hwgen.flows.sweep.executors import INSTALL
from hwgen.flows.sweep.metrics import METRICS
from hwgen.flows.sweep.plan import SweepPlan
from hwgen.flows.sweep.points import Point
from hwgen.flows.sweep.store import Entry
from hwgen.support.errors import HwgenError

T = TypeVar("T")
_ASKS = 40
"""Proposals per wanted point, after which points are drawn at random instead."""


def search(plan: SweepPlan, settings: Search, run: Callable[[list[Point]], list[Entry]]) -> None:
    """Spend the budget on points of ``plan``; ``run`` brings points to their entries.

    Raises
    ------
    HwgenError
        Optuna is not installed.
    """
    study = _Study(plan, settings)
    listed = list(plan.listed)
    if listed:
        run(listed)
    budget = min(settings.points, len(plan) - len(listed))
    while study.spent < budget:
        batch = study.propose(min(settings.batch, budget - study.spent))
        study.learn(run(batch))


class _Study:
    """What has been asked and told; ``spent`` counts distinct points."""

    def __init__(self, plan: SweepPlan, settings: Search):
        self._optuna = _optuna()
        self._plan, self._settings = plan, settings
        self._study = self._optuna.create_study(
            directions=["minimize" if METRICS[m].smaller else "maximize" for m in settings.metrics],
            sampler=self._sampler(),
        )
        self._parts = _parts(plan)
        self._random = random.Random(settings.seed)
        self._asked: list[tuple[Any, Point]] = []
        self._batch: list[Point] = []
        self._seen: dict[str, list[float] | None] = {}
        self.spent = 0

    def propose(self, count: int) -> list[Point]:
        """``count`` points that have not been proposed before."""
        self._batch, tries = [], 0
        while len(self._batch) < count and tries < _ASKS * count:
            tries += 1
            trial = self._study.ask()
            point = self._point(trial)
            name = self._plan.context.identity(point)
            if name not in self._seen:
                self._seen[name] = None
                self._batch.append(point)
                self._asked.append((trial, point))
            elif any(self._plan.context.identity(p) == name for p in self._batch):
                self._asked.append((trial, point))
            else:
                self._tell(trial, self._seen[name])
        while len(self._batch) < count:
            point = self._drawn()
            self._seen[self._plan.context.identity(point)] = None
            self._batch.append(point)
        self.spent += len(self._batch)
        return self._batch

    def learn(self, entries: Sequence[Entry]) -> None:
        """The entries of the last batch, in its order."""
        for point, entry in zip(self._batch, entries, strict=True):
            row = entry["row"]
            values = [row.get(metric) for metric in self._settings.metrics]
            good = row["status"] == "ok" and None not in values
            self._seen[self._plan.context.identity(point)] = values if good else None
        for trial, point in self._asked:
            self._tell(trial, self._seen[self._plan.context.identity(point)])
        self._asked = []

    def _tell(self, trial: Any, values: list[float] | None) -> None:
        if values is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, values)

    def _point(self, trial: Any) -> Point:
        source, architecture, mapping = (_pick(trial, part) for part in self._parts)
        return Point(source=source, architecture=architecture, mapping=mapping)

    def _drawn(self) -> Point:
        """A point that has not been proposed, at random."""
        plan = self._plan
        while True:
            point = Point(
                source=self._random.choice(plan.sources),
                architecture=self._random.choice(plan.architectures),
                mapping=self._random.choice(plan.mappings),
            )
            if plan.context.identity(point) not in self._seen:
                return point

    def _sampler(self) -> Any:
        seed, samplers = self._settings.seed, self._optuna.samplers
        if self._settings.sampler == "random":
            return samplers.RandomSampler(seed=seed)
        if self._settings.sampler == "nsga2":
            size = max(2, min(50, self._settings.points // 4))
            return samplers.NSGAIISampler(population_size=size, seed=seed)
        startup = max(2, min(10, self._settings.points // 3))
        return samplers.TPESampler(n_startup_trials=startup, seed=seed)


def _parts(plan: SweepPlan) -> list[list[tuple[dict[str, Any], Any]]]:
    """Sources, architectures and mappings, each with the settings that tell it from others."""
    sources = plan.context.sources
    return [
        [({"network": sources[i].ref, **dict(sources[i].settings)}, i) for i in plan.sources],
        [(one.to_json(), one) for one in plan.architectures],
        [(dict(vars(one)), one) for one in plan.mappings],
    ]


def _pick(trial: Any, choices: list[tuple[dict[str, Any], T]]) -> T:
    """Decide one setting after another until one choice is left."""
    while len(choices) > 1:
        name, values = _next_decision([settings for settings, _ in choices])
        # A setting may take other values below another choice: then it is another parameter.
        parameter = f"{name} {zlib.crc32(repr(values).encode()):x}"
        if all(kind == 0 for kind, _ in values):
            place = trial.suggest_int(parameter, 0, len(values) - 1)
        else:
            place = trial.suggest_categorical(parameter, range(len(values)))
        choices = [choice for choice in choices if _key(choice[0].get(name)) == values[place]]
    return choices[0][1]


def _next_decision(settings: Sequence[dict[str, Any]]) -> tuple[str, list[tuple[int, Any]]]:
    """The first setting that several of ``settings`` differ in, and its values."""
    names = dict.fromkeys(name for one in settings for name in one)
    for name in names:
        values = {_key(one.get(name)) for one in settings}
        if len(values) > 1:
            return name, sorted(values)
    raise ValueError("two choices are the same")


def _key(value: Any) -> tuple[int, Any]:
    """Numbers by size, all else by its text."""
    if isinstance(value, int | float):
        return (0, value)
    return (1, repr(value))


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        raise HwgenError("search", "optuna is not installed", INSTALL) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
