"""``hwgen synth``: standard cells, and their area."""

import json
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    SynthesisOptions,
    architecture_options,
    json_option,
    library_options,
    network_argument,
    output_option,
    recipe_options,
)
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.support.extras import hint, installed
from hwgen.support.files import check_folder, write_together
from hwgen.support.temporary import temporary_folder


@click.command(
    epilog="Example: hwgen synth examples/digits.json --arch serial --pdk sky130hd -o build/synth"
)
@network_argument
@architecture_options
@library_options
@recipe_options
@click.option(
    "--flatten",
    is_flag=True,
    help="Map the whole design as one module too, and keep the smaller netlist.",
)
@output_option("Folder for Verilog, manifest, netlist, report.json and the picture.")
@json_option
def synth(
    network: Network,
    architecture: Architecture,
    pdk: str | None,
    liberty: tuple[Path, ...],
    options: SynthesisOptions,
    flatten: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Map NET to standard cells: netlist, area report, and a picture of where the area goes."""
    from hwgen.synth import open_library

    with Progress(quiet=as_json) as progress:
        report = map_to_cells(
            network,
            architecture,
            library=open_library(pdk, liberty),
            options=options,
            flatten=flatten,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(report)
        return
    show_areas(report)
    emit_line(f"everything in {output}")


def draw_areas(reports: dict[str, dict[str, Any]], folder: Path, progress: Progress) -> bool:
    """Write the picture ``area`` into ``folder``; whether it could be drawn."""
    if not installed("matplotlib"):
        progress(f"no picture: matplotlib is not installed, {hint('matplotlib')}")
        return False
    from hwgen.flows.pictures import area_picture

    progress("drawing")
    area_picture(reports, folder / "area")
    return True


def map_to_cells(
    network: Network,
    architecture: Architecture,
    *,
    library: Any,
    options: SynthesisOptions,
    output: Path,
    progress: Progress,
    flatten: bool = False,
    picture: bool = True,
) -> dict[str, Any]:
    """Generate and synthesize into ``output``, all files at once; the report as plain data."""
    from hwgen.flows.design import generated
    from hwgen.synth import synthesize

    check_folder(output)
    with temporary_folder("synth") as name:
        folder = Path(name)
        progress("generating")
        keywords = options.to_keywords()
        draft = generated(network, architecture, folder, keywords["cache"])
        result = synthesize(
            Path(draft.verilog),
            draft.top,
            library=library,
            flatten=flatten,
            out_dir=folder,
            progress=progress,
            **keywords,
        )
        manifest = draft.moved_to(output)
        report = {
            **result.to_json(),
            "top": manifest.top,
            "arch": architecture.to_json(),
            "latency_cycles": manifest.latency_cycles,
            "interval_cycles": manifest.interval_cycles,
            "network_sha256": manifest.network_sha256,
            "verilog": manifest.verilog,
            "netlist": str(output / "netlist.v"),
        }
        write_together(
            {
                folder / "manifest.json": manifest.to_text(),
                folder / "report.json": json.dumps(report, indent=2) + "\n",
            }
        )
        if picture:
            draw_areas({str(architecture): report}, folder, progress)
        write_together({output / file.name: file.read_bytes() for file in folder.iterdir()})
    return report


def show_areas(report: dict[str, Any]) -> None:
    """Totals in a line, and the area of every module in a table."""
    total = report["area_um2"]
    emit_line(
        f"{total:,.0f} um2 ({report['gate_equivalents']:,.0f} GE), {report['cells']:,} cells "
        f"in {report['pdk']} ({report['corner']}), recipe {report['recipe']}, {report['tool']}"
    )
    emit_line(
        f"leakage {report['leakage_nw']:,.0f} nW; "
        f"latency {report['latency_cycles']:,}, interval {report['interval_cycles']:,} cycles"
    )
    timing = report["timing"]
    emit_table(
        "critical path",
        ["from", "to", "stages", "ns", "setup ns", "fastest clock MHz"],
        [
            [
                timing["start_register"] or timing["start"],
                timing["end_register"] or timing["end"],
                len(timing["stages"]),
                round(report["critical_path_ns"], 3),
                timing["setup_ns"],
                timing["fastest_clock_mhz"],
            ]
        ],
    )
    emit_table(
        "area by module",
        ["module", "um2", "share"],
        (
            [short_module(module, report["top"]), f"{area:,.0f}", f"{area / total:.1%}"]
            for module, area in by_size(report["area_by_module"])
        ),
    )


def by_size(areas: dict[str, float]) -> list[tuple[str, float]]:
    """Modules with an area, the largest first."""
    return sorted(((m, a) for m, a in areas.items() if a > 0), key=lambda item: (-item[1], item[0]))


def short_module(module: str, top: str) -> str:
    """A module's name without its design's; what is left in the top module is ``control``."""
    return module.removeprefix(f"{top}_") if module != top else "control"
