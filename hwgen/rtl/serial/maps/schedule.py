"""When a serial design over maps does what, in numbers; no hardware is made."""

import math
from dataclasses import dataclass
from functools import cached_property

from hwgen.rtl.serial.maps.stages import Stage, stages_of
from hwgen.rtl.simplify import simplify
from hwgen.spec.network import Network


@dataclass(frozen=True, kw_only=True)
class MapSchedule:
    """The stages, one after the other, the first of which takes the input.

    Parameters
    ----------
    stages
        In order.
    """

    stages: list[Stage]

    @classmethod
    def of(cls, network: Network, macs: int) -> "MapSchedule":
        """That of ``network``, simplified, on ``macs`` MACs."""
        return cls(stages=stages_of(simplify(network), macs))

    @cached_property
    def flows(self) -> bool:
        """The first stage computes while the input comes, of which rows are kept.

        Else the whole input is: where a result would leave before its input has ended, where that
        is no more than the rows, and where a result of a row sees more than the first of the next.
        """
        return (
            len(self.stages) > 1
            and self._rows < math.prod(self.stages[0].image)
            and self.beats_to_row >= 0
        )

    @property
    def _rows(self) -> int:
        """Positions from the first to the last that a result sees."""
        first = self.stages[0]
        return (first.span[0] - 1) * first.image[1] + first.span[1]

    @property
    def kept(self) -> int:
        """Values of the input that are kept."""
        first = self.stages[0]
        return self._rows * first.channels if self.flows else first.size

    # Beats of the input that the first stage takes before a result

    @property
    def beats_to_first(self) -> int:
        """Before the first one."""
        first = self.stages[0]
        return (first.corner(0, 0) + 1) * first.channels

    @property
    def beats_to_column(self) -> int:
        """Before the next one in a row."""
        first = self.stages[0]
        return first.step[1] * first.channels

    @property
    def beats_to_row(self) -> int:
        """Before the first one of a row."""
        first = self.stages[0]
        columns = first.positions[1]
        return (first.corner(1, 0) - first.corner(0, columns - 1)) * first.channels

    def beats(self) -> list[int]:
        """Before each result of the first stage, row by row; the last waits for all."""
        first = self.stages[0]
        rows, columns = first.positions
        if not self.flows:
            return [first.size] + [0] * (rows * columns - 1)
        found: list[int] = []
        for row in range(rows):
            for column in range(columns):
                due = min(first.corner(row, column) + 1, math.prod(first.image)) * first.channels
                found.append(due - sum(found))
        found[-1] += first.size - sum(found)
        return found

    # Clocks

    @property
    def interval(self) -> int:
        """Clocks from one inference to the next: one for each input, and those of all stages."""
        return self.stages[0].size + sum(stage.clocks for stage in self.stages)

    def latency(self, argmax: bool) -> int:
        """Clocks from the last beat of an input to the first beat of its result."""
        last, before = self.stages[-1], sum(stage.clocks for stage in self.stages[:-1])
        if self.flows:  # results up to the one that takes the last beat are before
            done = max(place for place, beats in enumerate(self.beats()) if beats)
            before -= done * self.stages[0].clocks_of_result
        return before + (last.clocks + 1 if argmax else last.first)

    def waits(self, source: int) -> int:
        """Clocks that the last beat is there until it is taken, ``source`` behind the one before.

        Results may be computed in between.
        """
        places = [place for place, beats in enumerate(self.beats()) if beats]
        if len(places) < 2 or self.beats()[places[-1]] > 1:
            return 1
        between = (places[-1] - places[-2]) * self.stages[0].clocks_of_result
        return max(1, between + 2 - source)

    def paced(self, argmax: bool, source: int, sink: int) -> int:
        """Clocks from one vector to the next in the long run.

        Beats of the input come at least ``source`` clocks apart, those of a result leave at least
        ``sink`` apart.
        """
        now = taken = given = 0
        ends: list[int] = []
        for _ in range(4):
            for beats in self.beats():
                for _ in range(beats):
                    now = taken = max(now + 1, taken + source)
                now += self.stages[0].clocks_of_result if len(self.stages) > 1 else 0
            now += sum(stage.clocks for stage in self.stages[1:-1])
            for place, clocks in enumerate(self._gives()):
                now += clocks
                if not argmax:
                    now = given = max(now, given + sink)
                elif place == 0:
                    now = max(now, given)
            if argmax:
                given = max(now + 1, given + sink)
            ends.append(taken)
        return ends[-1] - ends[-2]

    def _gives(self) -> list[int]:
        """Clocks from each result of the last stage to the next one."""
        last, found = self.stages[-1], []
        for _ in range(math.prod(last.positions)):
            for turn in range(last.turns):
                live = len(last.neurons(turn))
                found.append((last.pool.size - 1) * (last.words + live) + last.words + 1)
                found += [1] * (live - 1)
        return found
