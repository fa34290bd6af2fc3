"""What every architecture builds: a top module that states its cycles."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.lib import wiring


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
