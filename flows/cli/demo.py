"""``hwgen demo``: the whole way, on a network that reads handwritten digits."""

from pathlib import Path

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, output_option
from hwgen.flows.demo import HEADER, run_demo


@command(epilog="Example: hwgen demo")
@output_option("Folder for everything.  [default: build/demo]", required=False)
@json_option
def demo(output: Path | None, as_json: bool) -> None:
    """Take the digits network to Verilog, proof and area in every architecture."""
    folder = output or Path("build/demo")
    with Progress(quiet=as_json) as progress:
        result = run_demo(folder, progress)
    if as_json:
        emit_json(result.to_json())
    else:
        title = f"{result.network}: {result.parameters:,} parameters"
        title += f", {result.designs[0].report.pdk}"
        emit_table(title, HEADER, (design.row() for design in result.designs))
        picture = " and the picture area.png" if result.picture else ""
        emit_line(f"Verilog, netlists{picture} in {folder}")
    result.require()
