"""``hwgen synth``: standard cells, and their area."""

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from flows.console import Progress, emit_json, emit_line, emit_table
from flows.options import architecture_options, json_option, network_argument, output_option
from hwgen.files import write_atomic
from hwgen.interface import Architecture
from hwgen.network import Network


@click.command(
    epilog="Example: hwgen synth examples/digits.json --arch serial --pdk sky130hd -o build/synth"
)
@network_argument
@architecture_options
@click.option(
    "--pdk",
    help="Built-in library (see hwgen pdk list; default ihp-sg13g2), or pdk_root:NAME for the "
    "foundry's own below $PDK_ROOT.",
)
@click.option(
    "--liberty",
    type=click.Path(path_type=Path),
    multiple=True,
    help="The foundry's Liberty file (.lib or .lib.gz); may be given several times.",
)
@click.option("--recipe", default="area", show_default=True, help="How to map.")
@click.option(
    "--tool",
    type=click.Choice(["auto", "pyosys", "yowasp", "path"]),
    default="auto",
    show_default=True,
    help="Which Yosys; path is the yosys on PATH.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=1800.0,
    show_default=True,
    help="Seconds for Yosys.",
)
@output_option("Folder for Verilog, manifest, netlist, report.json and the picture.")
@json_option
def synth(
    network: Network,
    architecture: Architecture,
    pdk: str | None,
    liberty: tuple[Path, ...],
    recipe: str,
    tool: str,
    timeout: float,
    output: Path,
    as_json: bool,
) -> None:
    """Map NET to standard cells: netlist, area report, and a picture of where the area goes."""
    from flows.pictures import area_picture
    from synth import open_library

    library = open_library(pdk, liberty)
    with Progress(quiet=as_json) as progress:
        report = map_to_cells(
            network,
            architecture,
            library=library,
            recipe=recipe,
            tool=tool,
            timeout=timeout,
            output=output,
            progress=progress,
        )
    write_atomic(output / "report.json", json.dumps(report, indent=2) + "\n")
    area_picture({str(architecture): report}, output / "area")
    if as_json:
        emit_json(report)
        return
    show_areas(report)
    emit_line(f"everything in {output}")


def map_to_cells(
    network: Network,
    architecture: Architecture,
    *,
    library: Any,
    recipe: str,
    tool: str,
    timeout: float,
    output: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Generate and synthesize into ``output``; the report as plain data."""
    from hwgen.generate import generate as write_design
    from synth import synthesize

    progress("generating")
    with tempfile.TemporaryDirectory(prefix="hwgen-generate-") as folder:
        # The Verilog goes to ``output`` only together with its netlist.
        draft = write_design(network, architecture, Path(folder))
        result = synthesize(
            Path(draft.verilog),
            draft.top,
            library=library,
            recipe=recipe,
            tool=tool,
            timeout=timeout,
            out_dir=output,
            progress=progress,
        )
        manifest = draft.moved_to(output)
        write_atomic(Path(manifest.verilog), Path(draft.verilog).read_bytes())
    write_atomic(output / "manifest.json", manifest.to_text())
    return {
        **result.to_json(),
        "top": manifest.top,
        "arch": architecture.to_json(),
        "latency_cycles": manifest.latency_cycles,
        "interval_cycles": manifest.interval_cycles,
        "network_sha256": manifest.network_sha256,
        "verilog": manifest.verilog,
        "netlist": str(output / "netlist.v"),
    }


def show_areas(report: dict[str, Any]) -> None:
    """Totals in a line, and the area of every module in a table."""
    total = report["area_um2"]
    emit_line(
        f"{total:,.0f} um2 ({report['gate_equivalents']:,.0f} GE), {report['cells']:,} cells "
        f"in {report['pdk']} ({report['corner']}), recipe {report['recipe']}, {report['tool']}"
    )
    emit_line(
        f"critical path {report['critical_path_ns']:.2f} ns, "
        f"leakage {report['leakage_nw']:,.0f} nW; "
        f"latency {report['latency_cycles']:,}, interval {report['interval_cycles']:,} cycles"
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
