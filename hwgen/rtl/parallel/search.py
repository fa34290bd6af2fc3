"""Search for a small adder graph: dissolve some shared words, share anew, keep what is smaller.

Ruin and recreate (Schrimpf et al., J. Computational Physics 159(2), 2000) on the greedy solution.
The same numbers come out on every machine: what is spent is counted in steps, not in seconds.
"""

import random

from hwgen.rtl.parallel.sharing import Sharing

EFFORTS = {"low": 0, "normal": 1000, "high": 15_000}
"""Steps for each digit of the weights, by the name of the effort."""

_MOST = {"low": 0, "normal": 8_000_000, "high": 120_000_000}
_NOISE = 3.0
_RUINED = (3, 10)


def improve(sharing: Sharing, digits: int, effort: str) -> None:
    """Make ``sharing``, whose weights have so many ``digits``, smaller.

    Parameters
    ----------
    effort
        One of :data:`EFFORTS`.
    """
    sharing.settle()
    end = sharing.work + min(EFFORTS[effort] * digits, _MOST[effort])
    source = random.Random(1)
    costs = [sharing.row_cost(j) for j in range(len(sharing.rows))]
    while sharing.work < end:
        nodes = sharing.nodes()
        if not nodes:
            return
        sharing.work += len(nodes)
        sharing.begin(_NOISE, source)
        for node in _chosen(sharing, nodes, source):
            if sharing.rows[sharing.row_of(node)] is not None:
                sharing.dissolve(node)
        sharing.settle()
        after = {j: sharing.row_cost(j) for j in sharing.changed()}
        before = sum(costs[j] for j in after if j < len(costs))
        if sum(after.values()) > before:
            sharing.undo()
            continue
        costs += [0] * (len(sharing.rows) - len(costs))
        for j, cost in after.items():
            costs[j] = cost


def _chosen(sharing: Sharing, nodes: list[int], source: random.Random) -> list[int]:
    """Some nodes: anywhere, or one and others that it stands with or shares an operand with."""
    count = source.randint(*_RUINED)
    if source.random() < 0.4:
        return source.sample(nodes, min(count, len(nodes)))
    middle = source.choice(nodes)
    near: set[int] = set()
    for node in sharing.row(sharing.row_of(middle)):
        near |= {j + sharing.inputs - sharing.outputs for j in sharing.readers[node]}
    for j in sharing.readers[middle]:
        near |= sharing.row(j).keys()
    others = sorted(node for node in near if node >= sharing.inputs and node != middle)
    return [middle, *source.sample(others, min(count, len(others)))]
