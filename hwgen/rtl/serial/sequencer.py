"""The counters of a serial design."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hwgen.rtl.serial.schedule import Schedule
from hwgen.spec.formats import index_width


class Sequencer:
    """Counters of a serial design, and what they say.

    Attributes
    ----------
    phase, turn, word
        Where we are.
    full
        The accumulator holds a result.
    advance
        Input: the word is done at this clock.
    blocked
        Input: the result in the accumulator cannot go.
    last_word, first_turn, last_turn
        Of the phase and of the turn.
    computing
        The phase is that of a computing layer.
    """

    def __init__(self, m: Module, schedule: Schedule):
        self._schedule = schedule
        self._phases = phases = schedule.phases
        self.phase = Signal(index_width(len(phases)))
        self.turn = Signal(index_width(max(phase.turns for phase in phases)))
        self.word = Signal(index_width(max(phase.words for phase in phases)))
        self.full = Signal()
        self.advance = Signal()
        self.blocked = Signal()
        self.first_turn = Signal()
        self.last_turn = Signal()
        self.first_word = Signal()
        self.last_word = Signal()
        m.d.comb += [
            self.first_turn.eq(self.turn == 0),
            self.first_word.eq(self.word == 0),
            self.last_turn.eq(self._at_end(self.turn, [phase.turns for phase in phases])),
            self.last_word.eq(self._at_end(self.word, [phase.words for phase in phases])),
        ]

    @property
    def taking(self) -> Value:
        """The phase takes the input."""
        return self.phase == 0

    @property
    def settling(self) -> Value:
        """The last input of the layer is on its way."""
        return self.full & self.first_turn & self._within(self._schedule.settling)

    def result_of(self, layer: int) -> Value:
        """The accumulator holds a result of computing ``layer``."""
        if len(self._schedule.outputs) - self._schedule.first_computing == 1:
            return self.full
        phase = self._schedule.phase_of(layer)
        following = (phase + 1) % len(self._phases)
        turns = self._phases[phase].turns
        before = (self.phase == following) & self.first_turn
        if turns == 1:
            return self.full & before
        return self.full & (before | ((self.phase == phase) & ~self.first_turn))

    def run(self, m: Module, abort: Value) -> None:
        """Count. With ``abort`` the phase begins afresh."""
        with m.If(self.advance):
            m.d.sync += self.word.eq(self.word + 1)
            with m.If(self.last_word):
                m.d.sync += [self.word.eq(0), self.turn.eq(self.turn + 1)]
                with m.If(self.last_turn | abort):
                    m.d.sync += self.turn.eq(0)
                with m.If(self.last_turn & ~abort):
                    m.d.sync += self.phase.eq(self._next_phase())
        if self._schedule.first_computing < len(self._schedule.outputs):
            with m.If(~self.blocked):
                m.d.sync += self.full.eq(self.advance & self.last_word & ~self.taking)

    def _next_phase(self) -> Value:
        if len(self._phases) == 1 << len(self.phase):
            return self.phase + 1
        following = (self.phase + 1)[: len(self.phase)]
        return Mux(self.phase == len(self._phases) - 1, 0, following)

    def _at_end(self, counter: Value, limits: list[int]) -> Value:
        return at_end(self.phase, counter, limits)

    def _within(self, phases: list[int]) -> Value:
        return within(self.phase, phases)


def at_end(phase: Value, counter: Value, limits: list[int]) -> Value:
    """Whether ``counter`` is one less than the limit of the current phase."""
    if len(set(limits)) == 1:
        return _reached(counter, limits[0])
    result: Value = Const(0, 1)
    for limit in sorted(set(limits)):
        phases = [index for index, own in enumerate(limits) if own == limit]
        result = result | (_reached(counter, limit) & within(phase, phases))
    return result


def within(phase: Value, phases: list[int]) -> Value:
    """The phase is one of ``phases``."""
    result: Value = Const(0, 1)
    for one in phases:
        result = result | (phase == one)
    return result


def _reached(counter: Value, limit: int) -> Value:
    """Whether a counter from 0 is at ``limit - 1``, the first number with all of its ones."""
    ones = Cat(counter[i] for i in range(len(counter)) if (limit - 1) >> i & 1)
    return ones.all() if limit > 1 else Const(1, 1)


def select(phase: Value, values: list[tuple[int, Value]]) -> Value:
    """The value of the current phase; of other phases any."""
    *others, (_, result) = values
    for own, value in reversed(others):
        result = Mux(phase == own, value, result)
    return result
