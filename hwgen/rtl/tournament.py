"""The argmax of the parallel architecture, with registers between rounds."""

from dataclasses import replace

from amaranth.hdl import Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.words import Stages, packed_width, unpack
from hwgen.rtl.argmax import Candidate, tournament
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import index_width


class ParallelArgmax(wiring.Component):
    """Index of the largest value; ties go to the lowest index.

    Latency ``self.stages`` cycles: one for each ``pipeline`` rounds of comparison, 0 with 0.

    Members
    -------
    x : In
        The values, each in the shape of its interval.
    y : Out
        The index.
    enable : In(1)
        Clock enable, with ``pipeline`` alone.
    """

    def __init__(self, ranges: list[Interval], pipeline: int):
        self._ranges = ranges
        self._pipeline = pipeline
        rounds = (len(ranges) - 1).bit_length()
        self.stages = max(1, -(-rounds // pipeline)) if pipeline else 0
        members = {"x": In(packed_width(ranges)), "y": Out(index_width(len(ranges)))}
        super().__init__({**members, "enable": In(1)} if pipeline else members)

    def elaborate(self, platform: object) -> Module:
        """The tournament, with registers every ``pipeline`` rounds."""
        m = Module()
        stages = Stages(m, self.enable if self._pipeline else Const(1))

        def between(rounds: int, field: list[Candidate]) -> list[Candidate]:
            if not self._pipeline or rounds % self._pipeline or len(field) == 1:
                return field
            stage = rounds // self._pipeline
            return [
                replace(
                    candidate,
                    value=stages.delay(candidate.value, stage - 1, stage),
                    index=stages.delay(candidate.index, stage - 1, stage),
                )
                for candidate in field
            ]

        index = tournament(m, unpack(self.x, self._ranges), between)
        if self._pipeline:
            index = stages.delay(index, self.stages - 1, self.stages)
        m.d.comb += self.y.eq(index)
        return m
