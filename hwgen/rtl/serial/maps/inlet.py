"""How the input enters a serial design over maps."""

from amaranth.hdl import Const, Module, Mux, Signal, Value

from hwgen.rtl.serial.maps.schedule import MapSchedule
from hwgen.rtl.serial.maps.sequencer import Sequencer
from hwgen.rtl.serial.sequencer import within
from hwgen.spec.formats import index_width


class Inlet:
    """Beats of the input, which the first stage takes before each of its results, or all at once.

    Parameters
    ----------
    valid, last
        A beat is there; it is said to be the last.

    Attributes
    ----------
    taking
        A beat is taken if it is there.
    keeps
        One is there, and is kept, at ``place``.
    restart
        The frame has no more or fewer beats than are due.
    """

    def __init__(
        self, m: Module, schedule: MapSchedule, state: Sequencer, valid: Value, last: Value
    ):
        self._m, self._schedule, self._state = m, schedule, state
        beats = schedule.stages[0].size
        self.taking, self.restart, taken = (
            Signal(name=name) for name in ("taking", "restart", "taken")
        )
        count = Signal(index_width(beats), name="beats")
        ends = count == beats - 1
        ended = Signal(name="ended")
        first = within(state.phase, [0])
        m.d.comb += [taken.eq(self.taking & valid), self.restart.eq(taken & (ends ^ last))]
        with m.If(taken):
            m.d.sync += [
                count.eq(Mux(ends | last, 0, count + 1)),
                ended.eq(ends & last),
            ]
        with m.If(state.advance & state.ends.stage & first):
            m.d.sync += ended.eq(0)
        waits = first & ~ended
        if not schedule.flows:
            m.d.comb += self.taking.eq(waits)
            self.place: Value = count
            self.keeps: Value = taken
            return
        left = self._left(taken)
        m.d.comb += self.taking.eq(waits & ((left != 0) | state.last_result))
        self.keeps = taken & (left != 0)
        self.place = self._place()

    def _left(self, taken: Value) -> Signal:
        """Beats that are due before the next result."""
        m, state, schedule = self._m, self._state, self._schedule
        steps = (schedule.beats_to_first, schedule.beats_to_column, schedule.beats_to_row)
        left = Signal(index_width(max(steps) + 1), name="left", init=steps[0])
        with m.If(taken & (left != 0)):
            m.d.sync += left.eq(left - 1)
        with m.If(state.advance & within(state.phase, [0]) & state.ends.column):
            due = Mux(state.ends.row, steps[2], steps[1])
            m.d.sync += left.eq(Mux(state.ends.stage, steps[0], due))
        with m.If(self.restart):
            m.d.sync += left.eq(steps[0])
        return left

    def _place(self) -> Value:
        """Where the next beat is kept."""
        m, kept = self._m, self._schedule.kept
        if kept == 1:
            return Const(0, 1)
        place = Signal(index_width(kept), name="entry")
        with m.If(self.keeps):
            m.d.sync += place.eq(Mux(place == kept - 1, 0, place + 1))
        with m.If(self._state.advance & self._state.ends.stage | self.restart):
            m.d.sync += place.eq(0)
        return place
