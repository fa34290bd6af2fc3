"""How often each net of a design changes while it computes inference after inference.

A design runs at full speed on vectors that follow each other in a circle. One run ends when it is
in its stride, a second one exactly a circle later; what is between the two is counted. Whatever a
start brings with it, reset, unknown or random registers, is in both runs and cancels out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.rtl.manifest import Manifest
from hwgen.sim.job import PERIOD
from hwgen.sim.runner import Progress, Simulation
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import Vectors, expected_results
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError


@dataclass(frozen=True)
class Activity:
    """Changes of each net over a whole number of inferences in a row.

    Attributes
    ----------
    toggles
        Changes between 0 and 1 by net. Where gates have no delay, a net changes at most once in a
        clock phase, and glitches are not seen.
    high
        Share of the time at 1 by net, 0..1.
    inferences, cycles
        How many inferences, and clock cycles, they were counted over.
    simulator
        Name and version of what ran.
    """

    toggles: dict[str, int]
    high: dict[str, float]
    inferences: int
    cycles: int
    simulator: str


def collect(
    verilog: Path,
    manifest: Manifest,
    network: Network,
    samples: Integers,
    *,
    instance: str,
    simulator: Simulator = "verilator",
    seed: int = 0,
    period: int = PERIOD,
    timeout: float = 1800.0,
    progress: Progress | None = None,
) -> Activity:
    """Count the changes of the nets of ``instance`` over one inference of each sample.

    Parameters
    ----------
    samples
        Input codes, integers [samples, features].
    instance
        Name of the instance, inside the top module, whose scalar nets are counted.
    seed
        Decides what uninitialised registers start with.
    period
        Simulator steps in a clock cycle: more than the slowest path has, where gates have delays.
    timeout
        Seconds for the build, and for each of the two runs.

    Raises
    ------
    HwgenError
        A result is not the golden model's, or the simulation failed.
    """
    warm = _warm_up(manifest)
    x = circle(samples, warm)
    vectors = Vectors(x=x, expected=expected_results(network, x), origins={"data": len(x)})
    ends = (warm, warm + len(samples))
    with Simulation(
        verilog,
        manifest,
        simulator=simulator,
        traced=instance,
        period=period,
        timeout=timeout,
        progress=progress,
    ) as simulation:
        (before, _), (after, result) = (
            simulation.count(vectors, stop=stop, seed=seed) for stop in ends
        )
    if result.failure is not None:
        raise HwgenError("the netlist", result.failure, "results of the golden model")
    length = max(after.duration - before.duration, 1)
    return Activity(
        toggles={net: count - before.toggles[net] for net, count in after.toggles.items()},
        high={net: (time - before.high[net]) / length for net, time in after.high.items()},
        inferences=len(samples),
        cycles=len(samples) * manifest.interval_cycles,
        simulator=result.simulator,
    )


def circle(samples: Integers, warm: int) -> Integers:
    """The last ``warm`` rows, all of ``samples`` [count, features], and the first one again."""
    rows: Integers = samples[np.arange(-warm, len(samples) + 1) % len(samples)]
    return rows


def _warm_up(manifest: Manifest) -> int:
    """Inferences after which a design that started from reset is in its stride."""
    return 2 + manifest.latency_cycles // manifest.interval_cycles
