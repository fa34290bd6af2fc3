"""Signs of shared words, chosen so that the constants of a layer's sums cost little.

A word may be made as it is or negated: then all of its terms, and every term that reads it, have
the other sign. A negative term is a complement and leaves a constant in the sums behind it, so
signs decide which constants are added to these. An output may be made negated too: its accumulator
is then complemented, which logic around it takes up. A one of a constant costs nothing in a column
with an even number of bits; in others it is a further bit in the next column.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from hwgen.rtl.adders.addergraph import AdderGraph, Term
from hwgen.rtl.adders.sharing import FULL, HALF

_LAST_FULL, _LAST_HALF = 15, 7
"""Adders whose carry nobody reads: exclusive-ors alone."""

_ROUNDS = {"low": 0, "normal": 30, "high": 100}
"""How often each sign is tried, by the name of the effort."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """What becomes of an output: ``constant`` is added to it, modulo 2^``width``."""

    constant: int
    width: int


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A graph with chosen signs.

    Attributes
    ----------
    graph
        Each of its outputs is that of the graph before, or its negative.
    negated
        Which are negative.
    """

    graph: AdderGraph
    negated: list[bool]


def with_signs(
    graph: AdderGraph,
    highs: Sequence[int],
    offsets: Sequence[int],
    outputs: Sequence[Output],
    effort: str,
) -> Signed:
    """``graph`` with the signs that cost least; the same for the same arguments, always.

    Parameters
    ----------
    highs, offsets
        Of each input: the largest value of its word, and by how much the input is more than it.
    outputs
        Of each output of the graph.
    effort
        As of :func:`hwgen.rtl.adders.addergraph.adder_graph`; ``low`` leaves everything as it is.
    """
    if not _ROUNDS[effort]:
        return Signed(graph=graph, negated=[False] * len(graph.sums))
    state = _State(graph, list(highs), list(offsets), list(outputs))
    count = len(state.rows)
    source = random.Random(1)
    steps = _ROUNDS[effort] * count
    for step in range(steps):
        k = source.randrange(count)
        loss = state.flip(k)
        if loss > -FULL * (1 - step / steps) * math.log(1 - source.random()):
            state.flip(k)
    better = True
    while better:
        better = False
        for k in range(count):
            if state.flip(k) < 0:
                better = True
            else:
                state.flip(k)
    return state.signed()


class _State:
    """A graph while signs are tried."""

    def __init__(
        self, graph: AdderGraph, highs: list[int], offsets: list[int], outputs: list[Output]
    ):
        self.inputs = graph.inputs
        self.adders = len(graph.adders)
        self.outputs = outputs
        self.rows = [[(t.node, t.shift, t.negative) for t in terms]
                     for terms in (*graph.adders, *graph.sums)]  # fmt: skip
        self.flipped = [False] * len(self.rows)
        self.readers: list[list[int]] = [[] for _ in range(graph.inputs + len(self.rows))]
        for k, row in enumerate(self.rows):
            for node in dict.fromkeys(node for node, _, _ in row):
                self.readers[node].append(k)
        self.highs = highs + [0] * len(self.rows)
        self.offsets = offsets + [0] * len(self.rows)
        self.widths = [high.bit_length() for high in self.highs]
        self.costs = [0] * len(self.rows)
        self._settle(set(range(len(self.rows))))

    def flip(self, k: int) -> int:
        """Give row ``k`` the other sign; returns by how much more that costs."""
        self.flipped[k] = not self.flipped[k]
        self.rows[k] = [(node, shift, not negative) for node, shift, negative in self.rows[k]]
        changed = {k}
        own = self.inputs + k
        for reader in self.readers[own]:
            self.rows[reader] = [
                (node, shift, negative != (node == own))
                for node, shift, negative in self.rows[reader]
            ]
            changed.add(reader)
        return self._settle(changed)

    def signed(self) -> Signed:
        """The graph as it is now."""
        rows = [[Term(*term) for term in row] for row in self.rows]
        graph = AdderGraph(inputs=self.inputs, adders=rows[: self.adders], sums=rows[self.adders :])
        return Signed(graph=graph, negated=self.flipped[self.adders :])

    def _settle(self, changed: set[int]) -> int:
        """Work out rows anew, and what reads them; returns by how much more they cost."""
        more = 0
        while changed:
            k = min(changed)
            changed.remove(k)
            high, offset = self._reach(self.rows[k])
            own = self.inputs + k
            if k < self.adders and (high, offset) != (self.highs[own], self.offsets[own]):
                changed.update(self.readers[own])
            self.highs[own], self.offsets[own] = high, offset
            self.widths[own] = high.bit_length()
            cost = self._cost(k)
            more += cost - self.costs[k]
            self.costs[k] = cost
        return more

    def _reach(self, row: list[tuple[int, int, bool]]) -> tuple[int, int]:
        """Largest value of a sum's word, and what the sum is more than the word."""
        high = offset = 0
        for node, shift, negative in row:
            if negative:
                top = (1 << self.widths[node]) - 1
                high += top << shift
                offset -= (self.offsets[node] + top) << shift
            else:
                high += self.highs[node] << shift
                offset += self.offsets[node] << shift
        return high, offset

    def _cost(self, k: int) -> int:
        own = self.inputs + k
        columns: dict[int, int] = {}
        for node, shift, _ in self.rows[k]:
            columns[shift] = columns.get(shift, 0) + 1
            end = shift + self.widths[node]
            columns[end] = columns.get(end, 0) - 1
        steps = tuple(sorted(columns.items()))
        if k < self.adders:
            return _adders(steps, 0, self.widths[own])
        output = self.outputs[k - self.adders]
        constant = self.offsets[own] + output.constant
        if self.flipped[k]:
            constant = self.offsets[own] - output.constant - 1
        return _adders(steps, constant % (1 << output.width), output.width)


@cache
def _adders(steps: tuple[tuple[int, int], ...], constant: int, width: int) -> int:
    """Cost of adding up columns, given by how their heights change, and a constant."""
    changes = dict(steps)
    height = carried = total = 0
    for k in range(width):
        height += changes.get(k, 0)
        count = height + carried
        full, half = (count - 1) // 2 if count else 0, int(count > 0 and not count & 1)
        carried = full + half + (count & constant >> k & 1)
        last = k == width - 1
        total += full * (_LAST_FULL if last else FULL) + half * (_LAST_HALF if last else HALF)
    return total
