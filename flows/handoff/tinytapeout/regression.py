"""Run the regression of a tile in a simulator: :mod:`hwgen.sim.runner` with a bench of its own."""

from collections.abc import Sequence
from pathlib import Path

from hwgen.rtl.manifest import Manifest
from hwgen.sim.result import SimulationResult
from hwgen.sim.runner import Bench, Progress, Simulation
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import Vectors

TILE = Bench("hwgen.flows.handoff.tinytapeout.bench", ("full speed", "stalls", "reset"))


class TileSimulation(Simulation):
    """A tile built for a simulator; parameters as of :class:`hwgen.sim.runner.Simulation`."""

    def run(
        self, vectors: Vectors, *, seed: int = 0, plusargs: Sequence[str] = ()
    ) -> SimulationResult:
        """Hold the tile to ``vectors`` and to its manifest; as :meth:`Simulation.run`."""
        work = self._new_run(vectors, seed)
        return self._run(work, vectors, seed, TILE, plusargs=plusargs)


def run_tile(
    verilog: Path,
    manifest: Manifest,
    vectors: Vectors,
    *,
    simulator: Simulator = "verilator",
    seed: int = 0,
    extra_sources: Sequence[Path] = (),
    timeout: float = 900.0,
    progress: Progress | None = None,
) -> SimulationResult:
    """Build a tile, run the regression once, clean up.

    Parameters
    ----------
    extra_sources
        Verilog that ``verilog`` needs besides: the models of a netlist's cells.

    Raises
    ------
    HwgenError
        As of :class:`hwgen.sim.runner.Simulation`; a tile that misbehaves is a result instead.
    """
    with TileSimulation(
        verilog,
        manifest,
        simulator=simulator,
        extra_sources=extra_sources,
        timeout=timeout,
        progress=progress,
    ) as simulation:
        return simulation.run(vectors, seed=seed)
