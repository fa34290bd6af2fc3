"""The cocotb regression of a tile: bytes in, bytes out, as the controller on its board sees them.

Runs inside the simulator; :mod:`hwgen.flows.handoff.tinytapeout.regression` starts it. The bench
steps the clock itself, as such a controller can: inputs change while it is low, outputs are read
just before it rises. Where nothing can move, the clock runs free until ``uio_out`` changes.
"""

from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import First, Timer
from cocotb.utils import get_sim_time

from hwgen.sim.bench import run_phase
from hwgen.sim.job import PERIOD, Job
from hwgen.sim.report import Phase, compare
from hwgen.sim.stream import MARGIN, Broken, Transfer

IN_VALID, IN_READY, OUT_VALID, OUT_READY, OUT_LAST = (1 << pin for pin in range(5))
DRIVEN = IN_READY | OUT_VALID | OUT_LAST
"""The pins of ``uio`` that the tile drives; it leaves every other one alone."""

RESET_CYCLES = 3
"""Rising edges with ``rst_n`` low that must do."""

STALL_CYCLES = 60_000
"""About how many cycles the stalls may take: every cycle runs Python."""


class Out(NamedTuple):
    """A byte on its way out."""

    data: int
    last: bool


class Board:
    """Drives the pins clock by clock, and watches the rules.

    Attributes
    ----------
    now
        Rising edges so far.
    waiting
        The byte that has been offered and not yet taken.
    """

    def __init__(self, dut: Any, job: Job, rng: Any):
        self.dut, self.job = dut, job
        self.now = 0
        self.waiting: Out | None = None
        self._offering = False
        self._rng = rng

    @property
    def patience(self) -> int:
        """Cycles after which a result must have come if nothing stalls."""
        return self.job.latency + 2 * self.job.interval + MARGIN

    async def reset(self, cycles: int = RESET_CYCLES) -> None:
        """``cycles`` rising edges with ``rst_n`` low, in which outputs mean nothing."""
        self.dut.ena.value = 1
        self.dut.rst_n.value = 0
        for _ in range(cycles):
            await self._fall(0, None)
            await self._rise()
        self.dut.rst_n.value = 1
        self.waiting = None

    async def step(self, data: int | None, ready: bool) -> tuple[bool, Out | None]:
        """A rising edge that offers ``data``, if any, and takes a byte if ``ready``.

        Returns whether the byte was taken, and the byte that came.
        """
        self._offering = data is not None
        before = self._pins()
        await self._fall((IN_VALID if self._offering else 0) | (OUT_READY if ready else 0), data)
        pins = self._pins()
        if pins != before:
            raise Broken(f"cycle {self.now}: uio_out changed while the clock was low")
        out = self._offered(pins)
        await self._rise()
        self.waiting = None if ready else out
        return self._offering and bool(pins & IN_READY), out if ready else None

    async def idle(self, limit: int) -> None:
        """Up to ``limit`` rising edges with the inputs as they are, until ``uio_out`` changes.

        None where a byte may move at the next.
        """
        if limit < 1 or self._pins() & (OUT_VALID | (IN_READY if self._offering else 0)):
            return
        begun = get_sim_time()
        clock = Clock(self.dut.clk, PERIOD, unit="step")
        clock.start(start_high=False)
        await First(Timer(limit * PERIOD - 1, "step"), self.dut.uio_out.value_change)
        clock.stop()
        edges, phase = divmod(int(get_sim_time() - begun), PERIOD)
        self.now += edges + 1
        if phase < PERIOD // 2:
            raise Broken(f"cycle {self.now}: uio_out changed while the clock was low")
        await Timer(PERIOD - phase, "step")

    async def _fall(self, handshake: int, data: int | None) -> None:
        """The clock falls and the inputs change, those without a meaning at random."""
        noise = int(self._rng.integers(1 << 16))
        self.dut.clk.value = 0
        self.dut.ui_in.value = noise & 0xFF if data is None else data
        self.dut.uio_in.value = handshake | (noise >> 8 & ~(IN_VALID | OUT_READY))
        await Timer(PERIOD // 2, "step")

    async def _rise(self) -> None:
        self.dut.clk.value = 1
        self.now += 1
        await Timer(PERIOD // 2, "step")

    def _pins(self) -> int:
        """The pins that the tile drives, held to what it may drive."""
        driven, enabled = self.dut.uio_out.value, self.dut.uio_oe.value
        if not (driven.is_resolvable and enabled.is_resolvable):
            raise Broken(f"cycle {self.now}: uio_out is {driven}, uio_oe is {enabled}")
        if int(enabled) != DRIVEN:
            raise Broken(f"cycle {self.now}: uio_oe is {enabled}, not {DRIVEN:08b}")
        if int(driven) & ~DRIVEN:
            raise Broken(f"cycle {self.now}: uio_out is {driven}, spare pins must be low")
        return int(driven)

    def _offered(self, pins: int) -> Out | None:
        """The byte that the tile offers, held to the rules."""
        out = None
        if pins & OUT_VALID:
            data = self.dut.uo_out.value
            if not data.is_resolvable:
                raise Broken(f"cycle {self.now}: uo_out is {data} while out_valid is high")
            out = Out(int(data), bool(pins & OUT_LAST))
        if self.waiting is not None and out is None:
            raise Broken(f"cycle {self.now}: out_valid fell before out_ready took the byte")
        if self.waiting is not None and out != self.waiting:
            raise Broken(f"cycle {self.now}: uo_out or out_last changed while the byte was waiting")
        return out


class Exchange:
    """Sends vectors and gathers their results.

    Parameters
    ----------
    vectors
        Numbers of the job's vectors.
    source, sink
        Whether either side pauses, cycle by cycle; neither if None.

    Attributes
    ----------
    accepted
        The rising edges that took the last bytes of the vectors.
    results
        What came.
    moved
        The last rising edge that took a byte in or out.
    """

    def __init__(
        self,
        board: Board,
        vectors: list[int],
        source: Iterator[bool] | None = None,
        sink: Iterator[bool] | None = None,
    ):
        self.board, self.vectors = board, vectors
        self.accepted: list[int] = []
        self.results: list[Transfer] = []
        job = board.job
        self._size = job.input.width // 8
        self._queue = [
            byte
            for vector in vectors
            for beat in job.x[vector]
            for byte in beat.to_bytes(self._size, "little")
        ]
        self._source, self._sink = source or repeat(False), sink or repeat(False)
        self._sent = 0
        self._offering = False
        self._came: list[Out] = []
        self._first = 0
        self.moved = board.now

    async def advance(self, limit: int) -> None:
        """A clock cycle; where nothing can move, up to ``limit``."""
        if not self._offering and self._sent < len(self._queue):
            self._offering = not next(self._source)
        data = self._queue[self._sent] if self._offering else None
        taken, out = await self.board.step(data, not next(self._sink))
        if taken:
            self._offering = False
            self._sent += 1
            if self._sent % (self._size * self.board.job.input.beats) == 0:
                self.accepted.append(self.board.now)
        if out is not None:
            self._take(out)
        if taken or out is not None:
            self.moved = self.board.now
        elif self._offering or self._sent == len(self._queue):
            await self.board.idle(limit - 1)

    def _take(self, out: Out) -> None:
        layout = self.board.job.output
        size = layout.width // 8
        if not self._came:
            self._first = self.board.now
        self._came.append(out)
        ends = len(self._came) == size * layout.beats
        if out.last != ends:
            place = f"byte {len(self._came) - 1} of result {len(self.results)}"
            raise Broken(f"{place}: out_last is {int(out.last)}")
        if ends:
            whole = bytes(out.data for out in self._came)
            beats = [
                int.from_bytes(whole[i : i + size], "little") for i in range(0, len(whole), size)
            ]
            self.results.append(Transfer(beats, self._first, self.board.now))
            self._came.clear()

    async def run(self, phase: Phase, patience: int | None = None) -> None:
        """Go on until every result has come, and compare them all, also if something breaks."""
        patience = patience or self.board.patience
        self.moved = self.board.now
        try:
            while len(self.results) < len(self.vectors):
                await self.advance(patience)
                if self.board.now > self.moved + patience:
                    raise Broken(self._stuck(patience))
        finally:
            job = self.board.job
            expected = [job.expected[vector] for vector in self.vectors]
            came = [result.beats for result in self.results]
            cycles = [result.first for result in self.results]
            compare(phase, job.output, self.vectors, expected, came, cycles)

    def _stuck(self, patience: int) -> str:
        pins = self.board.dut.uio_out.value
        return (
            f"cycle {self.board.now}: stuck, {len(self.results)} of {len(self.vectors)} results "
            f"came and nothing moved for {patience} cycles (uio_out {pins})"
        )


async def silence(board: Board, what: str) -> None:
    """Wait for longer than any result could take; ``what`` says why none may come."""
    end = board.now + board.patience
    while board.now < end:
        _, out = await board.step(None, True)
        if out is not None:
            raise Broken(f"{what} a byte came too many: {out.data:#04x}")
        await board.idle(end - board.now)


async def full_speed(phase: Phase, dut: Any, job: Job) -> None:
    """No side ever waits: values, order, latency and interval."""
    board = Board(dut, job, np.random.default_rng([job.seed, 0]))
    await board.reset()
    everything = list(range(len(job.x)))
    for vector in everything[:2]:
        await silence(board, "before the first vector" if vector == 0 else "after the first vector")
        alone = Exchange(board, [vector])
        await alone.run(phase)
        _hold("latency", alone.results[0].first - alone.accepted[0], job.latency)
    rest = everything[2:] or everything
    stream = Exchange(board, rest * -(-16 // len(rest)))
    await stream.run(phase)
    settled = stream.accepted[len(stream.accepted) // 2 :]
    for before, after in pairwise(settled):
        _hold("interval", after - before, job.interval)
    await silence(board, "after the last vector")


def _hold(what: str, found: int, stated: int) -> None:
    if found != stated:
        raise Broken(f"{what} {found} cycles, the manifest states {stated}")


async def stalls(phase: Phase, dut: Any, job: Job) -> None:
    """Random pauses of either side and of both, short and long, and a sink blocked for long."""
    rng = np.random.default_rng([job.seed, 1])
    board = Board(dut, job, rng)
    await board.reset()
    count = max(12, min(len(job.x), STALL_CYCLES // (3 * job.interval)))
    chosen = [int(vector) for vector in rng.permutation(max(count, len(job.x))) % len(job.x)]
    long = max(6, job.interval // 4)
    kinds = [(3, 3), (3, 0), (0, 3), (long, long), (0, long), (long, 0)]
    for part, (source, sink) in zip(np.array_split(chosen[:count], 6), kinds, strict=True):
        exchange = Exchange(board, part.tolist(), _pauses(rng, source), _pauses(rng, sink))
        await exchange.run(phase, board.patience + 8 * long)
    blocked = Exchange(board, chosen[:4], None, _blocked(board))
    await blocked.run(phase, 3 * board.patience)
    await silence(board, "after the last vector")


def _pauses(rng: Any, longest: int) -> Iterator[bool]:
    """Stop and go at random, each for 1 to ``longest`` cycles, mostly for few; never with 0."""
    while longest:
        for pause in (True, False):
            yield from repeat(pause, 1 + int((longest - 1) * rng.random() ** 3 + rng.random()))
    yield from repeat(False)


def _blocked(board: Board) -> Iterator[bool]:
    """Nothing for long, then everything."""
    yield from repeat(True, 2 * board.patience)
    if board.waiting is None:
        raise Broken("out_valid does not rise until out_ready is high")
    yield from repeat(False)


async def reset(phase: Phase, dut: Any, job: Job) -> None:
    """Reset while bytes come in, while computing, while bytes leave: nothing stale comes out.

    After every other reset the next vectors follow at once; after the others the bench first waits
    for longer than any result could take.
    """
    rng = np.random.default_rng([job.seed, 2])
    board = Board(dut, job, rng)
    await board.reset()
    for turn, (cycle, held) in enumerate(_reset_points(job, rng)):
        before, after = (rng.integers(len(job.x), size=n).tolist() for n in (4, 2))
        broken_off = Exchange(board, before, None, repeat(held))
        end = board.now + cycle
        while board.now < end:
            await broken_off.advance(end - board.now)
        await board.reset(RESET_CYCLES + turn % 2)
        if turn % 2 == 0:
            await silence(board, f"after a reset in cycle {cycle}")
        await Exchange(board, after).run(phase)
        if turn % 2 == 1:
            await silence(board, f"after a reset in cycle {cycle}")


def _reset_points(job: Job, rng: Any) -> list[tuple[int, bool]]:
    """(cycles after the start, sink blocked) of the resets, counted from the last reset's end."""
    size, latency = job.input.beats * job.input.width // 8, job.latency
    loading = {1, 2, 3, 4, 2 + size // 2, size + 1, size + 2}
    computing = {size + 2 + d for d in (1, latency // 2, latency - 1, latency, latency + 1)}
    later = {int(c) for c in rng.integers(1, 3 * job.interval + latency + 2 * size, size=3)}
    held = size + latency + MARGIN // 4
    free = [(cycle, False) for cycle in sorted(loading | computing | later)]
    # Each point stands twice so that it is tried both with and without a wait after the reset.
    points = [*free, (held, True), (held + job.interval + size, True)]
    return [point for point in points for _ in range(2)]


@cocotb.test()  # type: ignore[untyped-decorator]
async def test_full_speed(dut: Any) -> None:
    """See :func:`full_speed`."""
    await run_phase("full speed", dut, full_speed)


@cocotb.test()  # type: ignore[untyped-decorator]
async def test_stalls(dut: Any) -> None:
    """See :func:`stalls`."""
    await run_phase("stalls", dut, stalls)


@cocotb.test()  # type: ignore[untyped-decorator]
async def test_reset(dut: Any) -> None:
    """See :func:`reset`."""
    await run_phase("reset", dut, reset)
