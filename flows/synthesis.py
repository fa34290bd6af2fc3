"""From a network to standard cells: netlist, area report, and a picture of where the area goes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from hwgen.flows.design import make_design
from hwgen.flows.modules import by_size, short_module
from hwgen.flows.results import html_line, html_table, narrowed
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.cache import Cache, open_cache
from hwgen.support.extras import hint, installed
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary, SynthesisReport, synthesize


class _Keywords(TypedDict):
    recipe: str
    clock: float | None
    tool: str
    timeout: float
    cache: Cache | None


@dataclass(frozen=True)
class SynthesisOptions:
    """How to map.

    Parameters
    ----------
    recipe
        ``area``, ``balanced``, ``delay`` or ``best``.
    clock
        The period in ns that ``delay`` aims at; None for the others.
    tool
        Which Yosys: ``auto``, ``pyosys``, ``yowasp`` or ``path``.
    timeout
        Seconds for Yosys.
    cache
        Whether the user's cache is looked up and added to.
    """

    recipe: str = "area"
    clock: float | None = None
    tool: str = "auto"
    timeout: float = 1800.0
    cache: bool = True

    def check(self) -> "SynthesisOptions":
        """The same, refused before long work where recipe, clock or tool are not there.

        Raises
        ------
        HwgenError
            One of them is not.
        """
        from hwgen.synth.mapping.recipe import find_recipe
        from hwgen.synth.mapping.yosys import find_yosys

        find_recipe(self.recipe, self.clock)
        find_yosys(self.tool)
        return self

    def opened_cache(self) -> Cache | None:
        """The user's cache, or None."""
        return open_cache() if self.cache else None

    def to_keywords(self) -> _Keywords:
        """Arguments for :func:`hwgen.synth.synthesize`."""
        return {
            "recipe": self.recipe,
            "clock": self.clock,
            "tool": self.tool,
            "timeout": self.timeout,
            "cache": self.opened_cache(),
        }


@dataclass(frozen=True, kw_only=True)
class DesignReport(SynthesisReport):
    """Area, timing and leakage of a design in standard cells, before layout.

    Attributes
    ----------
    top, arch, latency_cycles, interval_cycles, network_sha256
        As of the design's manifest.
    verilog
        Path of the Verilog; None where no folder was given. ``netlist`` is that of the netlist.
    """

    top: str
    arch: Architecture
    latency_cycles: int
    interval_cycles: int
    network_sha256: str
    verilog: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen synth --json`` prints."""
        files = {"verilog": self.verilog, "netlist": self.netlist and str(self.netlist)}
        return {
            **narrowed(self, SynthesisReport).to_json(),
            "top": self.top,
            "arch": self.arch.to_json(),
            "latency_cycles": self.latency_cycles,
            "interval_cycles": self.interval_cycles,
            "network_sha256": self.network_sha256,
            **{name: path for name, path in files.items() if path is not None},
        }

    def summary(self) -> str:
        """The totals, in one line."""
        return (
            f"{self.area_um2:,.0f} um2 ({self.gate_equivalents:,.0f} GE), {self.cells:,} cells "
            f"in {self.pdk} ({self.corner}), recipe {self.recipe}, {self.tool}"
        )

    def modules(self) -> list[tuple[str, float, float]]:
        """Module, area in um2 and share of the whole (0..1), the largest first."""
        total = self.area_um2 or 1.0
        found = by_size(self.area_by_module)
        return [(short_module(module, self.top), area, area / total) for module, area in found]

    def _repr_html_(self) -> str:
        rows = [(name, round(area), f"{share:.1%}") for name, area, share in self.modules()]
        line = (
            f"critical path {self.critical_path_ns:.2f} ns, leakage {self.leakage_nw:,.0f} nW; "
            f"latency {self.latency_cycles:,}, interval {self.interval_cycles:,} cycles"
        )
        picture = ""
        if self.area_um2 and installed("matplotlib"):
            from hwgen.flows.pictures import area_figure, svg_of

            picture = svg_of(area_figure({str(self.arch): self}))
        table = html_table("area by module", ["module", "um2", "share"], rows)
        return f"{html_line(self.summary())}{html_line(line)}{table}{picture}"


def synthesize_design(
    network: Network,
    architecture: Architecture,
    *,
    library: CellLibrary,
    options: SynthesisOptions | None = None,
    flatten: bool = False,
    output: Path | None = None,
    progress: Progress = silent,
) -> DesignReport:
    """Generate and map to the cells of ``library``.

    Parameters
    ----------
    flatten
        Map the whole design as one module too, and keep the smaller netlist.
    output
        Folder for Verilog, manifest, netlist, ``report.json`` and the picture, all files at once;
        None: nothing is written.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.flows.design.make_design` and :func:`hwgen.synth.synthesize`, or the
        folder cannot be written.
    """
    if output is not None:
        check_folder(output)
    keywords = (options or SynthesisOptions()).to_keywords()
    with temporary_folder("synth") as folder:
        progress("generating")
        draft = make_design(network, architecture, keywords["cache"], library).write(folder)
        mapped = synthesize(
            Path(draft.verilog),
            draft.top,
            library=library,
            flatten=flatten,
            out_dir=folder,
            progress=progress,
            **keywords,
        )
        report = _report(mapped, draft if output is None else draft.moved_to(output), output)
        if output is not None:
            _write(report, draft.moved_to(output), folder, output, progress)
    return report


def _report(mapped: SynthesisReport, manifest: Manifest, output: Path | None) -> DesignReport:
    known = {**vars(mapped), "netlist": output and output / "netlist.v"}
    return DesignReport(
        **known,
        top=manifest.top,
        arch=manifest.arch,
        latency_cycles=manifest.latency_cycles,
        interval_cycles=manifest.interval_cycles,
        network_sha256=manifest.network_sha256,
        verilog=manifest.verilog if output else None,
    )


def _write(
    report: DesignReport, manifest: Manifest, folder: Path, output: Path, progress: Progress
) -> None:
    """Everything in ``folder``, with manifest, report and picture, to ``output``."""
    made = {file.name: file.read_bytes() for file in folder.iterdir()}
    texts: dict[str, str | bytes] = {
        "manifest.json": manifest.to_text(),
        "report.json": json.dumps(report.to_json(), indent=2) + "\n",
        **draw_areas({str(report.arch): report}, progress),
    }
    write_together({output / name: content for name, content in {**made, **texts}.items()})


def draw_areas(reports: dict[str, DesignReport], progress: Progress) -> dict[str, bytes]:
    """The picture ``area`` as files; none where matplotlib is not installed."""
    if not installed("matplotlib"):
        progress(f"no picture: matplotlib is not installed, {hint('matplotlib')}")
        return {}
    from hwgen.flows.pictures import area_figure, picture_files

    progress("drawing")
    return picture_files("area", area_figure(reports))
