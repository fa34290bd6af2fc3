"""``hwgen pdk``: which cell libraries there are, and what is in them."""

from collections import Counter

import click

from hwgen.flows.cli.command import Group
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option
from hwgen.flows.libraries import describe_library, list_libraries


@click.group(
    cls=Group,
    epilog="Example: hwgen pdk list, or hwgen pdk show sky130hd --json; each takes --json.",
)
def pdk() -> None:
    """Show the cell libraries: built-in tables, and PDKs installed below $PDK_ROOT."""


@pdk.command("list", epilog="Example: hwgen pdk list")
@json_option
def list_(as_json: bool) -> None:
    """List every library with its process, corner, size and licence."""
    with Progress(quiet=as_json) as progress:
        rows = [row.to_json() for row in list_libraries(progress)]
    if as_json:
        emit_json({"libraries": rows})
        return
    emit_table(
        "cell libraries",
        ["name", "process", "corner", "cells", "NAND2 um2", "licence", "origin"],
        (
            [
                row["name"],
                row["process"],
                row["corner"],
                row["cells"],
                row["nand2_area_um2"],
                row["licence"],
                row["origin"],
            ]
            for row in rows
        ),
    )
    for row in rows:
        emit_line(f"{row['name']}: {row['problem'] or row['source']}")


@pdk.command(epilog="Example: hwgen pdk show sky130hd")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the library NAME: its smallest cells by function, what is used, what is not and why.

    NAME is a built-in library, or pdk_root:NAME for the foundry's own below $PDK_ROOT.
    """
    result = describe_library(name).to_json()
    if as_json:
        emit_json(result)
        return
    emit_line(
        f"{result['name']}: {result['process']}, corner {result['corner']}, "
        f"{result['voltage']:g} V, {result['temperature']:g} C; {result['cells']} cells"
    )
    emit_line(f"from {result['source']}, licence {result['licence'] or 'not stated'}")
    emit_table(
        "smallest cells",
        ["function", "cell", "um2", "GE"],
        (
            [what, *((cell["cell"], cell["area_um2"], cell["gate_equivalents"]) if cell else ())]
            + ([] if cell else ["none", None, None])
            for what, cell in result["basic_cells"].items()
        ),
    )
    emit_line(f"used ({len(result['used'])}): {' '.join(result['used'])}")
    counts = Counter(result["left_alone"].values())
    for reason, count in counts.most_common():
        cells = [cell for cell, why in result["left_alone"].items() if why == reason]
        emit_line(f"left alone, {reason} ({count}): {' '.join(cells)}")
