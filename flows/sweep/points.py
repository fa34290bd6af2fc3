"""What a sweep is made of: sources of networks, points, and what all points share.

Everything here travels to workers, which need nothing of the machine that the sweep started on.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import families
from hwgen.sim.simulators import Simulator
from hwgen.spec.arithmetic import Integers
from hwgen.support.cache import key_of
from hwgen.synth.libraries.library import CellLibrary

if TYPE_CHECKING:
    from hwgen.frontends.quantize import FloatModel

Settings = tuple[tuple[str, Any], ...]


def knobs() -> dict[str, tuple[str, ...]]:
    """The knobs of each architecture."""
    return {name: tuple(k.name for k in one.knobs()) for name, one in families().items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Arrays of a data file as they stand in it, its hash, and its name in the sweep file."""

    x: Integers
    y: Integers | None
    sha256: str
    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkSource:
    """Where a network comes from: a file, or a model and settings to quantize it with.

    Attributes
    ----------
    ref, label
        As the sweep file names it, and for people.
    sha256
        Hash of the network file or of the model file.
    content
        The network file's bytes; empty for a model.
    model
        The float model; None for a network file.
    settings
        Of the quantization: names and values, sorted. Empty for a network file.
    calibration
        Samples for the quantization; None for a network file.
    refusal
        Where, what was found and what is allowed, of a network file that cannot be loaded.
    """

    ref: str
    label: str
    sha256: str
    content: bytes = b""
    model: "FloatModel | None" = None
    settings: Settings = ()
    calibration: Samples | None = None
    refusal: tuple[str, str, str] | None = None

    @cached_property
    def stamp(self) -> str:
        """Stands for all that the network depends on."""
        samples = self.calibration.sha256 if self.calibration else ""
        return key_of("source", self.sha256, samples, self.settings)

    @property
    def most_weights(self) -> int:
        """About how many weights it has at most: what memory is planned by."""
        if self.model is not None:
            return sum(layer.weights.size for layer in self.model.layers)
        return len(self.content) // 4


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
    simulator: Simulator
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
        By name: a worker needs no library of its own.
    data
        Samples to measure accuracy on, or None.
    code
        The fingerprint of hwgen and its tools; a worker with another is refused.
    """

    sources: tuple[NetworkSource, ...]
    libraries: dict[str, CellLibrary]
    checks: Checks
    data: Samples | None
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


def plain(value: Any) -> Any:
    """``value`` as it stands in a table."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
