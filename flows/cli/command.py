"""Commands and groups of ours: what every command has, and how errors of flows become options."""

import difflib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from hwgen.flows.cli.state import STATE
from hwgen.support.errors import HwgenError


def _quiet(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    STATE.quiet = STATE.quiet or given


def _verbose(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    STATE.verbose = STATE.verbose or given


def verbosity() -> list[click.Parameter]:
    """``-q`` and ``-v``, which every command takes, and ``hwgen`` itself."""
    settings: dict[str, Any] = {"is_flag": True, "expose_value": False}
    return [
        click.Option(["-q", "--quiet"], callback=_quiet, help="No progress on stderr.", **settings),
        click.Option(
            ["-v", "--verbose"],
            callback=_verbose,
            help="Every step on stderr, and a traceback of what is a bug.",
            **settings,
        ),
    ]


_PARAMETER = re.compile(r"\((?:or )?([a-z_]+)\)")


class Command(click.Command):
    """A command; what a flow refuses about a parameter is said of the option that set it."""

    def __init__(self, *arguments: Any, **settings: Any):
        settings["params"] = [*(settings.get("params") or []), *verbosity()]
        super().__init__(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Call it.

        Raises
        ------
        HwgenError
            As the flow says, in the command line's words.
        """
        try:
            return super().invoke(ctx)
        except HwgenError as error:
            options = _options(self)
            where = options.get(error.where, error.where)
            allowed = _named(error.allowed, options)
            raise HwgenError(where, _named(error.found, options), allowed) from None


def _named(text: str, options: Mapping[str, str]) -> str:
    """``text`` with the options of parameters that stand in parentheses: ``(or max_weights)``."""
    return _PARAMETER.sub(
        lambda found: found[0].replace(found[1], options.get(found[1], found[1])), text
    )


def _options(command: click.Command) -> dict[str, str]:
    """The options of ``command`` by the name of the parameter that each sets."""
    found = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            long = next((o for o in parameter.opts if o.startswith("--")), parameter.opts[0])
            found[str(parameter.name)] = found[long.lstrip("-").replace("-", "_")] = long
    return found


command: Callable[..., Callable[[Callable[..., Any]], Command]] = partial(
    click.command, cls=Command
)
"""Decorator: a command of ours."""


class Group(click.Group):
    """A group that names the nearest command where one is mistyped."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; wrong usage if there is none."""
        name = args[0] if args else ""
        known = self.list_commands(ctx)
        if name and not name.startswith("-") and name not in known:
            close = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f" Did you mean {close[0]}?" if close else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its whole summary."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = {name: one.get_short_help_str(1000) for name, one in found if one is not None}
        write_sections(formatter, {"Commands": rows})


def write_sections(
    formatter: click.HelpFormatter, sections: Mapping[str, Mapping[str, str]]
) -> None:
    """Commands below headings, each with its whole summary."""
    longest = max(len(name) for section in sections.values() for name in section)
    for title, summaries in sections.items():
        with formatter.section(title):
            rows = [(name.ljust(longest), text) for name, text in summaries.items()]
            formatter.write_dl(rows)
