"""Run the regression of a generated design in a simulator.

:func:`run` is the whole interface: Verilog, manifest and vectors in, a :class:`SimulationResult`
out. The simulator runs in a process group of its own with a time limit, in a private folder that
is removed afterwards.
"""

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cocotb_tools.check_results import get_results

from hwgen.errors import HwgenError, printable
from hwgen.interface import Manifest
from sim import icarus, verilator
from sim.job import FOLDER_VARIABLE, Job
from sim.process import clean_environment, run_group
from sim.report import Phase
from sim.vectors import Vectors

Simulator = Literal["verilator", "icarus"]
Progress = Callable[[str], None]

PHASES = {False: ("full speed", "stalls", "reset"), True: ("bare",)}
"""The phases that must be there for a streaming and for a bare design."""


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """What a regression found.

    Parameters
    ----------
    passed
        Every phase ran to its end without a mismatch or another failure.
    vectors
        Distinct vectors whose results were compared.
    mismatches
        Wrong results, over all phases.
    cycles
        Clock cycles simulated, over all phases.
    simulator
        Name and version of what ran.
    seed
        Decides the stalls and resets (and, with :func:`sim.vectors.make_vectors`, the vectors).
    phases
        Each phase with its own counts and its ``failure`` in one line, or None.
    failure
        The first failure of all, or None.
    first_mismatch
        ``phase``, ``vector``, ``input``, ``expected`` and ``got`` of the first wrong result.
    seconds
        Wall time, build included.
    build_seconds
        Wall time of the build alone.
    """

    passed: bool
    vectors: int
    mismatches: int
    cycles: int
    simulator: str
    seed: int
    phases: list[Phase]
    failure: str | None
    first_mismatch: dict[str, Any] | None
    seconds: float
    build_seconds: float

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)


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
    """Build ``verilog`` for ``simulator`` and hold it to ``vectors`` and to its manifest.

    Parameters
    ----------
    seed
        At least 0; decides stalls and resets.
    timeout
        Seconds for build and simulation together.
    extra_sources
        More Verilog that the design needs, such as cell models.
    log
        Where the tools' output is left if something fails; a new file in the system's folder for
        temporary files if None.
    progress
        Called with one line whenever something new begins.

    Raises
    ------
    HwgenError
        A tool is missing, the design cannot be built, the simulator crashed, or it is still
        running at the time limit. A design that computes or behaves wrongly is a result instead.
    """
    if simulator not in ("verilator", "icarus"):
        raise HwgenError("--simulator", f"found {simulator!r}", "verilator or icarus is needed")
    if seed < 0:
        raise HwgenError("--seed", f"found {seed}", "0 or more")
    if not len(vectors):
        raise HwgenError("vectors", "none", "at least 1 is needed")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", manifest.top):
        raise HwgenError("top", f"found {manifest.top!r}", "a plain Verilog identifier")
    folder = Path(tempfile.mkdtemp(prefix="hwgen-sim-"))
    try:
        return _Run(folder, manifest, vectors, simulator, seed, timeout, progress).run(
            [verilog, *extra_sources]
        )
    except HwgenError as error:
        if not (folder / "log").is_file() or not (folder / "log").stat().st_size:
            raise
        kept = _keep_log(folder / "log", log)
        raise HwgenError(error.where, error.found, f"see {kept}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """One regression in one private folder."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        vectors: Vectors,
        simulator: Simulator,
        seed: int,
        timeout: float,
        progress: Progress | None,
    ):
        self.folder, self.manifest, self.vectors = folder, manifest, vectors
        self.simulator, self.seed = simulator, seed
        self.begun = time.monotonic()
        self.deadline = self.begun + timeout
        self.progress: Progress = progress or (lambda _: None)
        self.told = 0
        self.log = folder / "log"

    def left(self) -> float:
        """Seconds that are left."""
        return max(1.0, self.deadline - time.monotonic())

    def run(self, sources: Sequence[Path]) -> SimulationResult:
        """Build, simulate, read the results."""
        if re.search(r"\s", str(self.folder)):
            raise HwgenError(
                str(self.folder), "a space in the path", "set TMPDIR to a folder without"
            )
        self.progress(f"building with {self.simulator}")
        copies = [self._copy(source, number) for number, source in enumerate(sources)]
        builder = verilator.build if self.simulator == "verilator" else icarus.build
        builder(copies, self.manifest.top, self.folder, log=self.log, deadline=self.left)
        built = time.monotonic()
        vectors = self.vectors
        Job.of(self.manifest, vectors.x, vectors.expected, self.seed).save(self.folder)
        code = self._simulate()
        tests, failed = self._results()
        return self._result(code, tests, failed, round(built - self.begun, 3))

    def _copy(self, source: Path, number: int) -> Path:
        """A source under a name of ours, so that no name of the user's reaches a tool."""
        try:
            return Path(shutil.copyfile(source, self.folder / f"source{number}.v"))
        except OSError as error:
            reason = error.strerror or "unreadable"
            raise HwgenError(str(source), reason, "a Verilog file is needed") from None

    def _simulate(self) -> int:
        settings = {
            "simulator": self.simulator,
            "test_module": "sim.bench_bare" if self.manifest.arch.bare else "sim.bench",
            "hdl_toplevel": self.manifest.top,
            "build_dir": str(self.folder),
            "test_dir": str(self.folder),
            "results_xml": str(self.folder / "results.xml"),
            "seed": self.seed,
            "extra_env": {FOLDER_VARIABLE: str(self.folder)},
            "plusargs": ["+verilator+rand+reset+2", f"+verilator+seed+{1 + self.seed % 1000000}"],
        }
        (self.folder / "settings.json").write_text(json.dumps(settings), "utf-8")
        return run_group(
            [sys.executable, "-m", "sim.launch", str(self.folder / "settings.json")],
            what=f"the simulation with {self.simulator}",
            cwd=self.folder,
            env=clean_environment(
                PYTHONPATH=":".join(p for p in (str(_PROJECT), *sys.path) if p),
                PYTHONWARNINGS="ignore",
                COCOTB_LOG_LEVEL="WARNING",
                GPI_LOG_LEVEL="WARNING",
                **{FOLDER_VARIABLE: str(self.folder)},
            ),
            log=self.log,
            timeout=self.left(),
            tick=self._tell,
        )

    def _tell(self) -> None:
        phases = self._report()["phases"]
        for phase in phases[self.told :]:
            self.progress(f"simulating: {phase['name']}")
        self.told = len(phases)

    def _report(self) -> dict[str, Any]:
        try:
            report: dict[str, Any] = json.loads((self.folder / "report.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {"simulator": self.simulator, "phases": []}
        return report

    def _results(self) -> tuple[int, int]:
        """Tests that ran and failed, as cocotb's own results file counts them; 0 without one."""
        try:
            return get_results(self.folder / "results.xml")
        except Exception:  # missing, cut off, or not XML: all the same, nothing was proven
            return 0, 0

    def _result(self, code: int, tests: int, failed: int, build: float) -> SimulationResult:
        report = self._report()
        phases = [Phase(**phase) for phase in report["phases"]]
        for phase in phases:
            if not phase.finished:
                phase.fail("the bench did not come to its end")
        wanted = PHASES[self.manifest.arch.bare]
        failure = next((f"{p.name}: {p.failure}" for p in phases if p.failure), None)
        if tests != len(wanted) or [p.name for p in phases] != list(wanted):
            where = f"the simulation with {self.simulator}"
            raise HwgenError(where, f"{tests} of {len(wanted)} tests ran (exit code {code})", "bug")
        if failure is None and (failed or any(p.mismatches for p in phases)):
            failure = f"{failed} of {tests} tests failed"
        return SimulationResult(
            passed=failure is None,
            vectors=max(min(len(self.vectors), p.vectors) for p in phases),
            mismatches=sum(p.mismatches for p in phases),
            cycles=sum(p.cycles for p in phases),
            simulator=printable(report["simulator"]).lower(),
            seed=self.seed,
            phases=phases,
            failure=failure,
            first_mismatch=self._first_mismatch(phases),
            seconds=round(time.monotonic() - self.begun, 3),
            build_seconds=build,
        )

    def _first_mismatch(self, phases: list[Phase]) -> dict[str, Any] | None:
        for phase in phases:
            if phase.first_mismatch is not None:
                row = self.vectors.x[phase.first_mismatch["vector"]].tolist()
                return {"phase": phase.name, "input": row, **phase.first_mismatch}
        return None


_PROJECT = Path(__file__).resolve().parent.parent


def _keep_log(log: Path, wanted: Path | None) -> Path:
    """Copy ``log`` to where it outlives the run."""
    if wanted is None:
        with tempfile.NamedTemporaryFile(prefix="hwgen-", suffix=".log", delete=False) as file:
            wanted = Path(file.name)
    shutil.copyfile(log, wanted)
    return wanted
