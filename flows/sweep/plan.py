"""From the axes of a sweep file to points.

An axis is a setting with the values it takes; the points are all combinations. A knob counts for
the architectures that have it, a clock for the recipes that aim at one.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hwgen.flows.sweep.config import SweepFile, nearest
from hwgen.flows.sweep.points import (
    Checks,
    Content,
    Context,
    Mapping,
    Point,
    Source,
    called,
    knobs,
)
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT, make
from hwgen.spec.network import load_network
from hwgen.support.cache import key_of
from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain
from hwgen.support.fingerprint import fingerprint
from hwgen.support.messages import shown

MOST = 10_000
"""Points that a sweep may have unless more are asked for."""

_MAX_INPUT_BYTES = 1 << 28
"""Most bytes of a network, model or data file of a sweep."""

T = TypeVar("T")
_FIXED = ("network", "architecture", "library", "recipe", "clock", "flatten")
_NOT_AXES = ("area_of", "seed", "validation_share")


@cache
def quantization() -> tuple[str, ...]:
    """Settings of a quantization that can be axes."""
    from hwgen.frontends.quantize import Settings

    return tuple(name for name in vars(Settings()) if name not in _NOT_AXES)


@dataclass(frozen=True)
class Plan:
    """The points of a sweep: every combination of the three parts, then those listed alone.

    Attributes
    ----------
    sources
        Indices into the context's sources.
    listed
        Points of ``[[point]]`` that the axes do not give.
    """

    context: Context
    sources: tuple[int, ...]
    architectures: tuple[Architecture, ...]
    mappings: tuple[Mapping, ...]
    listed: tuple[Point, ...] = ()

    def __len__(self) -> int:
        parts = (self.sources, self.architectures, self.mappings)
        return math.prod(map(len, parts)) + len(self.listed)

    def __iter__(self) -> Iterator[Point]:
        """Designs that differ come before the same ones in other libraries."""
        for m, a, s in itertools.product(self.mappings, self.architectures, self.sources):
            yield Point(source=s, architecture=a, mapping=m)
        yield from self.listed


def make_plan(file: SweepFile, path: Path, many: bool = False) -> Plan:
    """The points of the sweep file at ``path``; paths in it start from its folder.

    ``many`` allows more than :data:`MOST`.

    Raises
    ------
    HwgenError
        An unknown, empty or useless axis, a value that is not allowed, a file that cannot be read,
        too many points. A network file that cannot be loaded is refused where there is no other
        network; else its points fail.
    """
    reader = _Reader(file, path)
    axes = file.axes
    reader.check_names(axes, "axes")
    if not many:
        _check_count(file, path, reader.sizes(axes) if axes else (0, 0, 0))
    for name, values in axes.items():
        _check_values(path, name, values)
    parts = reader.parts(axes, "axes") if axes else ((), (), ())
    listed = [p for i, point in enumerate(file.point) for p in reader.listed(point, f"point[{i}]")]
    reader.check_sources()
    data = None if file.data is None else _content(path.parent, file.data, "samples are needed")
    context = Context(
        sources=tuple(reader.sources),
        libraries=reader.libraries,
        checks=Checks(**{name: getattr(file, name) for name in Checks.__dataclass_fields__}),
        data=data,
        code=fingerprint(),
        fingerprints={name: _fingerprint(lib) for name, lib in reader.libraries.items()},
    )
    known = {context.identity(p) for p in Plan(context, *parts)} if listed else set()
    alone = {context.identity(p): p for p in listed}
    return Plan(context, *parts, listed=tuple(p for k, p in alone.items() if k not in known))


def _check_count(file: SweepFile, path: Path, sizes: tuple[int, int, int]) -> None:
    """Refuse too many points before any is made."""
    count = math.prod(sizes) + len(file.point)
    spent = min(count, file.search.points + len(file.point)) if file.search else count
    if spent > MOST or max(sizes) > 10 * MOST:
        raise HwgenError(
            f"{path}: axes", f"{count:,} points", f"at most {MOST:,} are taken (or --yes-really)"
        )


def _check_values(path: Path, name: str, values: list[Any]) -> None:
    """Refuse an axis without values, or with one that stands twice."""
    if not values:
        raise HwgenError(f"{path}: axes.{name}", "an empty axis", "at least one value is needed")
    seen = set()
    for index, value in enumerate(values):
        key = value if isinstance(value, str | int | float) else repr(value)
        if key in seen:
            raise HwgenError(
                f"{path}: axes.{name}[{index}]", f"{shown(value)} stands twice", "each value once"
            )
        seen.add(key)


class _Reader:
    """Turns names and values into sources, architectures and mappings; each file is read once."""

    def __init__(self, file: SweepFile, path: Path):
        self.file, self.path = file, path
        self.sources: list[Source] = []
        self.refused: list[HwgenError] = []
        self.libraries: dict[str, Any] = {}

    def parts(
        self, axes: dict[str, list[Any]], where: str
    ) -> tuple[tuple[int, ...], tuple[Architecture, ...], tuple[Mapping, ...]]:
        sources = self._sources(axes, where)
        return sources, self._architectures(axes, where), self._mappings(axes, where)

    def sizes(self, axes: dict[str, list[Any]]) -> tuple[int, int, int]:
        """How many sources, architectures and mappings ``axes`` give; unknown names count once."""

        def product(names: Iterable[str]) -> int:
            return math.prod(len(axes[name]) for name in names if name in axes)

        quantized = self.file.model and (set(axes) & set(quantization()) or "network" not in axes)
        sources = len(axes.get("network", []))
        sources += product(quantization()) if quantized else 0
        names = axes.get("architecture", [DEFAULT.name])
        architectures = sum(product(knobs().get(str(name), ())) for name in names)
        recipes = axes.get("recipe", ["area"])
        aims = sum(_aims(str(recipe)) for recipe in recipes)
        mappings = len(recipes) - aims + aims * product(["clock"])
        return sources, architectures, mappings * product(["library", "flatten"])

    def listed(self, point: dict[str, Any], where: str) -> Iterator[Point]:
        """The point of a ``[[point]]`` table: one value each, of which axes give what is left."""
        defaults = {"network": self.file.axes.get("network", [])}
        for name, value in point.items():
            if isinstance(value, list) and not value:
                raise HwgenError(f"{self.path}: {where}.{name}", "an empty list", "one value")
        axes = {name: [value] for name, value in point.items()}
        self.check_names(axes, where)
        if "network" not in axes and self.file.model is None and len(defaults["network"]) == 1:
            axes["network"] = defaults["network"]
        for s, a, m in itertools.product(*self.parts(axes, where)):
            yield Point(source=s, architecture=a, mapping=m)

    def check_names(self, axes: dict[str, list[Any]], where: str) -> None:
        every = dict.fromkeys(_FIXED)
        every |= dict.fromkeys(knob for own in knobs().values() for knob in own)
        every |= dict.fromkeys(quantization() if self.file.model else ())
        for name in axes:
            if name in every:
                continue
            if name in quantization():
                raise self._refuse(
                    where, name, "given without [model]", "a float model to quantize"
                )
            raise self._refuse(where, name, "unknown setting", nearest(name, every))

    def _sources(self, axes: dict[str, list[Any]], where: str) -> tuple[int, ...]:
        found = []
        for index, ref in enumerate(axes.get("network", [])):
            found.append(self._network(ref, f"{where}.network[{index}]"))
        names = sorted(set(axes) & set(quantization()))
        if self.file.model is not None and (names or "network" not in axes):
            for values in itertools.product(*(axes[name] for name in names)):
                found.append(self._quantized(tuple(zip(names, values, strict=True)), where))
        if not found:
            raise self._refuse(where, "network", "missing", "network files or a [model] are needed")
        first = len(self.sources)
        self.sources.extend(found)
        return tuple(range(first, len(self.sources)))

    def _network(self, ref: object, place: str) -> Source:
        if not isinstance(ref, str):
            raise HwgenError(f"{self.path}: {place}", f"found {shown(ref)}", "the path of a file")
        content, refusal = Content(data=b"", sha256="", suffix="", name=ref), None
        try:
            with called(self.path.parent / ref, ref) as file:
                content = _content(self.path.parent, ref, "a network file is needed")
                load_network(file)
        except HwgenError as error:
            refusal = (error.where, error.found, error.allowed)
            where = f"{self.path}: {place}: {error.where}"
            self.refused.append(HwgenError(where, error.found, error.allowed))
        return Source(ref=ref, label=Path(ref).stem, file=content, refusal=refusal)

    def check_sources(self) -> None:
        """Refuse where no network can be loaded."""
        if self.refused and all(source.refusal for source in self.sources):
            raise self.refused[0]

    def _quantized(self, settings: tuple[tuple[str, Any], ...], where: str) -> Source:
        from hwgen.flows.sweep.networks import quantizer_settings

        model = self.file.model
        if model is None:
            raise self._refuse("model", "file", "missing", "a float ONNX model")
        for name, value in settings:
            with self._naming(f"{where}.{name}"):
                quantizer_settings(((name, value),))
        file, samples = self._model_files(model.file, model.calibration)
        label = Path(model.file).stem
        return Source(
            ref=model.file, label=label, file=file, settings=settings, calibration=samples
        )

    @cache  # noqa: B019 - a reader lives as long as its plan is made
    def _model_files(self, file: str, calibration: str) -> tuple[Content, Content]:
        from hwgen.flows.sweep.networks import check_model

        folder = self.path.parent
        check_model(folder / file, folder / calibration)
        model = _content(folder, file, "an ONNX model is needed")
        return model, _content(folder, calibration, "samples are needed")

    def _architectures(self, axes: dict[str, list[Any]], where: str) -> tuple[Architecture, ...]:
        names = axes.get("architecture", [DEFAULT.name])
        for index, name in enumerate(names):
            if not isinstance(name, str) or name not in knobs():
                raise HwgenError(
                    f"{self.path}: {where}.architecture[{index}]",
                    f"found {shown(name)}",
                    nearest(str(name), knobs()),
                )
        for knob in (k for own in knobs().values() for k in own):
            owners = [name for name, own in knobs().items() if knob in own]
            if knob in axes and not set(owners) & set(names):
                listed = " or ".join(owners)
                raise self._refuse(where, knob, "no architecture here has it", f"{listed} has")
        found = []
        for name in names:
            own = [knob for knob in knobs()[name] if knob in axes]
            for values in itertools.product(*(axes[knob] for knob in own)):
                found.append(self._architecture(name, dict(zip(own, values, strict=True)), where))
        return tuple(found)

    def _architecture(self, name: Any, settings: dict[str, Any], where: str) -> Architecture:
        try:
            return make(name, settings)
        except HwgenError as error:
            raise self._refuse(where, error.where, error.found, error.allowed) from None

    def _mappings(self, axes: dict[str, list[Any]], where: str) -> tuple[Mapping, ...]:
        from hwgen.synth.mapping.recipe import RECIPES

        recipes = axes.get("recipe", ["area"])
        for index, recipe in enumerate(recipes):
            if not isinstance(recipe, str) or recipe not in RECIPES:
                place = f"{self.path}: {where}.recipe[{index}]"
                raise HwgenError(place, f"found {shown(recipe)}", nearest(str(recipe), RECIPES))
        clocks = self._clocks(axes.get("clock", []), where)
        if clocks and not any(map(_aims, recipes)):
            raise self._refuse(where, "clock", "no recipe here aims at one", "delay does")
        for value in axes.get("flatten", []):
            if not isinstance(value, bool):
                raise self._refuse(where, "flatten", f"found {shown(value)}", "true or false")
            if value and self.file.energy_samples:
                allowed = "energy is that of a design in modules"
                raise self._refuse(where, "flatten", "true, with energy_samples", allowed)
        libraries = [
            self._library(name, f"{where}.library[{index}]")
            for index, name in enumerate(axes.get("library", ["ihp-sg13g2"]))
        ]
        return tuple(
            Mapping(library=library, recipe=recipe, clock=clock, flatten=flatten)
            for library in libraries
            for recipe in recipes
            for clock in ((clocks or [None]) if _aims(recipe) else [None])
            for flatten in axes.get("flatten", [False])
        )

    def _clocks(self, values: list[Any], where: str) -> list[float | None]:
        for value in values:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 < value < math.inf:
                raise self._refuse(where, "clock", f"found {shown(value)}", "a period in ns")
        return [float(value) for value in values]

    def _library(self, name: object, place: str) -> str:
        from hwgen.synth import open_library

        if not isinstance(name, str):
            raise HwgenError(f"{self.path}: {place}", f"found {shown(name)}", "the name of one")
        is_file = name.endswith((".lib", ".lib.gz"))
        label = Path(name).name.removesuffix(".gz").removesuffix(".lib") if is_file else name
        if label not in self.libraries:
            with self._naming(place):
                files = [self.path.parent / name] if is_file else []
                self.libraries[label] = open_library(None if is_file else name, files)
        return label

    def _naming(self, place: str) -> "_Naming":
        return _Naming(f"{self.path}: {place}")

    def _refuse(self, where: str, name: str, found: str, allowed: str) -> HwgenError:
        return HwgenError(f"{self.path}: {where}.{name}", found, allowed)


class _Naming:
    """Puts the place in the sweep file before what is refused within."""

    def __init__(self, place: str):
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, HwgenError):
            raise HwgenError(f"{self.place}: {error.where}", error.found, error.allowed) from None


def _aims(recipe: str) -> bool:
    """Whether ``recipe`` takes a clock."""
    from hwgen.synth.mapping.recipe import find_recipe

    return _works(lambda: find_recipe(recipe, 1.0))


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except HwgenError:
        return False
    return True


def _content(folder: Path, name: str, what: str) -> Content:
    data = read_plain(folder / name, what, _MAX_INPUT_BYTES)
    suffix = Path(name).suffix.lower()
    return Content(data=data, sha256=hashlib.sha256(data).hexdigest(), suffix=suffix, name=name)


def _fingerprint(library: Any) -> str:
    from hwgen.synth.libraries.tables import liberty_text

    return key_of(liberty_text(library))
