"""A streaming design between cocotbext-axi's source and sink, inside the simulator."""

import logging
from typing import Any, NamedTuple

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, First, RisingEdge, Timer
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiStreamBus, AxiStreamMonitor, AxiStreamSink, AxiStreamSource

from hwgen.sim.job import PERIOD, Job
from hwgen.sim.watch import Watch

MARGIN = 32
"""Cycles that a bench waits beyond what the manifest states before it calls a stream stuck."""


class Broken(Exception):
    """The design broke a rule; the text says which and where."""


class Transfer(NamedTuple):
    """A vector that crossed a stream: its beats, and the clock edges that took first and last."""

    beats: list[int]
    first: int
    last: int


class Stream:
    """Drives ``s_axis``, drains ``m_axis``, and watches both.

    cocotbext-axi counts elements of a frame in byte lanes; here a lane is as wide as the bus, so an
    element is a beat. Without ``tlast`` on the bus a vector is one beat.
    """

    def __init__(self, dut: Any, job: Job):
        self.dut, self.job = dut, job
        logging.getLogger("cocotb").setLevel(logging.ERROR)
        ends = [
            kind(AxiStreamBus.from_prefix(dut, prefix), dut.clk, dut.rst, byte_lanes=1)
            for kind, prefix in (
                (AxiStreamSource, "s_axis"),
                (AxiStreamSink, "m_axis"),
                (AxiStreamMonitor, "s_axis"),
            )
        ]
        self.source, self.sink, self.accepted = ends
        self._trouble = Event()
        self._breach: str | None = None
        self._stalls: list[Any] = []
        self.watch = Watch(dut, job.ports, self._report)

    def _report(self, breach: str) -> None:
        self._breach = breach
        self._trouble.set()

    @property
    def patience(self) -> int:
        """Cycles after which a result must have come if nothing stalls."""
        job = self.job
        return job.latency + 2 * job.interval + job.input.beats + job.output.beats + MARGIN

    async def start(self) -> None:
        """Start the clock and leave reset."""
        self.dut.rst.value = 1
        await Timer(PERIOD, "step")
        Clock(self.dut.clk, PERIOD, unit="step").start(start_high=False)
        await ClockCycles(self.dut.clk, 2)
        self.dut.rst.value = 0
        cocotb.start_soon(self.watch.run())

    async def reset(self, cycles: int) -> None:
        """Reset the design and both ends; whatever was under way is forgotten."""
        # A timer may fire on either side of an edge in its time step: count from a sure edge.
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, cycles)
        for end in (self.source, self.sink, self.accepted):
            end.clear()
        self.dut.rst.value = 0

    def send(self, vectors: list[int]) -> None:
        """Queue these vectors of the job."""
        for vector in vectors:
            self.source.send_nowait(self.job.x[vector])

    def stall(self, end: Any, rng: Any, longest: int) -> None:
        """Stop and go at random, each for 1 to ``longest`` cycles, mostly for few."""

        async def run() -> None:
            await Timer(PERIOD // 2, "step")
            while True:
                for pause in (True, False):
                    end.pause = pause
                    cycles = 1 + int((longest - 1) * rng.random() ** 3 + rng.random())
                    await Timer(PERIOD * cycles, "step")

        self._stalls.append(cocotb.start_soon(run()))

    def flow(self) -> None:
        """End all stalls."""
        for task in self._stalls:
            task.cancel()
        self._stalls.clear()
        self.source.pause = self.sink.pause = False

    async def wait(self, cycles: int) -> None:
        """Let time pass; raises :exc:`Broken` as soon as a rule is broken."""
        await First(Timer(PERIOD * cycles, "step"), self._trouble.wait())
        if self._breach is not None:
            raise Broken(self._breach)

    async def settle(self, count: int, patience: int) -> None:
        """Wait for ``count`` results.

        Raises
        ------
        Broken
            Nothing moved for ``patience`` cycles, more results came, or the protocol was broken.
        """
        tick = max(16, patience // 8)
        seen, idle = -1, 0
        while self.sink.count() < count:
            moved = self.sink.count() + self.accepted.count()
            idle = idle + tick if moved == seen else 0
            if idle >= patience:
                raise Broken(self._stuck(count, patience))
            seen = moved
            await self.wait(tick)
        if self.sink.count() != count:
            raise Broken(f"{self.sink.count()} results came for {count} vectors")

    async def silence(self, what: str) -> None:
        """Wait for longer than any result could take; ``what`` says why none may come."""
        before = self.sink.count()
        await self.wait(self.patience)
        if self.sink.count() > before:
            extra = self._drain(self.sink, self.job.output.beats)[before]
            raise Broken(f"{what} a result came too many: {extra.beats}")

    def results(self) -> list[Transfer]:
        """The results that came since the last call."""
        return self._drain(self.sink, self.job.output.beats)

    def inputs(self) -> list[Transfer]:
        """The vectors that the design has accepted since the last call."""
        return self._drain(self.accepted, self.job.input.beats)

    def _drain(self, end: Any, beats: int) -> list[Transfer]:
        frames = [end.recv_nowait(compact=False) for _ in range(end.count())]
        for index, frame in enumerate(frames):
            if len(frame.tdata) != beats:
                raise Broken(
                    f"transfer {index}: tlast on beat {len(frame.tdata)}, a vector has {beats}"
                )
        return [Transfer(list(f.tdata), f.sim_time_start, f.sim_time_end) for f in frames]

    def _stuck(self, count: int, patience: int) -> str:
        state = ", ".join(
            f"{name} {getattr(self.dut, name).value}"
            for name in ("s_axis_tvalid", "s_axis_tready", "m_axis_tvalid", "m_axis_tready")
        )
        return (
            f"cycle {get_sim_time() // PERIOD}: stuck, {self.sink.count()} of {count} results came "
            f"and nothing moved for {patience} cycles ({state})"
        )
