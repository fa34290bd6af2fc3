"""``RTL = arithmetic``: the design run on symbols, beside the formulas.

The design is run cycle by cycle: its input is a vector of numbers in their format, its registers
hold whatever they hold (those with a reset are reset where a design counts cycles), and what comes
out is an expression. Sums are kept as integer combinations (:mod:`hwgen.synth.prove.sums`), so that
an accumulator that went through a graph of adders, or through one multiplication in each clock, is
the very word that ``bias + sum of weight * x`` makes in the reference (:mod:`hwgen.spec.checker`).

The reference is run first, layer by layer. Its outputs are replaced by new numbers in their exact
interval, and so is everything in the design that looks equal to one of them on samples. Each such
replacement is an obligation, to be proved for all values of the accumulators it is made of.
"""

import json
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.rtl.interface import Layout
from hwgen.rtl.manifest import Manifest
from hwgen.spec import golden
from hwgen.spec.checker import TOP, Reference, write_reference
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder
from hwgen.synth.mapping.netlist import Net
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.prove.aig import FALSE, TRUE, Aig
from hwgen.synth.prove.cells import Sum, Word, extended
from hwgen.synth.prove.circuit import CircuitSource, sources_of
from hwgen.synth.prove.decide import Decider, find_abc
from hwgen.synth.prove.evaluation import Evaluation
from hwgen.synth.prove.registers import keys_of
from hwgen.synth.prove.simulate import Symbolic, results, run
from hwgen.synth.prove.symbols import Symbols, no_state
from hwgen.synth.prove.trees import plain_adder, plain_sum
from hwgen.synth.prove.verdict import Verdict

METHOD = "run on symbols, every sum as an integer combination of inputs"

_READ = """\
read_verilog design.v
hierarchy -check -top {top}
proc
flatten -noscopeinfo
memory_collect
opt_clean
write_json flat.json
design -reset
read_verilog reference.v
hierarchy -check -top {reference}
proc
memory_collect
write_json reference.json
flatten -noscopeinfo
write_json flat_reference.json
"""
WHOLE = "as a whole, after a reset"
_ROUNDS = 40


class DesignRun:
    """The design, run on symbols.

    Parameters
    ----------
    source, manifest
        The flat module, and what it is.
    symbols, decider
        Where the input is, and the reference; and how much time there is.
    """

    def __init__(
        self, source: CircuitSource, manifest: Manifest, symbols: Symbols, decider: Decider
    ):
        self._decider = decider
        self._source = source
        self._manifest = manifest
        self._symbols = symbols
        self._aig = symbols.aig
        self._state = {key: self._aig.input() for key in keys_of(source)}

    def result(self) -> Word:
        """The bits of the result, without padding.

        Raises
        ------
        HwgenError
            The design does not take its input or hand on its result when it says it does.
        """
        if self._manifest.arch.sequenced:
            return self._framed()
        bare = self._manifest.arch.bare
        outputs = {}
        for cycle in range(self._manifest.latency_cycles + 1):
            inputs = {"rst": [FALSE], "s_axis_tvalid": [TRUE], "m_axis_tready": [TRUE]}
            if not cycle:
                port = "x" if bare else "s_axis_tdata"
                inputs[port] = extended(self._symbols.input, self._manifest.input.width, False)
            outputs = self._cycle(inputs)
            if not bare and not cycle and outputs["s_axis_tready"] != [TRUE]:
                raise HwgenError("proof", "no input is taken", "s_axis_tready must be high")
        if not bare and outputs["m_axis_tvalid"] != [TRUE]:
            raise HwgenError("proof", "no result after its latency", "m_axis_tvalid must be high")
        return self._elements(outputs["y" if bare else "m_axis_tdata"], self._manifest.output)

    def _framed(self) -> Word:
        """A frame after a reset, without pauses."""
        layout, result = self._manifest.input, self._manifest.output
        self._cycle({"rst": [TRUE]})
        for key, literal in self._state.items():
            self._state[key] = literal if literal <= TRUE else self._aig.input()
        vector = layout.split(self._symbols.input)
        words: list[Word] = []
        taken = 0
        for _ in range(3 * self._manifest.interval_cycles + self._manifest.latency_cycles + 8):
            beat = extended(vector[min(taken, len(vector) - 1)], layout.width, False)
            outputs = self._cycle(
                {
                    "rst": [FALSE],
                    "s_axis_tvalid": [int(taken < len(vector))],
                    "s_axis_tdata": beat,
                    "s_axis_tlast": [int(taken == len(vector) - 1)],
                    "m_axis_tready": [TRUE],
                }
            )
            ready, valid = outputs["s_axis_tready"][0], outputs["m_axis_tvalid"][0]
            if ready > TRUE or valid > TRUE:
                raise HwgenError("proof", "a handshake that depends on data", "none is expected")
            taken += ready and taken < len(vector)
            if valid:
                words.append(outputs["m_axis_tdata"])
                if outputs.get("m_axis_tlast", [TRUE]) != [int(len(words) == result.beats)]:
                    break
            if len(words) == result.beats:
                return result.join(words)
        found = f"{len(words)} beats of a result"
        raise HwgenError("proof", found, "all of them, the last with tlast")

    def _elements(self, word: Word, layout: Layout) -> Word:
        return word[: layout.elements * layout.element_bits]

    def _cycle(self, inputs: Mapping[str, Word]) -> dict[str, Word]:
        """Outputs while ``inputs`` are there, others being anything; then comes the clock edge."""
        if not self._decider.left:
            raise HwgenError("proof", "the time limit", "more of it")
        level = Evaluation(
            self._source,
            self._aig,
            ports=lambda port, width: inputs.get(port) or self._aig.inputs(width),
            state=lambda label, i: self._state[label, i],
            add=self._sum,
            names=self._symbols,
        )
        nexts = (register.next for register in level.circuit.registers)
        self._state = dict(zip(self._state, nexts, strict=True))
        return level.circuit.outputs

    def _sum(self, _: str, total: Sum, __: Mapping[Net, int]) -> Word:
        """A sum of values that were chosen, as where an argmax subtracts, is not a new word."""
        words = (factor.word for term in total.terms for factor in term.factors)
        if any(self._aig.is_gate(bit) for word in words for bit in word):
            return plain_sum(self._aig, total)
        return self._symbols.words.build(total)


@dataclass(frozen=True, kw_only=True)
class ArithmeticProof:
    """A design, and the network whose arithmetic it must be.

    Parameters
    ----------
    manifest, network
        Of the design, and the network.
    vectors
        Input codes that are tried where no proof is found.
    tool
        Which Yosys; see :data:`hwgen.synth.mapping.yosys.TOOLS`.
    """

    manifest: Manifest
    network: Network
    vectors: Sequence[Sequence[int]]
    tool: str = "auto"

    def run(self, decider: Decider, progress: Callable[[str], None]) -> Verdict:
        """Prove or refute it.

        Raises
        ------
        HwgenError
            Yosys or ABC is missing, or Yosys fails.
        """
        started = time.monotonic()
        find_abc()
        with temporary_folder("prove") as name:
            folder = Path(name)
            reference = write_reference(self.network, self.manifest.output)
            progress("reading the design and the arithmetic")
            self._read(folder, reference, decider)
            design = _load(folder / "flat.json")["modules"][self.manifest.top]
            source = CircuitSource(self.manifest.top, design, {})
            modules = sources_of(_load(folder / "reference.json"))
            whole = CircuitSource(TOP, _load(folder / "flat_reference.json")["modules"][TOP], {})
        progress("running on symbols")
        limit, count = self._prove(source, modules, reference, decider)
        example = self._example(source, self.vectors) if limit else None
        method = METHOD
        if limit and example is None:
            progress("comparing as a whole")
            method = WHOLE
            limit, example = self._directly(source, whole, decider)
        seconds = round(time.monotonic() - started, 3)
        if example is not None:
            return Verdict("refuted", method, seconds, counterexample=example)
        if limit:
            return Verdict("undecided", method, seconds, limit)
        return Verdict("proved", method, seconds, parts={"obligations": count})

    def _read(self, folder: Path, reference: Reference, decider: Decider) -> None:
        design = Path(self.manifest.verilog).read_text("utf-8")
        (folder / "design.v").write_text(design, encoding="utf-8")
        (folder / "reference.v").write_text(reference.text, encoding="ascii")
        script = _READ.format(top=self.manifest.top, reference=TOP)
        run_yosys(script, folder, tool=self.tool, timeout=decider.left)

    def _prove(
        self,
        source: CircuitSource,
        modules: Mapping[str, CircuitSource],
        reference: Reference,
        decider: Decider,
    ) -> tuple[str, int]:
        """What kept it from a proof, if anything; and how much was proved."""
        known: list[Mapping[Hashable, int]] = []
        while decider.left:
            try:
                argmax = self.network.output == "argmax"
                symbols = Symbols(modules, reference.ports, argmax, known)
                symbols.require(DesignRun(source, self.manifest, symbols, decider).result())
                failure = symbols.check(decider)
            except HwgenError as error:
                return f"{error.where}: {error.found}", 0
            if failure is None:
                return "", len(symbols.obligations)
            if failure.obligation.final or failure.limit or len(known) > _ROUNDS:
                return failure.limit or f"{failure.obligation.what} may differ", 0
            known.append(failure.numbers)
        return "the time limit", 0

    def _directly(
        self, source: CircuitSource, reference: CircuitSource, decider: Decider
    ) -> tuple[str, dict[str, Any] | None]:
        """What keeps it from a proof, if anything; and an input for which the design is wrong."""
        aig, layout, result = Aig(), self.manifest.input, self.manifest.output
        beats = [aig.inputs(layout.width) for _ in range(layout.beats)]
        x = layout.join(beats)
        add = plain_adder(aig)
        arithmetic = Evaluation(reference, aig, ports=lambda *_: x, state=no_state, add=add)
        words: list[Word] = []
        for step in run(self.manifest, [Symbolic(source, aig)], beats):
            if not decider.left:
                return "the time limit", None
            outputs = step.outputs[0]
            if self.manifest.arch.bare or outputs["m_axis_tvalid"] == [TRUE]:
                words.append(outputs["y" if self.manifest.arch.bare else "m_axis_tdata"])
        y = arithmetic.circuit.outputs["y"]
        if len(words) != result.beats:
            return "its result does not come when it should", None
        word = result.join(words)
        answer = decider.equal(aig, list(zip(word, y, strict=True)))
        if answer.example is None:
            return answer.limit, None
        known = answer.example
        codes = [sum(known.get(bit, 0) << i for i, bit in enumerate(beat)) for beat in beats]
        example = self._example(source, [layout.unpack(codes)])
        return "only undefined values differ", example

    def _example(
        self, source: CircuitSource, vectors: Sequence[Sequence[int]]
    ) -> dict[str, Any] | None:
        """An input for which the design's result is not the golden model's."""
        x = np.array(vectors, dtype=np.int64)
        wanted = golden.predict(self.network, x).reshape(len(x), -1).tolist()
        found = results(self.manifest, source, vectors)
        for vector, right, result in zip(vectors, wanted, found, strict=True):
            if result != right:
                return {"input": list(vector), "arithmetic": right, "rtl": result}
        return None


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
