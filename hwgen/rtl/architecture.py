"""The contract of an architecture: its knobs, its beats, its hardware, its estimate.

An architecture is a frozen dataclass whose fields are its knobs (:func:`hwgen.rtl.knobs.knob`). The
command line's options, axes of sweeps, refusals and JSON come from these fields, and everything
else that differs from one architecture to the other from what is below. A new one is a folder with
a class like this and a line in :mod:`hwgen.rtl.architectures` (docs/extending-architectures.md).
"""

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hwgen.rtl.interface import Layout, input_layout, output_layout
from hwgen.rtl.knobs import Knob
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer, Network
from hwgen.support.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.rtl.pricing import Pricing
    from hwgen.rtl.top import Top


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """Clock cycles of a design, as of :class:`hwgen.rtl.top.Top`; a latency may not be known."""

    latency: int | None
    interval: int


@dataclass(frozen=True, kw_only=True)
class Architecture(ABC):
    """An architecture with its knobs set.

    Raises
    ------
    HwgenError
        A knob's value is not of its type or out of its range; the error is about the knob's name.

    Attributes
    ----------
    name
        How users call it; letters, digits and dashes.
    summary
        What it is, in a line.
    sequenced
        Its results depend on counters that a reset must have set: a proof then starts at a reset,
        and takes a design whole. Else a result depends on the last :attr:`Top.latency` beats alone.
    kinds
        The kinds of layer that it has hardware for.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    sequenced: ClassVar[bool]
    kinds: ClassVar[frozenset[str]] = frozenset({"dense"})

    def __post_init__(self) -> None:
        for one in self.knobs():
            one.check(getattr(self, one.name))

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        """Its knobs, in order."""
        return tuple(
            Knob(name=one.name, **one.metadata["knob"])
            for one in fields(cls)
            if "knob" in one.metadata
        )

    @property
    def bare(self) -> bool:
        """The top module has no handshake: ``x`` in, ``y`` out, ``clk`` where it is clocked.

        A knob of this name takes the property's place.
        """
        return False

    @property
    def activity(self) -> float:
        """Energy of a clock, over that of charging a gate's input for each of its gates."""
        return 1.0

    def input_beats(self, network: Network) -> int:
        """In how many beats an input vector enters; each has as many features as the others."""
        return 1

    def output_beats(self, network: Network) -> int:
        """In how many beats a result leaves; each has as many integers as the others."""
        return 1

    def input_layout(self, network: Network) -> Layout:
        """How an input vector enters a design."""
        return input_layout(network, self.input_beats(network), not self.bare)

    def output_layout(self, network: Network) -> Layout:
        """How a result leaves a design: one index for ``argmax``, else every output."""
        return output_layout(network, self.output_beats(network), not self.bare)

    @classmethod
    def takes(cls, network: Network) -> bool:
        """Whether it has hardware for all kinds of layer that ``network`` has."""
        return all(layer.kind in cls.kinds for layer in network.layers)

    def check(self, network: Network) -> None:
        """Refuse, without building it, a network that does not go into it with these knobs.

        Raises
        ------
        HwgenError
            What does not fit; about a knob's name where that can be set otherwise.
        """
        for index, layer in enumerate(network.layers):
            if layer.kind not in self.kinds:
                allowed = f"{self.name} has {', '.join(sorted(self.kinds))}"
                raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", allowed)

    @abstractmethod
    def build(self, network: Network) -> "Top":
        """The top module of ``network``, which :meth:`check` has let pass.

        Ports are those of the layouts and of docs/architectures.md.
        """

    @classmethod
    def choices(cls, network: Network) -> "Sequence[Architecture]":
        """Settings of its knobs that are worth a look for ``network``, as ``hwgen plan`` has it."""
        return [cls()]

    def cycles(self, network: Network) -> Cycles:
        """Latency and interval of the design of ``network``, as far as they need no hardware."""
        top = self.build(network)
        return Cycles(latency=top.latency, interval=top.interval)

    def suited(self, latch: float | None) -> "Architecture":
        """What to build for a cell library, where the knobs leave it open.

        ``latch`` is the area of a latch over that of a flip-flop; None where synthesis has no
        latches or no clock gates.
        """
        return self

    @abstractmethod
    def estimated_area(self, layers: Sequence[AnyLayer], source: Format) -> float:
        """Cell area in um2 (ihp-sg13g2, recipe ``area``) without making hardware.

        Of ``layers`` of its :attr:`kinds`, which read inputs of the format ``source``. It ranks
        networks; ``hwgen synth`` has the area. Which knobs it looks at is for each architecture to
        say.
        """

    def pricing(self, flip_flop: float, latch: float | None) -> "Pricing | None":
        """What silicon costs a search for networks (``hwgen codesign``); None: not searched for.

        ``flip_flop`` is the area of a flip-flop in gate equivalents, ``latch`` that of
        :meth:`suited`.
        """
        return None

    def to_json(self) -> dict[str, Any]:
        """The name and the knobs; :func:`hwgen.rtl.architectures.from_json` reads it."""
        return {"name": self.name, **{one.name: getattr(self, one.name) for one in self.knobs()}}

    def key(self) -> dict[str, Any]:
        """What stands for it in the key of kept work, beside the fingerprint of this package.

        The JSON, and the text of its module where that is not of this package.
        """
        own = {} if type(self).__module__.startswith("hwgen.") else {"code": _code(type(self))}
        return {**self.to_json(), **own}

    def __str__(self) -> str:
        words = [self.name]
        for one in self.knobs():
            value = getattr(self, one.name)
            if one.type is bool:
                words += [one.name] * value
            elif one.type is int or value != one.default:
                words.append(f"{one.name} {value}")
        return ", ".join(words)


def _code(family: type[Architecture]) -> str:
    return hashlib.sha256(Path(inspect.getfile(family)).read_bytes()).hexdigest()
