"""``hwgen power``: what an inference costs in energy."""

from pathlib import Path
from typing import get_args

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    Finite,
    architecture_options,
    data_option,
    json_option,
    library_options,
    network_argument,
    output_option,
)
from hwgen.flows.power import Conditions, PowerReport, estimate_power
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.sim.simulators import Simulator
from hwgen.spec.data import load_data
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library

_SLOWEST = 1e9  # ns
_HEAVIEST = 1e6  # fF


@command(
    epilog="Example: hwgen power examples/digits.json --arch serial "
    "--data examples/digits-test.npz --samples 10"
)
@network_argument
@architecture_options
@data_option(required=True)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many samples of --data, from the first on.",
)
@library_options
@click.option("--recipe", default="area", show_default=True, help="As hwgen synth has it.")
@click.option(
    "--clock",
    type=Finite(min=0, min_open=True, max=_SLOWEST),
    help="Clock period in ns.  [default: the shortest by static timing]",
)
@click.option(
    "--rate",
    type=Finite(min=0, min_open=True),
    help="Inferences a second.  [default: as many as the clock allows]",
)
@click.option(
    "--wire-cap",
    type=Finite(min=0, max=_HEAVIEST),
    help="fF of the wire to each driven pin.  [default: by library]",
)
@click.option(
    "--simulator",
    type=click.Choice(get_args(Simulator)),
    default="verilator",
    show_default=True,
)
@output_option("Folder for Verilog, manifest, netlist and power.json.", required=False)
@json_option
def power(
    network: Network,
    architecture: Architecture,
    data: Path,
    samples: int,
    pdk: str | None,
    liberty: tuple[Path, ...],
    recipe: str,
    clock: float | None,
    rate: float | None,
    wire_cap: float | None,
    simulator: Simulator,
    output: Path | None,
    as_json: bool,
) -> None:
    """Estimate the energy of an inference of NET: simulate its netlist on data, count changes.

    Pre-layout: pins, wires and a clock tree as estimated, energy inside cells, glitches.
    """
    conditions = Conditions(clock=clock, rate=rate, wire_cap=wire_cap)
    options = SynthesisOptions(recipe, clock if recipe == "delay" else None).check()
    x = load_data(data, network).x[:samples]
    if not len(x):
        raise HwgenError(str(data), "no samples", "at least 1 is needed")
    with Progress(quiet=as_json) as progress:
        report = estimate_power(
            network,
            architecture,
            x,
            library=open_library(pdk, liberty),
            options=options,
            conditions=conditions,
            simulator=simulator,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(report.to_json())
        return
    _show(report)
    if output is not None:
        emit_line(f"everything in {output}")


def _show(report: PowerReport) -> None:
    for line in report.summary():
        emit_line(line)
    for title, rows in report.tables():
        emit_table(f"dynamic energy by {title}", [title, "pJ", "share"], rows)
    for assumption in report.assumptions:
        emit_line(f"* {assumption}")
