"""``hwgen prove``: a netlist is its RTL, the RTL is the arithmetic, and no sum overflows."""

from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    Finite,
    architecture_options,
    json_option,
    library_options,
    network_argument,
    recipe_options,
)
from hwgen.flows.proof import ProofReport, prove_design
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.synth import open_library


@command(epilog="Example: hwgen prove examples/digits.json --arch serial --pdk sky130hd")
@network_argument
@architecture_options
@library_options
@recipe_options
@click.option(
    "--netlist",
    type=click.Path(path_type=Path),
    help="Prove this netlist, .v or .json of Yosys, instead of a freshly made one.",
)
@click.option(
    "--time-limit",
    type=Finite(min=1),
    default=300.0,
    show_default=True,
    help="Seconds for each question.",
)
@json_option
def prove(
    network: Network,
    architecture: Architecture,
    pdk: str | None,
    liberty: tuple[Path, ...],
    options: SynthesisOptions,
    netlist: Path | None,
    time_limit: float,
    as_json: bool,
) -> None:
    """Prove NET's netlist equal to its RTL, the RTL to the arithmetic, and every sum to fit.

    For all inputs and at every clock edge, without simulation. Each question is proved, refuted
    with an input for which it is wrong, or undecided with the limit that was hit.
    """
    with Progress(quiet=as_json) as progress:
        report = prove_design(
            network,
            architecture,
            library=open_library(pdk, liberty),
            options=options,
            netlist=netlist,
            time_limit=time_limit,
            progress=progress,
        )
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report)
    report.require()


def _show(report: ProofReport) -> None:
    title = f"{report.top}, {report.netlist['pdk']}"
    emit_table(title, ["question", "answer", "seconds", "how"], report.rows())
    for line in report.remarks():
        emit_line(line)
    emit_table(
        "netlist = RTL by module",
        ["module", "answer", "flip-flops", "compared", "seconds", "how"],
        report.module_rows(),
    )
