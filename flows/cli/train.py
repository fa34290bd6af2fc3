"""``hwgen train``: quantization-aware training with distillation."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, output_option
from hwgen.flows.training import Training, train_into
from hwgen.frontends.train.settings import Config
from hwgen.support.toml import read_toml


@command(epilog="Example: hwgen train examples/train-digits.toml -o build/trained")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0, max=2**31 - 1), help="Instead of the file's.")
@click.option("--restart", is_flag=True, help="Do not go on from the checkpoint in the folder.")
@output_option("Folder for the network, the QONNX file, test samples, report and checkpoint.")
@json_option
def train(config: Path, seed: int | None, restart: bool, output: Path, as_json: bool) -> None:
    """Train the network that CONFIG (TOML) describes, and check what comes out of it.

    A run that was stopped goes on where it was when it is started again.
    """
    settings = read_toml(config, Config, "a training file")
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    with Progress(quiet=as_json) as progress:
        result = train_into(settings, config.parent, output, restart=restart, progress=progress)
    if as_json:
        emit_json(result.to_json())
    else:
        show(result)


def show(result: Training) -> None:
    """The report for people."""
    report = result.to_json()
    emit_table("accuracy", ["", "validation", "test"], result.accuracy_rows())
    widths = ", ".join(map(str, report["accumulator_bits"]))
    emit_line(
        f"{report['parameters']:,} parameters, {report['weight_bits']:,} bits of weights, "
        f"input {report['input_format']}, accumulators of {widths} bits"
    )
    emit_line(f"{report['compared_with_brevitas']:,} integers equal to Brevitas' on the test data")
    for note in report["notes"]:
        emit_line(f"note: {note}")
    emit_line(f"network in {report['network']}")
