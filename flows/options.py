"""Arguments and options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import click

from hwgen.interface import Architecture
from hwgen.network import MAX_WEIGHTS, Network, load_network

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


def output_option(text: str, required: bool = True) -> Callable[[Command], Command]:
    """``-o``."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), required=required, help=text
    )


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of tables."
)
