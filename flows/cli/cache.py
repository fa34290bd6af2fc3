"""``hwgen cache``: what earlier work left to be used again."""

import click

from hwgen.flows.cli.command import Group
from hwgen.flows.cli.console import emit_json, emit_line
from hwgen.flows.cli.options import json_option
from hwgen.support.cache import open_cache


@click.group(
    cls=Group, epilog="Example: hwgen cache info, or hwgen cache clear; each takes --json."
)
def cache() -> None:
    """Look at or empty the cache of finished syntheses and simulator objects.

    It is below $XDG_CACHE_HOME or ~/.cache; $HWGEN_CACHE_LIMIT_MB bounds it (default 1024).
    """


@cache.command(epilog="Example: hwgen cache info --json")
@json_option
def info(as_json: bool) -> None:
    """Say where the cache is, and how large."""
    found = open_cache().info()
    if as_json:
        emit_json(
            {
                "folder": str(found.folder),
                "entries": found.entries,
                "bytes": found.size,
                "limit_bytes": found.limit,
            }
        )
        return
    mib = 1 << 20
    emit_line(f"{found.folder}: {found.entries:,} entries")
    emit_line(f"{found.size / mib:,.1f} MiB of at most {found.limit / mib:,.0f}")


@cache.command(epilog="Example: hwgen cache clear")
@json_option
def clear(as_json: bool) -> None:
    """Remove everything from the cache."""
    count = open_cache().clear()
    if as_json:
        emit_json({"removed": count})
    else:
        emit_line(f"{count:,} entries removed")
