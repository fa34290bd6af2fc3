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
    "numpy: a script that a person can read.",
)
@output_option("The file to write.")
@json_option
def export(network: Network, to: str, output: Path, as_json: bool) -> None:
    """Write NET as a program that computes the very integers of its designs."""
    text = exports.export(network, to)
    write_atomic(output, text)
    if as_json:
        emit_json({"to": to, "file": str(output), "network_sha256": network.sha256()})
    else:
        emit_line(f"{output}: {len(text.splitlines()):,} lines")
