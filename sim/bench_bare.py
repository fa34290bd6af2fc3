"""The cocotb regression of a bare design: ``x`` in, ``y`` out, nothing else but a clock.

Runs inside the simulator; :mod:`hwgen.sim.runner` starts it.
"""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from hwgen.sim.bench import run_phase
from hwgen.sim.job import PERIOD, Job
from hwgen.sim.report import Phase, compare
from hwgen.sim.stream import Broken


async def bare(phase: Phase, dut: Any, job: Job) -> None:
    """A new vector each period; ``y`` follows ``x`` after exactly ``latency`` clock edges.

    An edge takes the ``x`` that stands before it; the same edge or the one ``latency`` edges later
    finds its result on ``y``.
    """
    got: list[list[int]] = []
    count, everything = len(job.x), list(range(len(job.x)))
    clocked = "clk" in job.ports
    dut.x.value = job.x[0][0]
    if "rst" in job.ports:
        dut.rst.value = 0
    if clocked:
        Clock(dut.clk, PERIOD, unit="step").start(start_high=False)
    for edge in range(count + job.latency):
        await (RisingEdge(dut.clk) if clocked else Timer(PERIOD, "step"))
        if edge >= job.latency:
            got.append([_known(dut, edge - job.latency)])
        dut.x.value = job.x[min(edge + 1, count - 1)][0]
    edges = [vector + job.latency for vector in everything]
    compare(phase, job.output, everything, job.expected, got, edges)


def _known(dut: Any, vector: int) -> int:
    text = str(dut.y.value)
    if not set(text) <= {"0", "1"}:
        raise Broken(f"vector {vector}: y is {text}")
    return int(text, 2)


@cocotb.test()  # type: ignore[untyped-decorator]
async def test_bare(dut: Any) -> None:
    """See :func:`bare`."""
    await run_phase("bare", dut, bare)
