"""Sums and products as columns of bits, and the columns as full and half adders.

Every sum is written as single bits with weights: a bit of negative weight is the inverted bit
and a constant (``-b = ~b - 1``), so sign extension costs nothing and all constants fold into
one. A column of bits is reduced three by three; carries go to the next.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hwgen.synth.mapping.netlist import Net

Literal = tuple[Net, bool]

ZERO: Literal = ("0", False)
ONE: Literal = ("1", False)


class Bit(NamedTuple):
    """A literal in a column: adders before it, when it came, and whether it is there inverted."""

    time: int
    order: int
    literal: Literal
    low: bool


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
        self.bits: list[list[Bit]] = [[] for _ in range(width)]
        self._count = 0

    def add(self, literal: Literal, weight: int, negative: bool = False) -> None:
        """Add ``literal * 2^weight``, or take it away."""
        if weight >= self.width or literal == ZERO:
            return
        if negative:
            self.constant -= 1 << weight
            literal = inverted(literal)
        self._enter(weight, 0, literal, literal[1])

    def number(self, word: Sequence[Literal], signed: bool, negative: bool, shift: int = 0) -> None:
        """Add ``word * 2^shift``, LSB first, or take it away."""
        for i, literal in enumerate(word):
            top = signed and i == len(word) - 1
            self.add(literal, i + shift, negative != top)

    def reduce(
        self, fresh: Iterable[int], *, rows: int, alike: bool
    ) -> tuple[list[Adder], list[list[Literal]]]:
        """Add up until no column has more than ``rows`` literals.

        Parameters
        ----------
        fresh
            Yields numbers for new nets.
        rows
            1 adds up, 2 leaves a last addition of two numbers.
        alike
            Take bits of one polarity together where there are three, which saves inverters and
            lets full adder cells be used; otherwise the earliest, which makes for a short path.

        Returns
        -------
        The adders, and the literals of each column.
        """
        numbers = iter(fresh)
        adders: list[Adder] = []
        columns: list[list[Literal]] = []
        for weight, column in enumerate(self.bits):
            one = bool(self.constant >> weight & 1)
            while len(column) + one > rows:
                taken = _take(column, alike)
                with_one = one and len(taken) < 3
                one = one and not with_one
                adder, s, co = _added(tuple(bit.literal for bit in taken), with_one, numbers)
                adders += adder
                time = max(bit.time for bit in taken) + 1
                low = 2 * sum(bit.low for bit in taken) > len(taken)
                if s == ONE:
                    one = True
                else:
                    self._enter(weight, time, s, low != s[1])
                self._enter(weight + 1, time, co, low != co[1])
            columns.append([*(bit.literal for bit in column), *([ONE] if one else [])])
        return adders, columns

    def _enter(self, weight: int, time: int, literal: Literal, low: bool) -> None:
        """Put a literal into its column, or a constant to the constant."""
        if weight >= self.width or literal == ZERO:
            return
        if literal == ONE:
            self.constant += 1 << weight
            return
        self._count += 1
        insort(self.bits[weight], Bit(time, self._count, literal, low))


def _take(column: list[Bit], alike: bool) -> list[Bit]:
    """Remove and return up to three bits that one adder adds."""
    taken = column[:3]
    if alike:
        for low in (taken[0].low, not taken[0].low):
            same = [bit for bit in column if bit.low == low][:3]
            if len(same) == 3:
                taken = same
                break
    for bit in taken:
        column.remove(bit)
    return taken


def _added(
    literals: tuple[Literal, ...], one: bool, fresh: Iterator[int]
) -> tuple[list[Adder], Literal, Literal]:
    """The adder of these, if it takes one, and its sum and carry."""
    s, co = _simple(literals, one)
    if s is not None:
        return [], s, co
    adder = Adder(literals, one, next(fresh), next(fresh))
    return [adder], (adder.s, False), (adder.co, False)


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
