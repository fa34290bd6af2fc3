"""``hwgen quantize``: post-training quantization of a float ONNX model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import Finite, json_option, output_option
from hwgen.flows.quantization import LAYER_HEADER, OutputKind, Quantization, quantize_files
from hwgen.frontends.importing import load_float_model
from hwgen.frontends.quantize import Settings, parse_format
from hwgen.frontends.quantize.settings import MINIMIZE, Widths
from hwgen.rtl.architectures import DEFAULT, families
from hwgen.spec.network import save_network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_place


class _WidthList(click.ParamType):  # type: ignore[type-arg]
    """``4`` or ``4,5,4``."""

    name = "bits"

    def convert(self, value: Any, param: Any, ctx: Any) -> Widths:
        """One width, or one for each layer."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        try:
            widths = tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is neither a width nor a list such as 4,5,4", param, ctx)
        return widths if len(widths) > 1 else widths[0]


class _Share(click.ParamType):  # type: ignore[type-arg]
    """``1%`` or ``0.01``."""

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """A share of one."""
        if not isinstance(value, str):
            return float(value)
        try:
            return float(value[:-1]) / 100 if value.endswith("%") else float(value)
        except ValueError:
            self.fail(f"{value!r} is no share such as 1% or 0.01", param, ctx)


@command(
    epilog="Example: hwgen quantize examples/digits-float.onnx --data examples/digits-test.npz "
    "--weight-bits 4 --activation-bits 4 -o build/quantized.json"
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Samples to calibrate with: .npz with x (and y), or .csv with a header.",
)
@click.option(
    "--test", type=click.Path(path_type=Path), help="Samples for a final accuracy, nothing else."
)
@click.option(
    "--weight-bits",
    type=_WidthList(),
    help="Width of the weights, or one for each layer (4,5,4). Default 8; 4 with --codebook. "
    "The most that is tried with --search or --accumulator-bits.",
)
@click.option(
    "--activation-bits",
    type=_WidthList(),
    help="Width of the hidden values, or one for each hidden layer. Default 8.",
)
@click.option("--input-bits", type=int, help="Width of the input. Default: --activation-bits.")
@click.option("--input-format", help="The whole input format, as u4.4: u or s, bits, fraction.")
@click.option("--per-output", is_flag=True, help="A scale for each output; the last layer has one.")
@click.option(
    "--fraction",
    "criterion",
    type=click.Choice(["mse", "percentile"]),
    default="mse",
    show_default=True,
    help="How fraction bits are chosen.",
)
@click.option(
    "--percentile", type=Finite(), default=99.9, show_default=True, help="See --fraction."
)
@click.option(
    "--rounding",
    type=click.Choice(["compensated", "nearest"]),
    default="compensated",
    show_default=True,
    help="compensated: later weights make up for the error of earlier ones.",
)
@click.option(
    "--bias-correction/--no-bias-correction",
    default=True,
    show_default=True,
    help="Biases take up the mean error.",
)
@click.option(
    "--equalize",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Move powers of two between layers; auto: where it helps.",
)
@click.option(
    "--codebook",
    type=click.Choice(["kmeans", "csd"]),
    help="Weights are indices into 2^bits 8-bit values; csd: of few nonzero digits.",
)
@click.option("--accumulator-bits", type=int, help="No accumulator is wider.")
@click.option("--search", is_flag=True, help="Find the smallest widths within --budget.")
@click.option(
    "--budget",
    type=_Share(),
    default="1%",
    show_default=True,
    help="Most relative loss of accuracy that --search may cause.",
)
@click.option(
    "--minimize",
    type=click.Choice(MINIMIZE),
    default="multiplications",
    show_default=True,
    help="What --search makes small.",
)
@click.option(
    "--area-of",
    type=click.Choice(list(families())),
    default=DEFAULT.name,
    show_default=True,
    help="The architecture whose estimated area --minimize area looks at.",
)
@click.option(
    "--validation-share",
    type=Finite(),
    default=0.3,
    show_default=True,
    help="Share of --data that is held out to measure on.",
)
@click.option(
    "--output-kind",
    type=click.Choice(["auto", "argmax", "values"]),
    default="auto",
    show_default=True,
    help="What the network hands out; auto: classes where model or data say so.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@output_option("Network file to write.")
@json_option
def quantize(
    model: Path,
    data: Path,
    test: Path | None,
    output: Path,
    as_json: bool,
    output_kind: OutputKind,
    search: bool,
    budget: float,
    equalize: str,
    input_format: str | None,
    **rest: Any,
) -> None:
    """Turn the float network MODEL (ONNX) into a network file, without training."""
    _only_with("--search", search, ("budget", "minimize", "area_of"))
    _only_with("--fraction percentile", rest["criterion"] == "percentile", ("percentile",))
    settings = Settings(
        budget=budget if search else None,
        equalize={"auto": None, "on": True, "off": False}[equalize],
        input_format=None if input_format is None else parse_format(input_format),
        **rest,
    )
    check_place(output)
    with Progress(quiet=as_json) as progress:
        found = quantize_files(
            load_float_model(model),
            data,
            settings,
            test=test,
            output=output_kind,
            progress=progress,
        )
    save_network(found.network, output)
    found = replace(found, output=output)
    if as_json:
        emit_json(found.to_json())
    else:
        show(found)


def _only_with(option: str, given: bool, names: tuple[str, ...]) -> None:
    """Refuse options that would have no effect."""
    context = click.get_current_context()
    for name in names:
        if not given and context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            where = f"--{name.replace('_', '-')}"
            raise HwgenError(where, f"given without {option}", "it has no effect then")


def show(found: Quantization) -> None:
    """The report for people."""
    report, rows = found.to_json(), found.accuracy_rows()
    if rows:
        emit_table("accuracy", ["samples of", "count", "float", "quantized"], rows)
    emit_line(f"error of the outputs {report['relative_error']:.2e} of their variance")
    emit_table(f"layers, input {report['input_format']}", LAYER_HEADER, found.layer_rows())
    emit_table("costs", ["", "here", "fixed 8-bit", "saved"], found.cost_rows())
    areas = [f"{name} {um2:,} um2" for name, um2 in report["estimated_area_um2"].items()]
    emit_line(f"estimated area in ihp-sg13g2: {', '.join(areas)}")
    emit_line(f"network in {report['network']}, {report['evaluations']:,} tried")
