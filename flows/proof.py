"""Proofs of a design: a netlist is its RTL, the RTL is the arithmetic, and no sum overflows."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwgen.flows.design import make_design
from hwgen.flows.gates import make_gates
from hwgen.flows.modules import short_module
from hwgen.flows.results import html_line, html_table
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.sim.vectors import make_vectors
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent, under
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.mapping.recipe import find_recipe
from hwgen.synth.prove.accumulators import AccumulatorProof
from hwgen.synth.prove.arithmetic import ArithmeticProof
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.netlist import NetlistProof
from hwgen.synth.prove.netlist_file import read_netlist
from hwgen.synth.prove.verdict import Proof, Verdict

if TYPE_CHECKING:
    from hwgen.synth.mapping.arith import Style

QUESTIONS = {
    "accumulators": "no accumulator overflows",
    "netlist": "netlist = RTL",
    "arithmetic": "RTL = arithmetic",
}
_SEED = 1
_VECTORS = 256
"""Inputs that are tried where no proof is found."""


@dataclass(frozen=True, kw_only=True)
class ProofReport:
    """Verdicts on the three questions, by the keys of :data:`QUESTIONS`.

    Attributes
    ----------
    proved
        Every question that was asked is proved.
    time_limit
        Seconds for each question.
    netlist
        What was proved: library and figures of a netlist of ours, or the file that was given.
    seconds
        Wall time of everything.
    """

    proved: bool
    questions: dict[str, Verdict]
    time_limit: float
    netlist: dict[str, Any]
    top: str
    arch: Architecture
    network_sha256: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen prove --json`` prints."""
        return {
            "proved": self.proved,
            "questions": {key: verdict.to_json() for key, verdict in self.questions.items()},
            "time_limit": self.time_limit,
            **self.netlist,
            "top": self.top,
            "arch": self.arch.to_json(),
            "network_sha256": self.network_sha256,
            "seconds": self.seconds,
        }

    def require(self) -> "ProofReport":
        """The same, if everything is proved.

        Raises
        ------
        HwgenError
            Something is not; the error names the questions.
        """
        if self.proved:
            return self
        open_ones = [
            f"{QUESTIONS[key]} is {verdict.status}"
            + (f" ({verdict.limit})" if verdict.limit else "")
            for key, verdict in self.questions.items()
            if verdict.status in ("refuted", "undecided")
        ]
        raise HwgenError("prove", "; ".join(open_ones), "every question must be proved")

    def rows(self) -> list[list[object]]:
        """Question, answer, seconds and method."""
        return [[QUESTIONS[k], v.status, v.seconds, v.method] for k, v in self.questions.items()]

    def module_rows(self) -> list[list[object]]:
        """Of netlist = RTL: module, answer, flip-flops, what was compared, seconds, method."""
        modules: Mapping[str, Any] = self.questions["netlist"].parts.get("modules", {})
        keys = ("status", "registers", "points", "seconds", "method")
        return [
            [short_module(name, self.top), *(m[key] for key in keys)] for name, m in modules.items()
        ]

    def remarks(self) -> list[str]:
        """Limits that were hit and counterexamples, in lines."""
        found = []
        for key, verdict in self.questions.items():
            if verdict.limit:
                found.append(f"{QUESTIONS[key]} is {verdict.status}: {verdict.limit}")
            for what, value in (verdict.counterexample or {}).items():
                found.append(f"{QUESTIONS[key]}: {what} {value}")
        return found

    def _repr_html_(self) -> str:
        title = f"{self.top}, {self.netlist['pdk']}"
        table = html_table(title, ["question", "answer", "seconds", "how"], self.rows())
        return table + "".join(map(html_line, self.remarks()))


def prove_design(
    network: Network,
    architecture: Architecture,
    *,
    library: CellLibrary,
    options: SynthesisOptions | None = None,
    netlist: Path | None = None,
    time_limit: float = 300.0,
    progress: Progress = silent,
) -> ProofReport:
    """Generate, synthesize unless there is a ``netlist``, and decide the three questions.

    Parameters
    ----------
    netlist
        ``.v`` or ``.json`` of Yosys in cells of ``library``; None: one of our own.
    time_limit
        Seconds for each question.

    Raises
    ------
    HwgenError
        The design cannot be made or the netlist not be read. What is refuted is a result instead.
    """
    if not math.isfinite(time_limit):
        raise HwgenError("time_limit", f"found {time_limit}", "a finite number is needed")
    options, started = options or SynthesisOptions(), time.monotonic()
    with temporary_folder("prove") as name:
        if netlist is None:
            subject = _mapped(network, architecture, Path(name), library, options, progress)
        else:
            subject = _given(network, architecture, Path(name), library, options, netlist)
        questions = _verdicts(network, subject, library, options, time_limit, progress)
    return ProofReport(
        proved=all(q.status in ("proved", "not asked") for q in questions.values()),
        questions=questions,
        time_limit=time_limit,
        netlist=subject.figures,
        top=subject.manifest.top,
        arch=architecture,
        network_sha256=subject.manifest.network_sha256,
        seconds=round(time.monotonic() - started, 3),
    )


@dataclass(frozen=True)
class _Subject:
    """What the questions are about: RTL, and a netlist as of ``write_json`` with its figures."""

    manifest: Manifest
    netlist: Mapping[str, Any]
    figures: dict[str, Any]
    styles: "list[Style]"


_STYLES: "list[Style]" = ["ripple", "prefix"]
"""How adders of the netlist may be built."""


def _mapped(
    network: Network,
    architecture: Architecture,
    folder: Path,
    library: CellLibrary,
    options: SynthesisOptions,
    progress: Progress,
) -> _Subject:
    gates = make_gates(
        network, architecture, folder, library=library, options=options, progress=progress
    )
    netlist = Netlist.read(folder / "netlist.json", gates.manifest.top)
    used = {plan.adders for plan in find_recipe(options.recipe, options.clock).plans}
    styles = [style for style in _STYLES if style in used] or _STYLES
    return _Subject(gates.manifest, {"modules": netlist.modules}, gates.to_json(), styles)


def _given(
    network: Network,
    architecture: Architecture,
    folder: Path,
    library: CellLibrary,
    options: SynthesisOptions,
    path: Path,
) -> _Subject:
    manifest = make_design(network, architecture, options.opened_cache(), library).write(folder)
    netlist = read_netlist(path, manifest.top, tool=options.tool, timeout=options.timeout)
    return _Subject(manifest, netlist, {"pdk": library.name, "netlist": str(path)}, _STYLES)


def _verdicts(
    network: Network,
    subject: _Subject,
    library: CellLibrary,
    options: SynthesisOptions,
    time_limit: float,
    progress: Progress,
) -> dict[str, Verdict]:
    """The questions one after the other."""
    manifest = subject.manifest
    vectors = make_vectors(network, count=_VECTORS, seed=_SEED).x.tolist()
    proofs: dict[str, Proof] = {
        "accumulators": AccumulatorProof(
            network=network, widths=manifest.accumulator_bits, vectors=vectors
        ),
        "netlist": NetlistProof(
            manifest=manifest,
            netlist=subject.netlist,
            library=library,
            styles=subject.styles,
            vectors=vectors,
            tool=options.tool,
        ),
        "arithmetic": ArithmeticProof(
            manifest=manifest, network=network, vectors=vectors, tool=options.tool
        ),
    }
    found = {}
    for key, proof in proofs.items():
        verdict = decide(proof, time_limit, under(progress, QUESTIONS[key]))
        found[key] = _with_golden(network, verdict)
    return found


def decide(proof: Proof, time_limit: float, progress: Progress) -> Verdict:
    """The verdict on a question; a tool that was too slow leaves it undecided."""
    started = time.monotonic()
    decider = Decider(started + time_limit)
    try:
        return proof.run(decider, progress)
    except HwgenError:
        if decider.left:
            raise
        seconds = round(time.monotonic() - started, 3)
        return Verdict("undecided", "reading", seconds, "the time limit")


def _with_golden(network: Network, verdict: Verdict) -> Verdict:
    """A verdict, its counterexample with what the golden model makes of the input."""
    if not verdict.counterexample:
        return verdict
    x = np.array([verdict.counterexample["input"]], dtype=np.int64)
    result = golden.predict(network, x).reshape(-1).tolist()
    return replace(verdict, counterexample={**verdict.counterexample, "golden": result})
