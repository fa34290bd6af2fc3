"""Settings of a sweep file as architectures and mappings: all combinations of their values."""

import itertools
import math
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from hwgen.flows.sweep.config import SweepFile, nearest
from hwgen.flows.sweep.points import Mapping, knobs
from hwgen.flows.sweep.table import Table
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT, make
from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown
from hwgen.synth import CellLibrary, open_library
from hwgen.synth.mapping.recipe import RECIPES, find_recipe

_FIXED = ("network", "architecture", "library", "recipe", "clock", "flatten")
_NOT_AXES = ("area_of", "seed", "validation_share")


@cache
def quantization() -> tuple[str, ...]:
    """Settings of a quantization that can be axes."""
    from hwgen.frontends.quantize import Settings

    return tuple(name for name in vars(Settings()) if name not in _NOT_AXES)


def check_names(table: Table, file: SweepFile) -> None:
    """Refuse settings that there are not.

    Raises
    ------
    HwgenError
        There is one; the nearest that there is is named.
    """
    known = dict.fromkeys(_FIXED)
    known |= dict.fromkeys(knob for own in knobs().values() for knob in own)
    known |= dict.fromkeys(quantization() if file.model else ())
    for name in table.values:
        if name in known:
            continue
        if name in quantization():
            raise table.refusal(name, "given without [model]", "a float model to quantize")
        raise table.refusal(name, "unknown setting", nearest(name, known))


def count_parts(axes: dict[str, list[Any]], file: SweepFile) -> tuple[int, int, int]:
    """How many sources, architectures and mappings ``axes`` give; unknown names count once."""

    def product(names: Iterable[str]) -> int:
        return math.prod(len(axes[name]) for name in names if name in axes)

    quantized = file.model and (set(axes) & set(quantization()) or "network" not in axes)
    sources = len(axes.get("network", []))
    sources += product(quantization()) if quantized else 0
    names = axes.get("architecture", [DEFAULT.name])
    architectures = sum(product(knobs().get(str(name), ())) for name in names)
    recipes = axes.get("recipe", ["area"])
    aiming = sum(_aims(str(recipe)) for recipe in recipes)
    mappings = len(recipes) - aiming + aiming * product(["clock"])
    return sources, architectures, mappings * product(["library", "flatten"])


def architectures(table: Table) -> tuple[Architecture, ...]:
    """Every architecture with every combination of the knobs that it has.

    Raises
    ------
    HwgenError
        An unknown architecture, a knob that none of them has, a value that is not allowed.
    """
    names = table.values.get("architecture", [DEFAULT.name])
    for index, name in enumerate(names):
        if not isinstance(name, str) or name not in knobs():
            raise table.refusal(
                f"architecture[{index}]", f"found {shown(name)}", nearest(str(name), knobs())
            )
    for knob in (k for own in knobs().values() for k in own):
        owners = [name for name, own in knobs().items() if knob in own]
        if knob in table.values and not set(owners) & set(names):
            listed = " or ".join(owners)
            raise table.refusal(knob, "no architecture here has it", f"{listed} has")
    found = []
    for name in names:
        own = [knob for knob in knobs()[name] if knob in table.values]
        for values in itertools.product(*(table.values[knob] for knob in own)):
            found.append(_architecture(table, name, dict(zip(own, values, strict=True))))
    return tuple(found)


def _architecture(table: Table, name: Any, settings: dict[str, Any]) -> Architecture:
    try:
        return make(name, settings)
    except HwgenError as error:
        raise table.refusal(error.where, error.found, error.allowed) from None


class Mappings:
    """Reads how designs are mapped; each library is opened once.

    Attributes
    ----------
    libraries
        Those that were named, by the names of their points.
    """

    def __init__(self, energy: bool):
        self._energy = energy
        self.libraries: dict[str, CellLibrary] = {}

    def read(self, table: Table) -> tuple[Mapping, ...]:
        """Every combination of library, recipe, clock and flatten.

        Raises
        ------
        HwgenError
            One of them is not there or not allowed.
        """
        recipes, clocks = self._recipes(table), self._clocks(table)
        if clocks and not any(map(_aims, recipes)):
            raise table.refusal("clock", "no recipe here aims at one", "delay does")
        flattens = self._flattens(table)
        names = table.values.get("library", ["ihp-sg13g2"])
        libraries = [self._library(table, name, index) for index, name in enumerate(names)]
        return tuple(
            Mapping(library=library, recipe=recipe, clock=clock, flatten=flatten)
            for library in libraries
            for recipe in recipes
            for clock in ((clocks or [None]) if _aims(recipe) else [None])
            for flatten in flattens
        )

    def _recipes(self, table: Table) -> list[str]:
        recipes = table.values.get("recipe", ["area"])
        for index, recipe in enumerate(recipes):
            if not isinstance(recipe, str) or recipe not in RECIPES:
                found, allowed = f"found {shown(recipe)}", nearest(str(recipe), RECIPES)
                raise table.refusal(f"recipe[{index}]", found, allowed)
        return recipes

    def _clocks(self, table: Table) -> list[float | None]:
        values = table.values.get("clock", [])
        for value in values:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 < value < math.inf:
                raise table.refusal("clock", f"found {shown(value)}", "a period in ns")
        return [float(value) for value in values]

    def _flattens(self, table: Table) -> list[bool]:
        values = table.values.get("flatten", [False])
        for value in values:
            if not isinstance(value, bool):
                raise table.refusal("flatten", f"found {shown(value)}", "true or false")
            if value and self._energy:
                allowed = "energy is that of a design in modules"
                raise table.refusal("flatten", "true, with energy_samples", allowed)
        return values

    def _library(self, table: Table, name: object, index: int) -> str:
        place = f"library[{index}]"
        if not isinstance(name, str):
            raise table.refusal(place, f"found {shown(name)}", "the name of one")
        is_file = name.endswith((".lib", ".lib.gz"))
        label = Path(name).name.removesuffix(".gz").removesuffix(".lib") if is_file else name
        if label not in self.libraries:
            with table.naming(place):
                files = [table.folder / name] if is_file else []
                self.libraries[label] = open_library(None if is_file else name, files)
        return label


def _aims(recipe: str) -> bool:
    """Whether ``recipe`` takes a clock."""
    return _works(lambda: find_recipe(recipe, 1.0))


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except HwgenError:
        return False
    return True
