"""``hwgen predict``: golden inference."""

import io
from pathlib import Path

import click
import numpy as np

from hwgen.flows.cli.console import emit_json, emit_line
from hwgen.flows.cli.options import data_option, json_option, network_argument, output_option
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import Data, load_data
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic


@click.command(epilog="Example: hwgen predict examples/digits.json --data examples/digits-test.npz")
@network_argument
@data_option(required=True)
@output_option("Write the results to this .npz, as the array output.", required=False)
@json_option
def predict(network: Network, data: Path, output: Path | None, as_json: bool) -> None:
    """Run the golden model of NET on data; say the accuracy where the data holds y."""
    samples = load_data(data, network)
    results = golden.predict(network, samples.x)
    if output is not None:
        write_results(results, output)
    accuracy = accuracy_of(network, results, samples)
    if as_json:
        emit_json(
            {
                "samples": len(results),
                "accuracy": accuracy,
                "output": None if output is None else str(output),
            }
        )
        return
    emit_line(f"{len(results):,} samples")
    if accuracy is not None:
        emit_line(f"accuracy {accuracy:.2%}")
    if output is not None:
        emit_line(f"results in {output}")


def write_results(results: Integers, path: Path) -> None:
    """Write ``results`` as the array ``output`` of an ``.npz``.

    Raises
    ------
    HwgenError
        An integer does not fit 64 bits, or the file cannot be written.
    """
    if results.dtype == object:
        widest = max((signed_width(value, value) for value in results.ravel().tolist()), default=0)
        if widest > 64:
            raise HwgenError(str(path), f"integers of {widest} bits", "at most 64 go into an .npz")
    content = io.BytesIO()
    np.savez_compressed(content, output=results.astype(np.int64))
    write_atomic(path, content.getvalue())


def accuracy_of(network: Network, results: Integers, samples: Data) -> float | None:
    """Share of samples whose class is right; None without classes to compare."""
    if samples.y is None or network.output != "argmax" or not len(results):
        return None
    return float(np.mean(results == samples.y))
