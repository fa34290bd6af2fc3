"""Shift memories: they need neither address nor read port."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.serial.schedule import lanes
from hwgen.spec.formats import index_width


class ShiftMemory(wiring.Component):
    """Words in a row: with ``shift`` each moves on by one and ``i`` becomes the first.

    Members
    -------
    shift : In(1)
    i : In
    o<depth> : Out
        The word that came in ``depth`` shifts ago, for each depth in ``depths``.
    """

    def __init__(self, width: int, depths: set[int]):
        self._depths = sorted(depths)
        super().__init__(
            {"shift": In(1), "i": In(width), **{f"o{depth}": Out(width) for depth in self._depths}}
        )

    def elaborate(self, platform: object) -> Module:
        """One long register."""
        m = Module()
        width = len(self.i)
        words = Signal(width * self._depths[-1], reset_less=True)
        with m.If(self.shift):
            m.d.sync += words.eq(Cat(self.i, words))
        for depth in self._depths:
            m.d.comb += getattr(self, f"o{depth}").eq(words[(depth - 1) * width : depth * width])
        return m


class LaneMemory(wiring.Component):
    """Words in a row, written one by one, that rotate in P lanes at once.

    A reader of K words takes P of them at a time: lane p gives its :func:`lanes` range, in order,
    and begins again after ``ceil(K / P)`` rotations. In the last of them the shorter lanes rest.

    Parameters
    ----------
    width
        Of a word.
    depths
        K of each reader.
    macs
        Lanes, P.

    Members
    -------
    write : In(1)
        Each word moves on by one and ``i`` becomes the first.
    i : In
    rotate : In(1)
        Rotate for ``reader``.
    last : In(1)
        It is the last rotation of a round.
    reader : In
        Index of a reader.
    o<reader>_<lane> : Out
        What a reader finds in a lane.
    """

    def __init__(self, width: int, depths: list[int], macs: int):
        self._depths = depths
        self._lanes = [[lane for lane in lanes(depth, macs) if lane] for depth in depths]
        outputs = {
            f"o{reader}_{lane}": Out(width)
            for reader, ranges in enumerate(self._lanes)
            for lane in range(len(ranges))
        }
        super().__init__(
            {
                "write": In(1),
                "i": In(width),
                "rotate": In(1),
                "last": In(1),
                "reader": In(index_width(len(depths))),
                **outputs,
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A register for each run of words that moves as one."""
        m = Module()
        width = len(self.i)
        deepest = max(self._depths)
        cuts = sorted(
            {0, deepest}
            | {place.start for reader in range(len(self._depths)) for place in self._places(reader)}
        )
        runs = [range(*ends) for ends in pairwise(cuts)]
        registers = [
            Signal(width * len(run), name=f"words{run.start}", reset_less=True) for run in runs
        ]
        words = Cat(registers)
        for run, register in zip(runs, registers, strict=True):
            before = words[(run.start - 1) * width : run.start * width] if run.start else self.i
            with m.If(self.write | (self.rotate & ~self._rests(run.start))):
                m.d.sync += register.eq(Cat(self._first(words, run.start, before), register))
        for reader in range(len(self._depths)):
            for lane, place in enumerate(self._places(reader)):
                head = words[(place.stop - 1) * width : place.stop * width]
                m.d.comb += getattr(self, f"o{reader}_{lane}").eq(head)
        return m

    def _places(self, reader: int) -> list[range]:
        """Where the words of each lane stand; the word that came last is at 0."""
        depth = self._depths[reader]
        return [range(depth - lane.stop, depth - lane.start) for lane in self._lanes[reader]]

    def _first(self, words: Value, position: int, before: Value) -> Value:
        """What follows into ``position``: the word before, or the head of a lane."""
        result = before
        for reader in range(len(self._depths)):
            for place in self._places(reader):
                if place.start == position:
                    head = words[(place.stop - 1) * len(self.i) : place.stop * len(self.i)]
                    result = Mux(~self.write & self._reads(reader), head, result)
        return result

    def _rests(self, position: int) -> Value:
        """Whether ``position`` rests in this rotation."""
        rests: Value = Const(0, 1)
        for reader in range(len(self._depths)):
            places = self._places(reader)
            for place in places:
                if position in place and len(place) < len(places[0]):
                    rests = rests | (self.last & self._reads(reader))
        return rests

    def _reads(self, reader: int) -> Value:
        return Const(1, 1) if len(self._depths) == 1 else self.reader == reader
