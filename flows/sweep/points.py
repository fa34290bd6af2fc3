"""What a sweep is made of: sources of networks, points, and what all points share.

Everything here travels to workers, which need nothing of the machine that the sweep started on.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import families
from hwgen.support.cache import key_of
from hwgen.support.errors import HwgenError

Settings = tuple[tuple[str, Any], ...]


def knobs() -> dict[str, tuple[str, ...]]:
    """The knobs of each architecture."""
    return {name: tuple(k.name for k in one.knobs()) for name, one in families().items()}


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file's content, its hash, the ending that says what it is, its name in the sweep file."""

    data: bytes
    sha256: str
    suffix: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a network comes from: a file, or a model and settings to quantize it with.

    Attributes
    ----------
    ref, label
        As the sweep file names it, and for people.
    file
        Content of the network file or of the model.
    settings
        Of the quantization: names and values, sorted. Empty for a network file.
    calibration
        Samples for the quantization; None for a network file.
    refusal
        Where, what was found and what is allowed, of a network file that cannot be loaded.
    """

    ref: str
    label: str
    file: Content
    settings: Settings = ()
    calibration: Content | None = None
    refusal: tuple[str, str, str] | None = None

    @cached_property
    def stamp(self) -> str:
        """Stands for all that the network depends on."""
        samples = self.calibration.sha256 if self.calibration else ""
        return key_of("source", self.file.sha256, samples, self.settings)


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """How a design is mapped: library (its name in the sweep file), recipe, clock, flat pass."""

    library: str
    recipe: str
    clock: float | None = None
    flatten: bool = False


@dataclass(frozen=True, kw_only=True)
class Point:
    """One design of a sweep; ``source`` is an index into :attr:`Context.sources`."""

    source: int
    architecture: Architecture
    mapping: Mapping


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What is done with a design besides mapping it; as of the sweep file."""

    verify: Literal["quick", "full", "off"]
    simulator: Literal["verilator", "icarus"]
    seed: int
    energy_samples: int
    tool: str
    timeout: float


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the points of a sweep share; handed to each worker once.

    Attributes
    ----------
    libraries
        :class:`~hwgen.synth.libraries.library.CellLibrary` by name: a worker needs no library of
        its own.
    data
        Samples to measure accuracy on, or None.
    code
        The fingerprint of hwgen and its tools; a worker with another is refused.
    """

    sources: tuple[Source, ...]
    libraries: dict[str, Any]
    checks: Checks
    data: Content | None
    code: str
    fingerprints: dict[str, str] = field(default_factory=dict)

    def settings(self, point: Point) -> dict[str, Any]:
        """What tells ``point`` from others, as columns of its row."""
        source, own = self.sources[point.source], point.architecture.to_json()
        mapping = point.mapping
        return {
            "network": source.label,
            **{name: plain(value) for name, value in source.settings},
            "arch": own["name"],
            **{knob: own.get(knob) for architecture in knobs().values() for knob in architecture},
            "library": mapping.library,
            "recipe": mapping.recipe,
            "clock_ns": mapping.clock,
            "flatten": mapping.flatten,
        }

    def identity(self, point: Point) -> str:
        """The point's name: the same for the same settings in the same words."""
        source, mapping = self.sources[point.source], point.mapping
        return key_of(
            *("point", source.ref, source.settings, point.architecture.to_json()),
            *vars(mapping).values(),
        )[:24]

    def design(self, point: Point) -> str:
        """Stands for the point's Verilog, which several points may share."""
        source = self.sources[point.source].stamp
        return key_of("design", source, point.architecture.key(), self.code)

    def proof(self, point: Point) -> str:
        """Stands for the verification of the point's Verilog."""
        checks = self.checks
        data = self.data.sha256 if self.data and checks.verify == "full" else ""
        return key_of(
            "proof", self.design(point), checks.verify, checks.simulator, checks.seed, data
        )

    def stamp(self, point: Point) -> str:
        """Stands for everything that the point's result depends on."""
        data = self.data.sha256 if self.data else ""
        library = self.fingerprints[point.mapping.library]
        return key_of("result", self.design(point), library, data, vars(self.checks))


@contextlib.contextmanager
def called(path: Path, name: str) -> Iterator[Path]:
    """``path``, which what is refused within calls ``name``."""
    try:
        yield path
    except HwgenError as error:
        where = error.where.replace(str(path), name)
        raise HwgenError(where, error.found, error.allowed) from None


def plain(value: Any) -> Any:
    """``value`` as it stands in a table."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
