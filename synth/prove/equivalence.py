"""That a netlist of library cells is the RTL that it was made from, module by module.

Modules are cut at their ports, at their registers and at the ports of what they instantiate, and
each is compared with what it was made from for all values at these cuts, so that all of them
together are equal from one clock edge to the next. A module with sums is compared in two stages:

1. the RTL with what Yosys left of it, at the level of words (:mod:`hwgen.synth.prove.sums`); 2.
that, with the adder trees that were chosen for its sums (:mod:`hwgen.synth.prove.trees`), with the
   netlist, bit by bit.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from hwgen.support.errors import HwgenError
from hwgen.synth.mapping.adders import AdderCells
from hwgen.synth.mapping.arith import Reduction, reduction
from hwgen.synth.prove.aig import FALSE, TRUE, Aig
from hwgen.synth.prove.bounds import Bounds, find_bounds
from hwgen.synth.prove.cells import Word
from hwgen.synth.prove.circuit import Bit, Circuit, sources_of
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.evaluation import Evaluation, Ports, State
from hwgen.synth.prove.module import (
    Design,
    ModuleProof,
    Undecided,
    beyond_memory,
    example_by_port,
    next_states,
    no_state,
    paired_outputs,
    reads_past_end,
    shape_of,
)
from hwgen.synth.prove.registers import Key, Pool, Registers, keys_of
from hwgen.synth.prove.sums import Words
from hwgen.synth.prove.trees import Trees, WrongTree, plain_adder

_FIRST = 0.1
"""The share of the time that each way of comparing a module gets at first."""


class Comparison:
    """The comparison of a netlist with its RTL.

    Parameters
    ----------
    design, decider
        What to compare, and what decides until when.
    progress
        Called with what is being done.
    """

    def __init__(self, design: Design, decider: Decider, progress: Callable[[str], None]):
        self.design = design
        self.decider = decider
        self.rtl = sources_of(design.rtl)
        self.front = sources_of(design.front)
        self.netlist = sources_of(design.netlist, design.library)
        self._progress = progress

    def run(self) -> dict[str, ModuleProof]:
        """Every module of the design, from the inside out."""
        names = list(dict.fromkeys(self._below(self.design.top)))
        found = {}
        for number, name in enumerate(names):
            self._progress(f"module {number + 1} of {len(names)}")
            rest = len(names) - number > 1
            decider = self.decider.within(self.decider.left / (2 if rest else 1))
            found[name] = self._module(name, decider)
        return found

    def _below(self, name: str) -> Iterator[str]:
        for label, cell in self.rtl[name].cells.items():
            if self.rtl[name].is_instance(label):
                yield from self._below(cell["type"])
        yield name

    def _module(self, name: str, decider: Decider) -> ModuleProof:
        started = time.monotonic()
        proof = ModuleProof("undecided", "")
        try:
            module = _Module(self, name, decider)
            proof = replace(module.proof(), registers=len(module.stored))
        except Undecided as reason:
            proof = replace(proof, limit=str(reason))
        except HwgenError as error:
            proof = replace(proof, limit=f"{error.where}: {error.found}")
        return replace(proof, seconds=round(time.monotonic() - started, 3))


class _Module:
    """One module in all its forms."""

    def __init__(self, whole: Comparison, name: str, decider: Decider):
        self.whole = whole
        self.time = decider
        self.name = name
        for form, sources in (("front end", whole.front), ("netlist", whole.netlist)):
            if name not in sources:
                raise Undecided(f"it is not in the {form}")
        self.rtl, self.front, self.netlist = (
            sources[name] for sources in (whole.rtl, whole.front, whole.netlist)
        )
        if not shape_of(self.rtl) == shape_of(self.front) == shape_of(self.netlist):
            raise Undecided("its ports or submodules are others in the netlist")
        self.registers = Registers(self.rtl, decider)
        self.decider = decider
        self._targets: set[str] = set()
        self.kept = self._kept()
        self.stored = self._stored()

    def proof(self) -> ModuleProof:
        """What is found in any way, each of them given a little time first, and then the rest."""
        ways = list(self._ways())
        found = ModuleProof("undecided", "")
        for first in (True, False):
            slow = []
            for number, (method, compare) in enumerate(ways):
                left = self.time.left
                share = _FIRST * left if first else left / (len(ways) - number)
                self.decider = self.time.within(share)
                try:
                    return replace(compare(), method=method)
                except Undecided as reason:
                    found = ModuleProof("undecided", method, limit=str(reason))
                    if not self.decider.left:
                        slow.append((method, compare))
            ways = slow
        return found

    def _ways(self) -> Iterator[tuple[str, Callable[[], ModuleProof]]]:
        """What to try, in this order."""
        if not self._open():
            for ripple in dict.fromkeys(style == "ripple" for style in self.whole.design.styles):
                known = reduction(
                    self.whole.design.front["modules"][self.name],
                    AdderCells(self.whole.design.library),
                    "ripple" if ripple else "prefix",
                )
                if known.sums:
                    yield "words, then adder trees", partial(self._staged, known)
        yield "bits", self._direct

    def _kept(self) -> dict[Key, Key]:
        """For registers of the front end, those of the RTL of the same name."""
        names, found = self.front.names, {}
        for label, cell in self.front.cells.items():
            if self.front.is_register(label):
                for i, net in enumerate(cell["connections"]["Q"]):
                    key = self.registers.named(names.get(net, ()))
                    if key is not None:
                        found[label, i] = key
        return found

    def _stored(self) -> dict[str, tuple[Key, int]]:
        """For flip-flops of the netlist, the register of the same name; 1 where it is inverted."""
        aig = Aig()
        mapped = Evaluation(
            self.netlist,
            aig,
            ports=Pool(aig),
            state=lambda label, i: aig.input(),
            add=plain_adder(aig),
        )
        aliases: dict[int, list[tuple[Bit, int]]] = {}
        for name, literal in mapped.circuit.named.items():
            aliases.setdefault(literal >> 1, []).append((name, literal & 1))
        found = {}
        for (label, _), register in zip(
            keys_of(self.netlist), mapped.circuit.registers, strict=True
        ):
            for name, flip in aliases.get(register.now >> 1, ()):
                key = self.registers.named([name])
                if key is not None:
                    found[label] = key, flip
                    break
            else:
                raise Undecided(f"flip-flop {label} has the name of no register")
        return found

    def _open(self) -> bool:
        """Whether it, or what it instantiates, reads past the end of a memory for some input."""
        inner = (self.whole.rtl.get(cell["type"]) for cell in self.rtl.cells.values())
        return reads_past_end(self.rtl) or any(
            source and reads_past_end(source) for source in inner
        )

    def _staged(self, known: Reduction) -> ModuleProof:
        first = self._by_words()
        return first if first.status != "proved" else self._by_trees(known)

    def _by_words(self) -> ModuleProof:
        """The RTL with the front end."""
        aig = Aig()
        words, pool = Words(aig), Pool(aig)
        state = self.registers.state(pool)
        old = self._front_state(aig, state)
        rtl = Evaluation(self.rtl, aig, ports=pool, state=state, add=words.adder())
        front = Evaluation(self.front, aig, ports=pool, state=old, add=words.adder())
        nexts = dict(zip(self.registers.keys, next_states(rtl.circuit), strict=True))
        pairs = paired_outputs(rtl.circuit, front.circuit)
        for key, following in zip(keys_of(self.front), next_states(front.circuit), strict=True):
            if key in self.kept:
                pairs.append((nexts[self.kept[key]], following))
        pairs = [pair for pair in pairs if pair[0] != pair[1]]
        ground = words.grounded([literal for pair in pairs for literal in pair])
        grounded = list(zip(ground.roots[::2], ground.roots[1::2], strict=True))
        answer = self.decider.equal(ground.aig, grounded, ground.limits)
        if answer.equal:
            return ModuleProof("proved", "", points=len(pairs))
        raise Undecided(answer.limit or "sums of the RTL and of the front end do not match")

    def _by_trees(self, known: Reduction) -> ModuleProof:
        """The front end with the netlist."""
        aig = Aig()
        pool = Pool(aig)
        state = self.registers.state(pool)
        try:
            front = Evaluation(
                self.front,
                aig,
                ports=pool,
                state=self._front_state(aig, state),
                add=Trees(aig, known).build,
            )
        except WrongTree:
            raise Undecided("the adders of synthesis do not make its sums") from None
        nexts = {
            self.registers.leader[self.kept[key]]: following
            for key, following in zip(keys_of(self.front), next_states(front.circuit), strict=True)
            if key in self.kept
        }
        return self._with_netlist(aig, pool, state, front.circuit, nexts, TRUE)

    def _front_state(self, aig: Aig, state: State) -> State:
        def literal(label: str, i: int) -> int:
            key = self.kept.get((label, i))
            return aig.input() if key is None else state(*key)

        return literal

    def _direct(self) -> ModuleProof:
        """The RTL with the netlist."""
        proof = self._compare_directly(None)
        if proof.status != "differs" or not self._targets:
            return proof
        bounds = find_bounds(self.rtl, self.registers, self._targets, self.decider)
        return proof if bounds is None else self._compare_directly(bounds)

    def _compare_directly(self, bounds: Bounds | None) -> ModuleProof:
        aig = Aig()
        pool = Pool(aig)
        state = self.registers.state(pool)
        rtl = Evaluation(self.rtl, aig, ports=pool, state=state, add=plain_adder(aig))
        nexts = {
            self.registers.leader[key]: following
            for key, following in zip(self.registers.keys, next_states(rtl.circuit), strict=True)
        }
        guards = self._guards(aig, rtl.circuit)
        inputs = aig.support(guards.values())
        self._targets = {key[0] for key in self.registers.keys if state(*key) in inputs}

        def loosened(name: str, width: int) -> Word:
            """What is read past a memory's end may be another thing in the netlist."""
            word = enumerate(pool(name, width))
            return [
                aig.choose(guards[name, i], aig.input(), bit) if (name, i) in guards else bit
                for i, bit in word
            ]

        given = TRUE
        if bounds is not None:
            words = {
                label: [state(label, i) for i in range(len(cell["connections"]["Q"]))]
                for label, cell in self.rtl.cells.items()
                if self.rtl.is_register(label)
            }
            given = bounds.literal(aig, words)
        return self._with_netlist(aig, loosened, state, rtl.circuit, nexts, given, rtl.outside)

    def _guards(self, aig: Aig, circuit: Circuit) -> dict[tuple[str, int], int]:
        """For outputs of submodules that depend on a memory: whether it is read past its end."""
        guards = {}
        for label, cell in self.rtl.cells.items():
            inner = self.whole.rtl.get(cell["type"])
            if inner is None or not reads_past_end(inner):
                continue

            def ports(port: str, _: int, label: str = label) -> Word:
                return circuit.outputs[f"{label}.{port}"]

            level = Evaluation(
                inner,
                aig,
                ports=ports,
                state=no_state,
                add=plain_adder(aig),
            )
            for port, word in level.circuit.outputs.items():
                for i, bit in enumerate(word):
                    guard = beyond_memory(aig, bit, level.outside)
                    if guard != FALSE:
                        guards[f"{label}.{port}", i] = guard
        return guards

    def _with_netlist(
        self,
        aig: Aig,
        ports: Ports,
        state: State,
        circuit: Circuit,
        nexts: Mapping[Key | int, int],
        given: int,
        outside: Sequence[tuple[int, list[int]]] = (),
    ) -> ModuleProof:
        """``circuit``, whose registers become ``nexts``, with the netlist."""

        def held(label: str, _: int) -> int:
            key, flip = self.stored[label]
            return state(*key) ^ flip

        add = plain_adder(aig)
        mapped = Evaluation(self.netlist, aig, ports=ports, state=held, add=add)
        pairs = paired_outputs(circuit, mapped.circuit)
        for (label, _), register in zip(
            keys_of(self.netlist), mapped.circuit.registers, strict=True
        ):
            key, flip = self.stored[label]
            leader = self.registers.leader[key]
            if register.clock != self.registers.clock:
                return ModuleProof("differs", "", limit=f"flip-flop {label} has another clock")
            following = leader if isinstance(leader, int) else nexts.get(leader)
            if following is None:
                raise Undecided(f"flip-flop {label} has no register in the front end")
            pairs.append((following ^ flip, register.next))
        if outside:
            guards = [beyond_memory(aig, left, outside) ^ 1 for left, _ in pairs]
            pairs = [
                (aig.both(guard, left), aig.both(guard, right))
                for guard, (left, right) in zip(guards, pairs, strict=True)
            ]
        answer = self.decider.equal(aig, pairs, given)
        if answer.equal is None:
            raise Undecided(answer.limit)
        return ModuleProof(
            "proved" if answer.equal else "differs",
            "",
            points=len(pairs),
            example=example_by_port(circuit, answer),
        )
