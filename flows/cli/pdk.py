"""``hwgen pdk``: which cell libraries there are, and what is in them."""

from collections import Counter
from typing import Any

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option
from hwgen.support.errors import HwgenError


@click.group(
    epilog="Example: hwgen pdk list, or hwgen pdk show sky130hd --json; each takes --json."
)
def pdk() -> None:
    """Show the cell libraries: built-in tables, and PDKs installed below $PDK_ROOT."""


@pdk.command("list", epilog="Example: hwgen pdk list")
@json_option
def list_(as_json: bool) -> None:
    """List every library with its process, corner, size and licence."""
    from hwgen.synth.libraries.pdk import INSTALLED, installed
    from hwgen.synth.libraries.tables import built_in

    with Progress(quiet=as_json) as progress:
        rows = [_row(name, "built-in") for name in built_in()]
        for name, file in installed().items():
            progress(f"reading {file}")
            rows.append({**_row(f"{INSTALLED}:{name}", "installed"), "file": str(file)})
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
    result = describe(name)
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


def describe(name: str) -> dict[str, Any]:
    """The figures of a library, as plain data.

    Raises
    ------
    HwgenError
        There is no such library, or it lacks what mapping needs.
    """
    from hwgen.synth.libraries.pdk import basic_cells, open_library

    library = open_library(name)
    left_alone = library.left_alone()
    return {
        "name": library.name,
        "process": library.process,
        "corner": library.corner,
        "voltage": library.voltage,
        "temperature": library.temperature,
        "cells": len(library.cells),
        "nand2_area_um2": library.nand2_area,
        "source": library.source,
        "licence": library.licence,
        "notice": library.notice,
        "basic_cells": {
            what: cell
            and {
                "cell": cell.name,
                "area_um2": cell.area,
                "gate_equivalents": round(cell.area / library.nand2_area, 3),
            }
            for what, cell in basic_cells(library).items()
        },
        "used": [cell for cell in library.cells if cell not in left_alone],
        "left_alone": left_alone,
    }


def _row(name: str, origin: str) -> dict[str, Any]:
    """One line of the list; a library that cannot be used says why in ``problem``."""
    keys = ("process", "corner", "cells", "nand2_area_um2", "source", "licence")
    row: dict[str, Any] = {"name": name, **dict.fromkeys(keys), "origin": origin, "problem": None}
    try:
        found = describe(name)
    except HwgenError as error:
        return {**row, "problem": str(error)}
    return {**row, **{key: found[key] for key in keys}}
