"""The numbers of one neuron whose inputs come digit by digit, lowest digits first.

With S_t the weighted sum of the t-th digits, D bits to a digit and T digits,

    A_0 = start        A_(t+1) = (A_t + S_t) >> D        t = 0 .. T - 1

and the D bits that each shift drops are final: bits t D .. t D + D - 1 of the neuron's sum. A is
hardly wider than the sum of one digit, whatever T is. Final bits below the rescale shift are not
kept. A bias that would make A_0 wider than the others is added in part with the last digits.
"""

from dataclasses import dataclass
from functools import cached_property

from hwgen.rtl.adders.digits import signed_digits
from hwgen.rtl.requantize import Requantizer, requantizers, shape_of
from hwgen.spec.activations import Clip, Tabled
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import signed_width
from hwgen.spec.network import DenseLayer, Network

_TRIED = 64
"""Divisions of a bias that are tried."""


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """How a neuron accumulates.

    Parameters
    ----------
    digit, digits
        D and T.
    start
        A_0.
    late
        What the last sum has beside its digits.
    width
        Bits of A_1 to A_T, and of A_0 where T > 1.
    center
        A is stored as the unsigned A + center.
    """

    digit: int
    digits: int
    start: int
    late: int
    width: int
    center: int

    @classmethod
    def of(cls, constant: int, sums: list[Interval], digit: int) -> "Recurrence":
        """For sums of digits that lie in ``sums`` [digits], and ``constant`` beside them."""
        if len(sums) == 1:
            return cls._with(0, constant, sums, digit)
        last = (len(sums) - 1) * digit
        bare = cls._with(0, 0, sums, digit)
        low, high = -bare.center, (1 << bare.width) - 1 - bare.center
        first = -((high - constant) >> last)
        lates = {0, *range(first, first + min(_TRIED, 1 + ((high - low) >> last)))}
        return min(
            (cls._with(constant - (late << last), late, sums, digit) for late in sorted(lates)),
            key=lambda one: one._cost,
        )

    @classmethod
    def _with(cls, start: int, late: int, sums: list[Interval], digit: int) -> "Recurrence":
        low = high = start
        ends = [start] if len(sums) > 1 else []
        for t, (least, most) in enumerate(sums):
            more = late if t == len(sums) - 1 else 0
            low, high = (low + least + more) >> digit, (high + most + more) >> digit
            ends += [low, high]
        bottom, top = min(ends), max(ends)
        width = signed_width(bottom, top) if bottom < 0 else max(1, top.bit_length())
        center = 1 << (width - 1) if bottom < 0 else 0
        return cls(
            digit=digit, digits=len(sums), start=start, late=late, width=width, center=center
        )

    @property
    def _cost(self) -> int:
        """A register bit with its adder against an operand's bit in the last clock."""
        return 12 * self.width + 5 * len(signed_digits(self.late))

    @property
    def recentering(self) -> int:
        """What each sum has so that the center stays where it is."""
        return (self.center << self.digit) - self.center


@dataclass(frozen=True, kw_only=True)
class Column:
    """An input as some neurons read it, and their weights.

    Parameters
    ----------
    input
        Which.
    dropped
        How many of its low bits count as 0; fewer than ``width``.
    width, signed
        Of the input; a signed one is read counted from its least value.
    weights
        Of all neurons.
    """

    input: int
    dropped: int
    width: int
    signed: bool
    weights: list[int]

    @property
    def least(self) -> int:
        """What is added to the digits to make the input."""
        return -(1 << (self.width - 1)) if self.signed else 0

    def places(self, t: int, digit: int) -> list[int]:
        """Bits of the t-th digit, of ``digit`` bits, that may be 1."""
        return [k for k in range(digit) if self.dropped <= t * digit + k < self.width]


def columns(network: Network, index: int, ranges: list[Interval]) -> list[Column]:
    """What layer ``index`` adds up, its inputs lying in ``ranges``."""
    terms = network.dense(index).terms(network.source(index).alignment)
    found = []
    for position, (i, dropped) in enumerate(zip(terms.index, terms.dropped, strict=True)):
        shape = shape_of(*ranges[i])
        weights = terms.weights[:, position].tolist()
        if dropped >= shape.width and not shape.signed:
            weights = [0] * len(weights)
        left = min(dropped, shape.width - 1)
        found.append(
            Column(
                input=i,
                dropped=left,
                width=shape.width,
                signed=shape.signed,
                weights=[int(weight) >> left for weight in weights],
            )
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """Neuron ``index`` of ``layer``, which reads ``columns`` in ``digits`` of ``digit`` bits."""

    layer: DenseLayer
    index: int
    columns: list[Column]
    digit: int
    digits: int
    requantizer: Requantizer

    @cached_property
    def recurrence(self) -> Recurrence:
        """How it accumulates."""
        return Recurrence.of(self._constant(), self._sums(), self.digit)

    @cached_property
    def width(self) -> int:
        """Bits of its output."""
        width: int = shape_of(*self.requantizer.interval).width
        return width

    @cached_property
    def needless(self) -> int:
        """Low bits of its sum that do not show in the output, or only whether all are zero.

        Its top bit always counts as shown, however far the shift goes: it is the sign.
        """
        rescale = self.requantizer.rescale
        clips = isinstance(rescale.activation, Clip | Tabled)
        if rescale.target is None or rescale.thresholds is not None or not clips:
            return 0
        doublings = rescale.multiplier.bit_length() - 1
        if rescale.multiplier != 1 << doublings or self.requantizer.adds:
            return 0
        low, high = (end + self.requantizer.offset for end in self.requantizer.accumulator)
        width: int = shape_of(low, high).width
        return max(0, min(rescale.shift - doublings, width - 1))

    @property
    def sticky(self) -> bool:
        """Whether all of those are zero does show."""
        return self.needless > 0 and self.requantizer.rescale.rounding == "half_even"

    @property
    def kept(self) -> int:
        """Final bits that are kept."""
        return max(0, self.digit * self.digits - self.needless)

    @property
    def passage(self) -> int:
        """Bits of one register for those that are kept and an output that is read in digits."""
        early = self.digit if self.needless < self.digit else 0
        return max(self.width - self.digit + early, self.kept, 0)

    def _constant(self) -> int:
        """What the sum has beside its digits."""
        products = (one.weights[self.index] * one.least for one in self.columns)
        bias: int = self.layer.bias[self.index]
        return bias + self.requantizer.offset + sum(products)

    def _sums(self) -> list[Interval]:
        """Exact interval of the sum of the t-th digits, for each t."""
        found = []
        for t in range(self.digits):
            low = high = 0
            for one in self.columns:
                end = one.weights[self.index] * sum(1 << k for k in one.places(t, self.digit))
                low, high = low + min(end, 0), high + max(end, 0)
            found.append((low, high))
        return found


def neurons(network: Network, index: int, ranges: list[Interval], digit: int) -> list[Neuron]:
    """Those of layer ``index``, whose inputs lie in ``ranges`` and come in digits of that size."""
    widest = max(shape_of(*interval).width for interval in ranges)
    read = columns(network, index, ranges)
    return [
        Neuron(
            layer=network.dense(index),
            index=j,
            columns=read,
            digit=digit,
            digits=-(-widest // digit),
            requantizer=requantizer,
        )
        for j, requantizer in enumerate(requantizers(network, index, ranges))
    ]
