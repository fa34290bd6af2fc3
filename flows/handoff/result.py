"""What a hand-off comes to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hwgen.flows.results import html_line
from hwgen.rtl.manifest import Manifest
from hwgen.sim.result import SimulationResult
from hwgen.synth import SynthesisReport
from hwgen.synth.prove.verdict import Verdict

Target = Literal["librelane", "tinytapeout"]

_OF_SYNTHESIS = (
    *("pdk", "corner", "area_um2", "gate_equivalents", "cells"),
    *("critical_path_ns", "nets_over", "recipe", "tool"),
)
_OF_PROOF = ("status", "method", "seconds")
_OF_REGRESSION = ("passed", "vectors", "mismatches", "cycles", "simulator", "seed", "seconds")
"""Keys of the reports that ``handoff.json`` takes over."""


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """What was handed over.

    Attributes
    ----------
    folder
        Where it is.
    to
        ``librelane`` or ``tinytapeout``.
    form
        ``netlist`` or ``rtl``.
    manifest
        Of the design.
    synthesis
        Of ours.
    librelane_pdk
        LibreLane's name of the process.
    expected_area_um2
        Cell area after LibreLane's synthesis, um2.
    clock_ns
        The clock period that is asked for, ns.
    utilization, die_um, tiles
        Percent of the core that cells fill; width and height, um; Tiny Tapeout's tiles, or None.
    verified
        The regression of what is handed over; None where it was not asked for.
    proved
        That the netlist does what its source does, for all inputs; None where it was not asked for.
    notes
        What should be known besides, in lines.
    files
        Paths in the folder.
    """

    folder: Path
    to: Target
    form: Literal["netlist", "rtl"]
    manifest: Manifest
    synthesis: SynthesisReport
    librelane_pdk: str
    expected_area_um2: float
    clock_ns: float
    utilization: float
    die_um: tuple[float, float]
    tiles: str | None
    verified: SimulationResult | None
    proved: Verdict | None
    notes: tuple[str, ...]
    files: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen handoff --json`` prints, and ``handoff.json`` holds."""
        manifest, synthesis = self.manifest, self.synthesis.to_json()
        checked = None if self.verified is None else self.verified.to_json()
        return {
            "to": self.to,
            "top": manifest.top,
            "arch": manifest.arch.to_json(),
            "form": self.form,
            **{key: synthesis[key] for key in _OF_SYNTHESIS},
            "librelane_pdk": self.librelane_pdk,
            "expected_area_um2": self.expected_area_um2,
            "clock_ns": self.clock_ns,
            "latency_cycles": manifest.latency_cycles,
            "interval_cycles": manifest.interval_cycles,
            "utilization": self.utilization,
            "die_um": list(self.die_um),
            **({} if self.tiles is None else {"tiles": self.tiles}),
            "verified": checked and {key: checked[key] for key in _OF_REGRESSION},
            "proved": self.proved and {key: getattr(self.proved, key) for key in _OF_PROOF},
            "notes": list(self.notes),
            "files": list(self.files),
            "network_sha256": manifest.network_sha256,
        }

    def summary(self) -> list[str]:
        """What is to be said of it, in lines."""
        manifest, report, checked = self.manifest, self.synthesis, self.verified
        width, height = self.die_um
        size = f"{self.tiles} tiles" if self.tiles else "die"
        verified = checked and (
            f"verified: {checked.vectors:,} vectors, {checked.mismatches} mismatches, "
            f"{checked.simulator}, seed {checked.seed}"
        )
        return [
            f"{manifest.top} for {self.to}, {self.librelane_pdk}: {size}, "
            f"{width:g} x {height:g} um, {self.utilization:g} % filled",
            f"{self.form} of {report.area_um2:,.0f} um2 of cells by our synthesis, "
            f"{self.expected_area_um2:,.0f} expected after LibreLane's",
            f"clock {self.clock_ns:g} ns, critical path {report.critical_path_ns:.2f} ns; "
            f"latency {manifest.latency_cycles:,}, interval {manifest.interval_cycles:,} cycles",
            *([verified] if verified else []),
            *(["proved: netlist = RTL for all inputs"] if self.proved else []),
            *(f"note: {note}" for note in self.notes),
            f"everything in {self.folder}",
        ]

    def _repr_html_(self) -> str:
        return "".join(map(html_line, self.summary()))
