"""The waveform of one vector, for a person to look at."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from hwgen.rtl.manifest import Manifest
from hwgen.sim.result import SimulationResult
from hwgen.sim.runner import Progress, Simulation
from hwgen.sim.simulators import Simulator, tool_of
from hwgen.sim.trace import WaveFormat
from hwgen.sim.vectors import Vectors
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_place


def wave_format(path: Path, simulator: Simulator) -> WaveFormat:
    """The format that the name of a file asks for, which ``simulator`` is to write.

    Raises
    ------
    HwgenError
        It asks for none that is known, nothing can be written there, or the simulator lacks
        something that the format needs.
    """
    kinds: dict[str, WaveFormat] = {f".{kind}": kind for kind in get_args(WaveFormat)}
    if path.suffix not in kinds:
        raise HwgenError("wave", f"found {path.name!r}", f"a name ending in {' or '.join(kinds)}")
    check_place(path)
    tool_of(simulator).check_wave(kinds[path.suffix])
    return kinds[path.suffix]


def record(
    verilog: Path,
    manifest: Manifest,
    vectors: Vectors,
    number: int,
    path: Path,
    *,
    simulator: Simulator = "verilator",
    seed: int = 0,
    extra_sources: Sequence[Path] = (),
    progress: Progress | None = None,
) -> SimulationResult:
    """Simulate vector ``number`` of ``vectors`` alone, at full speed, and write all its signals.

    They have the names that they have in the Verilog. Other parameters are those of
    :func:`hwgen.sim.runner.run`; the result is that of the vector, called 0.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.sim.runner.run` and :func:`wave_format`.
    """
    alone = Vectors(
        x=np.ascontiguousarray(vectors.x[number : number + 1]),
        expected=vectors.expected[number : number + 1],
        origins={"data": 1},
    )
    with Simulation(
        verilog,
        manifest,
        simulator=simulator,
        extra_sources=extra_sources,
        wave=wave_format(path, simulator),
        progress=progress,
    ) as simulation:
        result, written = simulation.record(alone, seed=seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        try:
            shutil.copyfile(written, beside)
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            reason = error.strerror or "cannot be written"
            raise HwgenError(str(path), reason, "a writable place is needed") from None
    return result
