"""What the rest of hwgen may ask of a layer, whatever its kind.

A kind of layer is a class in a file of its own (:mod:`hwgen.spec.dense`) that says all of this; no
other file knows what the layer holds. Hardware asks for more than the golden model does: that is
up to each architecture, which refuses kinds that it does not know.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from hwgen.spec.activations import activation
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.formats import Format
from hwgen.spec.models import Model, OutputFormat, Text, each
from hwgen.spec.rescale import Rescale


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a layer reads.

    Parameters
    ----------
    count
        Values.
    own
        Their common format, or that of each.
    said_by
        What says how many there are, for refusals.
    shape
        ``(channels, height, width)`` or ``(channels, length)`` of a map, whose values are ordered
        like those of a C-contiguous array; None where they are not a map.
    zero
        The integer that means real 0, which pads a map: 0 but at the network's input.
    """

    count: int
    own: Format | list[Format]
    said_by: str
    shape: tuple[int, ...] | None = None
    zero: int = 0

    @property
    def formats(self) -> list[Format]:
        """The format of each value."""
        return self.own if isinstance(self.own, list) else [self.own] * self.count

    @property
    def fraction(self) -> int:
        """Fraction bits to which all values are brought: the finest of them."""
        return max(one.fraction_bits for one in self.formats)

    @property
    def alignment(self) -> list[int]:
        """Left shift that brings each value to :attr:`fraction`."""
        fraction = self.fraction
        return [fraction - one.fraction_bits for one in self.formats]

    @property
    def ranges(self) -> list[Interval]:
        """Each value's format as an interval of integers."""
        return [(one.minimum, one.maximum) for one in self.formats]


class Layer(Model):
    """A layer of any kind.

    Attributes
    ----------
    kind, name
        As in the file.
    activation, negative_shift
        Between the accumulators and their rescale.
    output
        What accumulators are rescaled to; None on a last layer that hands on raw accumulators.
    """

    kind: str
    name: Text

    if TYPE_CHECKING:  # kinds that have such keys declare them, the others say what stands for them

        @property
        def activation(self) -> str:
            """Between the accumulators and their rescale."""

        @property
        def negative_shift(self) -> int | None:
            """Of an activation that has one."""

        @property
        def output(self) -> OutputFormat | None:
            """What accumulators are rescaled to."""

        @property
        def accumulator_bits(self) -> int | None:
            """A width that is given; None for the exact one."""

    def bound(self, where: str, source: Source) -> Self:
        """The layer that reads ``source``, which its sizes may depend on.

        Raises
        ------
        HwgenError
            The layer does not go with what it reads; with the place in the file, which begins with
            ``where``.
        """
        return self

    # Sizes

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Values that it reads."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Values that it hands on."""

    @property
    @abstractmethod
    def fan_in(self) -> int:
        """Values that one accumulator is made of."""

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        """Channels and sizes of the map that it hands on; None where it hands on none."""
        return None

    @property
    def output_channels(self) -> int:
        """Outputs that may differ in format and rescale.

        ``outputs`` is a multiple of it; the outputs of a channel stand one after the other.
        """
        return self.outputs

    def output_name(self, index: int) -> str:
        """What to call output ``index`` in a message."""
        return f"neuron {index}"

    @property
    @abstractmethod
    def weight_count(self) -> int:
        """Weights in the file, each counted once however often it is used."""

    @property
    @abstractmethod
    def parameter_count(self) -> int:
        """Weights and biases."""

    @property
    @abstractmethod
    def weight_memory_bits(self) -> int:
        """Bits of the codes of all weights."""

    # Numbers

    @abstractmethod
    def output_formats(self) -> list[Format] | None:
        """The format of each output; None where raw accumulators are handed on."""

    @abstractmethod
    def accumulator_fraction(self, input_fraction: int) -> list[int]:
        """Fraction bits of the accumulator of each output."""

    @abstractmethod
    def accumulator_intervals(
        self, ranges: Sequence[Interval], alignment: Sequence[int] | None = None
    ) -> list[Interval]:
        """Exact [lo, hi] of each output's accumulator before any wrapping.

        Parameters
        ----------
        ranges
            Interval of each input.
        alignment
            :attr:`Source.alignment`; None where all are 0.
        """

    @abstractmethod
    def reads(self, index: int) -> dict[int, int]:
        """Inputs that output ``index`` depends on, with their weights; 1 where there are none."""

    @property
    @abstractmethod
    def wrap_bits(self) -> int | None:
        """Width at which accumulators wrap; None where they do not."""

    @abstractmethod
    def rescales(self, input_fraction: int) -> list[Rescale]:
        """What stands behind the accumulator of each output."""

    @abstractmethod
    def widest(self, source: Source) -> int:
        """Bits of the widest number on the way from inputs to outputs, in any order of sums."""

    # The golden model

    @abstractmethod
    def accumulate(self, x: Integers, alignment: Sequence[int] | None = None) -> Integers:
        """Accumulators [samples, outputs] of ``x`` [samples, inputs], wrapped where that is said.

        The caller chooses a dtype that holds :meth:`widest`.
        """

    # The file

    @abstractmethod
    def check(self, where: str, source: Source, last: bool) -> None:
        """Refuse what the types alone do not say.

        Raises
        ------
        HwgenError
            With the place in the file, which begins with ``where``.
        """


def rescales_of(layer: Layer, fractions: Sequence[int], wraps: bool) -> list[Rescale]:
    """What stands behind accumulators of these ``fractions``, one for each output channel."""
    count, output = len(fractions), layer.output
    own = activation(layer.activation)
    if output is None:
        return [
            Rescale(
                activation=own, fraction=fraction, negative_shift=layer.negative_shift, wraps=wraps
            )
            for fraction in fractions
        ]
    formats, multipliers = output.formats(count), each(output.multiplier, count)
    shifts: list[int] | list[None]
    shifts = [None] * count if output.shift is None else each(output.shift, count)
    found = []
    for j, (fraction, target) in enumerate(zip(fractions, formats, strict=True)):
        given = shifts[j]
        one = Rescale(
            activation=own,
            fraction=fraction,
            negative_shift=layer.negative_shift,
            target=target,
            multiplier=multipliers[j],
            shift=fraction - target.fraction_bits if given is None else given,
            rounding=output.rounding,
            overflow=output.overflow,
            wraps=wraps,
        )
        if output.thresholds is not None:
            one = replace(
                one,
                thresholds=tuple(output.thresholds[j]),
                shift=0,
                rounding="floor",
                overflow="saturate",
            )
        found.append(one)
    return found
