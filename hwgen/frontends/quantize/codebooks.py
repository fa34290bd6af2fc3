"""Codebooks: the few integers that serve a layer's weights best.

One-dimensional k-means on the scaled weights, solved exactly: of all tables of k integers of the
codebook's width, the one with the least squared error, each error weighed by the mean square of
its input. Neighbouring values u < v of a table share the weights between them, so the error is a
sum over neighbours and dynamic programming over (number of values, last value) finds the least::

    best[1][v] = error of all weights below v as v
    best[m][v] = min over u < v of  best[m-1][u] + error of the weights in [u, v) as u or v

(Wang and Song, Ckmeans.1d.dp, R Journal 3(2), 2011, has this for means instead of integers.)
A price on signed digits draws the table to values that are cheap as hard-wired constants.
"""

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.grids import TableGrid
from hwgen.rtl.digits import digit_counts
from hwgen.spec.arithmetic import Integers

DRAWN = 1.5
"""``csd`` may raise the squared error of ``kmeans`` to this multiple."""

_PRICES = tuple(2.0**exponent for exponent in range(12, -5, -1))


def best_table(points: Floats, importance: Floats, size: int, bits: int) -> TableGrid:
    """The table of ``size`` integers of ``bits`` with the least weighted squared error."""
    return _Sums(points, importance, bits).table(size, 0.0)


def cheap_table(points: Floats, importance: Floats, size: int, bits: int) -> TableGrid:
    """The table at the highest price of a digit that keeps within :data:`DRAWN` of the error."""
    sums = _Sums(points, importance, bits)
    best = sums.table(size, 0.0)
    limit = DRAWN * weighted_error(best, points, importance)
    first, last = 0, len(_PRICES)  # the error rises with the price
    while first < last:
        middle = (first + last) // 2
        table = sums.table(size, _PRICES[middle])
        if weighted_error(table, points, importance) <= limit:
            best, last = table, middle
        else:
            first = middle + 1
    return best


def weighted_error(table: TableGrid, points: Floats, importance: Floats) -> float:
    """Sum of the weighted squared errors of ``points`` in the table."""
    return float(np.sum(importance * (table.snap(points) - points) ** 2))


def padded(values: Integers, size: int) -> list[int]:
    """A codebook of exactly ``size`` entries; what is missing repeats the last."""
    entries: list[int] = values.tolist()
    return entries + entries[-1:] * (size - len(entries))


class _Sums:
    """Running sums over the sorted points, from which any stretch's error follows."""

    def __init__(self, points: Floats, importance: Floats, bits: int):
        order = np.argsort(points, axis=None, kind="stable")
        self.points = points.ravel()[order]
        weight = importance.ravel()[order]
        moments = (weight, weight * self.points, weight * self.points**2)
        self.moments = [np.concatenate([[0.0], np.cumsum(moment)]) for moment in moments]
        self.grid = np.arange(-(1 << (bits - 1)), 1 << (bits - 1))

    def error(self, first: Integers, last: Integers, value: Integers, price: Floats) -> Floats:
        """Error of the points [first, last) as ``value``, and what its digits cost."""
        zero, one, two = (moment[last] - moment[first] for moment in self.moments)
        found: Floats = (two - 2 * value * one + value**2 * zero) + price * zero
        return found

    def table(self, size: int, price: float) -> TableGrid:
        """The best table at a price per digit."""
        grid, cost = self.grid, price * digit_counts(self.grid)
        place = np.searchsorted(self.points, grid)
        total = np.full(grid.shape, len(self.points))
        between = self._between(place, cost)
        best = self.error(np.zeros_like(place), place, grid, cost)
        after = self.error(place, total, grid, cost)
        came: list[Integers] = []
        ends = [best + after]
        for _ in range(size - 1):
            routes = best[:, None] + between
            came.append(np.argmin(routes, axis=0))
            best = routes[came[-1], np.arange(len(grid))]
            ends.append(best + after)
        count = int(np.argmin([end.min() for end in ends]))
        chosen = [int(np.argmin(ends[count]))]
        for step in reversed(came[:count]):
            chosen.append(int(step[chosen[-1]]))
        return TableGrid(grid[chosen[::-1]], price)

    def _between(self, place: Integers, cost: Floats) -> Floats:
        """Error of the points between each two values u < v, each point as the better one."""
        u, v = np.meshgrid(self.grid, self.grid, indexing="ij")
        apart = np.maximum(v - u, 1)
        middle = (u + v) / 2 + (cost[None, :] - cost[:, None]) / (2 * apart)
        split = np.searchsorted(self.points, np.clip(middle, u, np.maximum(u, v)))
        split = np.clip(split, place[:, None], np.maximum(place[:, None], place[None, :]))
        low = self.error(np.broadcast_to(place[:, None], u.shape), split, u, cost[:, None])
        high = self.error(split, np.broadcast_to(place[None, :], u.shape), v, cost[None, :])
        return np.where(u < v, low + high, np.inf)
