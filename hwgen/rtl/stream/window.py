"""The rows of a map that a window still sees, and the window over them."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.words import packed_width, unpack
from hwgen.rtl.requantize import shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.maps import Window


class LineBuffer(wiring.Component):
    """A line of positions that a window sees at fixed places, with padding around the map.

    The position that comes is the window's bottom right corner; those before it stand in a shift
    register, all channels of a position side by side: ``kernel rows - 1`` rows of the map, and
    ``kernel columns - 1`` positions more.

    Parameters
    ----------
    ranges
        Interval of each channel.
    window
        The window.
    columns
        Positions in a row of the map.
    fill
        What stands in the padding, for each channel.
    above, beside
        Rows and columns of the window that are in the padding at times.

    Members
    -------
    x : In
        A position, channel 0 in the low bits, each in the shape of its interval.
    shift : In(1)
        Take it in.
    above<k>, beside<k> : In(1)
        Row, or column, k of the window is in the padding.
    y : Out
        What the window sees: channel by channel, row by row, each in the shape of its interval in
        :attr:`ranges`.
    """

    def __init__(
        self,
        ranges: list[Interval],
        window: Window,
        columns: int,
        fill: list[int],
        above: list[int],
        beside: list[int],
    ):
        self._inputs, self._window, self._columns = ranges, window, columns
        self._fill, self._above, self._beside = fill, above, beside
        high, wide = window.kernel
        self._places = [(row, column) for row in range(high) for column in range(wide)]
        self.ranges = [
            (min(low, value), max(top, value)) if self._padded(*place) else (low, top)
            for (low, top), value in zip(ranges, fill, strict=True)
            for place in self._places
        ]
        masks = [f"above{k}" for k in above] + [f"beside{k}" for k in beside]
        members = {"x": In(packed_width(ranges)), "y": Out(packed_width(self.ranges))}
        super().__init__({**members, "shift": In(1), **{mask: In(1) for mask in masks}})

    @property
    def depth(self) -> int:
        """Positions that are stored."""
        high, wide = self._window.kernel
        return (high - 1) * self._columns + wide - 1

    @property
    def bits(self) -> int:
        """Bits that are stored."""
        return self.depth * packed_width(self._inputs)

    def elaborate(self, platform: object) -> Module:
        """The line, and what covers the padding."""
        m = Module()
        line: list[Value] = [self.x]
        for place in range(self.depth):
            register = Signal(len(self.x), name=f"line{place}", reset_less=True)
            with m.If(self.shift):
                m.d.sync += register.eq(line[-1])
            line.append(register)
        high, wide = self._window.kernel
        seen = {
            (row, column): unpack(
                line[(high - 1 - row) * self._columns + wide - 1 - column], self._inputs
            )
            for row, column in self._places
        }
        parts: list[Value] = []
        for channel in range(len(self._inputs)):
            for row, column in self._places:
                shape = shape_of(*self.ranges[len(parts)])
                value = Signal(shape, name=f"x{channel}_{row}_{column}")
                own = seen[row, column][channel]
                hidden = self._hidden(row, column)
                if hidden is not None:
                    own = Mux(hidden, Const(self._fill[channel], shape), own)
                m.d.comb += value.eq(own)
                parts.append(value)
        m.d.comb += self.y.eq(Cat(parts))
        return m

    def _padded(self, row: int, column: int) -> bool:
        return row in self._above or column in self._beside

    def _hidden(self, row: int, column: int) -> Value | None:
        """Whether a place of the window is in the padding; None: never."""
        masks = [getattr(self, f"above{row}")] if row in self._above else []
        masks += [getattr(self, f"beside{column}")] if column in self._beside else []
        return Cat(masks).any() if masks else None
