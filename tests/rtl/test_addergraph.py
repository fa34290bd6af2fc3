"""Shared adders: the same product, fewer adders, always the same graph."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.rtl.parallel.addergraph import AdderGraph, adder_graph, signed_digits


def additions(graph: AdderGraph) -> int:
    """Two-input adders of a graph."""
    return len(graph.adders) + sum(max(0, len(terms) - 1) for terms in graph.sums)


def plain(weights: np.ndarray) -> int:
    """Two-input adders of plain signed digits."""
    digits = [sum(len(signed_digits(w)) for w in row) for row in weights.tolist()]
    return sum(max(0, count - 1) for count in digits)


def check(weights: np.ndarray, bits: int, seed: int) -> AdderGraph:
    """The graph of ``weights`` for inputs of ``bits`` computes the product, with few adders."""
    outputs, inputs = weights.shape
    graph = adder_graph(weights, [bits] * inputs)
    rng = np.random.default_rng(seed)
    x = rng.integers(-(2**bits), 2**bits, (5, inputs)).astype(object)
    expected = x @ weights.astype(object).T
    for j, result in enumerate(graph.compute(x)):
        assert result.tolist() == expected[:, j].tolist()
    assert len(graph.sums) == outputs
    assert additions(graph) <= plain(weights)
    for k, pair in enumerate(graph.adders):
        assert all(term.node < inputs + k for term in pair)
    assert adder_graph(weights, [bits] * inputs) == graph
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


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_layer_sized(bits: int) -> None:
    rng = np.random.default_rng(bits)
    check(rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (12, 24)), 4, 2)


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
    assert (len(graph.adders), sum(map(len, graph.sums))) == (25, 93)


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
