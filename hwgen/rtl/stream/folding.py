"""Pooling whose windows share no position: what is known of a window, not what it has seen."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.words import packed_width, unpack
from hwgen.rtl.requantize import Requantizer, shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.maps import Window


class Folding(wiring.Component):
    """Maxima, or rescaled sums, of windows side by side, as positions come.

    A window's row is folded into one register, the rows of all windows side by side into a line of
    one position for each of them; a lone window needs the one register alone.

    Parameters
    ----------
    ranges
        Interval of each channel.
    window, windows
        The window, and how many stand side by side.
    requantizers
        Of the sum of each channel; None: the maximum is meant.
    lefts
        Left shift of each channel's sum.

    Members
    -------
    x : In
        A position, channel 0 in the low bits, each in the shape of its interval.
    fold : In(1)
        It is in a window.
    first : In(1)
        It is the first in its row of the window; of a lone window, the first of all.
    top, edge : In(1)
        It is in the first row of the window; it is the last in its row. Where there is a line.
    y : Out
        The window's result, with its last position, each in the shape of its interval in
        :attr:`ranges`.
    """

    def __init__(
        self,
        ranges: list[Interval],
        window: Window,
        windows: int,
        requantizers: list[Requantizer] | None,
        lefts: list[int],
    ):
        self._inputs, self._window, self._windows = ranges, window, windows
        self._lefts = lefts
        self._requantizers = requantizers
        self.ranges = ranges if requantizers is None else [one.interval for one in requantizers]
        members = {"x": In(packed_width(ranges)), "y": Out(packed_width(self.ranges))}
        members |= {name: In(1) for name in self.controls}
        super().__init__(members)

    @property
    def lined(self) -> bool:
        """Whether there is a line."""
        return self._windows > 1 and self._window.kernel[0] > 1

    @property
    def controls(self) -> list[str]:
        """Names of the control inputs."""
        return ["fold", "first", *(["top", "edge"] if self.lined else [])]

    @property
    def bits(self) -> int:
        """Bits that are stored."""
        high, wide = self._window.kernel
        if not self.lined:
            return self._width(high * wide)
        row = self._width(wide) if wide > 1 else 0
        return row + self._windows * self._width((high - 1) * wide)

    def _width(self, positions: int) -> int:
        """Bits of what so many positions come to, of all channels."""
        return sum(int(self._shape(own, positions).width) for own in self._inputs)

    def _shape(self, own: Interval, positions: int) -> Shape:
        """Of what so many positions of a channel come to."""
        if self._requantizers is None:
            return shape_of(*own)
        return shape_of(min(own[0], positions * own[0]), max(own[1], positions * own[1]))

    def elaborate(self, platform: object) -> Module:
        """A register, and a line, for each channel."""
        m = Module()
        results = [
            self._channel(m, channel, value)
            for channel, value in enumerate(unpack(self.x, self._inputs))
        ]
        m.d.comb += self.y.eq(Cat(results))
        return m

    def _channel(self, m: Module, channel: int, value: Value) -> Value:
        own, (high, wide) = self._inputs[channel], self._window.kernel
        if not self.lined:
            shape = self._shape(own, high * wide)
            total = self._folded(m, f"total{channel}", shape, value, self.first, self.fold)
        else:
            row = value
            if wide > 1:
                shape = self._shape(own, wide)
                row = self._folded(m, f"row{channel}", shape, value, self.first, self.fold)
            total = self._rows(m, channel, row, self._shape(own, (high - 1) * wide))
        if self._requantizers is None:
            return total
        requantizer = self._requantizers[channel]
        total = total.shift_left(self._lefts[channel])
        return requantizer.build(m, f"y{channel}", total + requantizer.offset)

    def _folded(
        self, m: Module, name: str, shape: Shape, value: Value, first: Value, fold: Value
    ) -> Value:
        """``value`` and what was folded before, which is kept."""
        kept = Signal(shape, name=f"{name}_kept", reset_less=True)
        result = Signal(shape, name=name)
        m.d.comb += result.eq(Mux(first, value, self._both(kept, value)))
        with m.If(fold):
            m.d.sync += kept.eq(result)
        return result

    def _rows(self, m: Module, channel: int, row: Value, shape: Shape) -> Value:
        """What the window's row ``row`` and those above it come to."""
        line = [
            Signal(shape, name=f"line{channel}_{place}", reset_less=True)
            for place in range(self._windows)
        ]
        both = self._both(line[-1], row)
        total = Signal(both.shape(), name=f"total{channel}")
        m.d.comb += total.eq(Mux(self.top, row, both))
        with m.If(self.edge):
            for place, register in enumerate(line):
                m.d.sync += register.eq(line[place - 1] if place else total)
        return total

    def _both(self, a: Value, b: Value) -> Value:
        if self._requantizers is not None:
            return a + b
        return Mux(b > a, b, a)
