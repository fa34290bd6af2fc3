"""The counters of a serial design over maps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from amaranth.hdl import Const, Module, Mux, Signal, Value

from hwgen.rtl.decode import decoded
from hwgen.rtl.serial.maps.schedule import MapSchedule
from hwgen.rtl.serial.maps.walk import Walk
from hwgen.rtl.serial.sequencer import at_end, select, within
from hwgen.spec.formats import index_width

Constant = Callable[[int, int], Const]
"""A step of a stage, as a number of the register's width."""

LOOPS = ("row", "column", "turn", "window", "word")


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Which loops end with this clock, if it passes.

    Parameters
    ----------
    adds
        The last word of a window is added; its results follow.
    window, turn, column, row, stage
        A window with its results is done; so are all of a pool's; all turns; a row; everything.
    """

    adds: Value
    window: Value
    turn: Value
    column: Value
    row: Value
    stage: Value


class Sequencer:
    """Counters of a design, and what they say.

    Attributes
    ----------
    phase, row, column, turn, window, word
        Where we are: the stage, and its loops. While results are handed on, ``word`` is the lane.
    hands
        Results are handed on.
    advance
        Input: a clock passes.
    restart
        Input: all begins afresh.
    ends
        Of the loops.
    last_window, last_result
        It is the last window of a pool; the last result.
    """

    def __init__(self, m: Module, schedule: MapSchedule):
        self._m = m
        self._stages = stages = schedule.stages
        limits = {
            "row": [stage.positions[0] for stage in stages],
            "column": [stage.positions[1] for stage in stages],
            "turn": [stage.turns for stage in stages],
            "window": [stage.pool.size for stage in stages],
            "word": [stage.words for stage in stages],
        }
        self.phase = _counter("phase", len(stages))
        self.row, self.column, self.turn, self.window = (
            _counter(name, max(limits[name])) for name in LOOPS[:-1]
        )
        lanes = [stage.lanes for stage in stages]
        self.word = _counter("word", max(limits["word"] + lanes))
        self.hands, self.advance, self.restart = (
            Signal(name=name) for name in ("hands", "advance", "restart")
        )
        last = {name: at_end(self.phase, getattr(self, name), limits[name]) for name in LOOPS}
        handed = at_end(self.phase, self.word, lanes) | self._short()
        self.last_window = last["window"]
        self.last_result = Signal(name="last_result")
        m.d.comb += self.last_result.eq(last["row"] & last["column"])
        chain: list[Value] = [self.hands & handed]
        for name in ("window", "turn", "column", "row"):
            end = Signal(name=f"{name}s_end")
            m.d.comb += end.eq(chain[-1] & last[name])
            chain.append(end)
        self.ends = Ends(
            adds=~self.hands & last["word"],
            window=chain[0],
            turn=chain[1],
            column=chain[2],
            row=chain[3],
            stage=chain[4],
        )

    def run(self) -> None:
        """Count."""
        m, ends = self._m, self.ends
        with m.If(self.advance):
            turns = ends.adds | ends.window
            if isinstance(self.word, Signal):
                m.d.sync += self.word.eq(Mux(turns, 0, self.word + 1))
            with m.If(turns):
                m.d.sync += self.hands.eq(~self.hands)
            carries = (ends.window, ends.turn, ends.column, ends.row, ends.stage)
            counters = (self.window, self.turn, self.column, self.row)
            for counter, carry, end in zip(counters, carries, carries[1:], strict=False):
                if isinstance(counter, Signal):
                    with m.If(carry):
                        m.d.sync += counter.eq(Mux(end, 0, counter + 1))
            if isinstance(self.phase, Signal):
                with m.If(ends.stage):
                    wraps = self.phase == len(self._stages) - 1
                    m.d.sync += self.phase.eq(Mux(wraps, 0, self.phase + 1))
        with m.If(self.restart):
            m.d.sync += [
                counter.eq(0) for counter in (self.row, self.column) if isinstance(counter, Signal)
            ]

    def moved(self, name: str, walks: Mapping[int, Walk], width: int, modulus: int = 0) -> Signal:
        """A register of ``width`` bits that changes as ``walks`` say, by stage; else anything.

        With ``modulus`` the numbers of stage 0 are counted modulo that.
        """
        m, ends = self._m, self.ends

        def constant(phase: int, step: int) -> Value:
            return Const(step % (modulus if modulus and phase == 0 else 1 << width), width)

        starts = {phase: constant(phase, walk.start) for phase, walk in walks.items()}
        total = Signal(width + 1, name=f"{name}_total")
        following: Value = total[:width]
        if modulus and modulus != 1 << width:
            wraps = within(self.phase, [0]) & (total >= modulus)
            following = Mux(wraps, (total - modulus)[:width], following)
        first = starts.get(0, Const(0, width))
        register = Signal(width, name=name, init=first.value)
        m.d.comb += total.eq(register + self._step(name, walks, constant))
        count = len(self._stages)
        entering = [((phase - 1) % count, value) for phase, value in starts.items()]
        with m.If(self.advance):
            m.d.sync += register.eq(Mux(ends.stage, select(self.phase, entering), following))
        if 0 in walks:
            with m.If(self.restart):
                m.d.sync += register.eq(first)
        return register

    def _step(self, name: str, walks: Mapping[int, Walk], constant: Constant) -> Value:
        """By how much a number of ``walks`` changes with this clock."""
        ends = self.ends
        conditions = {
            "word": ~self.hands & ~ends.adds,
            "window": ends.window,
            "turn": ends.turn,
            "column": ends.column,
            "row": ends.row,
        }
        step: Value = Const(0)
        for loop, condition in conditions.items():
            own = [
                (phase, self._listed(f"{name}_{loop}{phase}", loop, phase, steps, constant))
                for phase, walk in walks.items()
                if (steps := getattr(walk, loop))
            ]
            if own:
                step = Mux(condition, select(self.phase, own), step)
        return step

    def _listed(
        self, name: str, loop: str, phase: int, steps: Sequence[int], constant: Constant
    ) -> Value:
        """``steps`` by the counter of ``loop``."""
        different = sorted(set(steps), key=lambda step: (-steps.count(step), step))
        result = constant(phase, different[0])
        for number, step in enumerate(different[1:]):
            cares = {place: one == step for place, one in enumerate(steps)}
            chosen = decoded(self._m, f"{name}_{number}", getattr(self, loop), cares)
            result = Mux(chosen, constant(phase, step), result)
        return result

    def _short(self) -> Value:
        """The last lane of a turn with fewer neurons than others hands on its result."""
        found: Value = Const(0, 1)
        for phase, stage in enumerate(self._stages):
            counts = [len(stage.neurons(turn)) for turn in range(stage.turns)]
            if min(counts) == stage.lanes:
                continue
            cares = {turn: count < stage.lanes for turn, count in enumerate(counts)}
            turn = decoded(self._m, f"short{phase}", self.turn, cares)
            at = self.word == min(counts) - 1
            found = found | (within(self.phase, [phase]) & turn & at)
        return found


def _counter(name: str, limit: int) -> Value:
    """A counter of so many values; the number 0 where there is one alone."""
    return Signal(index_width(limit), name=name) if limit > 1 else Const(0, 1)
