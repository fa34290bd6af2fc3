"""``hwgen codesign``: networks and their silicon together."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line
from hwgen.flows.cli.fronts import emit_front
from hwgen.flows.cli.options import (
    architecture_options,
    json_option,
    library_options,
    output_option,
    recipe_options,
)
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.support.errors import HwgenError


class Share(click.ParamType[float]):
    """``95%`` or ``0.95``."""

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """The share, 0..1."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if not re.fullmatch(r"\d+(\.\d*)?%?", text):
            self.fail(f"{text!r} is no share: 95% or 0.95", param, ctx)
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)


class Widths(click.ParamType[tuple[int, ...]]):
    """``24`` or ``24,12``: neurons of each hidden layer; ``0`` for none."""

    name = "widths"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """The widths."""
        if isinstance(value, tuple):
            return value
        if str(value) == "0":
            return ()
        if not re.fullmatch(r"[1-9]\d{0,3}(,[1-9]\d{0,3})*", str(value)):
            self.fail(f"{value!r} is no list of widths: 24 or 24,12", param, ctx)
        return tuple(map(int, str(value).split(",")))


@command(epilog="Example: hwgen codesign digits -o build/codesign --accuracy 95%")
@click.argument("data")
@output_option("Folder for networks, front.json, the picture, and the search to go on from.")
@click.option("--accuracy", type=Share(), help="Name the smallest point that is as accurate.")
@click.option("--loss", type=Share(), help="The same, against the float network: 1% at most.")
@click.option("--area", type=float, help="Name the most accurate point within this many um2.")
@click.option("--tiles", help="Name the most accurate point that fits Tiny Tapeout's tiles: 1x1.")
@click.option(
    "--start",
    type=click.Path(path_type=Path),
    help="Float model (ONNX) or network file whose weights and topology to begin with.",
)
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    help="Float model (ONNX) or network file whose outputs are half of the labels.",
)
@click.option("--minutes", type=float, default=10.0, show_default=True, help="Most time to search.")
@click.option("--points", type=int, default=8, show_default=True, help="Most points of the front.")
@click.option(
    "--hidden",
    type=Widths(),
    multiple=True,
    help="Neurons to begin with, as 24 or 24,12; 0 for none; may be given several times.",
)
@click.option("--input-bits", type=int, default=4, show_default=True, help="Width of the inputs.")
@click.option("--seed", type=click.IntRange(min=0, max=2**31 - 1), default=0, show_default=True)
@click.option("--jobs", type=int, help="Processes; by default one for each core.")
@click.option("--sums", is_flag=True, help="Hand on the sums of the classes instead of an argmax.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Simulate every point.")
@architecture_options
@library_options
@recipe_options
@json_option
def codesign(
    data: str,
    output: Path,
    architecture: Architecture,
    pdk: str | None,
    liberty: tuple[Path, ...],
    options: SynthesisOptions,
    as_json: bool,
    **rest: Any,
) -> None:
    """Train networks for DATA under the price of their silicon: a front of accuracy and area.

    DATA is digits, breast_cancer, wine, iris, or a .npz or .csv file with classes or real values. A
    run that was
    stopped goes on where it was when it is started again.
    """
    from hwgen.flows import codesign as flow
    from hwgen.synth import open_library

    budget = flow.Budget(**{name: rest[name] for name in ("accuracy", "loss", "area", "tiles")})
    if rest["start"] is not None and rest["hidden"]:
        raise HwgenError("hidden", "given with start", "the topology is that of start")
    flow.need_torch()
    found = flow.Options(
        architecture=architecture,
        sums=rest["sums"],
        library=open_library(pdk, liberty),
        synthesis=options,
        minutes=rest["minutes"],
        points=rest["points"],
        vectors=flow.VECTORS if rest["verify"] else 0,
        start=rest["start"],
        teacher=rest["teacher"],
        jobs=rest["jobs"] or len(os.sched_getaffinity(0)),
    )
    with Progress(quiet=as_json) as progress:
        front = flow.codesign(
            data,
            output,
            settings=_settings(rest["hidden"], rest["input_bits"], rest["seed"]),
            budget=budget,
            options=found,
            progress=progress,
        )
    if as_json:
        emit_json(front.to_json())
    else:
        emit_front(front)
        emit_line(f"everything in {output}")
    if front.chosen is None and budget != flow.Budget():
        raise HwgenError("budget", "no point of the front meets it", "give more time, or less")


def _settings(hidden: tuple[tuple[int, ...], ...], input_bits: int, seed: int) -> Any:
    from hwgen.frontends.codesign.settings import Settings

    found = Settings(input_bits=input_bits, seed=seed)
    return replace(found, hidden=hidden) if hidden else found
