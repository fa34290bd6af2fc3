"""``hwgen generate``: Verilog and its manifest."""

from pathlib import Path

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    architecture_options,
    json_option,
    network_argument,
    output_option,
)
from hwgen.flows.design import make_design
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.support.files import check_folder


@command(
    epilog="Example: hwgen generate examples/digits.json -o build/digits --arch serial --macs 4"
)
@network_argument
@architecture_options
@output_option("Folder for the Verilog and manifest.json.")
@json_option
def generate(network: Network, architecture: Architecture, output: Path, as_json: bool) -> None:
    """Write NET as Verilog, and a manifest of its ports and cycles."""
    check_folder(output)
    manifest = make_design(network, architecture).write(output)
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
