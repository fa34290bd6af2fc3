"""A design as a netlist of library cells, with what a simulator needs of the cells."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.design import make_design
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress
from hwgen.synth import CellLibrary, SynthesisReport, synthesize
from hwgen.synth.libraries.models import verilog_models


@dataclass(frozen=True, kw_only=True)
class Gates:
    """A synthesized design.

    Parameters
    ----------
    manifest
        Of the RTL; the netlist has the same ports and cycles.
    library, report
        What its cells are of, and its figures.
    folder
        Holds ``netlist.v`` and ``netlist.json``, and ``cells.v``, the models of its cells.
    """

    manifest: Manifest
    library: CellLibrary
    report: SynthesisReport
    folder: Path

    @property
    def netlist(self) -> Path:
        """The netlist as Verilog."""
        return self.folder / "netlist.v"

    @property
    def models(self) -> Path:
        """The cells as Verilog."""
        return self.folder / "cells.v"

    def to_json(self) -> dict[str, Any]:
        """What the netlist is made of, as plain data."""
        keys = ("pdk", "corner", "recipe", "area_um2", "cells")
        return {key: getattr(self.report, key) for key in keys}


def make_gates(
    network: Network,
    architecture: Architecture,
    folder: Path,
    *,
    library: CellLibrary,
    options: SynthesisOptions,
    progress: Progress,
) -> Gates:
    """Generate and synthesize into ``folder``, and write the models of the cells used.

    Raises
    ------
    HwgenError
        A cell of the library is named like a module of ours, or synthesis failed.
    """
    ours = next((name for name in library.cells if re.match(r"hwgen(_|\Z)", name)), None)
    if ours is not None:
        raise HwgenError(library.name, f"a cell called {ours}", "hwgen is the design's own prefix")
    progress("generating")
    keywords = options.to_keywords()
    manifest = make_design(network, architecture, keywords["cache"], library).write(folder)
    report = synthesize(
        Path(manifest.verilog),
        manifest.top,
        library=library,
        out_dir=folder,
        progress=progress,
        **keywords,
    )
    gates = Gates(manifest=manifest, library=library, report=report, folder=folder)
    gates.models.write_text(verilog_models(library, report.cells_by_type), "utf-8")
    return gates
