"""Lengths of wires between points: boxes and spanning trees in right angles."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]


def half_perimeter(points: Sequence[Point]) -> float:
    """Half the perimeter of the box around ``points``: no wire of right angles is shorter."""
    xs, ys = zip(*points, strict=True)
    return float(max(xs) - min(xs) + max(ys) - min(ys))


def spanning_tree(points: Sequence[Point]) -> float:
    """Length of the shortest tree of rectilinear edges between ``points``.

    At most 1.5 times that of the best tree with branches between them ([13] of
    docs/references.md).
    """
    if len(points) < 4:
        return half_perimeter(points)  # exact for branching trees of up to three points
    found = np.array(points)
    distance = np.full(len(found), np.inf)
    waiting = np.ones(len(found), bool)
    here, length = 0, 0.0
    for _ in range(len(found) - 1):
        waiting[here] = False
        distance = np.minimum(distance, np.abs(found - found[here]).sum(axis=1))
        left = np.where(waiting, distance, np.inf)
        here = int(left.argmin())
        length += float(left[here])
    return length
