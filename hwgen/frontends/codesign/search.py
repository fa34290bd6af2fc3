"""The search for a front: train a population, polish its members, train the best further.

Every price on the ladder asks for one point of the front. After each round all networks found so
far are looked at from every price, by ``loss + price * area`` of the training samples, and the best
few for each price go on: so a network moves along the ladder to where it is worth most.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from hwgen.frontends.codesign.integers import IntegerNetwork
from hwgen.frontends.codesign.polish import Sweep, polish
from hwgen.frontends.codesign.population import Member, Population, population_of, train
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.codesign.trials import Trials
from hwgen.spec.arithmetic import Integers

Say = Callable[[str], None]
_SAVED_EVERY = 250


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """Input codes [samples, features] and class indices [samples]."""

    x: Integers
    y: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A network that the search found.

    Parameters
    ----------
    price
        The price it was found for, per gate equivalent.
    loss
        Mean cross entropy of the training samples.
    area
        Estimated gate equivalents, without an argmax.
    validation
        Accuracy on the validation samples.
    """

    network: IntegerNetwork
    price: float
    loss: float
    area: float
    validation: float


class Memory(Protocol):
    """Where a search keeps what is done, to go on from there."""

    def get(self, name: str) -> Any:
        """What was kept under ``name``, or None."""

    def put(self, name: str, content: Any) -> None:
        """Keep it."""


class Nothing:
    """A memory that keeps nothing."""

    def get(self, name: str) -> Any:
        """Nothing."""

    def put(self, name: str, content: Any) -> None:
        """Keep nothing."""


class OutOfTime(Exception):
    """The deadline is past."""


class Clock:
    """A deadline; ``cut`` says whether it ended something early."""

    def __init__(self, seconds: float | None):
        self._end = None if seconds is None else time.monotonic() + seconds
        self.cut = False

    def check(self) -> None:
        """Raise :class:`OutOfTime` past the deadline."""
        if self._end is not None and time.monotonic() > self._end:
            self.cut = True
            raise OutOfTime

    def part(self, share: float) -> "Clock":
        """A deadline after ``share`` of the time that is left."""
        left = None if self._end is None else max(0.0, self._end - time.monotonic())
        return Clock(None if left is None else share * left)


def search(
    settings: Settings,
    train_part: Codes,
    validation: Codes,
    classes: int,
    *,
    clock: Clock,
    memory: Memory,
    say: Say,
) -> list[Candidate]:
    """All networks worth keeping, of every round.

    Deterministic for ``settings`` and samples, unless the clock cuts it.
    """
    found: list[Candidate] = []
    ladder = settings.ladder()
    members = [
        Member(hidden=widths, price=price) for widths in settings.hidden for price in ladder
    ]
    population = Population(members, train_part.x.shape[1], classes, settings.seed)
    for number in range(settings.rounds + 1):
        name = f"round {number}"
        finished = _trained(settings, population, number, train_part, clock, memory, say)
        for index, member in enumerate(population.members):
            network = population.network(index, settings.input_bits)
            start = Candidate(network=network, price=member.price, loss=0, area=0, validation=0)
            key = f"{name}, network {index}"
            found.append(
                _polished(settings, start, key, train_part, validation, clock, memory)
            )
            last = found[-1]
            say(f"{key}: {last.validation:.2%}, {last.area:,.0f} GE, loss {last.loss:.4f}")
        if number == settings.rounds or not finished or clock.cut:
            break
        chosen = survivors(found, ladder, settings.kept)
        population = population_of(
            [one.network for one in chosen], [one.price for one in chosen], settings.seed + number
        )
    return found


def survivors(found: Sequence[Candidate], ladder: Sequence[float], kept: int) -> list[Candidate]:
    """The best ``kept`` of ``found`` for every price, at that price."""
    chosen = []
    for price in ladder:
        ranked = sorted(found, key=lambda one: one.loss + price * one.area)
        chosen += [replace(one, price=price) for one in ranked[:kept]]
    return chosen


def _trained(
    settings: Settings,
    population: Population,
    number: int,
    samples: Codes,
    clock: Clock,
    memory: Memory,
    say: Say,
) -> bool:
    """Train the population of a round; whether it came to its end."""
    name = f"training {number}"
    training = replace(settings.first, steps=settings.steps, smoothing=settings.smoothing)
    if number:
        training = replace(
            training, steps=settings.later_steps, rate=2e-3, width_rate=3e-3, rise=0.01
        )
    own = clock.part(0.6)
    begin = memory.get(name)

    def watch(step: int, state: Callable[[], Any]) -> None:
        if step % _SAVED_EVERY and step != training.steps:
            return
        memory.put(name, state())
        say(f"{name}: step {step:,} of {training.steps:,}")
        own.check()

    try:
        train(
            population,
            samples.x,
            samples.y,
            training,
            input_bits=settings.input_bits,
            seed=settings.seed + 1000 * number,
            watch=watch,
            begin=begin,
        )
    except OutOfTime:
        return False
    return True


def _polished(
    settings: Settings,
    start: Candidate,
    name: str,
    samples: Codes,
    validation: Codes,
    clock: Clock,
    memory: Memory,
) -> Candidate:
    kept = memory.get(name)
    if kept is not None:
        return Candidate(**kept)
    trials = Trials(start.network, samples.x, samples.y, settings.smoothing)
    rng = np.random.default_rng([settings.seed, *name.encode()])
    sweep = Sweep(price=start.price, tried=settings.tried)
    try:
        for _ in range(settings.sweeps):
            if not polish(trials, sweep, rng):
                break
            clock.check()
    except OutOfTime:
        pass
    result = Candidate(
        network=trials.network,
        price=start.price,
        loss=trials.loss,
        area=trials.area,
        validation=trials.network.accuracy(validation.x, validation.y),
    )
    memory.put(name, vars(result))
    return result


def envelope(found: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other is both smaller and better than on validation samples, by area."""
    best = -1.0
    kept = []
    for one in sorted(found, key=lambda one: (one.area, -one.validation, one.loss)):
        if one.validation > best:
            best = one.validation
            kept.append(one)
    return kept


def spread(front: Sequence[Candidate], points: int) -> list[Candidate]:
    """At most ``points`` of a front, its ends among them, in about equal ratios of area."""
    if len(front) <= points:
        return list(front)
    areas = np.log([max(1.0, one.area) for one in front])
    wanted = np.linspace(areas[0], areas[-1], points)
    chosen = sorted({int(abs(areas - place).argmin()) for place in wanted})
    return [front[k] for k in chosen]
