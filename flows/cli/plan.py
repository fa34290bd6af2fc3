"""``hwgen plan``: every design of a network, estimated, and which one to take."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_note, emit_table
from hwgen.flows.cli.options import (
    Finite,
    data_option,
    json_option,
    library_options,
    limited_recipe_options,
    output_option,
)
from hwgen.flows.plan import cells_of, command_of, write_plan
from hwgen.flows.plan import plan as make_plan
from hwgen.flows.plan_points import Limits
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.spec.data import load_data
from hwgen.spec.network import MAX_WEIGHTS, load_network
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library

_SAMPLES = 20


@command(epilog="Example: hwgen plan examples/digits.json --max-cycles 10")
@click.argument("net", type=click.Path(path_type=Path))
@click.option(
    "--max-weights",
    type=click.IntRange(min=1),
    default=MAX_WEIGHTS,
    show_default=True,
    help="Refuse larger networks.",
)
@click.option("--max-cycles", type=click.IntRange(min=1), help="Clocks from input to input.")
@click.option("--max-area", type=Finite(min=0, min_open=True), help="Cell area in um2.")
@click.option("--max-energy", type=Finite(min=0, min_open=True), help="pJ of an inference.")
@click.option(
    "--rate",
    type=Finite(min=0, min_open=True),
    help="Inferences a second, with the clock period that --clock says.",
)
@click.option(
    "--map",
    "count",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Map so many designs, the best first; their areas then decide.",
)
@data_option(required=False)
@library_options
@limited_recipe_options
@output_option("Folder for plan.json and the picture.", required=False)
@json_option
def plan(
    net: Path,
    max_weights: int,
    max_cycles: int | None,
    max_area: float | None,
    max_energy: float | None,
    rate: float | None,
    count: int,
    clock: float | None,
    data: Path | None,
    pdk: str | None,
    liberty: tuple[Path, ...],
    options: SynthesisOptions,
    output: Path | None,
    as_json: bool,
) -> None:
    """Estimate every design of NET, and name the smallest, or fastest, that keeps to the limits.

    With --map and --data the energy of an inference is measured on its first samples.
    """
    if data is not None and not count:
        raise HwgenError("data", "given without --map", "energy is that of mapped designs")
    limits = Limits(
        max_cycles=max_cycles,
        max_area=max_area,
        max_energy=max_energy,
        clock=clock,
        rate=rate,
    )
    network, library = load_network(net, max_weights), open_library(pdk, liberty)
    x = None if data is None else load_data(data, network).x[:_SAMPLES]
    with Progress(quiet=as_json) as progress:
        mapper = cells_of(network, library, options, x, progress)
        found = make_plan(network, library, limits, count=count, mapper=mapper, progress=progress)
        if output is not None:
            write_plan(found, output, progress)
    if found.chosen is None:
        if not as_json:
            emit_table(found.title(), *found.table())
        raise HwgenError("plan", "no design keeps to the limits", "wider ones are needed")
    line = command_of(net, found.chosen, pdk)
    if as_json:
        emit_json({**found.to_json(), "command": line, "network_sha256": network.sha256()})
        return
    emit_table(found.title(), *found.table())
    emit_line(f"take {found.chosen.architecture}: {line}")
    if limits.clock is not None and found.chosen.path_ns is None:
        emit_note("whether it is as fast as the clock is known once it is mapped: --map")
