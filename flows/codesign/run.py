"""Search, map, verify, report: the whole of a co-design."""

import hashlib
import importlib
import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwgen import __version__
from hwgen.flows.codesign.results import Budget, Front, Point
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.frontends.train.settings import INSTALL, DataTable
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT, families
from hwgen.rtl.pricing import Pricing
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent

if TYPE_CHECKING:
    from hwgen.flows.codesign.samples import Task
    from hwgen.frontends.codesign.candidates import Candidate, Codes
    from hwgen.frontends.codesign.search import Clock
    from hwgen.frontends.codesign.settings import Settings

VECTORS = 200
"""Vectors that every point is simulated with."""


_FLIP_FLOP = 6.0
"""Gate equivalents of a flip-flop where a library has none."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is made of the networks, and how long is searched.

    Parameters
    ----------
    architecture
        One that is searched for (:meth:`hwgen.rtl.architecture.Architecture.pricing`).
    sums
        Networks hand on the sums of the last layer instead of an argmax.
    library
        From :func:`hwgen.synth.open_library`; None: the default.
    minutes
        Most time for the search; mapping and simulation come after it.
    points
        Most points of the front that are mapped.
    vectors
        Vectors for the simulation of each point's Verilog; 0: none is simulated.
    base
        Where relative paths of the data start.
    jobs
        Processes that polish; the result does not depend on it.
    start
        A float model or a network file whose weights and topology all networks begin with.
    teacher
        Such a file, whose outputs are half of the labels.

    Raises
    ------
    HwgenError
        A value out of range, or an architecture that is not searched for.
    """

    architecture: Architecture = field(default_factory=DEFAULT)
    sums: bool = False
    library: Any = None
    synthesis: SynthesisOptions = field(default_factory=SynthesisOptions)
    minutes: float = 10.0
    points: int = 8
    vectors: int = VECTORS
    base: Path = Path()
    jobs: int = 1
    start: Path | None = None
    teacher: Path | None = None

    def __post_init__(self) -> None:
        if self.architecture.pricing(_FLIP_FLOP, None) is None:
            able = [name for name, one in families().items() if one().pricing(_FLIP_FLOP, None)]
            found = f"found {self.architecture.name}"
            raise HwgenError("arch", found, f"{', '.join(able)} are searched for")
        if self.points < 1:
            raise HwgenError("points", f"found {self.points}", "at least 1")
        if self.jobs < 1:
            raise HwgenError("jobs", f"found {self.jobs}", "at least 1")
        if not self.minutes > 0:
            raise HwgenError("minutes", f"found {self.minutes:g}", "more than 0")


def codesign(
    data: DataTable | str,
    output: Path,
    *,
    settings: "Settings | None" = None,
    budget: Budget | None = None,
    options: Options | None = None,
    progress: Progress = silent,
) -> Front:
    """Find networks for ``data`` that are right often enough in as little silicon as can be.

    Writes ``point-N.json`` (network files), ``front.json``, ``test.npz`` (codes) and a picture
    into ``output``; below ``search/`` is what a stopped run has done, for the next one.

    Parameters
    ----------
    data
        A set or a file of samples, or how to read and split one. The test samples are looked at
        once, at the end: what is chosen is chosen by validation samples.
    settings, options
        None: the defaults.
    budget
        Names the point that meets it; None: none is named.
    progress
        Called with what is being done.

    Raises
    ------
    HwgenError
        Torch is missing, the samples are not as they should be, a folder cannot be written, or a
        point's Verilog is not equal to its network.
    """
    need_torch()
    from hwgen.flows.codesign.models import read_model, starting, taught
    from hwgen.flows.codesign.samples import load_task
    from hwgen.flows.handoff.room import room, tile_area
    from hwgen.frontends.codesign.settings import Settings

    table = DataTable(source=data) if isinstance(data, str) else data
    settings, options = settings or Settings(), options or Options()
    budget = budget or Budget()
    most = None if budget.tiles is None else room(budget.tiles, _library(options).name)
    check_folder(output)
    started = time.monotonic()
    pricing = priced(options)
    task = load_task(table, options.base, settings.seed, settings.input_bits)
    begin = None
    if options.start is not None:
        begin = starting(task, read_model(options.start, "start", task))
        settings = replace(settings, hidden=(tuple(len(bias) for _, bias in begin[:-1]),))
    lesson = task.train
    if options.teacher is not None:
        lesson = taught(task, read_model(options.teacher, "teacher", task))
    work = _Work(settings, task, lesson, begin, pricing, options, progress)
    place = output / "search" / work.key()
    found, floats, clock = work.searched(place)
    wanted = _wanted(found, budget, floats[0], pricing, most or budget.area, _library(options))
    points = _points(found, wanted, task, options, output, progress)

    def fits(point: Point) -> bool:
        progress(f"{point.network.name}: tile")
        network = load_network(point.network)
        return tile_area(network, options.architecture, _library(options)) <= (most or 0)

    front = Front(
        data=task.name,
        samples=task.counts,
        points=points,
        chosen=budget.choose(points, floats[0], fits),
        float_validation=floats[0],
        float_test=floats[1],
        pdk=_library(options).name,
        recipe=options.synthesis.recipe,
        arch=options.architecture.to_json(),
        seed=settings.seed,
        seconds=round(time.monotonic() - started, 1),
        networks_tried=len(found),
        cut=clock.cut,
        score="accuracy" if task.labels else "R2",
    )
    _written(front, task, output)
    return front


def need_torch() -> None:
    """Refuse where torch is not installed."""
    try:
        importlib.import_module("torch")
    except ImportError:
        raise HwgenError("torch", "not installed", INSTALL) from None


def priced(options: Options) -> Pricing:
    """What silicon of this architecture costs in this library."""
    library = _library(options)
    flops = [one.area for one in library.mapped() if one.plain_flip_flop and one.rising]
    flop = min(flops) / library.nand2_area if flops else _FLIP_FLOP
    found = options.architecture.pricing(flop, library.latch_share)
    if found is None:
        raise HwgenError("arch", f"found {options.architecture.name}", "one that is searched for")
    return found


@dataclass(frozen=True, kw_only=False)
class _Work:
    """What is searched, and how."""

    settings: "Settings"
    task: "Task"
    lesson: "Codes"
    begin: Any
    pricing: Pricing
    options: Options
    say: Progress

    def key(self) -> str:
        """What stands for all that a search depends on."""
        plain = json.dumps(asdict(self.settings), sort_keys=True)
        content = hashlib.sha256("".join([__version__, plain, self.pricing.key]).encode())
        parts = [one for part in (self.lesson, self.task.validation) for one in (part.x, part.y)]
        parts += [] if self.lesson.soft is None else [self.lesson.soft]
        parts += [one for pair in self.begin or () for one in pair]
        for part in parts:
            content.update(part.tobytes())
        return content.hexdigest()[:16]

    def searched(self, place: Path) -> "tuple[list[Candidate], tuple[float, float], Clock]":
        """All networks found, the float network's accuracies, and whether the time sufficed."""
        from hwgen.flows.codesign.store import Store
        from hwgen.frontends.codesign.reference import float_accuracy
        from hwgen.frontends.codesign.search import Clock, search
        from hwgen.frontends.codesign.training import one_thread

        settings, task = self.settings, self.task
        clock = Clock(60 * self.options.minutes)
        self.say("a float network, for comparison")
        with one_thread():
            floats = float_accuracy(
                task.train,
                task.validation,
                task.test,
                task.outputs,
                input_bits=settings.input_bits,
                seed=settings.seed,
            )
            found = search(
                settings,
                self.lesson,
                task.validation,
                task.outputs,
                self.pricing,
                clock=clock,
                memory=Store(place),
                say=self.say,
                jobs=self.options.jobs,
                start=self.begin,
            )
        return found, floats, clock


def _library(options: Options) -> Any:
    from hwgen.synth import open_library

    return open_library(None, ()) if options.library is None else options.library


def _wanted(
    found: "list[Candidate]",
    budget: Budget,
    floating: float,
    pricing: Pricing,
    most: float | None,
    library: Any,
) -> "list[Candidate]":
    """The network of the front that meets the budget by its estimate: it is mapped for sure."""
    from hwgen.frontends.codesign.candidates import envelope

    front, least = envelope(found), budget.least(floating)
    if most is not None:
        small = [one for one in front if one.area * library.nand2_area <= most]
        return sorted(small, key=lambda one: (one.validation, -one.area))[-1:]
    if least is None:
        return []
    good = [one for one in front if one.validation >= least - 1e-9]
    return sorted(good, key=lambda one: one.area)[:1]


def _points(
    found: "list[Candidate]",
    wanted: "list[Candidate]",
    task: "Task",
    options: Options,
    output: Path,
    say: Progress,
) -> tuple[Point, ...]:
    """Map the front and what is ``wanted``; points by area."""
    from hwgen.flows.codesign.silicon import Target, mapped_point
    from hwgen.frontends.codesign.candidates import envelope, spread

    target = Target(
        architecture=options.architecture,
        library=_library(options),
        synthesis=options.synthesis,
        pricing=priced(options),
        sums=options.sums,
        vectors=options.vectors,
    )
    mapped, texts = [], {}
    chosen = spread(envelope(found), options.points)
    chosen = sorted([*chosen, *(one for one in wanted if one not in chosen)], key=_area)
    for number, candidate in enumerate(chosen, 1):
        say(f"point {number} of {len(chosen)}: mapping")
        place = output / f"point-{number}.json"
        point, network = mapped_point(candidate, task, target, place, say)
        right = f"{point.validation:.2%}" if task.labels else f"R2 {point.validation:.4f}"
        say(f"point {number}: {right}, {point.area_um2:,.0f} um2")
        mapped.append(point)
        texts[place] = network.to_json()
    write_together(texts)
    return tuple(sorted(mapped, key=lambda one: one.area_um2))


def _area(one: "Candidate") -> float:
    return one.area


def _written(front: Front, task: "Task", output: Path) -> None:
    from hwgen.flows.codesign.page import write_page
    from hwgen.flows.codesign.picture import front_picture

    front_picture(front, output / "front")
    text = json.dumps(front.to_json(), indent=2) + "\n"
    write_together({output / "test.npz": task.test_file(), output / "front.json": text})
    write_page(front, output)
