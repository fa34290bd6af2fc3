"""Arguments and options that several commands share."""

import secrets
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import click

from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.interface import Architecture
from hwgen.spec.network import MAX_WEIGHTS, Network, load_network

Command = Callable[..., Any]


def network_argument(command: Command) -> Command:
    """``NET`` and ``--max-weights``, handed on as ``network``."""

    @click.argument("net", type=click.Path(path_type=Path))
    @click.option(
        "--max-weights",
        type=click.IntRange(min=1),
        default=MAX_WEIGHTS,
        show_default=True,
        help="Refuse larger networks.",
    )
    @wraps(command)
    def wrapper(net: Path, max_weights: int, **rest: Any) -> Any:
        network: Network = load_network(net, max_weights)
        return command(network=network, **rest)

    return wrapper


def architecture_options(command: Command) -> Command:
    """``--arch`` and its knobs, handed on as ``architecture``."""

    @click.option(
        "--arch",
        type=click.Choice(["parallel", "serial"]),
        default="parallel",
        show_default=True,
        help="parallel: every weight hard-wired, one inference per clock. "
        "serial: time-multiplexed MACs, weights in ROM.",
    )
    @click.option(
        "--pipeline",
        type=int,
        default=0,
        show_default=True,
        help="parallel: at most this many adder levels between registers; 0 for none.",
    )
    @click.option("--bare", is_flag=True, help="parallel: no handshake; x in, y out.")
    @click.option("--macs", type=int, default=1, show_default=True, help="serial: number of MACs.")
    @wraps(command)
    def wrapper(
        arch: Literal["parallel", "serial"], pipeline: int, bare: bool, macs: int, **rest: Any
    ) -> Any:
        architecture = Architecture(name=arch, pipeline=pipeline, bare=bare, macs=macs)
        return command(architecture=architecture, **rest)

    return wrapper


def data_option(required: bool) -> Callable[[Command], Command]:
    """``--data``: samples as ``.npz`` or ``.csv``."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        required=required,
        help=".npz with x (and y), or .csv with a header.",
    )


def library_options(command: Command) -> Command:
    """``--pdk`` and ``--liberty``."""
    pdk = click.option(
        "--pdk",
        help="Built-in library (see hwgen pdk list; default ihp-sg13g2), or pdk_root:NAME for the "
        "foundry's own below $PDK_ROOT.",
    )
    liberty = click.option(
        "--liberty",
        type=click.Path(path_type=Path),
        multiple=True,
        help="The foundry's Liberty file (.lib or .lib.gz); may be given several times.",
    )
    return pdk(liberty(command))


def recipe_options(command: Command) -> Command:
    """``--recipe`` and what else decides how Yosys runs, handed on as ``options``."""

    @click.option(
        "--recipe",
        metavar="[area|balanced|delay|best]",
        default="area",
        show_default=True,
        help="What to map for; best tries several ways and keeps the smallest.",
    )
    @click.option(
        "--clock",
        type=click.FloatRange(min=0, min_open=True),
        help="Recipe delay: the clock period to aim at, in ns.",
    )
    @click.option(
        "--tool",
        type=click.Choice(["auto", "pyosys", "yowasp", "path"]),
        default="auto",
        show_default=True,
        help="Which Yosys; path is the yosys on PATH.",
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=1800.0,
        show_default=True,
        help="Seconds for Yosys.",
    )
    @click.option(
        "--cache/--no-cache", default=True, show_default=True, help="See hwgen cache --help."
    )
    @wraps(command)
    def wrapper(
        recipe: str, clock: float | None, tool: str, timeout: float, cache: bool, **rest: Any
    ) -> Any:
        options = SynthesisOptions(recipe, clock, tool, timeout, cache).check()
        return command(options=options, **rest)

    return wrapper


def simulator_options(command: Command) -> Command:
    """``--simulator`` and ``--seed``, a fresh one where none is given."""

    @click.option(
        "--simulator",
        type=click.Choice(["verilator", "icarus"]),
        default="verilator",
        show_default=True,
    )
    @click.option(
        "--seed",
        type=click.IntRange(min=0),
        help="Of vectors and stalls; a fresh one if not given.",
    )
    @wraps(command)
    def wrapper(seed: int | None, **rest: Any) -> Any:
        return command(seed=secrets.randbelow(1 << 31) if seed is None else seed, **rest)

    return wrapper


def output_option(text: str, required: bool = True) -> Callable[[Command], Command]:
    """``-o``."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), required=required, help=text
    )


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of tables."
)
