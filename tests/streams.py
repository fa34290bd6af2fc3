"""A stream source and sink for Amaranth simulation, with random stalls and a cycle limit."""

from typing import Any

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hwgen.rtl.generate import Top
from hwgen.rtl.interface import Layout

Beat = tuple[int, bool]


class Streamed:
    """What a design answered to the vectors ``x`` [samples, features] through its streams.

    That a result stays as it is until it is taken, and ``tlast``, are checked on the way.

    Parameters
    ----------
    stall
        Chance, on each side and for each beat, of waiting another clock.
    limit
        Clocks after which a design that has not answered everything counts as stuck.
    deaf
        Clocks before the sink first is ready.
    before
        Beats (data, tlast) that come first and give no result.
    reset
        Clocks after which the design is reset, and everything is sent and received afresh.

    Attributes
    ----------
    results
        Integers [samples, elements].
    latency, interval
        Of the design.
    taken, given
        Clock of each vector's last input beat, and of its result's first beat.
    """

    def __init__(
        self,
        top: Top,
        x: Any,
        layouts: tuple[Layout, Layout],
        *,
        stall: float,
        limit: int,
        deaf: int = 0,
        before: list[Beat] | None = None,
        reset: int | None = None,
    ):
        self.results: list[list[int]] = []
        self.taken: list[int] = []
        self.given: list[int] = []
        self.latency, self.interval = top.latency, top.interval
        self._now = 0
        self._rng = np.random.default_rng(len(x))
        self._stall = stall
        self._ready = reset is None
        again = Signal()
        simulator = Simulator(ResetInserter(again)(top))
        simulator.add_clock(1e-6)

        async def clock(ctx: Any) -> None:
            while True:
                await ctx.tick()
                self._now += 1

        async def source(ctx: Any) -> None:
            if reset is not None:
                await self._disturb(ctx, top, [layouts[0].pack(vector) for vector in x], reset)
                ctx.set(again, 1)
                await ctx.tick()
                ctx.set(again, 0)
                self._ready = True
            for data, last in before or []:
                await self._send_beat(ctx, top, data, last)
            for vector in x:
                await self._send(ctx, top, layouts[0].pack(vector))
                self.taken.append(self._now)

        async def sink(ctx: Any) -> None:
            while not self._ready:
                await ctx.tick()
            for _ in range(deaf):
                await ctx.tick()
            for _ in x:
                self.results.append(layouts[1].unpack(await self._receive(ctx, top, layouts[1])))

        async def stays(ctx: Any) -> None:
            """A result that waits does not change."""
            waiting = None
            while True:
                _, _, valid, ready, data = await ctx.tick().sample(
                    top.m_axis_tvalid, top.m_axis_tready, top.m_axis_tdata
                )
                if waiting is not None and self._ready:
                    assert (valid, data) == (1, waiting)
                waiting = data if valid and not ready and self._ready else None

        simulator.add_process(clock)
        simulator.add_process(stays)
        simulator.add_testbench(source)
        simulator.add_testbench(sink)
        while len(self.results) < len(x) and self._now < limit:
            simulator.advance()
        assert len(self.results) == len(x), f"stuck after {limit} clocks"
        # Nothing comes behind the last result.
        end = self._now + 2 * (top.latency + top.interval) + 4
        while self._now < end:
            simulator.advance()

    async def _disturb(self, ctx: Any, top: Any, vectors: list[list[int]], clocks: int) -> None:
        """Send for ``clocks`` clocks; what comes out is ignored."""
        beats = [
            (beat, position == len(vector) - 1)
            for vector in vectors
            for position, beat in enumerate(vector)
        ]
        ctx.set(top.m_axis_tready, clocks % 2)
        ctx.set(top.s_axis_tvalid, 1)
        position = 0
        for _ in range(clocks):
            data, last = beats[position % len(beats)]
            ctx.set(top.s_axis_tdata, data)
            if hasattr(top, "s_axis_tlast"):
                ctx.set(top.s_axis_tlast, last)
            *_, taken = await ctx.tick().sample(top.s_axis_tready)
            position += taken
        ctx.set(top.s_axis_tvalid, 0)
        ctx.set(top.m_axis_tready, 0)

    async def _pause(self, ctx: Any) -> None:
        while self._rng.random() < self._stall:
            await ctx.tick()

    async def _send(self, ctx: Any, top: Any, beats: list[int]) -> None:
        for position, beat in enumerate(beats):
            await self._send_beat(ctx, top, beat, position == len(beats) - 1)

    async def _send_beat(self, ctx: Any, top: Any, data: int, last: bool) -> None:
        await self._pause(ctx)
        ctx.set(top.s_axis_tdata, data)
        ctx.set(top.s_axis_tvalid, 1)
        if hasattr(top, "s_axis_tlast"):
            ctx.set(top.s_axis_tlast, last)
        await ctx.tick().until(top.s_axis_tready)
        ctx.set(top.s_axis_tvalid, 0)

    async def _receive(self, ctx: Any, top: Any, layout: Layout) -> list[int]:
        beats: list[int] = []
        last = getattr(top, "m_axis_tlast", None)
        for position in range(layout.beats):
            await self._pause(ctx)
            ctx.set(top.m_axis_tready, 1)
            seen = [top.m_axis_tdata] if last is None else [top.m_axis_tdata, last]
            data, *ended = await ctx.tick().sample(*seen).until(top.m_axis_tvalid)
            ctx.set(top.m_axis_tready, 0)
            if position == 0:
                self.given.append(self._now)
            if ended:
                assert ended == [position == layout.beats - 1]
            beats.append(data)
        return beats
