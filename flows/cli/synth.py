"""``hwgen synth``: standard cells, and their area."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    architecture_options,
    json_option,
    library_options,
    network_argument,
    output_option,
    recipe_options,
)
from hwgen.flows.synthesis import DesignReport, SynthesisOptions, synthesize_design
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.synth import open_library


@command(
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
    with Progress(quiet=as_json) as progress:
        report = synthesize_design(
            network,
            architecture,
            library=open_library(pdk, liberty),
            options=options,
            flatten=flatten,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(report.to_json())
        return
    show_areas(report)
    emit_line(f"everything in {output}")


def show_areas(report: DesignReport) -> None:
    """Totals in a line, and the area of every module in a table."""
    emit_line(report.summary())
    emit_line(
        f"leakage {report.leakage_nw:,.0f} nW; "
        f"latency {report.latency_cycles:,}, interval {report.interval_cycles:,} cycles"
    )
    timing = report.path.to_json()
    emit_table(
        "critical path",
        ["from", "to", "stages", "ns", "setup ns", "fastest clock MHz"],
        [
            [
                timing["start_register"] or timing["start"],
                timing["end_register"] or timing["end"],
                len(timing["stages"]),
                round(report.critical_path_ns, 3),
                timing["setup_ns"],
                timing["fastest_clock_mhz"],
            ]
        ],
    )
    emit_table(
        "area by module",
        ["module", "um2", "share"],
        ([module, f"{area:,.0f}", f"{share:.1%}"] for module, area, share in report.modules()),
    )
