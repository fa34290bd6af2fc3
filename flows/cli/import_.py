"""``hwgen import``: a quantized model becomes a network file."""

from pathlib import Path
from typing import Any, Literal

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line
from hwgen.flows.cli.options import json_option, output_option
from hwgen.flows.network_info import describe_network
from hwgen.frontends.importing import import_file
from hwgen.frontends.onnx.convert import parse_format
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.spec.network import MAX_WEIGHTS, save_network


@command(name="import", epilog="Example: hwgen import examples/qonnx.onnx -o build/net.json")
@click.argument("model", type=click.Path(path_type=Path))
@output_option("Write the network to this file.")
@click.option("--name", help="The network's name; without it, the model file's.")
@click.option(
    "--snap-scales",
    is_flag=True,
    help="Move scales that are no powers of two to the nearest one, and say what changed.",
)
@click.option(
    "--round-tables",
    is_flag=True,
    help="Take a sigmoid or tanh whose table differs from the function for some sums.",
)
@click.option(
    "--single-rounding",
    is_flag=True,
    help="Of TensorFlow Lite: round products once, not twice, which multiplications can do.",
)
@click.option(
    "--input-format",
    metavar="u4.4",
    help="Format of an input that the model does not quantize: u or s, bits, fraction bits.",
)
@click.option(
    "--output-kind",
    type=click.Choice(["model", "argmax", "values"]),
    default="model",
    show_default=True,
    help="What the network hands out: as the model has it, the class, or the last integers.",
)
@click.option(
    "--max-weights",
    type=click.IntRange(min=1),
    default=MAX_WEIGHTS,
    show_default=True,
    help="Refuse larger networks.",
)
@json_option
def import_(
    model: Path,
    output: Path,
    name: str | None,
    snap_scales: bool,
    round_tables: bool,
    single_rounding: bool,
    input_format: str | None,
    output_kind: Literal["model", "argmax", "values"],
    max_weights: int,
    as_json: bool,
) -> None:
    """Read MODEL, of ONNX, TensorFlow Lite, QKeras or HGQ2, as a network of the same integers."""
    options = ImportOptions(
        name=name,
        snap_scales=snap_scales,
        round_tables=round_tables,
        single_rounding=single_rounding,
        input_format=None if input_format is None else parse_format(input_format),
        output=output_kind,
        max_weights=max_weights,
    )
    imported = import_file(model, options)
    save_network(imported.network, output)
    if as_json:
        emit_json(_result(imported, output))
        return
    network = imported.network
    sizes = [str(network.input.features), *(str(layer.outputs) for layer in network.layers)]
    emit_line(f"{network.name}: {'-'.join(sizes)}, {network.parameter_count:,} parameters")
    for note in imported.notes:
        emit_line(f"note: {note}")
    emit_line(f"network in {output}")


def _result(imported: Imported, output: Path) -> dict[str, Any]:
    return {
        "network": str(output),
        "notes": imported.notes,
        **describe_network(imported.network).to_json(),
    }
