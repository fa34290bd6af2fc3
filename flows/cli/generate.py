"""``hwgen generate``: Verilog and its manifest."""

from pathlib import Path

import click

from hwgen.flows.api.network import Network
from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    Finite,
    architecture_options,
    data_option,
    json_option,
    network_argument,
    output_option,
)
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.constraints import DEFAULT_CLOCK
from hwgen.support.errors import HwgenError


@command(
    epilog="Example: hwgen generate examples/digits.json -o build/digits --arch serial --macs 4"
)
@network_argument
@architecture_options
@output_option("Folder for the Verilog, manifest.json and timing constraints.")
@click.option(
    "--clock",
    type=Finite(min=0.1, max=1e9),
    default=DEFAULT_CLOCK,
    show_default=True,
    help="Clock period in ns that the constraints ask for.",
)
@click.option(
    "--testbench",
    is_flag=True,
    help="Write a Verilog testbench with vectors too; it runs without hwgen.",
)
@click.option(
    "--vectors",
    type=click.IntRange(min=1, max=10_000_000),
    default=200,
    show_default=True,
    help="--testbench: corner and random vectors, besides every sample of --data.",
)
@data_option(required=False)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=(1 << 31) - 1),
    default=0,
    show_default=True,
    help="--testbench: of random vectors and stalls.",
)
@json_option
def generate(
    network: Network,
    architecture: Architecture,
    output: Path,
    clock: float,
    testbench: bool,
    vectors: int,
    data: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Write NET as Verilog, a manifest of its ports and cycles, and timing constraints."""
    if data is not None and not testbench:
        raise HwgenError("--data", "given without --testbench", "only a testbench has vectors")
    manifest = (
        Network.of(network)
        .design_of(architecture)
        .write(output, testbench=testbench, x=data, vectors=vectors, seed=seed, clock=clock)
    )
    if as_json:
        emit_json(manifest.to_json())
        return
    emit_line(f"{manifest.verilog}: {manifest.top}, {architecture}")
    emit_line(
        f"latency {manifest.latency_cycles:,}, interval {manifest.interval_cycles:,} cycles; "
        f"accumulators {', '.join(map(str, manifest.accumulator_bits))} bits"
    )
    emit_table(
        "ports",
        ["port", "direction", "bits"],
        ([port.name, port.direction, port.width] for port in manifest.ports),
    )
