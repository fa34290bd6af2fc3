"""Vectors at full speed, for a waveform of them.

Runs inside the simulator; :mod:`hwgen.sim.wave` starts it.
"""

from typing import Any

import cocotb

from hwgen.sim.bench import full_speed, run_phase
from hwgen.sim.bench_bare import bare
from hwgen.sim.job import Job
from hwgen.sim.report import Phase


async def wave(phase: Phase, dut: Any, job: Job) -> None:
    """What the regression does first."""
    await (bare if job.bare else full_speed)(phase, dut, job)


@cocotb.test()  # type: ignore[untyped-decorator]
async def test_wave(dut: Any) -> None:
    """See :func:`wave`."""
    await run_phase("wave", dut, wave)
