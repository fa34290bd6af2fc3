"""The argmax of the parallel architecture, with registers between rounds."""

from dataclasses import replace

from amaranth.hdl import Module

from hwgen.rtl.adders.staged import Staged
from hwgen.rtl.adders.words import Stages, unpack
from hwgen.rtl.argmax import Candidate, tournament
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import index_width


class ParallelArgmax(Staged):
    """Index of the largest value; ties go to the lowest index.

    A round of comparison is a level of logic.

    Members
    -------
    x, enable : In
        As of :class:`hwgen.rtl.adders.staged.Staged`.
    y : Out
        The index.
    """

    def __init__(self, ranges: list[Interval], pipeline: int):
        super().__init__(ranges, index_width(len(ranges)), pipeline)

    def _build(self, m: Module, stages: Stages) -> int:
        """The tournament, with registers every ``pipeline`` rounds."""
        rounds = (len(self._inputs) - 1).bit_length()
        last = max(1, -(-rounds // self._pipeline)) if self._pipeline else 0

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

        index = tournament(m, unpack(self.x, self._inputs), between)
        if self._pipeline:
            index = stages.delay(index, last - 1, last)
        m.d.comb += self.y.eq(index)
        return last
