"""``hwgen prove``: a netlist is its RTL, the RTL is the arithmetic, and no sum overflows."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    Finite,
    SynthesisOptions,
    architecture_options,
    json_option,
    library_options,
    network_argument,
    recipe_options,
)
from hwgen.flows.cli.synth import short_module
from hwgen.flows.gates import Gates, make_gates
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder

if TYPE_CHECKING:
    from hwgen.synth.mapping.arith import Style
    from hwgen.synth.prove.verdict import Proof, Verdict

QUESTIONS = {
    "accumulators": "no accumulator overflows",
    "netlist": "netlist = RTL",
    "arithmetic": "RTL = arithmetic",
}
_SEED = 1
_VECTORS = 256
"""Inputs that are tried where no proof is found."""
_SHOWN = 8


@click.command(epilog="Example: hwgen prove examples/digits.json --arch serial --pdk sky130hd")
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
    from hwgen.synth import open_library

    with Progress(quiet=as_json) as progress:
        report = answer(
            network,
            architecture,
            library=open_library(pdk, liberty),
            options=options,
            netlist=netlist,
            time_limit=time_limit,
            progress=progress,
        )
    if as_json:
        emit_json(report)
    else:
        _show(report)
    if not report["proved"]:
        raise HwgenError("prove", _failure(report["questions"]), "every question must be proved")


def answer(
    network: Network,
    architecture: Architecture,
    *,
    library: Any,
    options: SynthesisOptions,
    netlist: Path | None,
    time_limit: float,
    progress: Progress,
) -> dict[str, Any]:
    """Generate, synthesize unless there is a ``netlist``, ask; the report as plain data."""
    started = time.monotonic()
    with temporary_folder("prove") as name:
        design = _design(network, architecture, Path(name), library, options, netlist, progress)
        questions = _ask(network, design, library, options, time_limit, progress)
    return {
        "proved": all(q["status"] in ("proved", "not asked") for q in questions.values()),
        "questions": questions,
        "time_limit": time_limit,
        **design.report,
        "top": design.manifest.top,
        "arch": architecture.to_json(),
        "network_sha256": design.manifest.network_sha256,
        "seconds": round(time.monotonic() - started, 3),
    }


class _Design:
    """What the questions are about: RTL, and a netlist as of ``write_json``."""

    def __init__(self, manifest: Manifest, netlist: Mapping[str, Any], report: dict[str, Any]):
        self.manifest = manifest
        self.netlist = netlist
        self.report = report


def _design(
    network: Network,
    architecture: Architecture,
    folder: Path,
    library: Any,
    options: SynthesisOptions,
    netlist: Path | None,
    progress: Progress,
) -> _Design:
    from hwgen.synth.mapping.netlist import Netlist
    from hwgen.synth.prove.netlist_file import read_netlist

    if netlist is not None:
        from hwgen.flows.design import generated

        cache = options.to_keywords()["cache"]
        manifest = generated(network, architecture, folder, cache)
        given = read_netlist(netlist, manifest.top, tool=options.tool, timeout=options.timeout)
        return _Design(manifest, given, {"pdk": library.name, "netlist": str(netlist)})
    gates: Gates = make_gates(
        network, architecture, folder, library=library, options=options, progress=progress
    )
    made = Netlist.read(folder / "netlist.json", gates.manifest.top)
    return _Design(gates.manifest, {"modules": made.modules}, gates.to_json())


def _ask(
    network: Network,
    design: _Design,
    library: Any,
    options: SynthesisOptions,
    time_limit: float,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """The questions one after the other, each with its verdict as plain data."""
    from hwgen.sim.vectors import make_vectors
    from hwgen.synth.mapping.recipe import find_recipe
    from hwgen.synth.prove.accumulators import AccumulatorProof
    from hwgen.synth.prove.arithmetic import ArithmeticProof
    from hwgen.synth.prove.netlist import NetlistProof

    manifest = design.manifest
    vectors = make_vectors(network, count=_VECTORS, seed=_SEED).x.tolist()
    plans = find_recipe(options.recipe, options.clock).plans
    styles: list[Style] = ["ripple", "prefix"]
    if "recipe" in design.report:
        styles = [style for style in styles if style in {plan.adders for plan in plans}] or styles
    proofs: dict[str, Proof] = {
        "accumulators": AccumulatorProof(
            network=network, widths=manifest.accumulator_bits, vectors=vectors
        ),
        "netlist": NetlistProof(
            manifest=manifest,
            netlist=design.netlist,
            library=library,
            styles=styles,
            vectors=vectors,
            tool=options.tool,
        ),
        "arithmetic": ArithmeticProof(
            manifest=manifest, network=network, vectors=vectors, tool=options.tool
        ),
    }
    found = {}
    for key, proof in proofs.items():
        with progress.under(QUESTIONS[key]):
            found[key] = answered(proof, time_limit, progress).to_json()
    return {key: _with_golden(network, verdict) for key, verdict in found.items()}


def answered(proof: "Proof", time_limit: float, progress: Progress) -> "Verdict":
    """The verdict on a question; a tool that was too slow leaves it undecided."""
    from hwgen.synth.prove.decide import Decider
    from hwgen.synth.prove.verdict import Verdict

    started = time.monotonic()
    decider = Decider(started + time_limit)
    try:
        return proof.run(decider, progress)
    except HwgenError:
        if decider.left:
            raise
        seconds = round(time.monotonic() - started, 3)
        return Verdict("undecided", "reading", seconds, "the time limit")


def _with_golden(network: Network, verdict: dict[str, Any]) -> dict[str, Any]:
    """A verdict, its counterexample with what the golden model makes of the input."""
    from hwgen.spec import golden

    if "counterexample" not in verdict:
        return verdict
    x = np.array([verdict["counterexample"]["input"]], dtype=np.int64)
    result = golden.predict(network, x).reshape(-1).tolist()
    return {**verdict, "counterexample": {**verdict["counterexample"], "golden": result}}


def _failure(questions: Mapping[str, Mapping[str, Any]]) -> str:
    """What is not proved."""
    open_ones = [
        f"{QUESTIONS[key]} is {verdict['status']}"
        + (f" ({verdict['limit']})" if "limit" in verdict else "")
        for key, verdict in questions.items()
        if verdict["status"] in ("refuted", "undecided")
    ]
    return "; ".join(open_ones)


def _show(report: Mapping[str, Any]) -> None:
    questions = report["questions"]
    emit_table(
        f"{report['top']}, {report['pdk']}",
        ["question", "answer", "seconds", "how"],
        ([QUESTIONS[key], q["status"], q["seconds"], q["method"]] for key, q in questions.items()),
    )
    for key, verdict in questions.items():
        if "limit" in verdict:
            emit_line(f"{QUESTIONS[key]} is {verdict['status']}: {verdict['limit']}")
        for what, value in verdict.get("counterexample", {}).items():
            emit_line(f"{QUESTIONS[key]}: {what} {value}")
    modules = questions["netlist"].get("modules", {})
    emit_table(
        "netlist = RTL by module",
        ["module", "answer", "flip-flops", "compared", "seconds", "how"],
        (
            [
                short_module(name, report["top"]),
                m["status"],
                m["registers"],
                m["points"],
                m["seconds"],
                m["method"],
            ]
            for name, m in modules.items()
        ),
    )
