"""``hwgen handoff``: everything that a layout flow needs, verified."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line
from hwgen.flows.cli.options import (
    Finite,
    architecture_options,
    json_option,
    network_argument,
    output_option,
    simulator_options,
)
from hwgen.flows.handoff.flow import Check, hand_over
from hwgen.flows.handoff.result import Target
from hwgen.rtl.architecture import Architecture
from hwgen.sim.simulators import Simulator
from hwgen.spec.network import Network
from hwgen.synth import open_library


@command(
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
@click.option("--rtl", is_flag=True, help="The source instead of the mapped netlist.")
@click.option(
    "--clock-gates", is_flag=True, help="Clock gates though the layout flow does not use them."
)
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
@simulator_options
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
    rtl: bool,
    clock_gates: bool,
    verified: bool,
    vectors: int,
    simulator: Simulator,
    seed: int,
    cache: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write NET as a project for a layout flow: netlist, constraints, size, pins.

    What is handed over is simulated against the golden model first, as hwgen verify does.
    """
    check = Check(vectors=vectors, simulator=simulator, seed=seed) if verified else None
    with Progress(quiet=as_json) as progress:
        result = hand_over(
            network,
            architecture,
            to=to,
            library=open_library(pdk),
            clock=clock,
            utilization=utilization,
            author=author.strip(),
            rtl=rtl,
            clock_gates=clock_gates,
            check=check,
            cache=cache,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(result.to_json())
        return
    for line in result.summary():
        emit_line(line)
