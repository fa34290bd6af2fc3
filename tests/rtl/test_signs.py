"""Signs of shared words: the same sums, up to the sign that is said, and no more adders."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.rtl.adders.addergraph import adder_graph
from hwgen.rtl.adders.signs import Output, _State, with_signs

RNG = np.random.default_rng(3)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    bits=st.integers(1, 6),
    shape=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    seed=st.integers(0, 999),
    offset=st.integers(-8, 0),
)
def test_same_sums(bits: int, shape: tuple[int, int], seed: int, offset: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(2**bits), 2**bits, shape)
    highs = [15] * shape[1]
    graph = adder_graph(weights, highs, "low")
    outputs = [Output(constant=int(c), width=12) for c in rng.integers(-500, 500, shape[0])]
    chosen = with_signs(graph, highs, [offset] * shape[1], outputs, "normal")
    x = rng.integers(0, 16, (20, shape[1])).astype(object)
    for result, before, negated in zip(
        chosen.graph.compute(x), graph.compute(x), chosen.negated, strict=True
    ):
        assert ((-result if negated else result) == before).all()
    assert [len(terms) for terms in chosen.graph.adders] == [len(terms) for terms in graph.adders]


def test_adders_become_cheaper() -> None:
    """The negative of a sum is what complements and ``-constant - 1`` make."""
    graph = adder_graph(RNG.integers(-8, 8, (8, 8)), [255] * 8, "low")
    outputs = [Output(constant=int(c), width=16) for c in RNG.integers(-5000, 5000, 8)]
    chosen = with_signs(graph, [255] * 8, [0] * 8, outputs, "normal")
    added = [
        replace(one, constant=-one.constant - 1) if negated else one
        for one, negated in zip(outputs, chosen.negated, strict=True)
    ]
    before = _State(graph, [255] * 8, [0] * 8, outputs).costs
    after = _State(chosen.graph, [255] * 8, [0] * 8, added).costs
    assert any(chosen.negated)
    assert sum(after) < 0.98 * sum(before)


@pytest.mark.parametrize("effort", ["low", "normal"])
def test_always_the_same(effort: str) -> None:
    weights = RNG.integers(-8, 8, (6, 5))
    graph = adder_graph(weights, [255] * 5, "low")
    outputs = [Output(constant=k, width=16) for k in range(6)]
    first, second = (with_signs(graph, [255] * 5, [0] * 5, outputs, effort) for _ in range(2))
    assert first == second
    assert (first.graph == graph) == (effort == "low")
