"""A constant matrix as a shared graph of adders.

``weights @ x`` is rewritten as signed sums of shifted terms, and sums that several places need are
computed once: :mod:`hwgen.rtl.adders.sharing` says how, :mod:`hwgen.rtl.adders.search` which.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hwgen.rtl.adders import digits, search, sharing
from hwgen.rtl.adders.digits import signed_digits
from hwgen.rtl.adders.search import improve
from hwgen.rtl.adders.sharing import Row, Sharing
from hwgen.rtl.digits import digit_count
from hwgen.spec.arithmetic import Integers
from hwgen.support.cache import key_of, open_cache

_KEPT = 200
"""Digits of a layer from which on what a search finds is kept on disk."""


@dataclass(frozen=True, slots=True)
class Term:
    """``+-(node << shift)``; nodes count the inputs first, then the adders."""

    node: int
    shift: int
    negative: bool


@dataclass(frozen=True, kw_only=True)
class AdderGraph:
    """A constant matrix product.

    Parameters
    ----------
    inputs
        Number of inputs: nodes 0..inputs-1.
    adders
        Node ``inputs + k`` is the sum of the terms of ``adders[k]``, two at least, which refer to
        earlier nodes alone.
    sums
        The terms of each output; an empty list is 0.
    """

    inputs: int
    adders: list[list[Term]]
    sums: list[list[Term]]

    def compute(self, x: Integers) -> list[Integers]:
        """The outputs, each [samples], for ``x`` [samples, inputs]: the graph as plain integers."""
        nodes = [x[:, i] for i in range(self.inputs)]

        def total(terms: list[Term]) -> Integers:
            signed = [(-1 if t.negative else 1) * (nodes[t.node] << t.shift) for t in terms]
            return sum(signed, start=x[:, 0] * 0)

        for adder in self.adders:
            nodes.append(total(adder))
        return [total(terms) for terms in self.sums]


def adder_graph(weights: Integers, highs: Sequence[int], effort: str = "normal") -> AdderGraph:
    """A graph for ``weights @ x``; the same for the same arguments, always.

    Parameters
    ----------
    weights
        Integers [outputs, inputs].
    highs
        The largest value of each input, whose smallest is 0; at least 1.
    effort
        ``low``, ``normal`` or ``high``: how long to search for a smaller one.
    """
    return _graph(tuple(map(tuple, weights.tolist())), tuple(highs), effort)


@lru_cache(maxsize=64)
def _graph(weights: tuple[tuple[int, ...], ...], highs: tuple[int, ...], effort: str) -> AdderGraph:
    count = sum(digit_count(weight) for row in weights for weight in row)
    cache = open_cache() if effort != "low" and count >= _KEPT else None
    key = key_of("adders", weights, highs, effort, _code())
    found = cache.get(key) if cache else None
    if found is not None:
        return AdderGraph(
            inputs=len(highs),
            adders=[[Term(*term) for term in terms] for terms in found["adders"]],
            sums=[[Term(*term) for term in terms] for terms in found["sums"]],
        )
    state = Sharing([list(row) for row in weights], list(highs))
    improve(state, count, effort)
    graph = _written(state)
    if cache:
        parts = {"adders": graph.adders, "sums": graph.sums}
        cache.put(
            key,
            {
                name: [[(t.node, t.shift, t.negative) for t in terms] for terms in rows]
                for name, rows in parts.items()
            },
        )
    return graph


@lru_cache
def _code() -> str:
    """What stands for this version of the search."""
    return key_of([inspect.getsource(module) for module in (digits, sharing, search)])


def _written(state: Sharing) -> AdderGraph:
    """The state's rows as terms, every node after those it reads."""
    number = {node: node for node in range(state.inputs)}
    waiting = state.nodes()
    order: list[int] = []
    while waiting:
        ready = [n for n in waiting if state.row(state.row_of(n)).keys() <= number.keys()]
        for node in ready:
            number[node] = state.inputs + len(order)
            order.append(node)
        waiting = [node for node in waiting if node not in number]

    def terms(row: Row) -> list[Term]:
        return [
            Term(number[node], shift, sign < 0)
            for node in sorted(row, key=number.__getitem__)
            for shift, sign in signed_digits(row[node])
        ]

    return AdderGraph(
        inputs=state.inputs,
        adders=[terms(state.row(state.row_of(node))) for node in order],
        sums=[terms(state.row(j)) for j in range(state.outputs)],
    )
