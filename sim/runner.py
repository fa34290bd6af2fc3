"""Run the regression of a generated design in a simulator.

:func:`run` is the whole interface: Verilog, manifest and vectors in, a :class:`SimulationResult`
out. The simulator runs in a process group of its own with a time limit, in a private folder that
is removed afterwards.
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import hwgen
from hwgen.rtl.manifest import Manifest
from hwgen.sim.job import FOLDER_VARIABLE, PERIOD, STOP, Job
from hwgen.sim.result import SimulationResult, checked_phases, first_mismatch, read_report
from hwgen.sim.simulators import Simulator, tool_of
from hwgen.sim.trace import Counts, Tracer, WaveFormat
from hwgen.sim.vectors import Vectors
from hwgen.support.errors import HwgenError, printable
from hwgen.support.process import clean_environment, run_group
from hwgen.support.temporary import temporary_folder

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """A module of ours with cocotb tests, and the phases that must be there when it has run."""

    module: str
    phases: tuple[str, ...]


STREAMING = Bench("hwgen.sim.bench", ("full speed", "stalls", "reset"))
BARE = Bench("hwgen.sim.bench_bare", ("bare",))
ACTIVITY = Bench("hwgen.sim.bench_activity", ("activity",))
WAVE = Bench("hwgen.sim.bench_wave", ("wave",))


class Simulation:
    """A design built for a simulator, to be run any number of times; a context manager.

    Parameters
    ----------
    verilog, manifest
        The design.
    simulator
        ``verilator`` or ``icarus``.
    extra_sources
        More Verilog that the design needs, such as cell models.
    traced
        Name of the instance inside the top module whose nets :meth:`count` counts.
    wave
        Format of the waveform that :meth:`record` writes.
    period
        Simulator steps in a clock cycle, for :meth:`count`.
    timeout
        Seconds for the build, and again for each run.
    log
        Where the tools' output is left if something fails; a new file in the system's folder for
        temporary files if None.
    progress
        Called with one line whenever something new begins.

    Raises
    ------
    HwgenError
        On entry: a tool is missing, or the design cannot be built.
    """

    def __init__(
        self,
        verilog: Path,
        manifest: Manifest,
        *,
        simulator: Simulator = "verilator",
        extra_sources: Sequence[Path] = (),
        traced: str | None = None,
        wave: WaveFormat | None = None,
        period: int = PERIOD,
        timeout: float = 900.0,
        log: Path | None = None,
        progress: Progress | None = None,
    ):
        self._tool = tool_of(simulator)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", manifest.top):
            raise HwgenError("top", f"found {manifest.top!r}", "a plain Verilog identifier")
        self._sources = [verilog, *extra_sources]
        self._manifest = manifest
        self._simulator = simulator
        self._traced = traced
        self._wave = wave
        self._period = period
        self._timeout = timeout
        self._kept_log = log
        self._progress: Progress = progress or (lambda _: None)
        self._temporary = temporary_folder("sim")
        self._folder = Path()
        self.build_seconds = 0.0

    def __enter__(self) -> "Simulation":
        begun = time.monotonic()
        self._folder = self._temporary.__enter__()
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        self.build_seconds = round(time.monotonic() - begun, 3)
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.__exit__(None, None, None)

    def run(
        self, vectors: Vectors, *, seed: int = 0, plusargs: Sequence[str] = ()
    ) -> SimulationResult:
        """Hold the design to ``vectors`` and to its manifest.

        ``seed``, at least 0, decides stalls and resets; ``plusargs`` are for ``$value$plusargs`` in
        the design.

        Raises
        ------
        HwgenError
            The simulator crashed, proved nothing, or was still running at the time limit. A design
            that computes or behaves wrongly is a result instead.
        """
        bench = BARE if self._manifest.arch.bare else STREAMING
        return self._run(self._new_run(vectors, seed), vectors, seed, bench, plusargs=plusargs)

    def count(
        self, vectors: Vectors, *, stop: int, seed: int = 0
    ) -> tuple[Counts, SimulationResult]:
        """Take ``stop`` of the ``vectors``, fewer than there are, at full speed, and end.

        What the traced instance's scalar nets did since the start, and the result of comparing the
        outputs.

        Raises
        ------
        HwgenError
            As of :meth:`run`.
        """
        work = self._new_run(vectors, seed)
        tracer = Tracer(work, self._tool.trace_format(), self._traced or "")
        arguments = self._tool.trace_arguments(tracer.file)
        with tracer.listening():
            result = self._run(
                work, vectors, seed, ACTIVITY, plusargs=[f"+{STOP}={stop}"], arguments=arguments
            )
        return tracer.counts(), result

    def record(self, vectors: Vectors, *, seed: int = 0) -> tuple[SimulationResult, Path]:
        """Run ``vectors`` at full speed: what came of it, and the waveform, which is there until
        the simulation is left.

        Raises
        ------
        HwgenError
            As of :meth:`run`, or the simulator left no waveform.
        """
        work = self._new_run(vectors, seed)
        path = work / f"wave.{self._wave}"
        arguments = self._tool.trace_arguments(path)
        result = self._run(work, vectors, seed, WAVE, plusargs=[], arguments=arguments)
        if not path.is_file():
            raise HwgenError(self._what(), f"no {path.name}", "a waveform")
        return result, path

    def _new_run(self, vectors: Vectors, seed: int) -> Path:
        """The folder of a run that may begin."""
        if seed < 0:
            raise HwgenError("seed", f"found {seed}", "0 or more")
        if not len(vectors):
            raise HwgenError("vectors", "none", "at least 1 is needed")
        work = self._folder / f"run{len(list(self._folder.glob('run*')))}"
        work.mkdir()
        return work

    def _run(
        self,
        work: Path,
        vectors: Vectors,
        seed: int,
        bench: Bench,
        *,
        plusargs: Sequence[str],
        arguments: Sequence[str] = (),
    ) -> SimulationResult:
        begun = time.monotonic()
        Job.of(self._manifest, vectors.x, vectors.expected, seed, self._period).save(work)
        log = work / "log"
        try:
            code = self._simulate(work, log, seed, bench, plusargs, arguments)
            report = read_report(work)
            phases = checked_phases(work, report, code, self._what(), bench.phases)
        except HwgenError as error:
            raise self._with_log(error, log) from None
        failure = next((f"{p.name}: {p.failure}" for p in phases if p.failure), None)
        return SimulationResult(
            passed=failure is None,
            vectors=min(len(vectors), max(p.vectors for p in phases)),
            mismatches=sum(p.mismatches for p in phases),
            cycles=sum(p.cycles for p in phases),
            simulator=printable(report["simulator"]).lower(),
            seed=seed,
            phases=phases,
            failure=failure,
            first_mismatch=first_mismatch(phases, vectors),
            seconds=round(time.monotonic() - begun + self.build_seconds, 3),
            build_seconds=self.build_seconds,
        )

    def _what(self) -> str:
        return f"the simulation with {self._simulator}"

    def _build(self) -> None:
        if re.search(r"\s", str(self._folder)):
            raise HwgenError(
                str(self._folder), "a space in the path", "set TMPDIR to a folder without one"
            )
        self._progress(f"building with {self._simulator}")
        copies = [self._copy(source, number) for number, source in enumerate(self._sources)]
        log, deadline = self._folder / "log", time.monotonic() + self._timeout

        def left() -> float:
            return max(0.1, deadline - time.monotonic())

        try:
            self._tool.build(
                copies,
                self._manifest.top,
                self._folder,
                log=log,
                deadline=left,
                traced=self._traced,
                wave=self._wave,
            )
        except HwgenError as error:
            raise self._with_log(error, log) from None

    def _copy(self, source: Path, number: int) -> Path:
        """A source under a name of ours, so that no name of the user's reaches a tool."""
        try:
            return Path(shutil.copyfile(source, self._folder / f"source{number}.v"))
        except OSError as error:
            reason = error.strerror or "unreadable"
            raise HwgenError(str(source), reason, "a Verilog file is needed") from None

    def _simulate(
        self,
        work: Path,
        log: Path,
        seed: int,
        bench: Bench,
        plusargs: Sequence[str],
        arguments: Sequence[str],
    ) -> int:
        settings = {
            "simulator": self._simulator,
            "test_module": bench.module,
            "hdl_toplevel": self._manifest.top,
            "build_dir": str(self._folder),
            "test_dir": str(work),
            "results_xml": str(work / "results.xml"),
            "seed": seed,
            "test_args": list(arguments),
            "plusargs": [*self._tool.random_start(seed), *plusargs],
        }
        (work / "settings.json").write_text(json.dumps(settings), "utf-8")
        traced = self._tool.trace_environment if bench is ACTIVITY else {}
        if bench is WAVE:
            traced = self._tool.wave_environment(str(self._wave))
        told = 0

        def tell() -> None:
            nonlocal told
            phases = read_report(work)["phases"]
            for phase in phases[told:]:
                self._progress(f"simulating: {phase['name']}")
            told = len(phases)

        return run_group(
            [sys.executable, "-m", "hwgen.sim.launch", str(work / "settings.json")],
            what=self._what(),
            cwd=work,
            env=clean_environment(
                PYTHONPATH=os.pathsep.join(p for p in (str(_PROJECT), *sys.path) if p),
                PYTHONWARNINGS="ignore",
                COCOTB_LOG_LEVEL="WARNING",
                GPI_LOG_LEVEL="WARNING",
                **{"SIM_CMD_SUFFIX": "", FOLDER_VARIABLE: str(work), **traced},
            ),
            log=log,
            timeout=self._timeout,
            tick=tell,
        )

    def _with_log(self, error: HwgenError, log: Path) -> HwgenError:
        """``error`` with the place of the log, which outlives the folder."""
        if not log.is_file() or not log.stat().st_size:
            return error
        kept = self._kept_log
        if kept is None:
            with tempfile.NamedTemporaryFile(prefix="hwgen-", suffix=".log", delete=False) as file:
                kept = Path(file.name)
        shutil.copyfile(log, kept)
        return HwgenError(error.where, error.found, f"the log is {kept}")


def run(
    verilog: Path,
    manifest: Manifest,
    vectors: Vectors,
    *,
    simulator: Simulator = "verilator",
    seed: int = 0,
    timeout: float = 900.0,
    extra_sources: Sequence[Path] = (),
    log: Path | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Build a design, run the regression once, clean up: :class:`Simulation` in one call."""
    with Simulation(
        verilog,
        manifest,
        simulator=simulator,
        extra_sources=extra_sources,
        timeout=timeout,
        log=log,
        progress=progress,
    ) as simulation:
        return simulation.run(vectors, seed=seed)


_PROJECT = Path(hwgen.__file__).resolve().parents[1]
