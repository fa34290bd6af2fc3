"""Index of the largest of several values; ties go to the lowest index."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Const, Module, Mux, Signal, Value

from hwgen.spec.formats import index_width


@dataclass(frozen=True)
class Candidate:
    """A value and the index it came from."""

    value: Value
    index: Value


def tournament(
    m: Module, values: list[Value], between: Callable[[int, list[Candidate]], list[Candidate]]
) -> Value:
    """Index of the largest of ``values`` by rounds of pairwise comparison, combinational.

    Parameters
    ----------
    values
        At least one; of any shapes.
    between
        Called after round 1, 2, ... with the survivors, whose replacements it returns: the place
        for pipeline registers.
    """
    width = index_width(len(values))
    field = [Candidate(value, Const(i, width)) for i, value in enumerate(values)]
    rounds = 0
    while len(field) > 1:
        rounds += 1
        pairs = [field[i : i + 2] for i in range(0, len(field), 2)]
        field = [
            _winner(m, f"round{rounds}_{i}", *pair) if len(pair) == 2 else pair[0]
            for i, pair in enumerate(pairs)
        ]
        field = between(rounds, field)
    return field[0].index


def _winner(m: Module, name: str, first: Candidate, second: Candidate) -> Candidate:
    later = Signal(name=f"{name}_later")
    m.d.comb += later.eq(second.value > first.value)
    value = Mux(later, second.value, first.value)
    winner = Candidate(
        Signal(value.shape(), name=f"{name}_value"),
        Signal(len(first.index), name=f"{name}_index"),
    )
    m.d.comb += [
        winner.value.eq(value),
        winner.index.eq(Mux(later, second.index, first.index)),
    ]
    return winner
