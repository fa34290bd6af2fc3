"""Sums and products as columns of bits, and the columns as full and half adders.

Every sum is written as single bits with weights: a bit of negative weight is the inverted bit
and a constant (``-b = ~b - 1``), so sign extension costs nothing and all constants fold into
one. A column of bits is reduced three by three, earliest first, into one; carries go to the next.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synth.netlist import Net

Literal = tuple[Net, bool]

ZERO: Literal = ("0", False)
ONE: Literal = ("1", False)


@dataclass
class Adder:
    """Adds two or three literals and ``one``: bits ``s`` (weight 1) and ``co`` (weight 2)."""

    inputs: tuple[Literal, ...]
    one: bool
    s: Net
    co: Net


class Columns:
    """Bits to be added, by weight, modulo 2^width.

    Parameters
    ----------
    width
        Number of columns.
    """

    def __init__(self, width: int):
        self.width = width
        self.constant = 0
        self.bits: list[list[tuple[int, int, Literal]]] = [[] for _ in range(width)]
        self._count = 0

    def add(self, literal: Literal, weight: int, negative: bool = False, time: int = 0) -> None:
        """Add ``literal * 2^weight``, or take it away."""
        if weight >= self.width or literal == ZERO:
            return
        if negative:
            self.constant -= 1 << weight
            literal = inverted(literal)
        if literal in (ZERO, ONE):
            self.constant += (literal == ONE) << weight
            return
        self._count += 1
        heapq.heappush(self.bits[weight], (time, self._count, literal))

    def number(self, word: Sequence[Literal], signed: bool, negative: bool, shift: int = 0) -> None:
        """Add ``word * 2^shift``, LSB first, or take it away."""
        for i, literal in enumerate(word):
            top = signed and i == len(word) - 1
            self.add(literal, i + shift, negative != top)

    def reduce(self, fresh: Iterable[int]) -> tuple[list[Adder], list[Literal]]:
        """The adders, and one literal per column. ``fresh`` yields numbers for new nets."""
        numbers = iter(fresh)
        adders: list[Adder] = []
        result: list[Literal] = []
        for weight, heap in enumerate(self.bits):
            one = bool(self.constant >> weight & 1)
            while len(heap) + one > 1:
                taken = [heapq.heappop(heap) for _ in range(min(3, len(heap)))]
                with_one = one and len(taken) < 3
                one = one and not with_one
                time = max(t for t, _, _ in taken) + 1
                literals = tuple(literal for _, _, literal in taken)
                s, co = _simple(literals, with_one)
                if s is None:
                    adders.append(Adder(literals, with_one, next(numbers), next(numbers)))
                    s, co = (adders[-1].s, False), (adders[-1].co, False)
                if s == ONE:
                    one = True
                else:
                    self.add(s, weight, time=time)
                self.add(co, weight + 1, time=time)
            result.append(heap[0][2] if heap else (ONE if one else ZERO))
        return adders, result


def inverted(literal: Literal) -> Literal:
    """The literal of the opposite value."""
    if literal[0] in ("0", "1"):
        return ZERO if literal == ONE else ONE
    return literal[0], not literal[1]


def _simple(literals: tuple[Literal, ...], one: bool) -> tuple[Literal | None, Literal]:
    """Sum and carry where no adder is needed: one literal and a one, or a literal twice."""
    if len(literals) == 1:
        return inverted(literals[0]), literals[0]
    rest: Literal = ONE if one else ZERO
    for i in range(len(literals)):
        for j in range(i + 1, len(literals)):
            if literals[i][0] != literals[j][0]:
                continue
            others = [x for k, x in enumerate(literals) if k not in (i, j)]
            if others and one:
                return None, ZERO
            third = others[0] if others else rest
            if literals[i][1] == literals[j][1]:
                return third, literals[i]
            return inverted(third), third
    return None, ZERO


def product(
    columns: Columns,
    a: Sequence[Literal],
    b: Sequence[Literal],
    signs: tuple[bool, bool],
    negative: bool,
    conjunction: dict[tuple[Literal, Literal], Literal],
    fresh: Iterable[int],
) -> None:
    """Add ``a * b`` to ``columns``, or take it away.

    A constant factor is recoded to its fewest signed digits; otherwise every pair of bits is an
    AND, entered in ``conjunction`` with its new net.
    """
    for word, other, sign, other_sign in ((a, b, *signs), (b, a, signs[1], signs[0])):
        if all(bit in (ZERO, ONE) for bit in word):
            value = sum((bit == ONE) << i for i, bit in enumerate(word))
            value -= (sign and word[-1:] == [ONE]) << len(word)
            for shift, digit in signed_digits(value):
                columns.number(other, other_sign, negative != (digit < 0), shift)
            return
    numbers = iter(fresh)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            minus = (signs[0] and i == len(a) - 1) != (signs[1] and j == len(b) - 1)
            if ZERO in (x, y):
                continue
            if ONE in (x, y):
                both = y if x == ONE else x
            else:
                both = conjunction.setdefault((x, y), (next(numbers), False))
            columns.add(both, i + j, negative != minus)


def signed_digits(value: int) -> list[tuple[int, int]]:
    """Canonical signed digits ``(shift, 1 or -1)``: the fewest that sum to ``value``."""
    digits, shift = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((shift, digit))
            value -= digit
        value >>= 1
        shift += 1
    return digits
