"""What a generated design looks like from outside: architecture, ports, cycles, manifest."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import index_width
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown

MAX_KNOB = 1_000_000
"""The largest number that a knob takes: no design has as many levels or MACs."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """An architecture and its knobs.

    Parameters
    ----------
    name
        ``parallel``: every weight hard-wired, one inference per clock.
        ``serial``: time-multiplexed MACs, weights in ROM.
    pipeline
        ``parallel`` only: at most this many adder levels between registers; 0 is combinational.
    bare
        ``parallel`` only: no handshake; ``x`` in, ``y`` out.
    macs
        ``serial`` only: number of MACs, at least 1.

    Raises
    ------
    HwgenError
        A knob that the architecture does not have, or a value out of range.
    """

    name: Literal["parallel", "serial"] = "parallel"
    pipeline: int = 0
    bare: bool = False
    macs: int = 1

    def __post_init__(self) -> None:
        if self.name not in ("parallel", "serial"):
            raise HwgenError("--arch", f"found {self.name!r}", "parallel or serial is needed")
        if self.pipeline < 0:
            raise HwgenError("--pipeline", f"found {self.pipeline}", "0 or more adder levels")
        if self.macs < 1:
            raise HwgenError("--macs", f"found {self.macs}", "at least 1 MAC")
        for knob, value in (("--pipeline", self.pipeline), ("--macs", self.macs)):
            if value > MAX_KNOB:
                raise HwgenError(knob, f"found {shown(value)}", f"at most {MAX_KNOB:,}")
        if self.name == "serial" and self.pipeline:
            raise HwgenError("--pipeline", "given with serial", "only parallel is pipelined")
        if self.name == "serial" and self.bare:
            raise HwgenError("--bare", "given with serial", "only parallel has a bare core")
        if self.name == "parallel" and self.macs != 1:
            raise HwgenError("--macs", "given with parallel", "only serial has MACs to count")

    def to_json(self) -> dict[str, Any]:
        """The name and the knobs that the architecture has."""
        if self.name == "serial":
            return {"name": self.name, "macs": self.macs}
        return {"name": self.name, "pipeline": self.pipeline, "bare": self.bare}

    def __str__(self) -> str:
        if self.name == "serial":
            return f"serial, {self.macs} MAC{'s' if self.macs > 1 else ''}"
        return f"parallel, pipeline {self.pipeline}{', bare' if self.bare else ''}"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one vector of integers travels: in one beat, or one element to a beat.

    Elements are two's complement where signed, element 0 in the low bits, without gaps; a beat is
    padded with zeros to ``width`` bits.
    """

    elements: int
    element_bits: int
    signed: bool
    beats: int
    width: int

    @property
    def per_beat(self) -> int:
        """Elements in one beat."""
        return self.elements // self.beats

    def pack(self, vector: Integers) -> list[int]:
        """The beats that carry ``vector`` [elements]."""
        mask = (1 << self.element_bits) - 1
        codes = [int(value) & mask for value in vector]
        groups = (codes[i : i + self.per_beat] for i in range(0, self.elements, self.per_beat))
        return [
            sum(code << (position * self.element_bits) for position, code in enumerate(group))
            for group in groups
        ]

    def unpack(self, beats: list[int]) -> list[int]:
        """The integers [elements] that ``beats`` carry; padding is ignored."""
        mask, sign = (1 << self.element_bits) - 1, 1 << (self.element_bits - 1)
        codes = [
            (beat >> (position * self.element_bits)) & mask
            for beat in beats
            for position in range(self.per_beat)
        ]
        return [(code ^ sign) - sign if self.signed else code for code in codes]


def input_layout(network: Network, architecture: Architecture) -> Layout:
    """How an input vector enters a design."""
    bits, signed = network.input.bits, network.input.signed
    return _layout(network.input.features, bits, signed, architecture)


def output_layout(network: Network, architecture: Architecture) -> Layout:
    """How a result leaves a design: one index for ``argmax``, else every output."""
    outputs = network.layers[-1].outputs
    if network.output == "argmax":
        return _layout(1, index_width(outputs), False, architecture)
    target = network.output_range()
    return _layout(outputs, target.bits, target.signed, architecture)


def _layout(elements: int, bits: int, signed: bool, architecture: Architecture) -> Layout:
    beats = elements if architecture.name == "serial" else 1
    raw = elements // beats * bits
    width = raw if architecture.bare else -(-raw // 8) * 8
    return Layout(elements=elements, element_bits=bits, signed=signed, beats=beats, width=width)


@dataclass(frozen=True, kw_only=True)
class Port:
    """One port of the top module."""

    name: str
    direction: Literal["input", "output"]
    width: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that others need to know of a generated design.

    Parameters
    ----------
    latency_cycles
        Clock edges from the one that takes the last beat of an input to the one that takes the
        first beat of its result, when the sink is always ready.
    interval_cycles
        Clock edges between the last beats of two inputs, when neither side ever stalls.
    accumulator_bits
        Width of the widest accumulator of each layer.
    """

    top: str
    verilog: str
    arch: Architecture
    latency_cycles: int
    interval_cycles: int
    ports: list[Port]
    input: Layout
    output: Layout
    accumulator_bits: list[int]
    network_sha256: str
    layer_modules: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain data."""
        return {**asdict(self), "arch": self.arch.to_json()}

    def to_text(self) -> str:
        """The manifest as the JSON text of its file."""
        return json.dumps(self.to_json(), indent=2) + "\n"

    def moved_to(self, directory: Path) -> "Manifest":
        """The same design with its Verilog in ``directory``."""
        return replace(self, verilog=str(directory / Path(self.verilog).name))
