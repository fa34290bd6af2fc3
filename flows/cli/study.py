"""``hwgen study``: what quantization costs in accuracy and gives in area."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import json_option, output_option
from hwgen.flows.study.config import load_study
from hwgen.flows.study.run import run_study
from hwgen.flows.study.summary import header


@command(epilog="Example: hwgen study examples/studies/tabular.toml -o build/study")
@click.argument("study", metavar="STUDY", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--no-area", is_flag=True, help="Synthesize nothing; all areas are estimates.")
@output_option("Folder for study.txt, .csv, .json, .png, .svg, and every single result.")
@json_option
def study(study: Path, jobs: int, no_area: bool, output: Path, as_json: bool) -> None:
    """Train and quantize what STUDY (TOML) lists in every way, as a table and a picture.

    A study that was stopped goes on where it was when it is started again.
    """
    file = load_study(study)
    with Progress(quiet=as_json) as progress:
        result = run_study(
            file, study.parent, output, jobs=jobs, areas=not no_area, progress=progress
        )
    if as_json:
        emit_json(result.to_json())
        return
    for heading, rows in result.tables():
        emit_table(heading, header(), rows)
    emit_line("~ estimated from the network's integers, not synthesized")
    emit_line(f"everything in {output}")
