"""From an accumulator to an output: activation, rescale by a shift, overflow.

:class:`Requantizer` holds the integers of neurons that share them, and has two sides: ``compute``,
which is the golden model, and ``build``, the hardware.

The hardware rests on three facts. Rounding to nearest is adding half and taking the floor, so half
folds into the bias (``offset``). Clipping commutes with a monotone rounding, so activations that
clip and saturation are one clip after the shift. And the accumulator's exact interval is known, so
a clip that cannot happen is left out, and so is a threshold that is never or always reached.
"""

from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned

from hwgen.rtl.lookup import lookup
from hwgen.rtl.staircase import Staircase
from hwgen.spec.activations import Activation, Clip, Table, Tabled, activation
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.dense import DenseLayer
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network
from hwgen.spec.rescale import Rescale
from hwgen.support.errors import HwgenError

MAX_TABLE = 16_384
"""Entries of the largest sigmoid or tanh table that is put into hardware."""


def shape_of(low: int, high: int) -> Shape:
    """Narrowest shape of the integers [low, high]: unsigned where ``low >= 0``; at least 1 bit."""
    return signed(signed_width(low, high)) if low < 0 else unsigned(max(1, high.bit_length()))


def clamp(interval: Interval, bounds: Interval) -> Interval:
    """Both ends of ``interval`` clipped to ``bounds``."""
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in interval)
    return low, high


@dataclass(frozen=True, kw_only=True)
class Requantizer:
    """Activation, rescale and overflow of neurons with one accumulator format.

    Parameters
    ----------
    rescale
        What they are.
    accumulator
        Exact interval of the accumulators, after any wrapping.
    multipliers
        Where neurons have others than ``rescale`` says: all of them. One multiplication then serves
        all, and :meth:`build` takes the factor.
    fine, low
        The ``fine`` lowest bits of every accumulator are those of ``low``.
    """

    rescale: Rescale
    accumulator: Interval
    multipliers: tuple[int, ...] = ()
    fine: int = 0
    low: int = 0

    def compute(self, accumulators: Integers) -> Integers:
        """Outputs of ``accumulators`` (without the offset), by the golden model."""
        return self.rescale.compute(accumulators)

    @property
    def offset(self) -> int:
        """What :meth:`build` wants added to the accumulator: half of the last kept bit, or 0.

        It folds into the bias, but not past a wrapping accumulator, a multiplier or an activation
        that is no clip: there :meth:`build` adds it.
        """
        return 0 if self.adds else self._half

    @property
    def adds(self) -> bool:
        """Whether :meth:`build` holds an adder of its own."""
        folds = isinstance(self.rescale.activation, Clip | Tabled) and self._factor == 1
        return self._half != 0 and (self.rescale.wraps or not folds)

    @property
    def levels(self) -> int:
        """Adder levels in what :meth:`build` makes."""
        digits = self._factor.bit_count() + self.adds  # signed digits are fewer
        return (digits - 1).bit_length()

    @property
    def interval(self) -> Interval:
        """Exact interval of the outputs."""
        lows, highs = zip(*(one.interval(self.accumulator) for one in self._rescales), strict=True)
        return min(lows), max(highs)

    @property
    def _rescales(self) -> list[Rescale]:
        """One for each multiplier."""
        return [replace(self.rescale, multiplier=m) for m in self.multipliers] or [self.rescale]

    def build(
        self, m: Module, name: str, accumulator: Value, multiplier: Value | None = None
    ) -> Value:
        """Combinational hardware: the output for ``accumulator``, which includes the offset.

        ``multiplier`` is one of :attr:`multipliers`, where there are any.

        Returns a signal of the shape of :attr:`interval`.
        """
        low, high = (end + self.offset for end in self.accumulator)
        total = Signal(shape_of(low, high), name=f"{name}_acc")
        m.d.comb += total.eq(accumulator)
        result = Signal(shape_of(*self.interval), name=name)
        stairs = self.staircase
        if stairs is not None:
            above = total >> self.fine
            m.d.comb += result.eq(stairs.build(m, name, above, shape_of(*self.interval)))
            return result
        active: Value = total
        kind = self.rescale.activation
        if isinstance(kind, Clip) and not self._clips_late:
            bounds = self._ends(kind, self.accumulator)
            active = clip(m, f"{name}_active", total, self.accumulator, bounds)
        elif not isinstance(kind, Clip | Tabled):
            active = kind.build(m, name, total, self.accumulator, self.rescale)
        if self.rescale.thresholds is not None:
            m.d.comb += result.eq(self._count(m, name, active))
            return result
        rounded = self._round(m, name, active, multiplier)
        if self.rescale.table is not None:
            m.d.comb += result.eq(self._lookup(m, name, self.rescale.table, rounded))
        else:
            # Where overflow wraps, the result's shape keeps the low bits.
            m.d.comb += result.eq(clip(m, f"{name}_clip", rounded, self._rounded, self._limits))
        return result

    @property
    def staircase(self) -> Staircase | None:
        """What few levels are built by, instead of a multiplication or many comparisons.

        Of accumulators without their ``fine`` lowest bits.
        """
        rescale = self.rescale
        plain = isinstance(rescale.activation, Clip) and rescale.overflow == "saturate"
        if not plain or rescale.target is None or rescale.table is not None or self.multipliers:
            return None
        if self._factor == 1 and rescale.thresholds is None:
            return None
        found = Staircase.of(rescale.compute, self.accumulator)
        if found is None:
            return None
        found = found.above(self.fine, self.low)
        return found if found.fits else None

    @property
    def _clips_late(self) -> bool:
        """The activation is a clip that merges with saturation; others come before rounding.

        A clip before a multiplier makes that one smaller.
        """
        return isinstance(self.rescale.activation, Clip) and self._factor == 1

    def _ends(self, kind: Clip, interval: Interval) -> Interval:
        """What the activation clips accumulators in ``interval`` to."""
        bottom, top = kind.bounds(self.rescale)
        low = interval[0] if bottom is None else bottom
        high = max(low, interval[1]) if top is None else top
        return min(low, high), high

    @property
    def _factor(self) -> int:
        """The multiplier without its factors of 2, which the shift takes up; if there is one."""
        if self.multipliers:
            return max(2, *self.multipliers)
        multiplier = self.rescale.multiplier
        return multiplier // (multiplier & -multiplier)

    @property
    def _shift(self) -> int:
        """The shift behind :attr:`_factor`, positive to the right."""
        multiplier = 1 if self.multipliers else self.rescale.multiplier
        return self.rescale.shift - (multiplier & -multiplier).bit_length() + 1

    @property
    def _half(self) -> int:
        """What is added to round to nearest."""
        floors = self.rescale.thresholds is not None or self.rescale.rounding == "floor"
        return 0 if floors or self._shift <= 0 else 1 << (self._shift - 1)

    def _rounding(self, interval: Interval) -> Interval:
        if self.rescale.target is None:
            return interval
        found = [one.round(np.array(interval, object)).tolist() for one in self._rescales]
        return min(low for low, _ in found), max(high for _, high in found)

    @property
    def _active(self) -> Interval:
        """Interval of what is multiplied."""
        if self._clips_late:
            return self.accumulator
        return self.rescale.activation.interval(self.accumulator, self.rescale)

    @property
    def _rounded(self) -> Interval:
        return self._rounding(self._active)

    @property
    def _limits(self) -> Interval:
        """What late clips and saturation together clip the rounded value to."""
        limits = self._rounded
        kind, target = self.rescale.activation, self.rescale.target
        if isinstance(kind, Clip) and self._clips_late:
            limits = clamp(limits, self._rounding(self._ends(kind, self.accumulator)))
        if target is not None and self.rescale.overflow == "saturate":
            limits = clamp(limits, (target.minimum, target.maximum))
        return limits

    def _round(self, m: Module, name: str, active: Value, multiplier: Value | None) -> Value:
        interval = self._active
        if self._factor != 1:
            ends = [end * m for end in interval for m in self.multipliers or (self._factor,)]
            interval = min(ends), max(ends)
            product = Signal(shape_of(*interval), name=f"{name}_product")
            m.d.comb += product.eq(active * (self._factor if multiplier is None else multiplier))
            active = product
        if self._shift <= 0:
            return active.shift_left(-self._shift)
        if self.adds:
            low, high = (end + self._half for end in interval)
            biased = Signal(shape_of(low, high), name=f"{name}_half")
            m.d.comb += biased.eq(active + self._half)
            active = biased
        active = Cat(active, Const(0, 1)) if not active.shape().signed else active
        rounded = Signal(shape_of(*self._rounded), name=f"{name}_rounded")
        floor = active.as_signed().shift_right(self._shift)
        if self.rescale.rounding == "half_even":
            # Half is in the accumulator already: a tie now shows as zeros below the kept bits.
            dropped = active[: self._shift]
            floor = Cat(floor[0] & dropped.any(), floor[1:])
        m.d.comb += rounded.eq(floor)
        return rounded

    def _lookup(self, m: Module, name: str, table: Table, rounded: Value) -> Value:
        """The sigmoid or tanh: clip to where its table changes, then a ROM of the low bits."""
        low, high = clamp(self._rounded, (table.first, table.last))
        shape = shape_of(low, high)
        index = clip(m, f"{name}_index", rounded, self._rounded, (low, high))
        codes = range(1 << shape.width)
        values = (
            c - (1 << shape.width) if shape.signed and c >> (shape.width - 1) else c for c in codes
        )
        entries = [table.entry(min(max(value, low), high)) for value in values]
        return lookup(m, f"{name}_table", index, entries, shape_of(*self.interval))

    def _count(self, m: Module, name: str, active: Value) -> Value:
        """The output by comparisons with the thresholds that ``active`` can cross.

        Where the activation clips, it is not made: it only takes thresholds away.
        """
        rescale, (low, high) = self.rescale, self._active
        at = rescale.compute if self._clips_late else rescale.behind
        steps: list[int] = []
        levels: list[int] = at(np.array([low], object)).tolist()
        for step in sorted({t for t in rescale.thresholds or () if low < t <= high}):
            level = int(at(np.array([step], object))[0])
            if level != levels[-1]:
                steps.append(step)
                levels.append(level)
        reached = Signal(len(steps), name=f"{name}_reached")
        m.d.comb += reached.eq(Cat(at_least(active, step) for step in steps))
        shape = shape_of(*self.interval)

        def choose(first: int, last: int) -> Value:
            """The level of steps ``first..last - 1``, of which those before are reached."""
            if first == last:
                return Const(levels[first], shape)
            middle = (first + last) // 2
            return Mux(reached[middle], choose(middle + 1, last), choose(first, middle))

        return choose(0, len(steps))


def check_tables(network: Network) -> None:
    """Refuse a network with a table that is too large for hardware, or an activation without any.

    Raises
    ------
    HwgenError
        Naming the layer and the size, or the activation.
    """
    for index, layer in enumerate(network.layers):
        kind = activation(layer.activation)
        if not isinstance(kind, Clip | Tabled) and type(kind).build is Activation.build:
            raise HwgenError(
                f"layers[{index}].activation", f"{kind.name!r} has no hardware", "a build is needed"
            )
        for table in {one.table for one in network.rescales[index] if one.table}:
            entries = 1 << shape_of(table.first, table.last).width
            if entries > MAX_TABLE:
                raise HwgenError(
                    f"layers[{index}].output.fraction_bits",
                    f"a {layer.activation} table of {entries:,} entries",
                    f"at most {MAX_TABLE:,} go into hardware",
                )


def requantizers(network: Network, index: int, ranges: list[Interval]) -> list[Requantizer]:
    """One :class:`Requantizer` for each neuron of a layer whose inputs lie in ``ranges``."""
    layer = network.layers[index]
    intervals = layer.accumulator_intervals(ranges, network.source(index).alignment)
    bits = layer.wrap_bits
    if bits is not None:
        full = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        intervals = [i if signed_width(*i) <= bits else full for i in intervals]
    fine, lows = 0, [0] * len(intervals)
    if isinstance(layer, DenseLayer) and bits is None:
        fine = layer.weight_shift
        lows = [bias & ((1 << fine) - 1) for bias in layer.bias]
    return [
        Requantizer(rescale=rescale, accumulator=interval, fine=fine, low=low)
        for rescale, interval, low in zip(network.rescales[index], intervals, lows, strict=True)
    ]


def clip(m: Module, name: str, value: Value, interval: Interval, bounds: Interval) -> Value:
    """``value``, known to lie in ``interval``, clipped to ``bounds``; as narrow as the result."""
    low, high = bounds
    result = Signal(shape_of(*clamp(interval, bounds)), name=name)
    clipped = value
    if interval[1] > high:
        clipped = Mux(_above(value, high), Const(high, shape_of(min(high, 0), high)), clipped)
    if interval[0] < low:
        clipped = Mux(_below(value, low), Const(low, shape_of(low, max(low, 0))), clipped)
    m.d.comb += result.eq(clipped)
    return result


def at_least(value: Value, bound: int) -> Value:
    """``value >= bound``; by the high bits alone where the bound allows that."""
    return _above(value, bound - 1) if bound > 0 else ~_below(value, bound)


def _above(value: Value, bound: int) -> Value:
    """``value > bound``; by the high bits alone where the bound is a power of two less 1."""
    if bound < 0 or bound & (bound + 1):
        return value > bound
    sign = value.shape().signed
    exceeds = value[bound.bit_length() : len(value) - sign].any()
    return exceeds & ~value[-1] if sign else exceeds


def _below(value: Value, bound: int) -> Value:
    """``value < bound``; by the high bits alone where the bound is 0 or minus a power of two."""
    if bound == 0:
        return value[-1]
    if bound > 0 or -bound & (-bound - 1):
        return value < bound
    return value[-1] & ~value[(-bound).bit_length() - 1 : -1].all()
