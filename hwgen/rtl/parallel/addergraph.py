"""A constant matrix as a shared graph of adders.

``weights @ x`` is rewritten as signed sums of shifted terms, and two-term sums that several places
need are computed once. Sharing is greedy over signed digits (the two-term subexpression elimination
of R. Hartley, IEEE TCAS-II 43(10), 1996), with a gain in full adders of the exact widths instead of
a count of additions.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hwgen.spec.arithmetic import Integers

# One half adder in twentieths of a full adder: an xor and an and against two xor and a majority.
_FULL, _HALF = 20, 9


@dataclass(frozen=True, slots=True)
class Term:
    """``+-(node << shift)``; nodes count the inputs first, then the adders."""

    node: int
    shift: int
    negative: bool


@dataclass(frozen=True, kw_only=True)
class AdderGraph:
    """A constant matrix product.

    Parameters
    ----------
    inputs
        Number of inputs: nodes 0..inputs-1.
    adders
        Node ``inputs + k`` is the sum of the two terms of ``adders[k]``, which refer to earlier
        nodes alone.
    sums
        The terms of each output; an empty list is 0.
    """

    inputs: int
    adders: list[tuple[Term, Term]]
    sums: list[list[Term]]

    def compute(self, x: Integers) -> list[Integers]:
        """The outputs, each [samples], for ``x`` [samples, inputs]: the graph as plain integers."""
        nodes = [x[:, i] for i in range(self.inputs)]

        def total(terms: tuple[Term, ...] | list[Term]) -> Integers:
            signed = [(-1 if t.negative else 1) * (nodes[t.node] << t.shift) for t in terms]
            return sum(signed, start=x[:, 0] * 0)

        for adder in self.adders:
            nodes.append(total(adder))
        return [total(terms) for terms in self.sums]


@lru_cache(maxsize=4096)
def signed_digits(value: int) -> tuple[tuple[int, int], ...]:
    """``value`` as the fewest (shift, sign) digits; among those, the fewest negative, the lowest.

    A minimal signed-digit form that prefers plain binary: 3 is 2 + 1, 7 is 8 - 1.
    """
    if value == 0:
        return ()
    shift = (value & -value).bit_length() - 1
    odd = value >> shift
    forms = [((0, sign), *((s + 1, g) for s, g in signed_digits((odd - sign) >> 1)))
             for sign in (1, -1) if abs((odd - sign) >> 1) < abs(odd)]  # fmt: skip
    best = min(forms, key=lambda form: (len(form), sum(g < 0 for _, g in form), form[-1][0]))
    return tuple((s + shift, g) for s, g in best)


def adder_graph(weights: Integers, widths: list[int]) -> AdderGraph:
    """A graph for ``weights @ x``.

    Parameters
    ----------
    weights
        Integers [outputs, inputs].
    widths
        Width of each input in bits, at least 1.
    """
    return _Sharing(weights, widths).graph()


class _Sharing:
    """Greedy elimination of the two-term sum that saves most, until none saves anything.

    A term is the integer ``node << 7 | shift``. A pattern ``(n1, n2, d, opposite)`` stands for
    ``n1 +- (n2 << d)`` in any place and with either overall sign; it is one integer too, for speed.
    """

    def __init__(self, weights: Integers, widths: list[int]):
        self.inputs = len(widths)
        self.widths = list(widths)
        self.adders: list[tuple[Term, Term]] = []
        self.rows: list[dict[int, int]] = [
            {
                node << 7 | shift: sign
                for node, weight in enumerate(row)
                for shift, sign in signed_digits(weight)
            }
            for row in weights.tolist()
        ]
        self.counts: dict[int, int] = {}
        self.queue: list[tuple[int, int]] = []

    def graph(self) -> AdderGraph:
        for row in self.rows:
            terms = sorted(row)
            for position, second in enumerate(terms):
                for first in terms[:position]:
                    key = _pattern(first, row[first], second, row[second])
                    self.counts[key] = self.counts.get(key, 0) + 1
        for key, count in self.counts.items():
            self._offer(key, count)
        while self.queue:
            negated, key = heapq.heappop(self.queue)
            saving = self._saving(key, self.counts[key])
            if saving < -negated:
                self._offer(key, self.counts[key])
            else:
                self._extract(key)
        sums = [
            [Term(t >> 7, t & 127, sign < 0) for t, sign in sorted(row.items())]
            for row in self.rows
        ]
        return AdderGraph(inputs=self.inputs, adders=self.adders, sums=sums)

    def _offer(self, key: int, count: int) -> None:
        if count > 1 and (saving := self._saving(key, count)) > 0:
            heapq.heappush(self.queue, (-saving, key))

    def _saving(self, key: int, count: int) -> int:
        """Full adders (in twentieths) saved by computing the pattern once instead of in a sum."""
        first, second, distance, _ = _parts(key)
        a_low, b_low = max(0, -distance), max(0, distance)
        a_end, b_end = a_low + self.widths[first], b_low + self.widths[second]
        end = min(a_end, b_end)
        overlap = end - max(a_low, b_low)
        if overlap <= 0:
            return 0
        width = self._width(key)
        # Every use then brings one word to a sum's full adders where two overlapping ones stood.
        removed = self.widths[first] + self.widths[second] - (width - min(a_low, b_low))
        cost = (overlap - 1) * _FULL + (width - end) * _HALF
        return count * removed * _FULL - cost

    def _width(self, key: int) -> int:
        first, second, distance, _ = _parts(key)
        a = (1 << self.widths[first]) - 1
        b = (1 << self.widths[second]) - 1
        return ((a << max(0, -distance)) + (b << max(0, distance))).bit_length()

    def _extract(self, key: int) -> None:
        first, second, distance, opposite = _parts(key)
        places = [(row, *place) for row in self.rows for place in _places(row, key)]
        if len(places) < 2:
            self.counts[key] = len(places)
            return
        node = self.inputs + len(self.adders)
        self.widths.append(self._width(key))
        a = Term(first, max(0, -distance), False)
        self.adders.append((a, Term(second, max(0, distance), opposite)))
        for row, one, other in places:
            sign = row[one]
            self._remove(row, one)
            self._remove(row, other)
            self._insert(row, node << 7 | min(one & 127, other & 127), sign)

    def _remove(self, row: dict[int, int], term: int) -> None:
        sign = row.pop(term)
        for key in _patterns_of(row, term, sign):
            self.counts[key] -= 1

    def _insert(self, row: dict[int, int], term: int, sign: int) -> None:
        for key in _patterns_of(row, term, sign):
            self.counts[key] = count = self.counts.get(key, 0) + 1
            self._offer(key, count)
        row[term] = sign


def _pattern(first: int, first_sign: int, second: int, second_sign: int) -> int:
    """Key of the pattern of two terms, ``first < second``."""
    distance = (second & 127) - (first & 127) + 128
    pair = (first >> 7) << 24 | (second >> 7)
    return pair << 9 | distance << 1 | (first_sign != second_sign)


def _parts(key: int) -> tuple[int, int, int, bool]:
    pair = key >> 9
    return pair >> 24, pair & 0xFFFFFF, (key >> 1 & 255) - 128, bool(key & 1)


def _patterns_of(row: dict[int, int], term: int, sign: int) -> Iterator[int]:
    for other, other_sign in row.items():
        if other < term:
            yield _pattern(other, other_sign, term, sign)
        else:
            yield _pattern(term, sign, other, other_sign)


def _places(row: dict[int, int], key: int) -> Iterator[tuple[int, int]]:
    """Pairs of terms in ``row`` that form the pattern; no term is used twice."""
    first, second, distance, opposite = _parts(key)
    used: set[int] = set()
    for term in sorted(t for t in row if t >> 7 == first):
        shift = (term & 127) + distance
        other = second << 7 | shift
        if shift not in range(128) or other not in row or term in used or other in used:
            continue
        if (row[term] != row[other]) == opposite:
            used |= {term, other}
            yield term, other
