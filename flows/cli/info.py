"""``hwgen info``: what is in a network file."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, network_argument
from hwgen.flows.network_info import LAYER_HEADER, describe_network
from hwgen.spec.network import Network

if TYPE_CHECKING:
    from hwgen.rtl.adders.measure import Figures


@command(epilog="Example: hwgen info examples/digits.json")
@network_argument
@click.option("--adders", is_flag=True, help="Adders of the parallel architecture, by layer.")
@json_option
def info(network: Network, adders: bool, as_json: bool) -> None:
    """Show layers, formats, accumulator widths, parameters and weight bits of NET."""
    result = describe_network(network)
    names = [layer.name for layer in result.layers]
    graphs = _adders(network) if adders else []
    if as_json:
        more = [dict(zip(("plain", "shared"), map(asdict, pair), strict=True)) for pair in graphs]
        emit_json(result.to_json() | ({"adders": more} if adders else {}))
        return
    for line in result.summary():
        emit_line(line)
    emit_table("layers", LAYER_HEADER, (layer.cells() for layer in result.layers))
    if adders:
        emit_table(
            "adders",
            ["layer", "graph", "adders", "full-adder bits", "half-adder bits", "depth"],
            (
                [name, kind, *asdict(figures).values()]
                for name, pair in zip(names, graphs, strict=True)
                for kind, figures in zip(("plain", "shared"), pair, strict=True)
            ),
        )


def _adders(network: Network) -> "list[tuple[Figures, Figures]]":
    """Of each layer, as plain signed digits and as it goes into hardware."""
    from hwgen.rtl.adders.measure import graphs_of
    from hwgen.rtl.simplify import simplify

    return graphs_of(simplify(network), "normal")
