"""``hwgen train``: quantization-aware training with distillation."""

import importlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, output_option
from hwgen.frontends.train.settings import INSTALL, Config
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.toml import read_toml


@click.command(epilog="Example: hwgen train examples/train-digits.toml -o build/trained")
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
    need_torch()
    check_folder(output)
    with Progress(quiet=as_json) as progress:
        report = trained_into(settings, config.parent, output, progress, restart)
    if as_json:
        emit_json(report)
    else:
        show(report)


def need_torch() -> None:
    """Refuse where the extra ``train`` is not installed."""
    for package in ("torch", "brevitas", "onnxscript", "onnxoptimizer"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                importlib.import_module(package)
            except ImportError:
                raise HwgenError(package, "not installed", INSTALL) from None


def trained_into(
    settings: Config, base: Path, output: Path, progress: Progress, restart: bool = False
) -> dict[str, Any]:
    """Train into the folder ``output``; the report as plain data."""
    from hwgen.frontends.train.flow import describe, train

    checkpoint = output / "checkpoint.pt"
    if restart:
        checkpoint.unlink(missing_ok=True)
    trained = train(settings, base, checkpoint, progress)
    report = {"network": str(output / "network.json"), **describe(trained)}
    samples = io.BytesIO()
    np.savez_compressed(samples, x=trained.samples.test.x, y=trained.samples.test.y)
    write_together(
        {
            output / "network.json": trained.network.to_json(),
            output / "model.onnx": trained.onnx,
            output / "test.npz": samples.getvalue(),
            output / "report.json": json.dumps(report, indent=2) + "\n",
        }
    )
    return report


def show(report: dict[str, Any]) -> None:
    """The report for people."""
    names = {"teacher": "teacher", "student": "student, float", "quantized": "student, quantized"}
    rows = [
        [names[name], f"{one['validation']:.2%}", f"{one['test']:.2%}"]
        for name, one in report["accuracy"].items()
        if one is not None
    ]
    emit_table("accuracy", ["", "validation", "test"], rows)
    widths = ", ".join(map(str, report["accumulator_bits"]))
    emit_line(
        f"{report['parameters']:,} parameters, {report['weight_bits']:,} bits of weights, "
        f"input {report['input_format']}, accumulators of {widths} bits"
    )
    emit_line(f"{report['compared_with_brevitas']:,} integers equal to Brevitas' on the test data")
    for note in report["notes"]:
        emit_line(f"note: {note}")
    emit_line(f"network in {report['network']}")
