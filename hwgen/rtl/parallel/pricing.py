"""Cell area of a ``parallel`` network, estimated from its integers.

A layer is sums of shifted words. In silicon each sum is columns of bits, reduced by full and half
adders, and then rescaled; so an estimate counts these, at a price for each kind:

- full adders and half adders of every column, constants folded in (as
  :mod:`hwgen.synth.mapping.compress` does it);
- bits that a clip touches: the bits kept where a sum can be negative, and the bits above them where
  it can be too large.

:func:`neuron_area` counts one neuron as if nothing were shared, in some 50 us, which is what a
search can afford; :func:`layer_area` counts the shared graph that hardware is made from
(:func:`hwgen.rtl.adders.addergraph.adder_graph`). Prices are in gate equivalents (areas of the
smallest 2-input NAND), fitted to mapped networks: docs/codesign.md has the errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.rtl.adders.addergraph import AdderGraph, Term, adder_graph
from hwgen.rtl.adders.digits import signed_digits
from hwgen.rtl.pricing import Floats, Neuron, NeuronPricing, Terms, interval
from hwgen.spec.arithmetic import Integers

digits = lru_cache(maxsize=1 << 16)(signed_digits)
"""Signed digits of an integer, remembered."""

_ADDER = 5.0
"""Gate equivalents of an adder that a digit takes for each bit, to rank moves with."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What a full adder, a half adder and a clipped bit cost, in gate equivalents."""

    full: float = 5.66
    half: float = 2.19
    clip: float = 0.94

    def of(self, full: float, half: float, clip: float) -> float:
        """The area of so many of each."""
        return self.full * full + self.half * half + self.clip * clip


PRICES = Prices()


def reduced(words: Sequence[tuple[int, int]], constant: int, width: int) -> tuple[int, int]:
    """Full and half adders that add ``words`` and ``constant``, modulo 2^width.

    Parameters
    ----------
    words
        Shift and width of each word.
    """
    heights = [0] * (width + 1)
    for shift, bits in words:
        for column in range(shift, min(shift + bits, width)):
            heights[column] += 1
    full = half = 0
    for column in range(width):
        count = heights[column]
        threes = (count - 1) // 2 if count else 0
        rest = count - 2 * threes
        full += threes
        half += rest == 2
        heights[column + 1] += threes + (rest == 2 or (rest == 1 and constant >> column & 1))
    return full, half


def accumulator_width(low: int, high: int) -> int:
    """Bits of an accumulator in [low, high]; unsigned where it cannot be negative."""
    if low >= 0:
        return max(1, high.bit_length())
    return max(high.bit_length(), (-low - 1).bit_length()) + 1


def clipped_bits(low: int, high: int, shift: int, bits: int) -> int:
    """Bits that relu and saturation touch where [low, high] is rescaled to ``bits`` bits."""
    top = (high >> shift).bit_length()
    over = max(0, top - bits)
    return (min(bits, max(1, top)) if low < 0 else 0) + (bits + over if over else 0)


def neuron_area(
    weights: Integers,
    bias: int,
    tops: Sequence[int],
    rescale: tuple[int, int] | None,
    prices: Prices = PRICES,
) -> float:
    """Gate equivalents of one neuron that shares nothing.

    Parameters
    ----------
    weights
        Integers [inputs].
    tops
        Largest value of each input; the smallest is 0.
    rescale
        Shift and output bits; None where the accumulator is handed on.
    """
    low = high = constant = bias
    words: list[tuple[int, int]] = []
    for i in np.flatnonzero(weights).tolist():
        weight, top = int(weights[i]), tops[i]
        if weight > 0:
            high += weight * top
        else:
            low += weight * top
        bits = top.bit_length()
        for shift, sign in digits(weight):
            words.append((shift, bits))
            if sign < 0:
                constant -= ((1 << bits) - 1) << shift
    return _priced(words, constant, (low, high), rescale, prices)


def layer_area(
    weights: Integers,
    biases: Sequence[int],
    tops: Sequence[int],
    rescales: Sequence[tuple[int, int] | None],
    prices: Prices = PRICES,
) -> float:
    """Gate equivalents of a layer ``weights`` [outputs, inputs] as its shared adder graph."""
    graph = adder_graph(weights, [max(1, top.bit_length()) for top in tops])
    nodes = [_Node(top.bit_length(), 0) for top in tops]
    area = 0.0
    for pair in graph.adders:
        words = [(term.shift, nodes[term.node].bits) for term in pair]
        high = sum(((1 << nodes[t.node].bits) - 1) << t.shift for t in pair)
        area += prices.of(*reduced(words, 0, high.bit_length()), 0)
        nodes.append(_Node(high.bit_length(), sum(nodes[t.node].offset_of(t) for t in pair)))
    for j, bias in enumerate(biases):
        area += _sum_area(graph, nodes, j, weights[j], bias, tops, rescales, prices)
    return area


@dataclass(frozen=True)
class _Node:
    """A word of a graph: its width, and what is added to it to have what it stands for."""

    bits: int
    offset: int

    def offset_of(self, term: Term) -> int:
        """The offset of ``term``, which refers to this node."""
        own = -self.offset - ((1 << self.bits) - 1) if term.negative else self.offset
        return own << term.shift


def _sum_area(
    graph: AdderGraph,
    nodes: list[_Node],
    j: int,
    weights: Integers,
    bias: int,
    tops: Sequence[int],
    rescales: Sequence[tuple[int, int] | None],
    prices: Prices,
) -> float:
    terms = graph.sums[j]
    words = [(term.shift, nodes[term.node].bits) for term in terms]
    constant = bias + sum(nodes[term.node].offset_of(term) for term in terms)
    ends = interval(weights, bias, tops)
    return _priced(words, constant, ends, rescales[j], prices)


def _priced(
    words: Sequence[tuple[int, int]],
    constant: int,
    ends: tuple[int, int],
    rescale: tuple[int, int] | None,
    prices: Prices,
) -> float:
    if rescale is not None and ends[1] <= 0:
        return 0.0
    width = accumulator_width(*ends)
    full, half = reduced(words, constant % (1 << width), width)
    return prices.of(full, half, clipped_bits(*ends, *rescale) if rescale is not None else 0)


class GraphPricing(NeuronPricing):
    """Neurons are counted alone while a search tries them; a layer's area is its shared graph's."""

    terms = Terms(digit=3.4)
    drops = True

    def __init__(self, prices: Prices = PRICES):
        self._prices = prices

    def neuron(self, neuron: Neuron, tops: Sequence[int]) -> float:
        """:func:`neuron_area`."""
        return neuron_area(neuron.weights, neuron.bias, tops, neuron.rescale, self._prices)

    def whole(self, index: int, alone: Sequence[float]) -> float:
        """:func:`layer_area`."""
        layer = self._layers[index]
        rescales = [layer.rescale(j) for j in range(len(alone))]
        return layer_area(
            layer.weights, layer.biases.tolist(), self._tops[index], rescales, self._prices
        )

    def weight_prices(self, layer: int, values: Sequence[int]) -> Floats:
        """Of their digits, for one bit of the input."""
        return self.step(layer) * np.array([len(digits(value)) for value in values])

    def input_prices(self, layer: int) -> Floats:
        """Bits."""
        return np.array([float(top.bit_length()) for top in self._tops[layer]])

    def step(self, layer: int) -> float:
        """An adder, as far as it is not shared."""
        return _ADDER * self.sharing[layer]

    def argmax_area(self) -> float:
        """Comparisons, and choices.

        Four for each bit of the sums that lose a match: within 20 % on networks of 3 and 7 classes.
        """
        last, tops = self._layers[-1], self._tops[-1]
        count = len(last.biases)
        widths = sum(
            accumulator_width(*interval(last.weights[j], int(last.biases[j]), tops))
            for j in range(count)
        )
        return 4.0 * widths * (count - 1) / count
