"""A stream source and sink for Amaranth simulation, with random stalls and a cycle limit."""

from typing import Any

import numpy as np
from amaranth.sim import Simulator

from hwgen.generate import Top
from hwgen.interface import Layout


class Streamed:
    """What a design answered to the vectors ``x`` [samples, features] through its streams.

    Parameters
    ----------
    stall
        Chance, on each side and for each beat, of waiting another clock.
    limit
        Clocks after which a design that has not answered everything counts as stuck.

    Attributes
    ----------
    results
        Integers [samples, elements].
    taken, given
        Clock of each vector's last input beat, and of its result's first beat.
    """

    def __init__(
        self, top: Top, x: Any, layouts: tuple[Layout, Layout], *, stall: float, limit: int
    ):
        self.results: list[list[int]] = []
        self.taken: list[int] = []
        self.given: list[int] = []
        self._now = 0
        self._rng = np.random.default_rng(len(x))
        self._stall = stall
        simulator = Simulator(top)
        simulator.add_clock(1e-6)

        async def clock(ctx: Any) -> None:
            while True:
                await ctx.tick()
                self._now += 1

        async def source(ctx: Any) -> None:
            for vector in x:
                await self._send(ctx, top, layouts[0].pack(vector))
                self.taken.append(self._now)

        async def sink(ctx: Any) -> None:
            for _ in x:
                self.results.append(layouts[1].unpack(await self._receive(ctx, top, layouts[1])))

        simulator.add_process(clock)
        simulator.add_testbench(source)
        simulator.add_testbench(sink)
        while len(self.results) < len(x) and self._now < limit:
            simulator.advance()
        assert len(self.results) == len(x), f"stuck after {limit} clocks"

    async def _pause(self, ctx: Any) -> None:
        while self._rng.random() < self._stall:
            await ctx.tick()

    async def _send(self, ctx: Any, top: Any, beats: list[int]) -> None:
        for position, beat in enumerate(beats):
            await self._pause(ctx)
            ctx.set(top.s_axis_tdata, beat)
            ctx.set(top.s_axis_tvalid, 1)
            if hasattr(top, "s_axis_tlast"):
                ctx.set(top.s_axis_tlast, position == len(beats) - 1)
            await ctx.tick().until(top.s_axis_tready)
            ctx.set(top.s_axis_tvalid, 0)

    async def _receive(self, ctx: Any, top: Any, layout: Layout) -> list[int]:
        beats: list[int] = []
        for position in range(layout.beats):
            await self._pause(ctx)
            ctx.set(top.m_axis_tready, 1)
            ready = ctx.tick().sample(top.m_axis_tdata)
            (data,) = await ready.until(top.m_axis_tvalid)
            ctx.set(top.m_axis_tready, 0)
            if position == 0:
                self.given.append(self._now)
            if hasattr(top, "m_axis_tlast"):
                assert ctx.get(top.m_axis_tlast) in (0, 1)
            beats.append(data)
        return beats
