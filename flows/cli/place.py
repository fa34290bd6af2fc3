"""``hwgen place``: where the cells of a design could stand."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line
from hwgen.flows.cli.options import (
    Finite,
    architecture_options,
    json_option,
    library_options,
    network_argument,
    output_option,
    recipe_options,
)
from hwgen.flows.placement import UTILIZATION, place_design
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.synth import open_library


@command(epilog="Example: hwgen place examples/digits.json --arch serial -o build/place")
@network_argument
@architecture_options
@library_options
@recipe_options
@click.option(
    "--utilization",
    type=Finite(min=1, max=95),
    default=UTILIZATION,
    show_default=True,
    help="Percent of the core that cells fill.",
)
@click.option("--clock-gates", is_flag=True, help="Clock gates though layout does not use them.")
@output_option("Folder for placement.def, placement.json, the netlist and the picture.")
@json_option
def place(
    network: Network,
    architecture: Architecture,
    pdk: str | None,
    liberty: tuple[Path, ...],
    options: SynthesisOptions,
    utilization: float,
    clock_gates: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Place NET's cells in rows: an estimate of the layout, its wires and their delay."""
    with Progress(quiet=as_json) as progress:
        report = place_design(
            network,
            architecture,
            library=open_library(pdk, liberty),
            options=options,
            utilization=utilization,
            clock_gates=clock_gates,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(report.to_json())
        return
    for line in report.summary():
        emit_line(line)
    emit_line(f"everything in {output}")
