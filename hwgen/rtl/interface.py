"""What a design looks like from outside: its ports, and how vectors travel through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import index_width
from hwgen.spec.network import Network

T = TypeVar("T")
PORT_ORDER = (
    *("clk", "rst"),
    *("s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast"),
    *("m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast"),
)
"""Ports in the order in which modules have them; others follow, inputs first."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one vector of integers travels: in one beat, or in several of the same number each.

    Elements are two's complement where signed, the first in the low bits, without gaps; a beat is
    padded with zeros to ``width`` bits. :attr:`order` says which elements a beat has.

    Parameters
    ----------
    by_position
        Elements go position by position of a map, an element of each of its channels, instead of
        as they follow each other.
    channels
        Of such a map; a beat holds all of them, or fewer, one after the other. 0: all.
    """

    elements: int
    element_bits: int
    signed: bool
    beats: int
    width: int
    by_position: bool = False
    channels: int = 0

    def __str__(self) -> str:
        beats = "one beat" if self.beats == 1 else f"{self.beats} beats"
        kind = "two's complement" if self.signed else "unsigned"
        element = (
            f"{self.per_beat} x {self.element_bits} bits"
            if self.per_beat > 1
            else (f"{self.element_bits} bits")
        )
        if self.by_position and self.parts > 1:
            return f"{beats} of {element}, {kind}, all channels of a position, then the next one"
        what = "channel 0" if self.by_position else "the first"
        return f"{beats} of {element}, {kind}, {what} in the low bits"

    @property
    def per_beat(self) -> int:
        """Elements in one beat."""
        return self.elements // self.beats

    @property
    def parts(self) -> int:
        """Beats that hold a position of a map."""
        return (self.channels or self.per_beat) // self.per_beat

    @property
    def order(self) -> list[range]:
        """The elements of each beat, from its low bits on."""
        if self.by_position:
            positions, size = self.beats // self.parts, self.per_beat * self.beats // self.parts
            return [
                range(part * size + position, (part + 1) * size, positions)
                for position in range(positions)
                for part in range(self.parts)
            ]
        size = self.per_beat
        return [range(first, first + size) for first in range(0, self.elements, size)]

    def pack(self, vector: Integers) -> list[int]:
        """The beats that carry ``vector`` [elements]."""
        mask = (1 << self.element_bits) - 1
        codes = [int(value) & mask for value in vector]
        return [
            sum(codes[i] << (place * self.element_bits) for place, i in enumerate(beat))
            for beat in self.order
        ]

    def unpack(self, beats: list[int]) -> list[int]:
        """The integers [elements] that ``beats`` carry; padding is ignored."""
        mask, sign = (1 << self.element_bits) - 1, 1 << (self.element_bits - 1)
        codes = [0] * self.elements
        for beat, elements in zip(beats, self.order, strict=False):
            for place, i in enumerate(elements):
                codes[i] = (beat >> (place * self.element_bits)) & mask
        return [(code ^ sign) - sign if self.signed else code for code in codes]

    def split(self, bits: Sequence[T]) -> list[list[T]]:
        """The bits of each beat, without padding, of all bits of a vector, element by element."""
        size = self.element_bits
        return [
            [bit for i in beat for bit in bits[i * size : (i + 1) * size]] for beat in self.order
        ]

    def join(self, beats: Sequence[Sequence[T]]) -> list[T]:
        """All bits of a vector, element by element, of the bits of its beats."""
        found: dict[int, Sequence[T]] = {}
        for bits, elements in zip(beats, self.order, strict=True):
            for place, i in enumerate(elements):
                found[i] = bits[place * self.element_bits : (place + 1) * self.element_bits]
        return [bit for i in range(self.elements) for bit in found[i]]


def input_layout(
    network: Network, beats: int = 1, padded: bool = True, by_position: bool = False
) -> Layout:
    """An input vector of ``network`` in ``beats`` beats, each padded to whole bytes or not."""
    bits, signed = network.input.bits, network.input.signed
    channels = (network.input.shape or [0])[0] if by_position else None
    return _layout(network.input.features, bits, signed, beats, padded, channels)


def output_layout(
    network: Network, beats: int = 1, padded: bool = True, by_position: bool = False
) -> Layout:
    """A result of ``network``, one index for ``argmax``, else every output, in ``beats`` beats."""
    outputs = network.layers[-1].outputs
    if network.output == "argmax":
        return _layout(1, index_width(outputs), False, beats, padded, None)
    target, shape = network.output_range(), network.layers[-1].output_shape
    channels = None if not by_position else outputs if shape is None else shape[0]
    return _layout(outputs, target.bits, target.signed, beats, padded, channels)


def output_elements(network: Network) -> int:
    """Integers in a result: 1 for ``argmax``, else the outputs of the last layer."""
    return 1 if network.output == "argmax" else network.layers[-1].outputs


def _layout(
    elements: int, bits: int, signed: bool, beats: int, padded: bool, channels: int | None
) -> Layout:
    """``channels``: of a map that goes position by position; None: elements go in order."""
    raw = elements // beats * bits
    return Layout(
        elements=elements,
        element_bits=bits,
        signed=signed,
        beats=beats,
        width=-(-raw // 8) * 8 if padded else raw,
        by_position=channels is not None,
        channels=channels or 0,
    )


@dataclass(frozen=True, kw_only=True)
class Port:
    """One port of the top module."""

    name: str
    direction: Literal["input", "output"]
    width: int
