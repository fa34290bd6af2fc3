"""A design at full speed, ended right after it has taken a given number of vectors.

Runs inside the simulator; :mod:`hwgen.sim.activity` starts it. Nothing here wakes in every clock
cycle of a design that is computing, so that long runs stay short.
"""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, Timer, with_timeout
from cocotb.utils import get_sim_time

from hwgen.sim.bench import run_phase
from hwgen.sim.job import STOP, Job
from hwgen.sim.report import Phase, compare
from hwgen.sim.stream import MARGIN, Broken


async def activity(phase: Phase, dut: Any, job: Job) -> None:
    """Take as many vectors as the plusarg says, fewer than the job holds, one after the other.

    The run ends when all is quiet after the last clock edge.
    """
    stop = int(cocotb.plusargs[STOP])
    got = await (_bare if job.bare else _streaming)(dut, job, stop)
    compare(phase, job.output, list(range(stop)), job.expected, got)
    under_way = 1 + job.latency // job.interval
    if len(got) < stop - under_way:
        raise Broken(f"{len(got)} results came for {stop} vectors")


async def _streaming(dut: Any, job: Job, stop: int) -> list[list[int]]:
    dut.rst.value = 1
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 1
    await Timer(job.period, "step")
    Clock(dut.clk, job.period, unit="step").start(start_high=False)
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    beats: list[int] = []
    sink = cocotb.start_soon(_drain(dut, beats))
    await _feed(dut, job, stop)
    await Timer(job.period // 5, "step")
    sink.cancel()
    each = job.output.beats
    return [beats[i : i + each] for i in range(0, len(beats) - each + 1, each)]


async def _feed(dut: Any, job: Job, stop: int) -> None:
    """Offer beats without a pause, until the first one after ``stop`` vectors is offered."""
    patience = job.period * (job.latency + 2 * job.interval + MARGIN)
    dut.s_axis_tvalid.value = 1
    for vector, beats in enumerate(job.x[: stop + 1]):
        for number, beat in enumerate(beats, start=1):
            dut.s_axis_tdata.value = beat
            if "s_axis_tlast" in job.ports:
                dut.s_axis_tlast.value = int(number == len(beats))
            if vector == stop:
                return
            try:
                await with_timeout(_taken(dut), patience, "step")
            except SimTimeoutError:
                cycle = get_sim_time() // job.period
                raise Broken(f"cycle {cycle}: vector {vector} is not taken") from None


async def _taken(dut: Any) -> None:
    """The next clock edge that finds the design ready."""
    await RisingEdge(dut.clk)
    while str(dut.s_axis_tready.value) != "1":
        await RisingEdge(dut.s_axis_tready)
        await RisingEdge(dut.clk)


async def _drain(dut: Any, beats: list[int]) -> None:
    while True:
        if str(dut.m_axis_tvalid.value) != "1":
            await RisingEdge(dut.m_axis_tvalid)
        await RisingEdge(dut.clk)
        if str(dut.m_axis_tvalid.value) == "1":
            beats.append(_known(str(dut.m_axis_tdata.value)))


async def _bare(dut: Any, job: Job, stop: int) -> list[list[int]]:
    got: list[list[int]] = []
    clocked = "clk" in job.ports
    dut.x.value = job.x[0][0]
    if "rst" in job.ports:
        dut.rst.value = 0
    if clocked:
        Clock(dut.clk, job.period, unit="step").start(start_high=False)
    for edge in range(stop):
        await (RisingEdge(dut.clk) if clocked else Timer(job.period, "step"))
        if edge >= job.latency:
            got.append([_known(str(dut.y.value))])
        dut.x.value = job.x[edge + 1][0]
    await Timer(job.period // 5, "step")
    return got


def _known(text: str) -> int:
    if not set(text) <= {"0", "1"}:
        raise Broken(f"a result is {text}")
    return int(text, 2)


@cocotb.test()  # type: ignore[untyped-decorator]
async def test_activity(dut: Any) -> None:
    """See :func:`activity`."""
    await run_phase("activity", dut, activity)
