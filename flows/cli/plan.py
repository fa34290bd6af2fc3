"""``hwgen plan``: every design of a network, estimated, and which one to take."""

from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    Finite,
    SynthesisOptions,
    json_option,
    library_options,
    recipe_options,
)
from hwgen.spec.network import MAX_WEIGHTS, load_network
from hwgen.support.errors import HwgenError


@click.command(epilog="Example: hwgen plan examples/digits.json --max-cycles 10")
@click.argument("net", type=click.Path(path_type=Path))
@click.option("--max-weights", type=click.IntRange(min=1), default=MAX_WEIGHTS, show_default=True,
              help="Refuse larger networks.")  # fmt: skip
@click.option("--max-cycles", type=click.IntRange(min=1), help="Clocks from input to input.")
@click.option("--max-area", type=Finite(min=0, min_open=True), help="Cell area in um2.")
@click.option("--rate", type=Finite(min=0, min_open=True),
              help="Inferences a second, at the period that --clock says.")  # fmt: skip
@click.option("--map", "count", type=click.IntRange(min=0), default=0, show_default=True,
              help="Map so many designs, the best first.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path),
              help="With --map: samples to simulate for the energy of an inference.")  # fmt: skip
@library_options
@recipe_options
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Folder for plan.json and the picture of the front.")  # fmt: skip
@json_option
def plan(
    net: Path,
    max_weights: int,
    max_cycles: int | None,
    max_area: float | None,
    rate: float | None,
    count: int,
    data: Path | None,
    pdk: str | None,
    liberty: tuple[Path, ...],
    options: SynthesisOptions,
    output: Path | None,
    as_json: bool,
) -> None:
    """Estimate every design of NET, and name the smallest, or fastest, that keeps to the limits."""
    from hwgen.flows.plan import Limits, command
    from hwgen.flows.plan import plan as make_plan
    from hwgen.flows.planned import mapper, show, write
    from hwgen.synth import open_library

    limits = Limits(max_cycles=max_cycles, max_area=max_area, clock=options.clock, rate=rate)
    if data is not None and not count:
        raise HwgenError("--data", "given without --map", "the energy is that of mapped designs")
    network = load_network(net, max_weights)
    library = open_library(pdk, liberty)
    with Progress(quiet=as_json) as progress:
        progress("estimating")
        found = make_plan(
            network,
            limits,
            nand2_area=library.nand2_area,
            count=count,
            mapper=mapper(network, library, options, data, progress),
        )
        if output is not None:
            write(found, output, network.name, library.name, progress)
    result: dict[str, Any] = {
        "chosen": found.chosen and found.chosen.to_json(),
        "command": found.chosen and command(net, found.chosen, pdk),
        "front": [one.to_json() for one in found.front],
        "points": [one.to_json() for one in found.points],
        "pdk": library.name,
        "network_sha256": network.sha256(),
    }
    if as_json:
        emit_json(result)
    else:
        show(found)
    if found.chosen is None:
        raise HwgenError("plan", "no design keeps to the limits", "wider ones are needed")
    if not as_json:
        emit_line(f"take {found.chosen.architecture}: {result['command']}")
