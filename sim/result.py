"""What a simulation run found: read from what the bench and cocotb wrote, and checked."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cocotb_tools.check_results import get_results

from hwgen.sim.report import Phase
from hwgen.sim.vectors import Vectors
from hwgen.support.errors import HwgenError


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
        Decides the stalls and resets (and, with :func:`hwgen.sim.vectors.make_vectors`, the
        vectors).
    phases
        Each phase with its own counts and its ``failure`` in one line, or None.
    failure
        The first failure of all, or None.
    first_mismatch
        ``phase``, ``vector``, ``cycle`` (of the phase, or None), ``input``, ``expected`` and
        ``got`` of the first wrong result.
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


def read_report(work: Path) -> dict[str, Any]:
    """What the bench has written in ``work`` so far: ``simulator`` and ``phases``."""
    try:
        report: dict[str, Any] = json.loads((work / "report.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {"simulator": "", "phases": []}
    return report


def checked_phases(
    work: Path, report: dict[str, Any], code: int, what: str, wanted: tuple[str, ...]
) -> list[Phase]:
    """The phases of a complete run; a missing, empty or partial one is refused, never passed.

    Raises
    ------
    HwgenError
        The run in ``work``, called ``what``, which ended with the exit ``code``, is no complete
        one of the phases ``wanted``.
    """
    try:
        tests, failed = get_results(work / "results.xml")
    except (RuntimeError, ElementTree.ParseError, ValueError):
        tests = failed = 0
    phases = [Phase(**phase) for phase in report["phases"]]
    for phase in phases:
        if not phase.finished:
            phase.fail("the bench did not come to its end")
    if tests != len(wanted) or [phase.name for phase in phases] != list(wanted):
        raise HwgenError(what, f"{tests} of {len(wanted)} tests ran", f"exit code {code}")
    if failed != sum(phase.failure is not None for phase in phases):
        raise HwgenError(what, f"{failed} tests failed for no stated reason", f"exit code {code}")
    return phases


def first_mismatch(phases: list[Phase], vectors: Vectors) -> dict[str, Any] | None:
    """The first wrong result of all phases with its input, or None."""
    for phase in phases:
        if phase.first_mismatch is not None:
            row = vectors.x[phase.first_mismatch["vector"]].tolist()
            return {"phase": phase.name, "input": row, **phase.first_mismatch}
    return None
