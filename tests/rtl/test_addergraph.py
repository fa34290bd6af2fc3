"""Shared adders: the same product, fewer adders, always the same graph."""

import functools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.rtl.adders.addergraph import AdderGraph, adder_graph
from hwgen.rtl.adders.digits import (
    digit_count,
    own_patterns,
    patterns,
    places,
    possible_digits,
    signed_digits,
)
from hwgen.rtl.adders.measure import measured, plain_graph
from hwgen.rtl.adders.sharing import Sharing


def additions(graph: AdderGraph) -> int:
    """Two-input adders of a graph."""
    return sum(max(0, len(terms) - 1) for terms in [*graph.adders, *graph.sums])


def plain(weights: np.ndarray) -> int:
    """Two-input adders of plain signed digits."""
    digits = [sum(len(signed_digits(w)) for w in row) for row in weights.tolist()]
    return sum(max(0, count - 1) for count in digits)


def check(weights: np.ndarray, bits: int, seed: int, effort: str = "low") -> AdderGraph:
    """The graph of ``weights`` for inputs of ``bits`` computes the product, with few adders."""
    outputs, inputs = weights.shape
    graph = adder_graph(weights, [2**bits - 1] * inputs, effort)
    rng = np.random.default_rng(seed)
    x = rng.integers(-(2**bits), 2**bits, (5, inputs)).astype(object)
    expected = x @ weights.astype(object).T
    for j, result in enumerate(graph.compute(x)):
        assert result.tolist() == expected[:, j].tolist()
    assert len(graph.sums) == outputs
    assert additions(graph) <= plain(weights)
    for k, terms in enumerate(graph.adders):
        assert len(terms) > 1
        assert all(term.node < inputs + k for term in terms)
    return graph


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    bits = draw(st.sampled_from((1, 2, 3, 4, 5, 6, 7, 8, 16, 32)))
    outputs, inputs = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    code = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) | st.just(0)
    row = st.lists(code, min_size=inputs, max_size=inputs)
    rows = draw(st.lists(row, min_size=outputs, max_size=outputs))
    if draw(st.booleans()):
        rows[-1] = rows[0]
    if draw(st.booleans()):
        rows[0] = [0] * inputs
    return np.array(rows, dtype=np.int64)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(weights=matrices(), bits=st.integers(1, 16))
def test_random_matrices(weights: np.ndarray, bits: int) -> None:
    check(weights, bits, 1)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(weights=matrices(), bits=st.integers(1, 8))
def test_random_matrices_searched(weights: np.ndarray, bits: int) -> None:
    assert additions(check(weights, bits, 1, "normal")) <= plain(weights)


SHAPED = {
    "zero row": lambda w: w * (np.arange(len(w)) > 0)[:, None],
    "equal rows": lambda w: w[[0] * len(w)],
    "negated rows": lambda w: w[0] * np.where(np.arange(len(w)) % 2, -1, 1)[:, None],
    "shifted rows": lambda w: w[0] << np.arange(len(w))[:, None],
    "powers of two": lambda w: np.sign(w) << (abs(w) % 5),
    "all maximum": lambda w: np.full_like(w, abs(w).max()),
    "near multiples": lambda w: w[0] * 3 + (w == w.max(axis=1, keepdims=True)),
    "as they are": lambda w: w,
}


@pytest.mark.parametrize("inputs", [1, 5, 16])
@pytest.mark.parametrize("shape", SHAPED)
def test_shapes(shape: str, inputs: int) -> None:
    rng = np.random.default_rng(inputs)
    check(SHAPED[shape](rng.integers(-8, 8, (4, inputs))), 8, 3)


def test_wide_layer() -> None:
    rng = np.random.default_rng(7)
    check(rng.integers(-8, 8, (3, 128)), 8, 3)


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_layer_sized(bits: int) -> None:
    rng = np.random.default_rng(bits)
    check(rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (8, 16)), 4, 2)


def test_zeros() -> None:
    graph = check(np.zeros((3, 2), np.int64), 4, 3)
    assert (graph.adders, graph.sums) == ([], [[], [], []])


def test_no_outputs() -> None:
    assert adder_graph(np.zeros((0, 3), np.int64), [4] * 3).sums == []


def test_equal_rows_share_everything() -> None:
    row = [3, -5, 7, 1]
    assert additions(check(np.array([row] * 4), 4, 4)) < additions(check(np.array([row]), 4, 4)) * 2


def test_negated_rows_share() -> None:
    weights = np.array([[1, 1, 0], [-1, -1, 0]])
    graph = check(weights, 4, 5)
    assert len(graph.adders) == 1
    assert [[(t.node, t.negative) for t in terms] for terms in graph.sums] == [
        [(3, False)],
        [(3, True)],
    ]


def test_fixed_example() -> None:
    # The adders and terms of a fixed matrix: a change here is a change of area.
    rng = np.random.default_rng(0)
    graph = check(rng.integers(-8, 8, (8, 16)), 4, 6)
    assert (len(graph.adders), sum(map(len, graph.sums))) == (26, 83)


@functools.cache
def fewest(limit: int) -> dict[int, int]:
    """Fewest signed digits of every integer in [-limit, limit], by brute force."""
    powers = [s << i for i in range(limit.bit_length() + 1) for s in (1, -1)]
    found, frontier, count = {0: 0}, {0}, 0
    while frontier:
        count += 1
        frontier = {v + p for v in frontier for p in powers} - found.keys()
        frontier = {v for v in frontier if abs(v) <= 2 * limit}
        found |= dict.fromkeys(frontier, count)
    return found


def test_signed_digits_minimal() -> None:
    minimal = fewest(1024)
    for value in range(-1024, 1025):
        digits = signed_digits(value)
        assert sum(sign << shift for shift, sign in digits) == value
        assert len(digits) == minimal[value]
        assert len({shift for shift, _ in digits}) == len(digits)


def test_signed_digits_prefer_plain_binary() -> None:
    assert signed_digits(3) == ((0, 1), (1, 1))
    assert signed_digits(7) == ((0, -1), (3, 1))
    assert signed_digits(-1) == ((0, -1),)


@given(st.integers(-(2**31), 2**31 - 1))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_signed_digits_of_32_bits(value: int) -> None:
    digits = signed_digits(value)
    assert sum(sign << shift for shift, sign in digits) == value
    # Non-adjacent form, which is minimal: the bits of 3v/2 and v/2 that differ.
    assert len(digits) == bin((3 * abs(value)) ^ abs(value)).count("1")


@pytest.mark.parametrize("value", [*range(-40, 41), 1365, 0b1011011101, -(2**31), 2**31 - 1])
def test_possible_digits(value: int) -> None:
    assert set(signed_digits(value)) <= set(possible_digits(value))
    for shift, sign in possible_digits(value):
        assert len(signed_digits(value - (sign << shift))) == len(signed_digits(value)) - 1


def test_places_can_be_taken_at_once() -> None:
    for first in range(-20, 21):
        for second in range(-20, 21):
            for code, times in patterns(first, second):
                assert times == len(places(first, second, code)) > 0
                assert times <= min(digit_count(first), digit_count(second))
    assert own_patterns(1) == ()
    assert {times for _, times in own_patterns(0b101000101)} >= {1, 2}


def test_search_saves() -> None:
    rng = np.random.default_rng(5)
    weights = rng.integers(-8, 8, (12, 12))
    low, normal = (adder_graph(weights, [15] * 12, effort) for effort in ("low", "normal"))
    assert additions(normal) < additions(low)


def test_undo_puts_everything_back() -> None:
    rng = np.random.default_rng(6)
    state = Sharing(rng.integers(-8, 8, (8, 12)).tolist(), [15] * 12)
    state.settle()

    def content() -> object:
        counts = {key: count for key, count in state._counts.items() if count}
        return [row and dict(row) for row in state.rows], [*map(set, state.readers)], counts

    before = content()
    state.begin(1.0, random.Random(0))
    for node in state.nodes()[::2]:
        state.dissolve(node)
    state.settle()
    assert content() != before
    state.undo()
    assert content() == before


def test_figures() -> None:
    weights = np.array([[1, 1, 0], [1, 1, 3], [0, 0, 0]])
    plain, shared = (
        measured(graph, [15] * 3)
        for graph in (plain_graph(weights), adder_graph(weights, [15] * 3, "low"))
    )
    # x0 + x1 twice: 4 bits, the lowest a half adder; plus 2 x2 + x2.
    assert (plain.adders, shared.adders) == (4, 3)
    assert shared.full_adders < plain.full_adders
    assert plain.depth == 2
