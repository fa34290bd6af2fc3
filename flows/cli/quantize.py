"""``hwgen quantize``: post-training quantization of a float ONNX model."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import Finite, json_option, output_option
from hwgen.frontends.quantize import (
    Accuracy,
    FloatModel,
    Result,
    Settings,
    accuracy,
    load_float_model,
    parse_format,
    run,
)
from hwgen.frontends.quantize.bounds import bounds
from hwgen.frontends.quantize.costs import costs, fixed_costs
from hwgen.frontends.quantize.flow import checked
from hwgen.frontends.quantize.samples import as_reals, read_samples
from hwgen.frontends.quantize.settings import MINIMIZE, Widths
from hwgen.rtl.architectures import DEFAULT, families
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network, save_network
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


@click.command(
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
    output_kind: Literal["auto", "argmax", "values"],
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
        floating = load_float_model(model)
        raw, y = read_samples(data)
        x, settings = as_reals(data, raw, settings)
        floating = deciding(floating, output_kind, y)
        if search and y is None:
            raise HwgenError(str(data), "no y", "a search needs classes to measure accuracy")
        progress("quantizing")
        with _naming(data):
            found = run(floating, x, y, settings, progress)
        tested = None if test is None else tested_on(test, found, floating)
    save_network(found.network, output)
    report = describe(found, tested, output)
    if as_json:
        emit_json(report)
    else:
        show(report)


def _only_with(option: str, given: bool, names: tuple[str, ...]) -> None:
    """Refuse options that would have no effect."""
    context = click.get_current_context()
    for name in names:
        if not given and context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            where = f"--{name.replace('_', '-')}"
            raise HwgenError(where, f"given without {option}", "it has no effect then")


@contextlib.contextmanager
def _naming(data: Path) -> Iterator[None]:
    """Put the data file's name before what is refused about its arrays."""
    try:
        yield
    except HwgenError as error:
        if error.where[:1] in "xy" and not error.where[1:2].isalpha():
            raise HwgenError(f"{data}: {error.where}", error.found, error.allowed) from None
        raise


def deciding(
    model: FloatModel, kind: Literal["auto", "argmax", "values"], y: Integers | None
) -> FloatModel:
    """``model`` with the output that is asked for; classes where the model or ``y`` speak of some.

    A single sigmoid decides between two classes.
    """
    if kind == "auto":
        sure = y is not None and y.dtype.kind in "iu"
        kind = "argmax" if sure else model.output
    return replace(model, output=kind)


def tested_on(path: Path, found: Result, model: FloatModel) -> Accuracy:
    """Accuracy on samples that nothing was chosen by."""
    raw, y = read_samples(path)
    target = found.network.input.format
    x, _ = as_reals(path, raw, Settings(input_format=target))
    with _naming(path):
        x, y = checked(model, x, y)
    if y is None or found.network.output != "argmax":
        raise HwgenError(f"{path}: y", "none", "a test needs classes and an argmax network")
    return accuracy(found.network, model, x, y)


def describe(found: Result, tested: Accuracy | None, output: Path) -> dict[str, Any]:
    """The report of one quantization, as plain data."""
    network, own, fixed = found.network, costs(found.network), fixed_costs(found.network)
    parts = {"validation": found.validation, "calibration": found.calibration, "test": tested}
    return {
        "network": str(output),
        "network_sha256": network.sha256(),
        "parameters": network.parameter_count,
        "output": network.output,
        "accuracy": {name: None if one is None else asdict(one) for name, one in parts.items()},
        "relative_loss": found.score.loss,
        "relative_error": found.score.error,
        "input_format": str(network.input.format),
        "layers": [_layer(network, index) for index in range(len(network.layers))],
        "costs": {**asdict(own), "memory_bits": own.memory_bits},
        "fixed_8_bit": {**asdict(fixed), "memory_bits": fixed.memory_bits},
        "saving": own.saving(fixed),
        "estimated_area_um2": {
            name: round(one().estimated_area(network.layers, network.input.format))
            for name, one in families().items()
        },
        "equalized": found.equalized,
        "evaluations": found.evaluations,
    }


def _layer(network: Network, index: int) -> dict[str, Any]:
    layer, bound = network.layers[index], bounds(network)[index]
    return {
        "name": layer.name,
        "inputs": layer.fan_in,
        "outputs": layer.outputs,
        "weight_bits": layer.weight_bits,
        "weight_fraction_bits": layer.weight_fraction_bits,
        "codebook": layer.codebook,
        "output_format": None if layer.output is None else str(layer.output.format),
        "accumulator_bits": {
            "given": bound.given,
            "exact": bound.exact,
            "slack": bound.slack,
            "a2q": bound.a2q,
            "data_type": bound.data_type,
        },
    }


def show(report: dict[str, Any]) -> None:
    """The report for people."""
    rows = [
        [name, one["samples"], f"{one['float']:.2%}", f"{one['quantized']:.2%}"]
        for name, one in report["accuracy"].items()
        if one is not None
    ]
    if rows:
        emit_table("accuracy", ["samples of", "count", "float", "quantized"], rows)
    emit_line(f"error of the outputs {report['relative_error']:.2e} of their variance")
    emit_table(
        f"layers, input {report['input_format']}",
        ["layer", "shape", "weights", "output", "accumulator", "slack", "A2Q asks", "data type"],
        (
            [
                layer["name"],
                f"{layer['inputs']}-{layer['outputs']}",
                f"{layer['weight_bits']} bits" + (" of a codebook" if layer["codebook"] else ""),
                layer["output_format"] or "raw",
                layer["accumulator_bits"]["exact"],
                layer["accumulator_bits"]["slack"],
                layer["accumulator_bits"]["a2q"],
                layer["accumulator_bits"]["data_type"],
            ]
            for layer in report["layers"]
        ),
    )
    own, fixed, saving = report["costs"], report["fixed_8_bit"], report["saving"]
    emit_table(
        "costs",
        ["", "here", "fixed 8-bit", "saved"],
        [
            [
                "memory of weights and activations, bits",
                own["memory_bits"],
                fixed["memory_bits"],
                f"{saving['memory']:.1%}",
            ],
            [
                "multiplications, bit products",
                own["multiplications"],
                fixed["multiplications"],
                f"{saving['multiplications']:.1%}",
            ],
        ],
    )
    areas = [f"{name} {um2:,} um2" for name, um2 in report["estimated_area_um2"].items()]
    emit_line(f"estimated area in ihp-sg13g2: {', '.join(areas)}")
    emit_line(f"network in {report['network']}, {report['evaluations']:,} tried")
