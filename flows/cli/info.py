"""``hwgen info``: what is in a network file."""

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, network_argument
from hwgen.flows.network_info import LAYER_HEADER, describe_network
from hwgen.spec.network import Network


@command(epilog="Example: hwgen info examples/digits.json")
@network_argument
@json_option
def info(network: Network, as_json: bool) -> None:
    """Show layers, formats, accumulator widths, parameters and weight bits of NET."""
    result = describe_network(network)
    if as_json:
        emit_json(result.to_json())
        return
    for line in result.summary():
        emit_line(line)
    emit_table("layers", LAYER_HEADER, (layer.cells() for layer in result.layers))
