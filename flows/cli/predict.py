"""``hwgen predict``: golden inference."""

from pathlib import Path

import hwgen.flows.prediction as flow
from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line
from hwgen.flows.cli.options import data_option, json_option, network_argument, output_option
from hwgen.spec.data import load_data
from hwgen.spec.network import Network


@command(epilog="Example: hwgen predict examples/digits.json --data examples/digits-test.npz")
@network_argument
@data_option(required=True)
@output_option("Write the results to this .npz, as the array output.", required=False)
@json_option
def predict(network: Network, data: Path, output: Path | None, as_json: bool) -> None:
    """Run the golden model of NET on data; say the accuracy where the data holds y."""
    result = flow.predict(network, load_data(data, network), output)
    if as_json:
        emit_json(result.to_json())
        return
    for line in result.summary():
        emit_line(line)
    if output is not None:
        emit_line(f"results in {output}")
