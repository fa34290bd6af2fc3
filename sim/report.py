"""What a bench found, phase by phase, in a file that the runner reads."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hwgen.rtl.interface import Layout
from hwgen.sim.job import save_json


@dataclass(kw_only=True)
class Phase:
    """One part of the regression.

    Parameters
    ----------
    finished
        The phase came to its end; a bench that crashed leaves False.
    failure
        The first thing that is wrong, in one line, or None.
    first_mismatch
        ``vector``, ``cycle`` (or None), ``expected`` and ``got`` of the first wrong value, or None.
    """

    name: str
    vectors: int = 0
    mismatches: int = 0
    cycles: int = 0
    seconds: float = 0.0
    finished: bool = False
    failure: str | None = None
    first_mismatch: dict[str, Any] | None = None

    def fail(self, failure: str) -> None:
        """Note a failure; the first one stays."""
        self.failure = self.failure or failure


@dataclass
class Report:
    """The phases so far, written to ``path`` after each."""

    path: Path
    simulator: str
    phases: list[Phase] = field(default_factory=list)

    def save(self) -> None:
        """Write the report whole."""
        phases = [asdict(phase) for phase in self.phases]
        save_json(self.path, {"simulator": self.simulator, "phases": phases})


def compare(
    phase: Phase,
    layout: Layout,
    vectors: list[int],
    expected: list[list[int]],
    got: list[list[int]],
    cycles: Sequence[int] = (),
) -> None:
    """Count in ``phase`` the results that differ, beat for beat, and explain the first one.

    ``vectors`` holds the number of each vector as the user knows it, ``cycles`` the clock edge that
    took the first beat of each result, as far as that is known.
    """
    wrong = [i for i, (want, have) in enumerate(zip(expected, got, strict=False)) if want != have]
    phase.vectors += min(len(expected), len(got))
    phase.mismatches += len(wrong)
    if not wrong or phase.first_mismatch is not None:
        return
    first = wrong[0]
    want, have = layout.unpack(expected[first]), layout.unpack(got[first])
    cycle = cycles[first] if first < len(cycles) else None
    where = {"vector": vectors[first], "cycle": cycle}
    phase.first_mismatch = {**where, "expected": want, "got": have}
    hint = _hint(expected, got, first)
    if want == have:
        hint = " (padding bits are not zero)"
    when = "" if cycle is None else f" in cycle {cycle}"
    found = f"expected {_short(want)}, got {_short(have)}{when}{hint}"
    phase.fail(f"vector {vectors[first]}: {found}")


def _hint(expected: list[list[int]], got: list[list[int]], first: int) -> str:
    """What the results from ``first`` on look like, if it is one of the usual faults."""
    span = 3
    have, want = got[first : first + span], expected[first : first + span]
    if first and have == expected[first - 1 : first - 1 + span]:
        return " (as if the result before it came twice)"
    if have == expected[first + 1 : first + 1 + span]:
        return " (as if this result was lost)"
    if len(want) > 1 and have[:2] == want[1::-1]:
        return " (as if this result and the next were swapped)"
    return ""


def _short(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:12]))
    return f"[{shown}, ... {len(values)} values]" if len(values) > 12 else f"[{shown}]"
