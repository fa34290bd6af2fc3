"""Index of the largest of values that come one by one."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class SerialArgmax(wiring.Component):
    """Keeps the tag of the largest value so far; among equals, of the first.

    Members
    -------
    take : In(1)
        Look at ``value``.
    first : In(1)
        It is the first of a vector.
    wins : In(1)
        It goes before its equals.
    value, tag : In
    o : Out
        The tag kept.
    """

    def __init__(self, shape: Shape, tag_width: int):
        super().__init__(
            {
                "take": In(1),
                "first": In(1),
                "wins": In(1),
                "value": In(shape),
                "tag": In(tag_width),
                "o": Out(tag_width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A comparison and two registers."""
        m = Module()
        best = Signal(self.value.shape(), reset_less=True)
        tag = Signal(len(self.tag), reset_less=True)
        larger = (best - self.value - self.wins)[-1]
        with m.If(self.take & (self.first | larger)):
            m.d.sync += [best.eq(self.value), tag.eq(self.tag)]
        m.d.comb += self.o.eq(tag)
        return m
