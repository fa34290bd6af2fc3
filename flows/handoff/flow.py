"""Everything that a layout flow needs, verified, in one folder."""

import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwgen import __version__
from hwgen.flows.design import make_design
from hwgen.flows.handoff import librelane
from hwgen.flows.handoff.result import Handoff, Target
from hwgen.flows.handoff.tinytapeout import project as tinytapeout
from hwgen.flows.handoff.tinytapeout.folder import SPDX, VECTORS, folder_files
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.constraints import IO_SHARE, constraints_text
from hwgen.rtl.manifest import Manifest
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent, under
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary, SynthesisReport, synthesize
from hwgen.synth.libraries.layout import for_layout
from hwgen.synth.libraries.models import verilog_models
from hwgen.synth.libraries.processes import Foundry
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.netlist import NetlistProof
from hwgen.synth.prove.verdict import Verdict

if TYPE_CHECKING:
    from hwgen.sim.result import SimulationResult


UTILIZATION: dict[Target, float] = {"librelane": 50.0, "tinytapeout": 65.0}
"""Percent of the core that cells may fill before layout adds its own, by default."""

PROOF_SECONDS = 300.0
"""For the proof that a netlist does what its source does."""

MARGIN = 1.5
"""Default clock period over our critical path: wires, buffers, clock skew, slower corners."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """How to verify what is handed over."""

    vectors: int
    simulator: Simulator
    seed: int


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A design on its way, its Verilog in a private folder.

    ``verilog`` is what is handed over, a ``netlist`` of cells or the source, and ``models`` what
    simulates it besides. ``synthesis`` is the report of ours, ``area`` what LibreLane's is expected
    to need, in um2; ``period`` is in ns.
    """

    to: Target
    network: Network
    manifest: Manifest
    foundry: Foundry
    netlist: bool
    verilog: Path
    models: tuple[Path, ...]
    synthesis: SynthesisReport
    area: float
    utilization: float
    period: float
    author: str
    verified: bool


@dataclass(frozen=True, kw_only=True)
class Package:
    """What is handed over.

    ``files`` are texts by their path in the folder, ``verilog`` the path that the design goes to.
    ``utilization`` is in percent, ``die`` width and height in um, ``tiles`` their name if they are
    Tiny Tapeout's; ``head`` stands above the Verilog.
    """

    verilog: str
    files: dict[str, str]
    utilization: float
    die: tuple[float, float]
    tiles: str | None = None
    notes: tuple[str, ...] = ()
    head: str = ""


def hand_over(
    network: Network,
    architecture: Architecture,
    *,
    to: Target,
    library: CellLibrary,
    output: Path,
    clock: float | None = None,
    utilization: float | None = None,
    author: str = "",
    rtl: bool = False,
    clock_gates: bool = False,
    check: Check | None,
    cache: bool = True,
    progress: Progress = silent,
) -> Handoff:
    """Generate, synthesize, verify, and write all files at once.

    Parameters
    ----------
    clock
        Period in ns; None: :func:`default_period`.
    utilization
        Percent of the core that cells may fill; None: :data:`UTILIZATION`.
    author
        ``tinytapeout`` only: for ``info.yaml`` and the module's name.
    rtl
        Hand over the source, which LibreLane synthesizes again, instead of the mapped netlist.
    clock_gates
        Let the netlist have the library's clock gates, though the flow does not use them.
    check
        How to verify; None: not at all.

    Raises
    ------
    HwgenError
        The target knows no such library, the design does not fit, or is wrong; or as of
        :func:`hwgen.flows.design.make_design` and :func:`hwgen.synth.synthesize`.
    """
    _check_options(to, clock, utilization, author, rtl and clock_gates)
    foundry = librelane.find_foundry(library.name)
    check_folder(output)
    with temporary_folder("handoff") as name:
        folder = Path(name)
        progress("generating")
        store = SynthesisOptions(cache=cache).to_keywords()
        cells = library if rtl else for_layout(library, clock_gates=clock_gates)
        architecture = architecture.suited(None if rtl else cells.latch_share)
        manifest = design_of(network, architecture, to, author, folder, store["cache"])
        report = synthesize(
            Path(manifest.verilog),
            manifest.top,
            library=cells,
            buffers=not rtl,
            out_dir=folder / "mapped",
            progress=progress,
            **store,
        )
        draft = Draft(
            to=to,
            network=network,
            manifest=manifest,
            foundry=foundry,
            netlist=not rtl,
            verilog=Path(manifest.verilog) if rtl else folder / "mapped" / "netlist.v",
            models=() if rtl else _models(cells, report, folder),
            synthesis=report,
            area=foundry.expected_area(report.area_um2, architecture.sequenced)
            if rtl
            else report.area_um2,
            utilization=utilization or UTILIZATION[to],
            period=clock or default_period(report.critical_path_ns, manifest, to),
            author=author,
            verified=check is not None,
        )
        package = (_librelane if to == "librelane" else _tinytapeout)(draft)
        checked = None if check is None else _verify(draft, check, progress)
        proved = None
        if check is not None and draft.netlist:
            proved = _prove(draft, folder / "mapped" / "netlist.json", cells, progress)
        verilog = draft.verilog.read_text("utf-8")
    result = _handoff(draft, package, checked, proved, output)
    files = {
        package.verilog: package.head + verilog,
        "manifest.json": replace(manifest, verilog=str(output / package.verilog)).to_text(),
        **package.files,
        "handoff.json": json.dumps(result.to_json(), indent=2) + "\n",
    }
    write_together({output / name: text for name, text in files.items()})
    return result


def _models(library: CellLibrary, report: SynthesisReport, folder: Path) -> tuple[Path, ...]:
    """The cells of a netlist, for a simulator."""
    path = folder / "cells.v"
    path.write_text(verilog_models(library, report.cells_by_type), "utf-8")
    return (path,)


def _check_options(
    to: Target, clock: float | None, utilization: float | None, author: str, gated: bool
) -> None:
    if gated:
        raise HwgenError("clock gates", "asked for with the source", "only a netlist has them")
    for name, value in (("clock", clock), ("utilization", utilization)):
        if value is not None and math.isnan(value):
            raise HwgenError(name, "found nan", "a number is needed")
    if author and to != "tinytapeout":
        raise HwgenError("author", f"given with {to}", "only tinytapeout names one")


def default_period(critical_path: float, manifest: Manifest, to: Target) -> float:
    """A clock period in ns that ``critical_path``, in ns before layout, leaves room in.

    It is :data:`MARGIN` times as long besides what the outside takes of it, and no shorter than
    Tiny Tapeout's own.
    """
    combinational = all(port.name != "clk" for port in manifest.ports)
    inside = 1 - IO_SHARE * (2 if combinational else 1)
    period = math.ceil(round(10 * MARGIN * critical_path / inside, 6)) / 10
    return max(period, tinytapeout.DEFAULT_CLOCK if to == "tinytapeout" else 0.1)


def design_of(
    network: Network,
    architecture: Architecture,
    to: Target,
    author: str,
    folder: Path,
    cache: Any,
) -> Manifest:
    """The Verilog to hand over, in ``folder``."""
    if to == "librelane":
        return make_design(network, architecture, cache).write(folder)
    from hwgen.flows.handoff.tinytapeout.tile import tile_design

    text, manifest = tile_design(network, architecture, tinytapeout.top_module(network, author))
    path = folder / manifest.verilog
    path.write_text(text, "utf-8")
    return replace(manifest, verilog=str(path))


def _librelane(draft: Draft) -> Package:
    manifest, period = draft.manifest, draft.period
    plan = librelane.Floorplan.of(draft.area, draft.utilization, manifest, draft.foundry)
    notes = ["the pins, or the smallest core, decide the size, not the cells"]
    roomy = plan.utilization < round(draft.utilization, 1)
    return Package(
        verilog=f"{manifest.top}.v",
        files={
            "config.json": librelane.config_text(
                manifest, draft.foundry, period, plan, netlist=draft.netlist
            ),
            "constraints.sdc": constraints_text(manifest, period),
            "pin_order.cfg": librelane.pins_text(manifest),
        },
        utilization=plan.utilization,
        die=plan.die,
        notes=tuple(notes) if roomy else (),
    )


def _tinytapeout(draft: Draft) -> Package:
    network, manifest, period = draft.network, draft.manifest, draft.period
    tiles = tinytapeout.Tiles.of(draft.area, draft.utilization, draft.foundry)
    vectors = make_vectors(network, count=VECTORS, seed=0)
    models = "".join(path.read_text("utf-8") for path in draft.models)
    notes = []
    if period < tinytapeout.SHORTEST_CLOCK:
        notes.append(f"the pads allow {tinytapeout.SHORTEST_CLOCK:.1f} ns (66 MHz) at best")
    if not draft.author:
        notes.append("info.yaml has no author yet: --author, or fill it in")
    return Package(
        verilog="src/project.v",
        files={
            "info.yaml": tinytapeout.info_text(network, manifest, draft.author, period, tiles),
            "docs/info.md": tinytapeout.page_text(network, manifest, vectors, draft.verified),
            "src/config.json": tinytapeout.config_text(
                draft.foundry, period, tiles, netlist=draft.netlist
            ),
            **folder_files(manifest, vectors, models or None),
        },
        utilization=tiles.fill,
        die=tiles.size,
        tiles=tiles.name,
        notes=tuple(notes),
        head=f"// {SPDX}\n// Made by hwgen {__version__} of network {network.sha256()}.\n",
    )


def _handoff(
    draft: Draft,
    package: Package,
    checked: "SimulationResult | None",
    proved: Verdict | None,
    output: Path,
) -> Handoff:
    notes = []
    if checked is None:
        notes.append("not verified")
    critical_path = draft.synthesis.critical_path_ns
    if draft.period < critical_path:
        notes.append(
            f"a clock of {draft.period:g} ns is shorter than the critical path of "
            f"{critical_path:.2f} ns before layout"
        )
    return Handoff(
        folder=output,
        to=draft.to,
        form="netlist" if draft.netlist else "rtl",
        manifest=draft.manifest,
        synthesis=draft.synthesis,
        librelane_pdk=draft.foundry.pdk,
        expected_area_um2=draft.area,
        clock_ns=draft.period,
        utilization=package.utilization,
        die_um=package.die,
        tiles=package.tiles,
        verified=checked,
        proved=proved,
        notes=(*notes, *package.notes),
        files=tuple(sorted([package.verilog, *package.files, "manifest.json", "handoff.json"])),
    )


def _prove(draft: Draft, netlist: Path, library: CellLibrary, progress: Progress) -> Verdict:
    """That the netlist does what the source does, at every clock edge, for all inputs."""
    proof = NetlistProof(
        manifest=draft.manifest,
        netlist={"modules": Netlist.read(netlist, draft.manifest.top).modules},
        library=library,
        styles=["ripple", "prefix"],
        vectors=[],
    )
    verdict = proof.run(Decider(time.monotonic() + PROOF_SECONDS), under(progress, "proof"))
    if verdict.status != "proved":
        found = f"netlist = RTL is {verdict.status} ({verdict.limit})"
        raise HwgenError("handoff", found, "nothing was written")
    return verdict


def _verify(draft: Draft, check: Check, progress: Progress) -> "SimulationResult":
    """Hold the Verilog that is handed over to the golden model."""
    from hwgen.flows.handoff.tinytapeout.regression import run_tile
    from hwgen.sim.runner import run

    progress("making vectors")
    result = (run if draft.to == "librelane" else run_tile)(
        draft.verilog,
        draft.manifest,
        make_vectors(draft.network, count=check.vectors, seed=check.seed),
        simulator=check.simulator,
        seed=check.seed,
        extra_sources=draft.models,
        progress=progress,
    )
    if not result.passed:
        raise HwgenError(
            f"handoff (seed {check.seed})",
            f"{result.mismatches} mismatches; {result.failure}",
            "nothing was written",
        )
    return result
