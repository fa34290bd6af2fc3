"""Arguments and options that several commands share."""

import math
import secrets
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from hwgen.rtl.architectures import DEFAULT, families, make
from hwgen.sim.simulators import Simulator
from hwgen.spec.network import MAX_WEIGHTS, Network, load_network
from hwgen.support.errors import HwgenError

Command = Callable[..., Any]
_PREFIX = "knob_"


class Finite(click.FloatRange):
    """A number on the command line; NaN, which is in every range, and infinity are refused."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number that ``value`` says."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            where = param.opts[-1] if param else "number"
            raise HwgenError(where, f"found {number}", "a finite number is needed")
        return number


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
    """``--arch`` and the knobs of every architecture, handed on as ``architecture``."""
    knobs = [knob.name for one in families().values() for knob in one.knobs()]
    flags = {name: f"--{name.replace('_', '-')}" for name in knobs}

    @wraps(command)
    def wrapper(arch: str, **rest: Any) -> Any:
        given = {name: rest.pop(_PREFIX + name) for name in flags}
        chosen = {name: value for name, value in given.items() if value is not None}
        return command(architecture=make(arch, chosen), **rest)

    result: Command = wrapper
    for name, flag in reversed(flags.items()):
        result = _knob_option(name, flag)(result)
    return click.option(
        "--arch",
        type=click.Choice(list(families())),
        default=DEFAULT.name,
        show_default=True,
        help=" ".join(f"{name}: {one.summary}." for name, one in families().items()),
    )(result)


def _knob_option(name: str, flag: str) -> Callable[[Command], Command]:
    """The option of a knob, which several architectures may have; None where it is not given."""
    said = []
    kind: dict[str, Any] = {}
    for family, one in families().items():
        for knob in one.knobs():
            if knob.name == name:
                default = "" if knob.type is bool else f"  [default: {knob.default}]"
                said.append(f"{family}: {knob.help}{default}")
                kind = {"is_flag": True, "flag_value": True}
                if knob.type is not bool:
                    kind = {"type": click.Choice(knob.choices) if knob.choices else int}
    return click.option(flag, _PREFIX + name, default=None, help=" ".join(said), **kind)


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

    @wraps(command)
    def aimed(
        recipe: str, clock: float | None, tool: str, timeout: float, cache: bool, **rest: Any
    ) -> Any:
        from hwgen.flows.synthesis import SynthesisOptions

        options = SynthesisOptions(recipe, clock, tool, timeout, cache).check()
        return command(options=options, **rest)

    return _recipe_options(aimed, "Recipe delay: the clock period to aim at, in ns.")


def limited_recipe_options(command: Command) -> Command:
    """As :func:`recipe_options`, but with any recipe: ``clock`` is a limit, and handed on too."""

    @wraps(command)
    def limited(
        recipe: str, clock: float | None, tool: str, timeout: float, cache: bool, **rest: Any
    ) -> Any:
        from hwgen.flows.synthesis import SynthesisOptions

        aim = clock if recipe == "delay" else None
        options = SynthesisOptions(recipe, aim, tool, timeout, cache).check()
        return command(options=options, clock=clock, **rest)

    return _recipe_options(limited, "Clock period in ns, which recipe delay aims at.")


def _recipe_options(command: Command, clock: str) -> Command:
    """The options themselves; ``clock`` says what the clock is for."""
    for option in reversed(
        (
            click.option(
                "--recipe",
                metavar="[area|balanced|delay|best]",
                default="area",
                show_default=True,
                help="What to map for; best tries several ways and keeps the smallest.",
            ),
            click.option("--clock", type=Finite(min=0, min_open=True), help=clock),
            click.option(
                "--tool",
                type=click.Choice(["auto", "pyosys", "yowasp", "path"]),
                default="auto",
                show_default=True,
                help="Which Yosys; path is the yosys on PATH.",
            ),
            click.option(
                "--timeout",
                type=Finite(min=1),
                default=1800.0,
                show_default=True,
                help="Seconds for Yosys.",
            ),
            click.option(
                "--cache/--no-cache",
                default=True,
                show_default=True,
                help="See hwgen cache --help.",
            ),
        )
    ):
        command = option(command)
    return command


def simulator_options(command: Command) -> Command:
    """``--simulator`` and ``--seed``, a fresh one where none is given."""

    @click.option(
        "--simulator",
        type=click.Choice(get_args(Simulator)),
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
