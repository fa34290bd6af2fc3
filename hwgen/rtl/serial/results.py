"""Requantizers that neurons share, and the numbers that differ between them."""

from collections.abc import Callable
from dataclasses import replace

from amaranth.hdl import Cat, Module, Shape, Value, unsigned

from hwgen.rtl.requantize import Requantizer, shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import index_width, signed_width
from hwgen.spec.rescale import Rescale

Read = Callable[[str, list[list[int]], Shape], Value]
"""A table by its name, its pages [turn][word], and the shape of what it holds."""


class Results:
    """What stands behind the accumulators of neurons that come one after the other.

    Parameters
    ----------
    neurons
        A requantizer for each.
    biases
        Of each.
    fine
        Low bits of the sums that no product changes: they are those of the bias, and are not
        accumulated, but put behind the accumulator where a neuron is handed on.

    Attributes
    ----------
    variants
        A requantizer for each rescale but for its multiplier; its interval covers the neurons that
        share it.
    multipliers
        That of each neuron.
    variant_of
        Index of each neuron's requantizer.
    biases, lows
        The bias of each neuron, with its rounding offset: what accumulators begin with, and the
        ``fine`` bits below.
    interval
        Exact interval of the outputs.
    widths
        Width of each accumulator, with the offset, without ``fine``.
    """

    def __init__(self, neurons: list[Requantizer], biases: list[int], fine: int = 0):
        kinds = sorted(
            dict.fromkeys(_shared(neuron.rescale) for neuron in neurons),
            key=lambda kind: kind.fraction,
        )
        self.variant_of = [kinds.index(_shared(neuron.rescale)) for neuron in neurons]
        self.variants = [
            _variant([n for n in neurons if _shared(n.rescale) == kind]) for kind in kinds
        ]
        self.multipliers = [neuron.rescale.multiplier for neuron in neurons]
        self.fine = fine
        whole = [
            bias + self.variants[variant].offset
            for bias, variant in zip(biases, self.variant_of, strict=True)
        ]
        self.biases = [bias >> fine for bias in whole]
        self.lows = [bias & ((1 << fine) - 1) for bias in whole]
        self.interval = hull([variant.interval for variant in self.variants])
        self.widths = [
            signed_width(
                *((end + self.variants[variant].offset) >> fine for end in neuron.accumulator)
            )
            for neuron, variant in zip(neurons, self.variant_of, strict=True)
        ]

    def build(
        self, m: Module, i: int, accumulator: Value, y: Value, handed: list[list[int]], read: Read
    ) -> None:
        """Result ``i``, ``y``: of neuron ``handed[turn][word]``, whose ``accumulator`` is there."""
        if self.fine:
            lows = [[self.lows[j] for j in page] for page in handed]
            low = read(f"low{i}", lows, unsigned(self.fine))
            accumulator = Cat(low, accumulator).as_signed()
        chosen = [[self.variant_of[j] for j in page] for page in handed]
        used = sorted({variant for page in chosen for variant in page})
        factors = {v: self._factor(f"multipliers{i}_{v}", handed, v, read) for v in used}
        results = [self.variants[v].build(m, f"y{i}_{v}", accumulator, factors[v]) for v in used]
        if len(used) == 1:
            m.d.comb += y.eq(results[0])
            return
        content = [[used.index(variant) for variant in page] for page in chosen]
        select = read(f"shifts{i}", content, unsigned(index_width(len(used))))
        with m.Switch(select):
            for case, result in enumerate(results[:-1]):
                with m.Case(case):
                    m.d.comb += y.eq(result)
            with m.Default():
                m.d.comb += y.eq(results[-1])

    def _factor(self, name: str, handed: list[list[int]], variant: int, read: Read) -> Value | None:
        """The multiplier of the neuron that requantizer ``variant`` is at, where it takes one."""
        multipliers = self.variants[variant].multipliers
        if not multipliers:
            return None
        own = [
            [m if of == variant else multipliers[0] for m, of in page]
            for page in (
                [(self.multipliers[j], self.variant_of[j]) for j in page] for page in handed
            )
        ]
        return read(name, own, shape_of(0, multipliers[-1]))


def hull(intervals: list[Interval]) -> Interval:
    """The smallest interval that covers ``intervals``."""
    lows, highs = zip(*intervals, strict=True)
    return min(lows), max(highs)


def _shared(rescale: Rescale) -> Rescale:
    """What neurons with one requantizer share."""
    return replace(rescale, multiplier=1)


def _variant(neurons: list[Requantizer]) -> Requantizer:
    """The requantizer of neurons that differ in their multipliers alone."""
    multipliers = tuple(sorted({neuron.rescale.multiplier for neuron in neurons}))
    return Requantizer(
        rescale=neurons[0].rescale,
        accumulator=hull([neuron.accumulator for neuron in neurons]),
        multipliers=multipliers if len(multipliers) > 1 else (),
    )
