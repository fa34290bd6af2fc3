"""What every architecture builds: a top module that states its cycles."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from hwgen.rtl.interface import Layout


class Top(wiring.Component):
    """The top module of a design; each architecture has its own.

    Attributes
    ----------
    latency
        Clock edges from the one that takes the last beat of an input to the one that takes the
        first beat of its result, when the sink is always ready.
    interval
        Clock edges between the last beats of two inputs, when neither side ever stalls.
    accept
        Clock edges that a beat, offered to a design at rest, is there until it is taken, with the
        edge that takes it.
    parts
        What its submodules do, a line to each, by their names; layers have lines of their own.
    """

    latency: int
    interval: int
    accept: int = 1
    parts: ClassVar[Mapping[str, str]] = {}

    def waits(self, source: int) -> int:
        """:attr:`accept` of the last beat of an input, ``source`` clocks behind the one before."""
        return self.accept

    def paced(self, source: int, sink: int) -> int:
        """The interval, in the long run, where a slower neighbour stands on each side.

        Parameters
        ----------
        source
            Clocks that beats of the input are apart, at the least.
        sink
            Clocks that beats of the result are apart, at the least.

        This is that of a design with a beat to a vector and a beat to a result that takes the next
        input while a result waits.
        """
        return max(self.interval, source, sink)


def stream_ports(source: Layout, sink: Layout) -> dict[str, Member]:
    """Both streams of a design as members; ``tlast`` where a vector takes several beats."""
    members = {
        "s_axis_tdata": In(source.width),
        "s_axis_tvalid": In(1),
        "s_axis_tready": Out(1),
        "m_axis_tdata": Out(sink.width),
        "m_axis_tvalid": Out(1),
        "m_axis_tready": In(1),
    }
    members |= {"s_axis_tlast": In(1)} if source.beats > 1 else {}
    return members | ({"m_axis_tlast": Out(1)} if sink.beats > 1 else {})
