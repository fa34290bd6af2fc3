"""MACs that share their input, each with an accumulator of its own."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class LaneMacs(wiring.Component):
    """P multipliers with an accumulator each, which hand their results on one after the other.

    Parameters
    ----------
    x_shape, weight_shape
        Of the factors.
    widths
        Of the accumulators, none wider than the one before.

    Members
    -------
    x<p>, weight<p> : In
        The factors.
    fresh : In(1)
        Add to ``bias<p>`` instead.
    bias<p> : In
    add : In(1)
        Add.
    shift : In(1)
        Each accumulator goes to the one before.
    o : Out
        The first accumulator.
    """

    def __init__(self, x_shape: Shape, weight_shape: Shape, widths: Sequence[int]):
        self.widths = widths
        members = {"fresh": In(1), "add": In(1), "shift": In(1), "o": Out(signed(widths[0]))}
        for lane, width in enumerate(widths):
            members |= {
                f"x{lane}": In(x_shape),
                f"weight{lane}": In(weight_shape),
                f"bias{lane}": In(signed(width)),
            }
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Products and accumulators."""
        m = Module()
        accumulators = [
            Signal(signed(width), name=f"accumulator{lane}", reset_less=True)
            for lane, width in enumerate(self.widths)
        ]
        for lane, own in enumerate(accumulators):
            product = getattr(self, f"x{lane}") * getattr(self, f"weight{lane}")
            total = Signal(own.shape(), name=f"sum{lane}")
            m.d.comb += total.eq(Mux(self.fresh, getattr(self, f"bias{lane}"), own) + product)
            following: Value = total
            moves: Value = self.add
            if lane + 1 < len(accumulators):
                following = Mux(self.add, total, accumulators[lane + 1])
                moves = self.add | self.shift
            with m.If(moves):
                m.d.sync += own.eq(following)
        m.d.comb += self.o.eq(accumulators[0])
        return m
