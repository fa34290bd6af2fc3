"""Sums that share sums: the state of a search for a small adder graph.

Every output and every shared word is a row, a sum of nodes with integer coefficients. A pattern
``u +- (v << d)`` that several places have, in whatever minimal signed digits of their
coefficients, can become a node of its own (two-term subexpression elimination, R. Hartley, IEEE
TCAS-II 43(10), 1996, over all minimal forms at once); a node can be dissolved into the rows that
read it. What is saved is counted in full and half adders of the words' real widths.
"""

import heapq
import itertools
import random
from collections.abc import Iterable

from hwgen.rtl.adders.digits import (
    decoded,
    own_patterns,
    own_places,
    pattern_code,
    patterns,
    places,
    signed_digits,
)
from hwgen.rtl.digits import digit_count

FULL, HALF = 20, 8
"""A half adder in twentieths of a full adder: nand2 and o21ai against the same, o21ai and xor2."""

_LATE = 0.5
"""What the saving of a pattern to avoid counts for; of others 1 or more."""

Row = dict[int, int]


class Sharing:
    """Rows over nodes, and how often each pattern stands in them.

    Parameters
    ----------
    weights
        The outputs' coefficients [outputs][inputs].
    highs
        The largest value of each input; the smallest is 0.

    Attributes
    ----------
    inputs, outputs
        How many; nodes ``0..inputs - 1`` are the inputs, rows ``0..outputs - 1`` the outputs. Row
        ``outputs + k`` defines node ``inputs + k``.
    rows
        Coefficients by node; ``None`` for a node that is no more.
    highs, widths
        Of each node: how far its values lie apart at most, and the bits of that.
    readers
        Of each node: the rows it stands in.
    work
        Patterns' neighbours counted so far: what the search has cost, on any machine the same.
    """

    def __init__(self, weights: list[list[int]], highs: list[int]):
        self.inputs, self.outputs = len(highs), len(weights)
        self.highs = list(highs)
        self.widths = [high.bit_length() for high in highs]
        self.rows: list[Row | None] = [{i: w for i, w in enumerate(row) if w} for row in weights]
        self.readers: list[set[int]] = [set() for _ in highs]
        self.work = 0
        self._counts: dict[int, int] = {}
        self._queue: list[tuple[float, int]] = []
        self._prices: dict[int, tuple[int, int]] = {}
        self._favour: dict[int, float] = {}
        self._doubtful: set[int] = set()
        self._noise, self._random = 0.0, random.Random(0)
        self._trial: _Trial | None = None
        for j, row in enumerate(self.rows):
            for node in row or ():
                self.readers[node].add(j)
            self._count(j, list(row or ()), 1)

    def row(self, j: int) -> Row:
        """Row ``j``, which is there."""
        row = self.rows[j]
        return {} if row is None else row

    def row_of(self, node: int) -> int:
        """The row that defines a node."""
        return self.outputs + node - self.inputs

    def nodes(self) -> list[int]:
        """The shared words that are there."""
        defining = self.rows[self.outputs :]
        return [n for n, row in enumerate(defining, self.inputs) if row is not None]

    def settle(self) -> None:
        """Share until nothing more is saved; no node is left that is read in one place alone."""
        while self._queue or self._dissolve_single():
            self._share()

    def row_cost(self, j: int) -> int:
        """Adders of a row, in twentieths of a full adder."""
        columns: list[int] = []
        high = 0
        for node, coefficient in self.row(j).items():
            high += abs(coefficient) * self.highs[node]
            for shift, _ in signed_digits(coefficient):
                end = shift + self.widths[node]
                if end >= len(columns):
                    columns += [0] * (end + 1 - len(columns))
                columns[shift] += 1
                columns[end] -= 1
        heights = list(itertools.accumulate(columns))
        full, half = added_up(heights, high.bit_length())
        return full * FULL + half * HALF

    def dissolve(self, node: int) -> None:
        """Put a node's sum where the node is read."""
        defining = self.row_of(node)
        sum_ = self.row(defining)
        for j in sorted(self.readers[node]):
            row = self._open(j)
            self._count(j, [node, *(x for x in sum_ if x in row)], -1)
            factor = row.pop(node)
            for x, coefficient in sum_.items():
                self._put(j, x, row.get(x, 0) + factor * coefficient)
            self._count(j, [x for x in sum_ if x in row], 1)
        self.readers[node] = set()
        self._remove(defining)

    def avoid(self, node: int) -> None:
        """Let the pattern that a node is, if it is one, come late in this trial."""
        row = sorted(self.row(self.row_of(node)).items())
        if len(row) != 2 or any(digit_count(factor) > 1 for _, factor in row):
            return
        (u, first), (v, second) = row
        distance = abs(second).bit_length() - abs(first).bit_length()
        code = pattern_code(distance, (first < 0) != (second < 0))
        self._favour[u << 32 | v << 8 | code] = _LATE

    def begin(self, noise: float, source: random.Random) -> None:
        """Start a trial, which :meth:`undo` takes back.

        ``noise`` says by how much what is shared first is left to chance.
        """
        self._trial = _Trial(len(self.rows))
        self._noise, self._random = noise, source
        self._favour = {}
        self._queue = []

    def changed(self) -> list[int]:
        """The rows that the trial changed or made."""
        trial = self._running()
        return [*sorted(trial.rows), *range(trial.first, len(self.rows))]

    def undo(self) -> None:
        """Put everything back to where the trial began."""
        trial = self._running()
        for j in range(trial.first, len(self.rows)):
            for node in self.row(j):
                self.readers[node].discard(j)
        for j, row in sorted(trial.rows.items()):
            for node in self.row(j):
                self.readers[node].discard(j)
            for node in row:
                self.readers[node].add(j)
            self.rows[j] = row
        self._counts.update(trial.counts)
        for key in trial.prices:
            del self._prices[key]
        first = self.inputs + trial.first - self.outputs
        del self.rows[trial.first :], self.highs[first:], self.widths[first:], self.readers[first:]
        self._queue = []
        self._doubtful = set()

    def _running(self) -> "_Trial":
        if self._trial is None:
            raise RuntimeError("no trial has begun")
        return self._trial

    def _open(self, j: int) -> Row:
        """Row ``j``, to be changed."""
        row = self.row(j)
        trial = self._trial
        if trial and j < trial.first and j not in trial.rows:
            trial.rows[j] = dict(row)
        return row

    def _put(self, j: int, node: int, coefficient: int) -> None:
        row = self.row(j)
        if node >= self.inputs:
            self._doubtful.add(node)
        if coefficient:
            row[node] = coefficient
            self.readers[node].add(j)
        else:
            row.pop(node, None)
            self.readers[node].discard(j)

    def _remove(self, j: int) -> None:
        row = self._open(j)
        self._count(j, list(row), -1)
        for node in row:
            self.readers[node].discard(j)
            if node >= self.inputs:
                self._doubtful.add(node)
        self.rows[j] = None

    def _dissolve_single(self) -> bool:
        """Dissolve nodes that are read in one place or none; whether that left anything to share.

        What they cost as words, half adders at their ends, a longer sum does not.
        """
        while self._doubtful:
            node = min(self._doubtful)
            self._doubtful.remove(node)
            readers = self.readers[node]
            if self.rows[self.row_of(node)] is None:
                continue
            if not readers:
                self._remove(self.row_of(node))
            elif len(readers) == 1 and digit_count(self.row(min(readers))[node]) == 1:
                self.dissolve(node)
        return bool(self._queue)

    def _count(self, j: int, nodes: Iterable[int], sign: int) -> None:
        """Count the patterns of row ``j`` that one of ``nodes`` is in; or take them away."""
        others = dict(self.row(j))
        for x in nodes:
            first = others.pop(x)
            self.work += len(others) + 1
            found = [(x << 32 | x << 8, own_patterns(first))] if first & (first - 1) else []
            found += [
                (x << 32 | y << 8, patterns(first, second))
                if x < y
                else (y << 32 | x << 8, patterns(second, first))
                for y, second in others.items()
            ]
            if sign > 0:
                self._more(found)
            else:
                self._fewer(found)

    def _more(self, found: list[tuple[int, tuple[tuple[int, int], ...]]]) -> None:
        counts, offer = self._counts, self._offer
        before = self._trial.counts if self._trial else {}
        for pair, codes in found:
            for code, times in codes:
                key = pair | code
                count = counts.get(key, 0)
                if key not in before:
                    before[key] = count
                counts[key] = count = count + times
                if count > 1:
                    offer(key, count)

    def _fewer(self, found: list[tuple[int, tuple[tuple[int, int], ...]]]) -> None:
        counts = self._counts
        before = self._trial.counts if self._trial else {}
        for pair, codes in found:
            for code, times in codes:
                key = pair | code
                count = counts[key]
                if key not in before:
                    before[key] = count
                counts[key] = count - times

    def _offer(self, key: int, count: int) -> None:
        each, cost = self._prices.get(key) or self._price(key)
        if count * each > cost:
            heapq.heappush(self._queue, (-self._saving(key, count), key))

    def _saving(self, key: int, count: int) -> float:
        """What sharing a pattern saves, times the favour it has in this trial."""
        if count < 2:
            return 0
        each, cost = self._prices.get(key) or self._price(key)
        saving = count * each - cost
        if saving <= 0 or not self._noise:
            return saving
        if key not in self._favour:
            self._favour[key] = 1 + self._noise * self._random.random()
        return saving * self._favour[key]

    def _price(self, key: int) -> tuple[int, int]:
        """What a place saves that reads the pattern as a word, and what the word costs."""
        u, v, distance, _ = _parts(key)
        low_u, low_v = max(0, -distance), max(0, distance)
        end_u, end_v = low_u + self.widths[u], low_v + self.widths[v]
        width = ((self.highs[u] << low_u) + (self.highs[v] << low_v)).bit_length()
        overlap = min(end_u, end_v) - max(low_u, low_v)
        price = 0, 0
        if overlap > 0:
            # A place then brings one word to its adders where two overlapping ones stood.
            removed = self.widths[u] + self.widths[v] - width
            carried = max(0, width - min(end_u, end_v))
            price = removed * FULL, (overlap - 1) * FULL + carried * HALF
        self._prices[key] = price
        if self._trial:
            self._trial.prices.append(key)
        return price

    def _share(self) -> None:
        """Make words of patterns, what saves most first, until none saves anything."""
        while self._queue:
            negated, key = heapq.heappop(self._queue)
            saving = self._saving(key, self._counts[key])
            if saving < -negated:
                if saving > 0:
                    heapq.heappush(self._queue, (-saving, key))
            else:
                self._extract(key)

    def _extract(self, key: int) -> None:
        u, v, distance, opposite = _parts(key)
        code = key & 255
        found = {}
        for j in sorted(self.readers[u] & self.readers[v]):
            row = self.row(j)
            where = own_places(row[u], code) if u == v else places(row[u], row[v], code)
            if where:
                found[j] = where
        low = max(0, -distance)
        sign = -1 if opposite else 1
        word = {u: 1 << low}
        word[v] = word.get(v, 0) + (sign << max(0, distance))
        whole = next((j for j in found if j >= self.outputs and self.row(j) == word), None)
        if whole is None:
            node = self._define(word)
        else:
            node = self.inputs + whole - self.outputs
            del found[whole]
        for j, where in found.items():
            row = self._open(j)
            three = dict.fromkeys((u, v, node))
            self._count(j, [x for x in three if x in row], -1)
            for shift, digit in where:
                row[u] -= digit << shift
                row[v] -= digit * sign << (shift + distance)
                row[node] = row.get(node, 0) + (digit << (shift - low))
            for x in three:
                self._put(j, x, row[x])
            self._count(j, [x for x in three if x in row], 1)
        if whole is None:
            self._count(self.row_of(node), list(word), 1)

    def _define(self, word: Row) -> int:
        """A new node; its patterns are not counted yet."""
        node = len(self.highs)
        self.highs.append(sum(abs(factor) * self.highs[x] for x, factor in word.items()))
        self.widths.append(self.highs[-1].bit_length())
        self.readers.append(set())
        for x in word:
            self.readers[x].add(len(self.rows))
        self.rows.append(dict(word))
        return node


class _Trial:
    """What is needed to take changes back: rows, counts and prices from before."""

    def __init__(self, first: int):
        self.first = first
        self.rows: dict[int, Row] = {}
        self.counts: dict[int, int] = {}
        self.prices: list[int] = []


def _parts(key: int) -> tuple[int, int, int, bool]:
    """Both nodes of a pattern, how far the second lies above the first, and its sign."""
    return key >> 32, key >> 8 & 0xFFFFFF, *decoded(key)


def added_up(columns: list[int], width: int) -> tuple[int, int]:
    """Full and half adders that add up columns of so many bits, to ``width`` bits."""
    full = half = carried = 0
    for count in (columns + [0] * width)[:width]:
        count += carried
        carried = count >> 1
        if count & 1:
            full += carried
        elif count:
            full += carried - 1
            half += 1
    return full, half
