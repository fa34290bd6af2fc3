"""``hwgen handoff``: everything that a layout flow needs, verified."""

import json
import math
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line
from hwgen.flows.cli.options import (
    Finite,
    SynthesisOptions,
    architecture_options,
    json_option,
    network_argument,
    output_option,
)
from hwgen.flows.handoff import librelane
from hwgen.flows.handoff.tinytapeout import project as tinytapeout
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.temporary import temporary_folder

Target = Literal["librelane", "tinytapeout"]

UTILIZATION: dict[Target, float] = {"librelane": 50.0, "tinytapeout": 65.0}
"""Percent of the core that cells may fill before layout adds its own, by default."""

MARGIN = 1.5
"""Default clock period over our critical path: wires, buffers, clock skew, slower corners."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """How to verify what is handed over."""

    vectors: int
    simulator: Literal["verilator", "icarus"]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A design on its way, its Verilog in a private folder.

    ``synthesis`` is the report of ours, ``area`` what LibreLane's is expected to need, in um2;
    ``period`` is in ns.
    """

    to: Target
    network: Network
    manifest: Manifest
    process: librelane.Process
    synthesis: dict[str, Any]
    area: float
    utilization: float
    period: float
    author: str
    verified: bool


@dataclass(frozen=True, kw_only=True)
class Package:
    """What is handed over.

    ``files`` are texts by their path in the folder, ``verilog`` the path that the design goes to;
    ``figures`` and ``notes`` go into the report.
    """

    verilog: str
    files: dict[str, str]
    figures: dict[str, Any]
    notes: list[str]


@click.command(
    epilog="Example: hwgen handoff examples/digits.json --arch serial --to tinytapeout "
    "--pdk sky130hd -o build/tile"
)
@network_argument
@architecture_options
@click.option(
    "--to",
    type=click.Choice(["librelane", "tinytapeout"]),
    required=True,
    help="librelane: a block of its own. tinytapeout: a project for a shared chip.",
)
@click.option(
    "--pdk",
    help="ihp-sg13g2 (the default), sky130hd or gf180mcu; or pdk_root:NAME for the foundry's own "
    "below $PDK_ROOT.",
)
@click.option(
    "--clock",
    type=Finite(min=0.1, max=1e9),
    help="Clock period in ns; from the critical path if not given.",
)
@click.option(
    "--utilization",
    type=Finite(min=1, max=95),
    help="Percent of the core that cells may fill.  [default: librelane 50, tinytapeout 65]",
)
@click.option("--author", default="", help="tinytapeout: your name, for info.yaml and the module.")
@click.option(
    "--verify/--no-verify", "verified", default=True, show_default=True, help="Simulate it first."
)
@click.option(
    "--vectors",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Corner and random vectors to verify with.",
)
@click.option(
    "--simulator",
    type=click.Choice(["verilator", "icarus"]),
    default="verilator",
    show_default=True,
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of vectors and stalls; a fresh one if not given."
)
@click.option("--cache/--no-cache", default=True, show_default=True, help="See hwgen cache --help.")
@output_option("Folder for everything.")
@json_option
def handoff(
    network: Network,
    architecture: Architecture,
    to: Target,
    pdk: str | None,
    clock: float | None,
    utilization: float | None,
    author: str,
    verified: bool,
    vectors: int,
    simulator: Literal["verilator", "icarus"],
    seed: int | None,
    cache: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write NET as a project for a layout flow: Verilog, constraints, size, pins.

    What is handed over is simulated against the golden model first, as hwgen verify does.
    """
    from hwgen.synth import open_library

    for option, value in (("--clock", clock), ("--utilization", utilization)):
        if value is not None and math.isnan(value):
            raise HwgenError(option, "found nan", "a number is needed")
    if author and to != "tinytapeout":
        raise HwgenError("--author", f"given with --to {to}", "only tinytapeout names one")
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    with Progress(quiet=as_json) as progress:
        result = hand_over(
            network,
            architecture,
            to=to,
            library=open_library(pdk),
            clock=clock,
            utilization=utilization or UTILIZATION[to],
            author=author.strip(),
            check=Check(vectors=vectors, simulator=simulator, seed=seed) if verified else None,
            cache=cache,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(result)
    else:
        _show(result, output)


def hand_over(
    network: Network,
    architecture: Architecture,
    *,
    to: Target,
    library: Any,
    clock: float | None,
    utilization: float,
    author: str,
    check: Check | None,
    cache: bool,
    output: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Generate, synthesize, verify, and write all files at once; the report as plain data.

    ``clock`` is a period in ns, ``utilization`` a percentage.

    Raises
    ------
    HwgenError
        The target knows no such library, the design does not fit, or is wrong; or as of
        :func:`hwgen.rtl.generate.generate` and :func:`synth.synthesize`.
    """
    from hwgen.synth import synthesize

    process = librelane.find_process(library.name)
    check_folder(output)
    with temporary_folder("handoff") as name:
        progress("generating")
        store = SynthesisOptions(cache=cache).to_keywords()
        manifest = _design(network, architecture, to, author, Path(name), store["cache"])
        report = synthesize(
            Path(manifest.verilog), manifest.top, library=library, progress=progress, **store
        ).to_json()
        draft = Draft(
            to=to,
            network=network,
            manifest=manifest,
            process=process,
            synthesis=report,
            area=process.expected_area(report["area_um2"], architecture),
            utilization=utilization,
            period=clock or default_period(report["critical_path_ns"], manifest, to),
            author=author,
            verified=check is not None,
        )
        package = (_librelane if to == "librelane" else _tinytapeout)(draft)
        checked = None if check is None else _verify(draft, check, progress)
        verilog = Path(manifest.verilog).read_text("utf-8")
    result = _report(draft, package, checked)
    files = {
        package.verilog: verilog,
        "manifest.json": replace(manifest, verilog=str(output / package.verilog)).to_text(),
        **package.files,
        "handoff.json": json.dumps(result, indent=2) + "\n",
    }
    write_together({output / name: text for name, text in files.items()})
    return result


def default_period(critical_path: float, manifest: Manifest, to: Target) -> float:
    """A clock period in ns that ``critical_path``, in ns before layout, leaves room in.

    It is :data:`MARGIN` times as long besides what the outside takes of it, and no shorter than
    Tiny Tapeout's own.
    """
    combinational = all(port.name != "clk" for port in manifest.ports)
    inside = 1 - librelane.IO_SHARE * (2 if combinational else 1)
    period = math.ceil(round(10 * MARGIN * critical_path / inside, 6)) / 10
    return max(period, tinytapeout.DEFAULT_CLOCK if to == "tinytapeout" else 0.1)


def _design(
    network: Network,
    architecture: Architecture,
    to: Target,
    author: str,
    folder: Path,
    cache: Any,
) -> Manifest:
    """The Verilog to hand over, in ``folder``."""
    if to == "librelane":
        from hwgen.flows.design import generated

        return generated(network, architecture, folder, cache)
    from hwgen.flows.handoff.tinytapeout.tile import tile_design

    text, manifest = tile_design(network, architecture, tinytapeout.top_module(network, author))
    path = folder / manifest.verilog
    path.write_text(text, "utf-8")
    return replace(manifest, verilog=str(path))


def _librelane(draft: Draft) -> Package:
    manifest, period = draft.manifest, draft.period
    plan = librelane.Floorplan.of(draft.area, draft.utilization, manifest, draft.process)
    notes = ["the pins, or the smallest core, decide the size, not the cells"]
    roomy = plan.utilization < round(draft.utilization, 1)
    return Package(
        verilog=f"{manifest.top}.v",
        files={
            "config.json": librelane.config_text(manifest, draft.process, period, plan),
            "constraints.sdc": librelane.constraints_text(manifest, period),
            "pin_order.cfg": librelane.pins_text(manifest),
        },
        figures={"utilization": plan.utilization, "die_um": list(plan.die)},
        notes=notes if roomy else [],
    )


def _tinytapeout(draft: Draft) -> Package:
    network, manifest, period = draft.network, draft.manifest, draft.period
    tiles = tinytapeout.Tiles.of(draft.area, draft.utilization, draft.process)
    notes = []
    if period < tinytapeout.SHORTEST_CLOCK:
        notes.append(f"the pads allow {tinytapeout.SHORTEST_CLOCK:.1f} ns (66 MHz) at best")
    if not draft.author:
        notes.append("info.yaml has no author yet: --author, or fill it in")
    return Package(
        verilog="src/project.v",
        files={
            "info.yaml": tinytapeout.info_text(network, manifest, draft.author, period, tiles),
            "docs/info.md": tinytapeout.page_text(network, manifest, draft.verified),
            "src/config.json": tinytapeout.config_text(draft.process, period, tiles),
        },
        figures={"utilization": tiles.fill, "die_um": list(tiles.size), "tiles": tiles.name},
        notes=notes,
    )


def _report(draft: Draft, package: Package, checked: dict[str, Any] | None) -> dict[str, Any]:
    manifest, synthesis = draft.manifest, draft.synthesis
    notes = []
    if checked is None:
        notes.append("not verified")
    if draft.period < synthesis["critical_path_ns"]:
        notes.append(
            f"a clock of {draft.period:g} ns is shorter than the critical path of "
            f"{synthesis['critical_path_ns']:.2f} ns before layout"
        )
    kept = ("pdk", "corner", "area_um2", "gate_equivalents", "critical_path_ns", "recipe", "tool")
    return {
        "to": draft.to,
        "top": manifest.top,
        "arch": manifest.arch.to_json(),
        **{key: synthesis[key] for key in kept},
        "librelane_pdk": draft.process.pdk,
        "expected_area_um2": draft.area,
        "clock_ns": draft.period,
        "latency_cycles": manifest.latency_cycles,
        "interval_cycles": manifest.interval_cycles,
        **package.figures,
        "verified": checked,
        "notes": [*notes, *package.notes],
        "files": sorted([package.verilog, *package.files, "manifest.json", "handoff.json"]),
        "network_sha256": manifest.network_sha256,
    }


def _verify(draft: Draft, check: Check, progress: Progress) -> dict[str, Any]:
    """Hold the Verilog that is handed over to the golden model."""
    from hwgen.flows.handoff.tinytapeout.regression import run_tile
    from hwgen.sim.runner import run
    from hwgen.sim.vectors import make_vectors

    progress("making vectors")
    result = (run if draft.to == "librelane" else run_tile)(
        Path(draft.manifest.verilog),
        draft.manifest,
        make_vectors(draft.network, count=check.vectors, seed=check.seed),
        simulator=check.simulator,
        seed=check.seed,
        progress=progress,
    )
    if not result.passed:
        raise HwgenError(
            f"handoff (seed {check.seed})",
            f"{result.mismatches} mismatches; {result.failure}",
            "nothing was written",
        )
    found = result.to_json()
    return {
        key: found[key]
        for key in ("passed", "vectors", "mismatches", "cycles", "simulator", "seed", "seconds")
    }


def _show(result: dict[str, Any], output: Path) -> None:
    width, height = result["die_um"]
    size = f"{result['tiles']} tiles" if "tiles" in result else "die"
    emit_line(
        f"{result['top']} for {result['to']}, {result['librelane_pdk']}: {size}, "
        f"{width:g} x {height:g} um, {result['utilization']:g} % filled"
    )
    emit_line(
        f"{result['area_um2']:,.0f} um2 of cells by our synthesis, "
        f"{result['expected_area_um2']:,.0f} expected of LibreLane's"
    )
    emit_line(
        f"clock {result['clock_ns']:g} ns, critical path {result['critical_path_ns']:.2f} ns; "
        f"latency {result['latency_cycles']:,}, interval {result['interval_cycles']:,} cycles"
    )
    checked = result["verified"]
    if checked is not None:
        emit_line(
            f"verified: {checked['vectors']:,} vectors, {checked['mismatches']} mismatches, "
            f"{checked['simulator']}, seed {checked['seed']}"
        )
    for note in result["notes"]:
        emit_line(f"note: {note}")
    emit_line(f"everything in {output}")
