"""Maxima of windows."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.words import packed_width, unpack
from hwgen.rtl.requantize import shape_of
from hwgen.spec.arithmetic import Interval


class Maxima(wiring.Component):
    """The largest value of each channel's window. Combinational.

    Parameters
    ----------
    ranges
        Interval of each value, channel by channel.
    size
        Values of a window.

    Members
    -------
    x : In
        The windows, each value in the shape of its interval.
    y : Out
        The largest of each, in the shape of its interval in :attr:`ranges`.
    """

    def __init__(self, ranges: list[Interval], size: int):
        self._inputs, self._size = ranges, size
        windows = [ranges[i : i + size] for i in range(0, len(ranges), size)]
        self.ranges = [
            (max(low for low, _ in window), max(high for _, high in window)) for window in windows
        ]
        super().__init__({"x": In(packed_width(ranges)), "y": Out(packed_width(self.ranges))})

    def elaborate(self, platform: object) -> Module:
        """Trees of comparisons."""
        m = Module()
        values, results = unpack(self.x, self._inputs), []
        for channel, interval in enumerate(self.ranges):
            result = Signal(shape_of(*interval), name=f"y{channel}")
            first = channel * self._size
            m.d.comb += result.eq(_maximum(m, f"y{channel}", values[first : first + self._size]))
            results.append(result)
        m.d.comb += self.y.eq(Cat(results))
        return m


def _maximum(m: Module, name: str, values: list[Value]) -> Value:
    """The largest of ``values``."""
    made = 0
    while len(values) > 1:
        survivors = []
        for first, second in zip(values[::2], values[1::2], strict=False):
            larger = Mux(second > first, second, first)
            winner = Signal(larger.shape(), name=f"{name}_{made}")
            m.d.comb += winner.eq(larger)
            survivors.append(winner)
            made += 1
        values = survivors + values[len(values) & ~1 :]
    return values[0]
