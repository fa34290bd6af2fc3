"""What a design looks like from outside: its ports, and how vectors travel through them."""

from dataclasses import dataclass
from typing import Literal

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import index_width
from hwgen.spec.network import Network

PORT_ORDER = (
    *("clk", "rst"),
    *("s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast"),
    *("m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast"),
)
"""Ports in the order in which modules have them; others follow, inputs first."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one vector of integers travels: in one beat, or in several of the same number each.

    Elements are two's complement where signed, element 0 in the low bits, without gaps; a beat is
    padded with zeros to ``width`` bits.
    """

    elements: int
    element_bits: int
    signed: bool
    beats: int
    width: int

    def __str__(self) -> str:
        beats = "one beat" if self.beats == 1 else f"{self.beats} beats"
        kind = "two's complement" if self.signed else "unsigned"
        element = (
            f"{self.per_beat} x {self.element_bits} bits"
            if self.per_beat > 1
            else (f"{self.element_bits} bits")
        )
        return f"{beats} of {element}, {kind}, the first in the low bits"

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


def input_layout(network: Network, beats: int = 1, padded: bool = True) -> Layout:
    """An input vector of ``network`` in ``beats`` beats, each padded to whole bytes or not."""
    bits, signed = network.input.bits, network.input.signed
    return _layout(network.input.features, bits, signed, beats, padded)


def output_layout(network: Network, beats: int = 1, padded: bool = True) -> Layout:
    """A result of ``network``, one index for ``argmax``, else every output, in ``beats`` beats."""
    outputs = network.layers[-1].outputs
    if network.output == "argmax":
        return _layout(1, index_width(outputs), False, beats, padded)
    target = network.output_range()
    return _layout(outputs, target.bits, target.signed, beats, padded)


def output_elements(network: Network) -> int:
    """Integers in a result: 1 for ``argmax``, else the outputs of the last layer."""
    return 1 if network.output == "argmax" else network.layers[-1].outputs


def _layout(elements: int, bits: int, signed: bool, beats: int, padded: bool) -> Layout:
    raw = elements // beats * bits
    width = -(-raw // 8) * 8 if padded else raw
    return Layout(elements=elements, element_bits=bits, signed=signed, beats=beats, width=width)


@dataclass(frozen=True, kw_only=True)
class Port:
    """One port of the top module."""

    name: str
    direction: Literal["input", "output"]
    width: int
