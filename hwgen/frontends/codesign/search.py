"""The search for a front: train a population, polish its members, train the best further.

Every price on the ladder asks for one point of the front. After each round all networks found so
far are looked at from every price, by ``loss + price * area`` of the training samples, and the best
few for each price go on: so a network moves along the ladder to where it is worth most. In the end
those are polished once more, now free to leave low bits of inputs out.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from hwgen.frontends.codesign.candidates import Candidate, Codes, survivors
from hwgen.frontends.codesign.polishing import Polishing, polished
from hwgen.frontends.codesign.population import Member, Population, Scaling, Start, population_of
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.codesign.taps import Taps
from hwgen.frontends.codesign.teacher import Way, ways
from hwgen.frontends.codesign.training import train, worth
from hwgen.rtl.pricing import Pricing

T = TypeVar("T")
Say = Callable[[str], None]

_SAVED_EVERY = 250
_TRAINING_SHARE = 0.6


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
        self.until = None if seconds is None else time.monotonic() + seconds
        self.cut = False

    def left(self, share: float = 1.0) -> "Clock":
        """A deadline after ``share`` of the time that is left."""
        return Clock(
            None if self.until is None else share * max(0.0, self.until - time.monotonic())
        )

    def check(self) -> None:
        """Raise :class:`OutOfTime` past the deadline."""
        if self.until is not None and time.monotonic() > self.until:
            raise OutOfTime


def search(
    settings: Settings,
    samples: Codes,
    validation: Codes,
    classes: int,
    pricing: Pricing,
    *,
    clock: Clock,
    memory: Memory,
    say: Say,
    jobs: int = 1,
    start: Start | None = None,
) -> list[Candidate]:
    """All networks found, in every round.

    With ``start`` every network begins with these weights; they have the topology of all of
    ``settings.hidden``.

    Deterministic for ``settings`` and samples, whatever ``jobs``, unless the clock cuts it.
    """
    found: list[Candidate] = []
    ladder = settings.ladder()
    members = [
        Member(hidden=widths, price=price, smoothing=smoothing)
        for widths in settings.hidden
        for smoothing in settings.smoothings
        for price in ladder
    ]
    scaling = Scaling.of(samples.y) if samples.real else None
    taps = Taps.of(samples.x.shape[1], settings.input_bits)

    def begun(way: Way) -> list[Population]:
        populations = [
            Population(alike, taps, classes, settings.seed, pricing.terms, scaling)
            for alike in _by(members, lambda one: len(one.hidden))
        ]
        if start is not None:
            for population in populations:
                population.begin(start)
        _trained(settings, populations, 0, way, clock, memory, say)
        return populations

    way, populations = _better(ways(settings, samples, classes), begun, validation)

    def improve(number: int, starts: list[Candidate]) -> None:
        tasks = {
            f"round {number}, network {index}": Polishing(
                start=start,
                pricing=pricing,
                samples=way.polishing,
                validation=validation,
                sweeps=settings.sweeps,
                tried=settings.tried,
                seed=(settings.seed, number, index),
                until=clock.until,
            )
            for index, start in enumerate(starts)
        }
        found.extend(_all(tasks, jobs, clock, memory, say))

    for number in range(settings.rounds + 1):
        if number:
            _trained(settings, populations, number, way, clock, memory, say)
        improve(number, [one for population in populations for one in _members(population)])
        chosen = survivors(found, ladder, settings.kept)
        if number == settings.rounds or clock.cut:
            break
        populations = [
            population_of(alike, settings.seed + number + 1, pricing.terms, scaling)
            for alike in _by(chosen, lambda one: len(one.network.layers))
        ]
    if pricing.drops and max(settings.drops) and not clock.cut:
        tapped = [replace(one, network=one.network.reading(settings.drops)) for one in chosen]
        improve(settings.rounds + 1, tapped)
    return found


def _by(things: Iterable[T], depth: Callable[[T], int]) -> list[list[T]]:
    """Those of each depth, in their order."""
    found: dict[int, list[T]] = {}
    for one in things:
        found.setdefault(depth(one), []).append(one)
    return [found[key] for key in sorted(found)]


def _better(
    ways: list[Way], begun: Callable[[Way], list[Population]], validation: Codes
) -> tuple[Way, list[Population]]:
    """The way whose populations are worth most on validation samples."""
    if len(ways) == 1:
        return ways[0], begun(ways[0])
    tried = []
    for way in ways:
        populations = begun(way)
        tried.append((sum(worth(one, validation) for one in populations), way, populations))
    _, way, populations = min(tried, key=lambda one: one[0])
    return way, populations


def _members(population: Population) -> list[Candidate]:
    """The members of a population in integers."""
    return [
        Candidate(network=population.network(index), price=member.price, smoothing=member.smoothing)
        for index, member in enumerate(population.members)
    ]


def _trained(
    settings: Settings,
    populations: list[Population],
    number: int,
    way: Way,
    clock: Clock,
    memory: Memory,
    say: Say,
) -> None:
    """Train the populations of a round, as far as their share of the time goes."""
    noise = settings.jitter * (1 << settings.input_bits)
    training = replace(settings.first, steps=settings.steps, noise=noise)
    if number:
        steps = settings.later_steps
        training = replace(
            training, steps=steps, rate=settings.later_rate, width_rate=3e-3, rise=0.01
        )
    for part, population in enumerate(populations):
        name = f"training {number}{'abcdefgh'[part - 1] if part else ''}{way.name}"
        own = clock.left(_TRAINING_SHARE)

        def watch(step: int, state: Callable[[], Any], name: str = name, own: Clock = own) -> None:
            if step % _SAVED_EVERY and step != training.steps:
                return
            memory.put(name, state())
            say(f"{name}: step {step:,} of {training.steps:,}")
            own.check()

        try:
            train(
                population,
                way.training,
                training,
                seed=settings.seed + 1000 * number + part,
                watch=watch,
                begin=memory.get(name),
            )
        except OutOfTime:
            clock.cut = True


def _all(
    tasks: dict[str, Polishing], jobs: int, clock: Clock, memory: Memory, say: Say
) -> list[Candidate]:
    """Polish what memory does not hold, ``jobs`` at a time; in the order of ``tasks``."""
    kept = {name: memory.get(name) for name in tasks}
    todo = {name: task for name, task in tasks.items() if kept[name] is None}
    for name, (candidate, cut) in _computed(todo, jobs):
        clock.cut |= cut
        kept[name] = vars(candidate)
        if not clock.cut:
            memory.put(name, kept[name])
        shown = f"{candidate.validation:.2%}, {candidate.area:,.0f} GE"
        say(f"{name} of {len(tasks)}: {shown}")
    return [Candidate(**kept[name]) for name in tasks]


def _computed(
    todo: dict[str, Polishing], jobs: int
) -> Iterable[tuple[str, tuple[Candidate, bool]]]:
    if jobs == 1 or len(todo) < 2:
        yield from ((name, polished(task)) for name, task in todo.items())
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(todo)), mp_context=context) as pool:
        yield from zip(todo, pool.map(polished, todo.values()), strict=True)
