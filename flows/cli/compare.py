"""``hwgen compare``: two sweeps against each other, metric by metric."""

import math
from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option
from hwgen.flows.sweep.compare import HEADER, compare_sweeps
from hwgen.support.errors import HwgenError


@command(epilog="Example: hwgen compare build/before build/after --fail-if-worse 2%")
@click.argument("before", metavar="DIR_A", type=click.Path(path_type=Path))
@click.argument("after", metavar="DIR_B", type=click.Path(path_type=Path))
@click.option(
    "--fail-if-worse",
    metavar="SHARE",
    help="Exit with 1 if a metric of a point is worse in DIR_B by more than this (2% or 0.02), or "
    "if a point or a figure of it is not there, or has failed.",
)
@click.option("--metric", "metrics", multiple=True, help="Only this metric; may be given again.")
@json_option
def compare(
    before: Path, after: Path, fail_if_worse: str | None, metrics: tuple[str, ...], as_json: bool
) -> None:
    """Compare the points that two sweeps share: which metrics are better or worse in DIR_B.

    Points are the same if the sweep files say the same of them. Either may be a results.csv.
    """
    limit = None if fail_if_worse is None else _share(fail_if_worse)
    result = compare_sweeps(before, after, metrics)
    if as_json:
        emit_json(result.to_json())
    else:
        emit_table(f"{result.points:,} points in both", HEADER, result.rows())
        for line in result.remarks():
            emit_line(line)
    if limit is not None:
        result.require(limit, str(after))


def _share(text: str) -> float:
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise HwgenError("--fail-if-worse", f"found {text!r}", "a share such as 2% or 0.02")
    return value
