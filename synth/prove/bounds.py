"""How far the counters of a module count: bounds that hold at every clock edge.

For a register T and a small register S, the largest value of T is found for each value of S, all of
them at once: from what the registers are at the beginning, a bound is raised whenever an edge leads
from a state within all bounds to one beyond it, until none does.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.synth.prove.aig import FALSE, TRUE, Aig, column, values_of
from hwgen.synth.prove.cells import Word
from hwgen.synth.prove.circuit import CircuitSource, Register
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.evaluation import Evaluation
from hwgen.synth.prove.registers import Pool, Registers
from hwgen.synth.prove.terms import constant_word
from hwgen.synth.prove.trees import plain_adder

_SELECTOR_BITS = 3
_TARGET_BITS = 16
_LANES = 64
_PATIENCE = 150


@dataclass(frozen=True)
class Bounds:
    """For each pair of registers (S, T): the largest T by value of S, -1 where S never has it."""

    limits: Mapping[tuple[str, str], list[int]]

    def literal(self, aig: Aig, words: Mapping[str, Word]) -> int:
        """Whether registers that hold ``words`` are within the bounds."""
        return aig.any(self.violations(aig, words)) ^ 1

    def violations(self, aig: Aig, words: Mapping[str, Word]) -> list[int]:
        """For each bound, whether ``words`` are beyond it."""
        found = []
        for (small, large), limits in self.limits.items():
            for value, limit in enumerate(limits):
                chosen = [bit ^ 1 ^ (value >> i & 1) for i, bit in enumerate(words[small])]
                word = words[large]
                beyond = TRUE if limit < 0 else aig.less(constant_word(limit, len(word)), word)
                found.append(aig.both(aig.all(chosen), beyond))
        return found


def find_bounds(
    source: CircuitSource, registers: Registers, targets: set[str], decider: Decider
) -> Bounds | None:
    """Bounds on the registers ``targets``, by cell; None if there is no time to find them."""
    return _Search(source, registers, targets).run(decider)


class _Search:
    """Bounds that are raised until they hold."""

    def __init__(self, source: CircuitSource, registers: Registers, targets: set[str]):
        self._aig = Aig()
        pool = Pool(self._aig)
        state = registers.state(pool)
        level = Evaluation(source, self._aig, ports=pool, state=state, add=plain_adder(self._aig))
        places: dict[str, list[Register]] = {}
        for (label, _), bit in zip(registers.keys, level.circuit.registers, strict=True):
            places.setdefault(label, []).append(bit)
        self._bits = level.circuit.registers
        self._now = {label: [bit.now for bit in bits] for label, bits in places.items()}
        self._next = {label: [bit.next for bit in bits] for label, bits in places.items()}
        self._bounds = Bounds(
            {
                (small, large): [-1] * (1 << len(places[small]))
                for large in sorted(targets)
                for small in places
                if small != large
                and len(places[small]) <= _SELECTOR_BITS
                and len(places[large]) <= _TARGET_BITS
            }
        )

    def run(self, decider: Decider) -> Bounds | None:
        first = {bit.now: int(bit.initial == "1") for bit in self._bits}
        self._raise(self._aig.simulate(first, 1), self._now, 1)
        self._walk(first)
        while decider.left:
            beyond = self._aig.any(self._bounds.violations(self._aig, self._next))
            inside = self._bounds.literal(self._aig, self._now)
            answer = decider.equal(self._aig, [(beyond, FALSE)], inside)
            if answer.equal:
                return self._bounds
            if answer.example is None:
                return None
            self._raise(self._aig.simulate(answer.example, 1), self._next, 1)
            self._walk(answer.example)
        return None

    def _raise(self, simulated: list[int], words: Mapping[str, Word], lanes: int) -> bool:
        """Admit what ``words`` hold; whether that was news."""
        held = {
            label: values_of(simulated, words[label], lanes)
            for label in {name for pair in self._bounds.limits for name in pair}
        }
        news = False
        for (small, large), row in self._bounds.limits.items():
            for value, reached in zip(held[small], held[large], strict=True):
                news = news or reached > row[value]
                row[value] = max(row[value], reached)
        return news

    def _walk(self, start: Mapping[int, int]) -> None:
        """Go on from a state for as long as that leads beyond the bounds."""
        generator, ones = random.Random(len(self._bits)), (1 << _LANES) - 1
        state = {bit.now: start.get(bit.now, 0) * ones for bit in self._bits}
        roots = [bit.next for bit in self._bits]
        free = [literal for literal in self._aig.support(roots) if literal not in state]
        # In three lanes out of four an input stays as it is: a reset, say, is not always on.
        steady = {literal: _bits(generator) | _bits(generator) for literal in free}
        fixed = {literal: _bits(generator) for literal in free}
        idle = 0
        while idle < _PATIENCE:
            values = dict(state)
            for literal in free:
                mask = steady[literal]
                values[literal] = (fixed[literal] & mask) | (_bits(generator) & ~mask)
            simulated = self._aig.simulate(values, _LANES)
            idle = 0 if self._raise(simulated, self._next, _LANES) else idle + 1
            state = {bit.now: column(simulated, bit.next, _LANES) for bit in self._bits}


def _bits(generator: random.Random) -> int:
    return generator.getrandbits(_LANES)
