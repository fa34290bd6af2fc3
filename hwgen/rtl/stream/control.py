"""The clocks of a frame: a counter, the handshakes, and what every layer does when."""

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.decode import decoded


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Clocks of a frame as a counter counts them: rows, and places in a row in the low bits.

    Parameters
    ----------
    rows, columns
        Of the input.
    """

    rows: int
    columns: int

    @property
    def frame(self) -> int:
        """Clocks of a frame."""
        return self.rows * self.columns

    @property
    def column_bits(self) -> int:
        """Bits of the place in a row; 0 where there is one place."""
        return (self.columns - 1).bit_length()

    @property
    def width(self) -> int:
        """Bits of the counter."""
        return max(1, self.column_bits + (self.rows - 1).bit_length())

    def code(self, clock: int) -> int:
        """The counter in a clock of the frame."""
        row, column = divmod(clock % self.frame, self.columns)
        return row << self.column_bits | column


class Control(wiring.Component):
    """Counts the clocks of frames, and keeps what is on its way.

    A clock passes when a position is taken: with its beat, or with the last of its beats. Where a
    result is complete later than the last beat of its input, clocks go on without beats if no other
    input follows, until nothing is on its way.

    With one beat to a result, a frame whose ``last`` is not on its last beat gives none, and the
    next frame is read afresh; with several, ``last`` is not looked at.

    Parameters
    ----------
    counted
        The clocks of a frame.
    tables
        Signals, each by its value in clocks of the frame; anything in the others.
    results
        Clock in which each beat of a result is complete, ascending, counted from the first beat of
        its frame.
    loads
        Clock in which the first of them is computed: an earlier one where a result waits for the
        end of its frame.
    parts
        Beats of a position; a clock of a frame is that of the last of them.

    Members
    -------
    valid, last : In(1), ready : Out(1)
        Of beats of the input.
    taken : In(1), given : Out(1), ends : Out(1)
        Of beats of the result: the sink is ready, there is one, it is the last one.
    moves : Out(1)
        A beat is taken, or its time passes without one.
    go : Out(1)
        A clock passes.
    load : Out(1)
        The beat of the result that is computed in this clock is to be kept.
    count : Out
        The counter.
    <name> : Out(1)
        For each of ``tables``.
    """

    def __init__(
        self,
        counted: Counted,
        tables: Mapping[str, Mapping[int, bool]],
        results: tuple[int, ...],
        loads: int,
        parts: int = 1,
    ):
        self._parts = parts
        self._counted, self._tables = counted, tables
        self._results, self._loads = results, loads
        self._ages = results[-1] // counted.frame
        outputs = ("ready", "given", "ends", "go", "moves", "load", *tables)
        super().__init__(
            {
                "valid": In(1),
                "last": In(1),
                "taken": In(1),
                "count": Out(counted.width),
                **{name: Out(1) for name in outputs},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Counter, frames that are on their way, and the tables."""
        m = Module()
        entering, real, over, stall = (
            Signal(name=name) for name in ("entering", "real", "over", "stall")
        )
        starts, ending = Signal(name="starts"), Signal(name="ending")
        first, whole, part = self._position(m)
        m.d.comb += [
            starts.eq((self.count == 0) & first),
            self.go.eq(self.moves & whole),
            ending.eq(self.count == self._counted.code(self._counted.frame - 1)),
        ]
        older = Signal(max(1, self._ages), name="older")
        emits, loads, finishes = self._events(m, [entering, *older[: self._ages]])
        m.d.comb += [
            stall.eq(loads & self.given & ~self.taken & whole),
            self.load.eq(self.go & loads),
        ]
        checked = len(self._results) == 1
        bad = self.valid & self.ready & (self.last ^ (ending & whole))
        m.d.comb += real.eq(entering & ~bad if checked else entering)
        if self._ages:
            self._frames(m, (starts, ending, stall), (entering, real, over), older, finishes)
            left: Value = older.any()
        else:
            m.d.comb += [
                entering.eq(self.valid),
                self.ready.eq(~stall),
                self.moves.eq(self.valid & ~stall),
                over.eq(~real),
            ]
            left = Const(0, 1)
        with m.If(self.go):
            m.d.sync += self.count.eq(Mux(ending | over, 0, self._following()))
        if part is not None:
            with m.If(self.moves):
                m.d.sync += part.eq(Mux(whole, 0, part + 1))
            if checked:
                with m.If(bad & ~whole & ~left):
                    m.d.sync += [part.eq(0), self.count.eq(0)]
        at_end = self._results == (self._counted.frame - 1,)
        with m.If(self.go & emits & real if at_end else self.go & emits):
            m.d.sync += [self.given.eq(1), self.ends.eq(finishes)]
        with m.Elif(self.taken):
            m.d.sync += self.given.eq(0)
        for name, table in self._tables.items():
            m.d.comb += getattr(self, name).eq(self._decoded(m, name, table))
        return m

    def _position(self, m: Module) -> tuple[Value, Value, Signal | None]:
        """Whether a beat is the first, or the last, of its position; and which one it is."""
        if self._parts == 1:
            return Const(1, 1), Const(1, 1), None
        part = Signal(range(self._parts), name="part")
        whole = Signal(name="whole")
        m.d.comb += whole.eq(part == self._parts - 1)
        return part == 0, whole, part

    def _events(self, m: Module, real: list[Value]) -> tuple[Value, Value, Value]:
        """Whether a beat of a real frame is complete, is computed, and is its last, in a clock.

        ``real`` says of the frame that enters, the one before, and so on, whether they are.
        """
        frame = self._counted.frame

        def any_of(name: str, clocks: tuple[int, ...]) -> Value:
            found: Value = Const(0, 1)
            for age, own in enumerate(real):
                table = dict.fromkeys(range(frame), False)
                table |= {clock % frame: True for clock in clocks if clock // frame == age}
                if True in table.values():
                    found = found | self._decoded(m, f"{name}{age}", table) & own
            return found

        emits, finishes = Signal(name="emits"), Signal(name="finishes")
        m.d.comb += [
            emits.eq(any_of("emits", self._results)),
            finishes.eq(any_of("finishes", self._results[-1:])),
        ]
        if self._loads == self._results[0]:
            return emits, emits, finishes
        return emits, any_of("loads", (self._loads,)), finishes

    def _frames(
        self,
        m: Module,
        position: tuple[Value, Value, Value],
        frame: tuple[Signal, Signal, Signal],
        older: Signal,
        finishes: Value,
    ) -> None:
        """Clocks also without beats, while the result of an older frame is on its way."""
        (starts, ending, stall), (entering, real, over) = position, frame
        current, left = Signal(name="current"), Signal(name="left")
        on_its_way = Mux(starts, older.any(), ~current)
        m.d.comb += [
            entering.eq(Mux(starts, self.valid, current)),
            self.ready.eq(~stall & (starts | current)),
            self.moves.eq(~stall & (self.valid & (starts | current) | on_its_way)),
            left.eq(older[:-1].any() | older[-1] & ~finishes),
            over.eq(~real & ~left),
        ]
        with m.If(self.moves):
            m.d.sync += current.eq(real)
        with m.If(self.go):
            with m.If(ending):
                m.d.sync += older.eq(Cat(real, older[:-1]))
            with m.Elif(finishes):
                m.d.sync += older[-1].eq(0)

    def _following(self) -> Value:
        """The counter in the next clock of the frame, but past its last one."""
        bits, columns = self._counted.column_bits, self._counted.columns
        if not columns & (columns - 1):
            return (self.count + 1)[: len(self.count)]
        wraps = self.count[:bits] == columns - 1
        step = Mux(wraps, (1 << bits) - columns + 1, 1)
        return (self.count + step)[: len(self.count)]

    def _decoded(self, m: Module, name: str, table: Mapping[int, bool]) -> Value:
        """A bit for each clock of the frame, of which ``table`` says some."""
        cares = {self._counted.code(clock): value for clock, value in table.items()}
        return decoded(m, name, self.count, cares)
