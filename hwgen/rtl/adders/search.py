"""Search for a small adder graph: dissolve some shared words, share anew, keep what is good.

Ruin and recreate ([12] of docs/references.md) on the greedy solution, with simulated annealing:
what is larger is kept at times, ever more rarely. The same graphs come out on every machine: what
is spent is counted in steps, not in seconds.
"""

import math
import random

from hwgen.rtl.adders.sharing import FULL, Sharing

EFFORTS = {"low": 0, "normal": 5000, "high": 30_000}
"""Steps for each digit of the weights, by the name of the effort."""

_MOST = {"low": 0, "normal": 20_000_000, "high": 200_000_000}
_ENOUGH = 500
"""Digits from which on each has all its steps; fewer of them are soon as good as they get."""

_NOISE = 3.0
_RUINED = (2, 6)
_WARMTH = 0.5
"""Loss in words of an input's width that is accepted at first one time in e."""


def improve(sharing: Sharing, digits: int, effort: str) -> None:
    """Make ``sharing``, whose weights have so many ``digits``, smaller.

    Parameters
    ----------
    effort
        One of :data:`EFFORTS`.
    """
    sharing.settle()
    share = min(digits / _ENOUGH, 1.0)
    steps = min(int(EFFORTS[effort] * digits * share), _MOST[effort])
    start = sharing.work
    source = random.Random(1)
    costs = [sharing.row_cost(j) for j in range(len(sharing.rows))]
    inputs = sharing.widths[: sharing.inputs]
    warmth = _WARMTH * FULL * sum(inputs) / max(len(inputs), 1)
    while sharing.work < start + steps and (nodes := sharing.nodes()):
        sharing.work += len(nodes)
        sharing.begin(_NOISE, source)
        for node in _chosen(sharing, nodes, source):
            if sharing.rows[sharing.row_of(node)] is not None:
                sharing.avoid(node)
                sharing.dissolve(node)
        sharing.settle()
        after = {j: sharing.row_cost(j) for j in sharing.changed()}
        loss = sum(after.values()) - sum(costs[j] for j in after if j < len(costs))
        left = max(1 - (sharing.work - start) / steps, 0.0)
        if loss > -warmth * left * math.log(1 - source.random()):
            sharing.undo()
            continue
        costs += [0] * (len(sharing.rows) - len(costs))
        for j, cost in after.items():
            costs[j] = cost


def _chosen(sharing: Sharing, nodes: list[int], source: random.Random) -> list[int]:
    """A node, and some that it stands with in a sum or shares an operand with."""
    middle = source.choice(nodes)
    near: set[int] = set()
    for node in sharing.row(sharing.row_of(middle)):
        near |= {j + sharing.inputs - sharing.outputs for j in sharing.readers[node]}
    for j in sharing.readers[middle]:
        near |= sharing.row(j).keys()
    others = sorted(node for node in near if node >= sharing.inputs and node != middle)
    return [middle, *source.sample(others, min(source.randint(*_RUINED), len(others)))]
