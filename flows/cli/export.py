"""``hwgen export``: the same integers elsewhere."""

from pathlib import Path

import click

from hwgen import exports
from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line
from hwgen.flows.cli.options import json_option, network_argument, output_option
from hwgen.spec.network import Network
from hwgen.support.files import write_atomic


@command(epilog="Example: hwgen export examples/digits.json --to c -o digits.h")
@network_argument
@click.option(
    "--to",
    type=click.Choice(list(exports.EXPORTS)),
    required=True,
    help="c: one C99 header, without heap and floats, with a self-test. "
    "numpy: a script that a person can read. onnx: a QONNX model that onnxruntime runs, too.",
)
@output_option("The file to write.")
@json_option
def export(network: Network, to: str, output: Path, as_json: bool) -> None:
    """Write NET as a program that computes the very integers of its designs."""
    content = exports.export(network, to)
    write_atomic(output, content)
    if as_json:
        emit_json({"to": to, "file": str(output), "network_sha256": network.sha256()})
    else:
        lines = f"{len(content.splitlines()):,} lines"
        emit_line(f"{output}: {lines if isinstance(content, str) else f'{len(content):,} bytes'}")
