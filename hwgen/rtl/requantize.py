"""From an accumulator to an output: activation, rescale by a shift, overflow.

:class:`Requantizer` holds the integers of neurons that share them, and has two sides: ``compute``,
which is the golden model, and ``build``, the hardware.

The hardware rests on three facts. Rounding to nearest is adding half and taking the floor, so half
folds into the bias (``offset``). Clipping commutes with a monotone rounding, so relu, hard_tanh and
saturation are one clip after the shift. And the accumulator's exact interval is known, so a clip
that cannot happen is left out.
"""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import memory

from hwgen.spec import arithmetic, golden
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.formats import signed_width
from hwgen.spec.network import DenseLayer, Network
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
    layer
        The layer they are in.
    fraction
        Fraction bits of their accumulators.
    accumulator
        Exact interval of the accumulators, after any wrapping.
    """

    layer: DenseLayer
    fraction: int
    accumulator: Interval

    def compute(self, accumulators: Integers) -> Integers:
        """Outputs of ``accumulators`` (without the offset), by the golden model."""
        return golden.rescale(self.layer, self.fraction, accumulators)

    @property
    def offset(self) -> int:
        """What :meth:`build` wants added to the accumulator: half of the last kept bit, or 0.

        It folds into the bias, but not past a wrapping accumulator or a leaky activation: there
        :meth:`build` adds it.
        """
        return 0 if self.adds else self._half

    @property
    def adds(self) -> bool:
        """Whether :meth:`build` holds an adder of its own."""
        wraps = self.layer.accumulator_overflow == "wrap"
        return self._half != 0 and (wraps or self.layer.activation == "leaky_relu")

    @property
    def interval(self) -> Interval:
        """Exact interval of the outputs."""
        if self.layer.activation in ("sigmoid", "tanh"):
            low, high = self.compute(np.array(self.accumulator, object)).tolist()
            return low, high
        clipped, target = clamp(self._rounded, self._limits), self.layer.output
        if (
            target is None
            or clamp(clipped, (target.format.minimum, target.format.maximum)) == clipped
        ):
            return clipped
        return target.format.minimum, target.format.maximum

    def build(self, m: Module, name: str, accumulator: Value) -> Value:
        """Combinational hardware: the output for ``accumulator``, which includes the offset.

        Returns a signal of the shape of :attr:`interval`.
        """
        low, high = (end + self.offset for end in self.accumulator)
        total = Signal(shape_of(low, high), name=f"{name}_acc")
        m.d.comb += total.eq(accumulator)
        rounded = self._round(m, name, self._leak(m, name, total))
        result = Signal(shape_of(*self.interval), name=name)
        if self.layer.activation in ("sigmoid", "tanh"):
            m.d.comb += result.eq(self._lookup(m, name, rounded))
        else:
            # Where overflow wraps, the result's shape keeps the low bits.
            m.d.comb += result.eq(clip(m, f"{name}_clip", rounded, self._rounded, self._limits))
        return result

    @property
    def _shift(self) -> int:
        """The rescale shift n: positive to the right; 0 where raw accumulators are handed on."""
        return 0 if self.layer.output is None else self.fraction - self.layer.output.fraction_bits

    @property
    def _half(self) -> int:
        rounds = self.layer.output is not None and self.layer.output.rounding != "floor"
        return 1 << (self._shift - 1) if rounds and self._shift > 0 else 0

    def _rounding(self, interval: Interval) -> Interval:
        if self.layer.output is None:
            return interval
        ends = np.array(interval, object)
        low, high = arithmetic.round_shift(ends, self._shift, self.layer.output.rounding).tolist()
        return low, high

    @property
    def _leaked(self) -> Interval:
        """Interval after a leaky activation, which comes before rounding; others come after."""
        low, high = self.accumulator
        if self.layer.activation != "leaky_relu":
            return low, high
        shift = self.layer.negative_shift or 0
        return (low >> shift if low < 0 else low), (high >> shift if high < 0 else high)

    @property
    def _rounded(self) -> Interval:
        return self._rounding(self._leaked)

    @property
    def _limits(self) -> Interval:
        """What relu, hard_tanh and saturation together clip the rounded value to."""
        limits = self._rounded
        if self.layer.activation == "relu":
            limits = max(limits[0], 0), max(limits[1], 0)
        if self.layer.activation == "hard_tanh":
            one = arithmetic.unit(self.fraction)
            limits = clamp(limits, self._rounding((-one, one)))
        target = self.layer.output
        if target is not None and target.overflow == "saturate":
            limits = clamp(limits, (target.format.minimum, target.format.maximum))
        return limits

    def _leak(self, m: Module, name: str, total: Value) -> Value:
        if self.layer.activation != "leaky_relu" or self.accumulator[0] >= 0:
            return total
        leaky = Signal(shape_of(*self._leaked), name=f"{name}_leaky")
        shifted = total.shift_right(self.layer.negative_shift or 0)
        m.d.comb += leaky.eq(Mux(total[-1], shifted, total))
        return leaky

    def _round(self, m: Module, name: str, active: Value) -> Value:
        if self._shift <= 0:
            return active.shift_left(-self._shift)
        if self.adds:
            low, high = (end + self._half for end in self._leaked)
            biased = Signal(shape_of(low, high), name=f"{name}_half")
            m.d.comb += biased.eq(active + self._half)
            active = biased
        active = Cat(active, Const(0, 1)) if not active.shape().signed else active
        rounded = Signal(shape_of(*self._rounded), name=f"{name}_rounded")
        floor = active.as_signed().shift_right(self._shift)
        if self.layer.output is not None and self.layer.output.rounding == "half_even":
            # Half is in the accumulator already: a tie now shows as zeros below the kept bits.
            dropped = active[: self._shift]
            floor = Cat(floor[0] & dropped.any(), floor[1:])
        m.d.comb += rounded.eq(floor)
        return rounded

    def _lookup(self, m: Module, name: str, rounded: Value) -> Value:
        """The sigmoid or tanh: clip to where its table changes, then a ROM of the low bits."""
        table = self.layer.table
        low, high = clamp(self._rounded, (table.first, table.last))
        shape = shape_of(low, high)
        index = clip(m, f"{name}_index", rounded, self._rounded, (low, high))
        codes = range(1 << shape.width)
        values = (
            c - (1 << shape.width) if shape.signed and c >> (shape.width - 1) else c for c in codes
        )
        entries = [table.entry(min(max(value, low), high)) for value in values]
        return lookup(m, f"{name}_table", index, entries, shape_of(*self.interval))


def check_tables(network: Network) -> None:
    """Refuse a network with a sigmoid or tanh table that is too large for hardware.

    Raises
    ------
    HwgenError
        Naming the layer and the size.
    """
    for index, layer in enumerate(network.layers):
        if layer.activation not in ("sigmoid", "tanh"):
            continue
        entries = 1 << shape_of(layer.table.first, layer.table.last).width
        if entries > MAX_TABLE:
            raise HwgenError(
                f"layers[{index}].output.fraction_bits",
                f"a {layer.activation} table of {entries:,} entries",
                f"at most {MAX_TABLE:,} go into hardware",
            )


def requantizers(network: Network, index: int, ranges: list[Interval]) -> list[Requantizer]:
    """One :class:`Requantizer` for each neuron of a layer whose inputs lie in ``ranges``."""
    layer = network.layers[index]
    intervals = layer.accumulator_intervals(ranges)
    bits = layer.accumulator_bits
    if layer.accumulator_overflow == "wrap" and bits is not None:
        full = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        intervals = [i if signed_width(*i) <= bits else full for i in intervals]
    fractions = layer.accumulator_fraction(network.input_format(index).fraction_bits)
    return [
        Requantizer(layer=layer, fraction=fraction, accumulator=interval)
        for fraction, interval in zip(fractions, intervals, strict=True)
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


def lookup(m: Module, name: str, index: Value, entries: list[int], shape: Shape) -> Value:
    """A ROM read combinationally: ``entries[index]``, each in ``shape``."""
    init = [entry & ((1 << shape.width) - 1) for entry in entries]
    rom = memory.Memory(shape=unsigned(shape.width), depth=len(entries), init=init)
    m.submodules[name] = rom
    port = rom.read_port(domain="comb")
    m.d.comb += port.addr.eq(index)
    return port.data.as_signed() if shape.signed else port.data
