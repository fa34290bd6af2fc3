"""What an adder graph costs: adders, full and half adders of one bit, adder levels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.rtl.adders.addergraph import AdderGraph, Term, adder_graph
from hwgen.rtl.adders.digits import signed_digits
from hwgen.rtl.adders.sharing import added_up
from hwgen.rtl.requantize import requantizers
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of an adder graph.

    Attributes
    ----------
    adders
        Additions of two words.
    full_adders, half_adders
        Their bits, as real widths have it, without biases.
    depth
        Levels of two-input adders.
    """

    adders: int
    full_adders: int
    half_adders: int
    depth: int


def measured(graph: AdderGraph, highs: Sequence[int]) -> Figures:
    """The figures of ``graph``, whose inputs reach from 0 to ``highs``."""
    tops, levels = list(highs), [0] * len(highs)
    full = half = additions = depth = 0
    for place, terms in enumerate([*graph.adders, *graph.sums]):
        columns, top = _columns(terms, tops)
        more_full, more_half = added_up(columns, top.bit_length())
        full, half = full + more_full, half + more_half
        additions += max(len(terms) - 1, 0)
        load = sum(1 << levels[term.node] for term in terms)
        level = (load - 1).bit_length() if load else 0
        depth = max(depth, level)
        if place < len(graph.adders):
            tops.append(top)
            levels.append(level)
    return Figures(adders=additions, full_adders=full, half_adders=half, depth=depth)


def graphs_of(network: Network, effort: str) -> list[tuple[Figures, Figures]]:
    """Of each layer: the figures of plain signed digits, and of the graph that goes into hardware.

    Hardware is made of the simplified network.
    """
    return [
        (
            measured(plain_graph(weights), highs),
            measured(adder_graph(weights, highs, effort), highs),
        )
        for weights, highs in products_of(network)
    ]


def products_of(network: Network) -> list[tuple[Integers, list[int]]]:
    """Of each layer: weights of its live outputs, and the largest value of each input's word.

    A layer that adds nothing up has neither.
    """
    source = network.input.format
    ranges: list[Interval] = [(source.minimum, source.maximum)] * network.input.features
    found: list[tuple[Integers, list[int]]] = []
    for index, layer in enumerate(network.layers):
        neurons = [neuron.interval for neuron in requantizers(network, index, ranges)]
        if isinstance(layer, MaxPool):
            found.append((np.zeros((0, 0), np.int64), []))
            ranges = neurons
            continue
        live = [j for j, (low, high) in enumerate(neurons) if low != high]
        terms = layer.terms(network.source(index).alignment)
        highs = [
            max(1, unsigned_high((ranges[i][0] >> dropped, ranges[i][1] >> dropped)))
            for i, dropped in zip(terms.index, terms.dropped, strict=True)
        ]
        found.append((terms.weights[live], highs))
        ranges = neurons
    return found


def plain_graph(weights: Integers) -> AdderGraph:
    """Every weight [outputs, inputs] as its signed digits, and nothing shared."""
    rows = [
        [
            Term(i, shift, sign < 0)
            for i, value in enumerate(row)
            for shift, sign in signed_digits(value)
        ]
        for row in weights.tolist()
    ]
    return AdderGraph(inputs=weights.shape[1], adders=[], sums=rows)


def unsigned_high(interval: Interval) -> int:
    """Largest value of a word that counts an input from the minimum of its shape."""
    low, high = interval
    return high + (1 << (max(-low - 1, high).bit_length())) if low < 0 else high


def _columns(terms: list[Term], tops: list[int]) -> tuple[list[int], int]:
    """Bits in each column of a sum, and its largest value."""
    columns: list[int] = []
    top = 0
    for term in terms:
        width = tops[term.node].bit_length()
        top += ((1 << width) - 1 if term.negative else tops[term.node]) << term.shift
        columns += [0] * (term.shift + width - len(columns))
        for k in range(term.shift, term.shift + width):
            columns[k] += 1
    return columns, top
