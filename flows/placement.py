"""A design placed in rows of a core: an estimate of its layout, with its wires."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.design import make_design
from hwgen.flows.handoff.librelane import find_foundry, sides_of
from hwgen.flows.modules import short_module
from hwgen.flows.results import html_line
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.extras import installed, need
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary, SynthesisReport, synthesize
from hwgen.synth.libraries.layout import for_layout
from hwgen.synth.libraries.processes import processes
from hwgen.synth.mapping.netlist import Flat, Netlist
from hwgen.synth.placement.deffile import def_text
from hwgen.synth.placement.place import Placement, place
from hwgen.synth.timing import CriticalPath, analyse

UTILIZATION = 70.0
"""Percent of the core that cells fill, where it is not said."""

ASSUMPTIONS = (
    "an estimate: placed, not routed; LibreLane decides",
    "wires run as rectilinear spanning trees between the middles of cells",
    "wires add capacitance, no resistance; no buffers beyond the netlist's",
    "no clock tree, taps, power straps or fill",
)


@dataclass(frozen=True, kw_only=True, repr=False)
class PlacementReport:
    """Where the cells of a design could stand, and what its wires then cost.

    Attributes
    ----------
    manifest, synthesis
        Of the design, and of its netlist before it was placed.
    placement
        Every cell.
    modules
        Of each cell of the placement, the module that it is in.
    path
        The slowest path with the wires' load.
    wire_ff_per_um
        What a micrometre of wire weighs.
    files
        Where the files are, by kind; empty where no folder was given.
    """

    manifest: Manifest
    synthesis: SynthesisReport
    placement: Placement
    modules: tuple[str, ...]
    path: CriticalPath
    wire_ff_per_um: float
    files: Mapping[str, str]

    @property
    def utilization(self) -> float:
        """Percent of the core's sites that cells fill."""
        core = self.placement.core
        filled = sum(one.width for one in self.placement.places)
        return 100 * filled / (core.columns * core.rows)

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen place --json`` prints."""
        core, report = self.placement.core, self.synthesis
        return {
            "top": self.manifest.top,
            "arch": self.manifest.arch.to_json(),
            "pdk": report.pdk,
            "corner": report.corner,
            "cells": report.cells,
            "area_um2": report.area_um2,
            "core_um": [round(side, 3) for side in core.size],
            "die_um": [round(side, 3) for side in core.die],
            "rows": core.rows,
            "utilization": round(self.utilization, 2),
            "wire_mm": round(sum(self.placement.lengths.values()) / 1e3, 3),
            "half_perimeter_mm": round(self.placement.half_perimeter / 1e3, 3),
            "wire_ff_per_um": self.wire_ff_per_um,
            "critical_path_ns": round(self.path.delay, 6),
            "critical_path_without_wires_ns": round(report.critical_path_ns, 6),
            "path": self.path.to_json(),
            "assumptions": list(ASSUMPTIONS),
            "network_sha256": self.manifest.network_sha256,
            **self.files,
        }

    def summary(self) -> list[str]:
        """What is to be said of it, in lines."""
        found = self.to_json()
        width, height = found["core_um"]
        return [
            f"{found['cells']:,} cells of {found['area_um2']:,.0f} um2 in {found['pdk']}",
            f"core {width:,.1f} x {height:,.1f} um, {found['utilization']:.1f} % filled",
            f"wires {found['wire_mm']:,.1f} mm; half perimeters "
            f"{found['half_perimeter_mm']:,.1f} mm",
            f"critical path {found['critical_path_ns']:.2f} ns with wires, "
            f"{found['critical_path_without_wires_ns']:.2f} ns without",
            ASSUMPTIONS[0],
        ]

    def _repr_html_(self) -> str:
        picture = ""
        if installed("matplotlib"):
            from hwgen.flows.pictures import svg_of
            from hwgen.flows.placement_picture import placement_figure

            picture = svg_of(placement_figure(self))
        return "".join(map(html_line, self.summary())) + picture


def place_design(
    network: Network,
    architecture: Architecture,
    *,
    library: CellLibrary,
    options: SynthesisOptions | None = None,
    utilization: float = UTILIZATION,
    clock_gates: bool = False,
    output: Path | None = None,
    progress: Progress = silent,
) -> PlacementReport:
    """Map as for a layout (:func:`hwgen.flows.handoff.flow.hand_over`), and place the cells.

    Parameters
    ----------
    utilization
        Percent of the core that cells may fill, 1..95.
    clock_gates
        Let the netlist have the library's clock gates.
    output
        Folder for ``placement.def``, ``placement.json``, the netlist and the picture, all at once;
        None: nothing is written.

    Raises
    ------
    HwgenError
        The placer is not installed or failed, no site is known for the library, or as of
        :func:`hwgen.synth.synthesize`.
    """
    need("coloquinte")
    foundry = find_foundry(library.name)
    if not 1 <= utilization <= 95:
        raise HwgenError("utilization", f"found {utilization:g}", "1..95 percent")
    if output is not None:
        check_folder(output)
    keywords = (options or SynthesisOptions()).to_keywords()
    with temporary_folder("place") as folder:
        progress("generating")
        manifest = make_design(network, architecture, keywords["cache"]).write(folder)
        synthesis = synthesize(
            Path(manifest.verilog),
            manifest.top,
            library=for_layout(library, clock_gates=clock_gates),
            buffers=True,
            out_dir=folder,
            progress=progress,
            **keywords,
        )
        netlist = Netlist.read(folder / "netlist.json")
        verilog = (folder / "netlist.v").read_bytes()
    progress("placing")
    timeout = keywords["timeout"]
    report = _report(netlist, manifest, synthesis, library, utilization, timeout, output)
    if output is not None:
        _write(report, verilog, foundry.site_name, output, progress)
    return report


def _report(
    netlist: Netlist,
    manifest: Manifest,
    synthesis: SynthesisReport,
    library: CellLibrary,
    utilization: float,
    timeout: float,
    output: Path | None,
) -> PlacementReport:
    flat = netlist.flat()
    placement = place(
        flat,
        library,
        utilization=utilization,
        sides=_sides(manifest, flat),
        timeout=timeout,
    )
    per_um = processes()[library.name].wire.per_um or 0.0
    lengths = placement.lengths
    timing = analyse(flat, library, lambda net: 1e-3 * per_um * lengths.get(net, 0.0))
    held = {path: module for path, module, _ in netlist.places()}
    names = {"def": "placement.def", "netlist": "netlist.v", "picture": "placement.png"}
    return PlacementReport(
        manifest=manifest if output is None else manifest.moved_to(output),
        synthesis=synthesis,
        placement=placement,
        modules=tuple(short_module(held[one.path], manifest.top) for one in flat.instances),
        path=timing.path,
        wire_ff_per_um=per_um,
        files={} if output is None else {kind: str(output / name) for kind, name in names.items()},
    )


def _sides(manifest: Manifest, flat: Flat) -> dict[str, list[str]]:
    """The bits of the ports on each side, as in the pin order that LibreLane is given."""
    bits: dict[str, list[str]] = {}
    for name, _ in (*flat.inputs, *flat.outputs):
        bits.setdefault(name.partition("[")[0], []).append(name)
    return {
        side: [bit for port in ports for bit in bits[port.name]]
        for side, ports in sides_of(manifest).items()
    }


def _write(
    report: PlacementReport, verilog: bytes, site: str, output: Path, progress: Progress
) -> None:
    files: dict[str, str | bytes] = {
        "placement.def": def_text(report.placement, report.manifest.top, site),
        "placement.json": json.dumps(report.to_json(), indent=2) + "\n",
        "netlist.v": verilog,
    }
    if installed("matplotlib"):
        from hwgen.flows.pictures import picture_files
        from hwgen.flows.placement_picture import placement_figure

        progress("drawing")
        files |= picture_files("placement", placement_figure(report))
    write_together({output / name: content for name, content in files.items()})
