"""The cocotb regression of a streaming design: full speed, stalls, reset in mid-stream.

Runs inside the simulator; :mod:`hwgen.sim.runner` starts it.
"""

import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import cocotb
import numpy as np
from cocotb.utils import get_sim_time

from hwgen.sim import job as jobs
from hwgen.sim.job import PERIOD, Job
from hwgen.sim.report import Phase, Report, compare
from hwgen.sim.stream import MARGIN, Broken, Stream, Transfer

PHASES = ("full speed", "stalls", "reset")
"""The phases that a complete report of this bench holds."""

STALL_CYCLES = 200_000
"""About how many cycles the stalls may take: every cycle of a stalled stream runs Python."""

_phases: list[Phase] = []


async def run_phase(
    name: str, dut: Any, body: Callable[[Phase, Any, Job], Awaitable[None]]
) -> None:
    """Run ``body`` as the phase ``name`` and keep the report, whatever happens in it."""
    folder = jobs.folder()
    phase, begun, start = Phase(name=name), time.monotonic(), get_sim_time()
    _phases.append(phase)
    report = Report(folder / "report.json", f"{cocotb.SIM_NAME} {cocotb.SIM_VERSION}", _phases)
    report.save()
    job = Job.load(folder)
    try:
        await body(phase, dut, job)
        phase.finished = True
    except Broken as broken:
        phase.finished = True
        phase.fail(str(broken))
    finally:
        phase.cycles = int(get_sim_time() - start) // job.period
        phase.seconds = round(time.monotonic() - begun, 3)
        report.save()
    if phase.failure:
        raise AssertionError(f"{name}: {phase.failure}")


async def full_speed(phase: Phase, dut: Any, job: Job) -> None:
    """Source never starved, sink always ready: values, order, latency and interval."""
    stream = Stream(dut, job)
    await stream.start()
    everything = list(range(len(job.x)))
    stream.send(everything)
    out = await _collect(phase, stream, everything, stream.patience)
    await stream.silence("after the last vector")
    _hold_cycles(phase, job, stream.inputs(), out)


async def stalls(phase: Phase, dut: Any, job: Job) -> None:
    """Random stalls on either side and on both, short and long, and a sink blocked for long."""
    stream, rng = Stream(dut, job), np.random.default_rng([job.seed, 1])
    await stream.start()
    each = max(job.interval, job.input.beats, job.output.beats)
    count = max(24, min(len(job.x), STALL_CYCLES // (3 * each)))
    chosen = [int(vector) for vector in rng.permutation(max(count, len(job.x))) % len(job.x)]
    long = max(6, job.latency + each)
    kinds = [(3, 3), (3, 0), (0, 3), (long, long), (0, long), (long, 0)]
    for part, kind in zip(np.array_split(chosen[:count], len(kinds)), kinds, strict=True):
        for end, longest in zip((stream.source, stream.sink), kind, strict=True):
            if longest:
                stream.stall(end, rng, longest)
        await _exchange(phase, stream, part.tolist(), stream.patience + 8 * long)
        stream.flow()
    await _blocked(phase, stream, chosen[:8])


async def _blocked(phase: Phase, stream: Stream, vectors: list[int]) -> None:
    """A sink that takes nothing for long: the design waits and loses nothing."""
    stream.sink.pause = True
    stream.send(vectors)
    await stream.wait(8 * stream.patience)
    if stream.sink.count():
        raise Broken("a result was taken from a sink that was not ready")
    if str(stream.dut.m_axis_tvalid.value) != "1":
        raise Broken("m_axis_tvalid does not rise until m_axis_tready is high")
    stream.sink.pause = False
    await _collect(phase, stream, vectors, stream.patience)
    await stream.silence("after the last vector")


async def reset(phase: Phase, dut: Any, job: Job) -> None:
    """Reset while loading, computing, handing out: nothing stale comes out, what follows is right.

    After every other reset the next vectors follow at once; after the others the bench first waits
    for longer than any result could take.
    """
    stream, rng = Stream(dut, job), np.random.default_rng([job.seed, 2])
    await stream.start()
    for turn, (cycle, held) in enumerate(_reset_points(job, rng)):
        before, after = (rng.integers(len(job.x), size=n).tolist() for n in (4, 2))
        stream.sink.pause = held
        stream.send(before)
        await stream.wait(cycle)
        await stream.reset(1 + turn % 2)
        stream.sink.pause = False
        if turn % 2 == 0:
            await stream.silence(f"after a reset in cycle {cycle}")
        await _exchange(phase, stream, after, stream.patience)
        if turn % 2 == 1:
            await stream.silence(f"after a reset in cycle {cycle}")


def _reset_points(job: Job, rng: Any) -> list[tuple[int, bool]]:
    """(cycles after the start, sink blocked) of the resets, counted from the last reset's end."""
    beats, latency = job.input.beats, job.latency
    loading = {1, 2, 1 + beats // 2, beats}
    computing = {1 + beats + d for d in (1, latency // 2, latency - 1, latency, latency + 1)}
    later = {int(c) for c in rng.integers(1, 3 * job.interval + latency + 2 * beats, size=3)}
    held = 1 + beats + latency + job.output.beats + MARGIN // 4
    free = [(cycle, False) for cycle in sorted(loading | computing | later)]
    # Each point stands twice so that it is tried both with and without a wait after the reset.
    points = [*free, (held, True), (held + job.interval + beats, True)]
    return [point for point in points for _ in range(2)]


async def _exchange(phase: Phase, stream: Stream, vectors: list[int], patience: int) -> None:
    """Send ``vectors`` and compare their results."""
    stream.send(vectors)
    await _collect(phase, stream, vectors, patience)
    stream.inputs()


async def _collect(
    phase: Phase, stream: Stream, vectors: list[int], patience: int
) -> list[Transfer]:
    """Compare the results of ``vectors``, also of those that came before something broke."""
    try:
        await stream.settle(len(vectors), patience)
    finally:
        out = stream.results()
        expected = [stream.job.expected[vector] for vector in vectors]
        cycles = [o.first // PERIOD for o in out]
        compare(phase, stream.job.output, vectors, expected, [o.beats for o in out], cycles)
    return out


def _hold_cycles(phase: Phase, job: Job, accepted: list[Transfer], out: list[Transfer]) -> None:
    """Hold every vector to the stated latency and interval."""
    if len(accepted) != len(out):
        raise Broken(f"{len(accepted)} vectors were accepted, {len(out)} results came")
    for vector, (a, o) in enumerate(zip(accepted, out, strict=True)):
        latency = (o.first - a.last) // PERIOD
        if latency != job.latency:
            raise Broken(
                f"vector {vector}: latency {latency} cycles, the manifest states {job.latency}"
            )
    for vector, (a, b) in enumerate(pairwise(accepted), start=1):
        interval = (b.last - a.last) // PERIOD
        if interval != job.interval:
            raise Broken(
                f"vector {vector}: interval {interval} cycles, the manifest states {job.interval}"
            )


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
