"""``hwgen info``: what is in a network file."""

from typing import Any

import click
import numpy as np

from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, network_argument
from hwgen.rtl.digits import digit_counts
from hwgen.spec.network import Network


@click.command(epilog="Example: hwgen info examples/digits.json")
@network_argument
@json_option
def info(network: Network, as_json: bool) -> None:
    """Show layers, formats, accumulator widths, parameters and weight bits of NET."""
    result = describe(network)
    if as_json:
        emit_json(result)
        return
    emit_line(
        f"{result['name']}: {result['parameters']:,} parameters, "
        f"{result['weight_memory_bits']:,} weight bits, output {result['output']}"
    )
    emit_line(f"input: {result['input']['features']} features of {network.input.format}")
    emit_table(
        "layers",
        ["layer", "shape", "weights", "zeros", "digits", "accumulator", "activation", "output"],
        (
            [
                layer["name"],
                f"{layer['inputs']}-{layer['outputs']}",
                layer["weight_format"],
                f"{layer['zero_weights'] / layer['weights']:.0%}",
                layer["signed_digits"],
                f"{layer['accumulator_bits']} bits",
                layer["activation"],
                layer["output_format"] or "raw",
            ]
            for layer in result["layers"]
        ),
    )


def describe(network: Network) -> dict[str, Any]:
    """The figures of a network, as plain data."""
    return {
        "name": network.name,
        "sha256": network.sha256(),
        "input": network.input.model_dump(),
        "output": network.output,
        "labels": network.labels,
        "parameters": network.parameter_count,
        "weights": network.weight_count,
        "weight_memory_bits": sum(layer.codes.size * layer.weight_bits for layer in network.layers),
        "layers": [_layer(network, index) for index in range(len(network.layers))],
    }


def _layer(network: Network, index: int) -> dict[str, Any]:
    layer = network.layers[index]
    intervals = network.accumulator_intervals(index)
    book = "" if layer.codebook is None else f" of {layer.codebook_bits}-bit values"
    return {
        "name": layer.name,
        "inputs": layer.fan_in,
        "outputs": layer.outputs,
        "weights": layer.codes.size,
        "weight_bits": layer.weight_bits,
        "codebook_bits": layer.codebook_bits,
        "weight_format": f"{layer.weight_bits} bits{book}",
        "zero_weights": int(np.count_nonzero(layer.weight_values == 0)),
        "signed_digits": int(digit_counts(layer.weight_values).sum()),
        "accumulator_bits": network.accumulator_width(index),
        "accumulator_bits_given": layer.accumulator_bits,
        "accumulator_overflow": layer.accumulator_overflow,
        "accumulator_interval": [
            min(low for low, _ in intervals),
            max(high for _, high in intervals),
        ],
        "activation": layer.activation,
        "output": None if layer.output is None else layer.output.model_dump(),
        "output_format": None if layer.output is None else str(layer.output.format),
    }
