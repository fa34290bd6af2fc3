"""A design against the golden model, in a real simulator: RTL, or the netlist made of it."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.design import make_design
from hwgen.flows.gates import make_gates
from hwgen.flows.results import html_line, html_table, narrowed
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.sim.result import SimulationResult
from hwgen.sim.runner import run as simulate
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import Vectors, make_vectors
from hwgen.sim.wave import record, wave_format
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary


@dataclass(frozen=True)
class Cells:
    """Which cells to map to, and how."""

    library: CellLibrary
    options: SynthesisOptions


@dataclass(frozen=True, kw_only=True)
class Verification(SimulationResult):
    """What a regression of a design found.

    Attributes
    ----------
    arch, latency_cycles, interval_cycles, network_sha256
        Of the design.
    origins
        How many of the vectors are ``corners``, ``data`` and ``random``.
    gates
        Library and figures of the netlist; None where the RTL was simulated.
    wave
        Of the waveform: its ``file``, the ``vector`` that it shows alone, and whether that one has
        ``passed`` so; None where none was asked for.
    """

    arch: Architecture
    latency_cycles: int
    interval_cycles: int
    network_sha256: str
    origins: dict[str, int]
    gates: dict[str, Any] | None = None
    wave: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen verify --json`` prints."""
        return {
            **narrowed(self, SimulationResult).to_json(),
            "arch": self.arch.to_json(),
            "latency_cycles": self.latency_cycles,
            "interval_cycles": self.interval_cycles,
            "origins": self.origins,
            "network_sha256": self.network_sha256,
            **({} if self.gates is None else {"gates": self.gates}),
            **({} if self.wave is None else {"wave": self.wave}),
        }

    def require(self, again: str = "") -> "Verification":
        """The same, if it passed.

        Parameters
        ----------
        again
            The command that does the same again, for the error.

        Raises
        ------
        HwgenError
            It did not.
        """
        if self.passed:
            return self
        raise HwgenError(
            f"verify (seed {self.seed})",
            f"{self.mismatches} mismatches; {self.failure}",
            f"again: {again}" if again else "every result must equal the golden model's",
        )

    def summary(self) -> str:
        """The verdict, in one line."""
        origins = ", ".join(f"{count} {name}" for name, count in self.origins.items())
        return f"{'passed' if self.passed else 'FAILED'}: {self.vectors:,} vectors ({origins})"

    def about_wave(self) -> str:
        """What the waveform shows, in one line; empty without one."""
        if self.wave is None:
            return ""
        alone = "right" if self.wave["passed"] else "wrong"
        return f"{self.wave['file']}: vector {self.wave['vector']} alone, which is {alone}"

    def _repr_html_(self) -> str:
        rows = [(p.name, p.vectors, p.mismatches, p.cycles, p.seconds) for p in self.phases]
        header = ["phase", "vectors", "mismatches", "cycles", "seconds"]
        title = f"{self.simulator}, seed {self.seed}"
        failure = html_line(self.failure) if self.failure else ""
        return f"{html_table(title, header, rows)}{html_line(self.summary())}{failure}"


def verify_design(
    network: Network,
    architecture: Architecture,
    *,
    samples: Integers | None = None,
    vectors: int = 200,
    simulator: Simulator = "verilator",
    seed: int | None = None,
    cells: Cells | None = None,
    wave: Path | None = None,
    progress: Progress = silent,
) -> Verification:
    """Generate, map where ``cells`` are given, make vectors, simulate.

    Parameters
    ----------
    samples
        Input codes, integers [samples, features], that are verified besides.
    vectors
        How many corner and random vectors, at least 1.
    seed
        Decides vectors, stalls and resets; None: a fresh one, which the result names.
    wave
        Where the waveform goes of the first vector that is wrong, else of vector 0, run alone;
        ``.fst`` or ``.vcd``.

    Raises
    ------
    HwgenError
        The design cannot be made or simulated. One that is wrong is a result instead.
    """
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    if wave is not None:
        wave_format(wave, simulator)
    with temporary_folder("verify") as folder:
        subject = _subject(network, architecture, Path(folder), cells, progress)
        progress("making vectors")
        stimuli = make_vectors(network, count=vectors, seed=seed, data=samples)
        result = simulate(
            subject.verilog,
            subject.manifest,
            stimuli,
            simulator=simulator,
            seed=seed,
            extra_sources=subject.models,
            progress=progress,
        )
        shown = None
        if wave is not None:
            shown = _record(subject, stimuli, result, wave, simulator, progress)
    return Verification(
        **vars(result),
        arch=architecture,
        latency_cycles=subject.manifest.latency_cycles,
        interval_cycles=subject.manifest.interval_cycles,
        network_sha256=subject.manifest.network_sha256,
        origins=stimuli.origins,
        gates=subject.gates,
        wave=shown,
    )


def _record(
    subject: "_Subject",
    vectors: Vectors,
    result: SimulationResult,
    path: Path,
    simulator: Simulator,
    progress: Progress,
) -> dict[str, Any]:
    """Write the waveform; what :attr:`Verification.wave` says of it."""
    number = 0 if result.first_mismatch is None else result.first_mismatch["vector"]
    alone = record(
        subject.verilog,
        subject.manifest,
        vectors,
        number,
        path,
        simulator=simulator,
        seed=result.seed,
        extra_sources=subject.models,
        progress=progress,
    )
    return {"file": str(path), "vector": number, "passed": alone.passed}


@dataclass(frozen=True)
class _Subject:
    """What is simulated: RTL, or a netlist with the models of its cells and its figures."""

    manifest: Manifest
    verilog: Path
    models: tuple[Path, ...] = ()
    gates: dict[str, Any] | None = None


def _subject(
    network: Network,
    architecture: Architecture,
    folder: Path,
    cells: Cells | None,
    progress: Progress,
) -> _Subject:
    if cells is None:
        progress("generating")
        manifest = make_design(network, architecture).write(folder)
        return _Subject(manifest, Path(manifest.verilog))
    gates = make_gates(
        network,
        architecture,
        folder,
        library=cells.library,
        options=cells.options,
        progress=progress,
    )
    return _Subject(gates.manifest, gates.netlist, (gates.models,), gates.to_json())
