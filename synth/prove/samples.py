"""Values of numbers and of what is made of them, lane by lane: what looks equal may be equal."""

import random
from collections.abc import Hashable, Mapping, Sequence

from hwgen.synth.prove.aig import TRUE, lanes_of, values_of
from hwgen.synth.prove.cells import Word
from hwgen.synth.prove.sums import Words
from hwgen.synth.prove.terms import Terms, few_rows, normal

LANES = 512
_ONES = (1 << LANES) - 1
TRUE_LANES = (1 << LANES // 2) - 1
"""Lanes where a new number is what it stands for; in the others it is anything in its interval."""


class Samples:
    """Values of every node of a graph of words, lane by lane, as far as they are asked for.

    Parameters
    ----------
    words
        The words: each number is drawn from its interval, with a liking for its ends.
    known
        What numbers were in examples that samples had missed: one lane for each.
    """

    def __init__(self, words: Words, known: Sequence[Mapping[Hashable, int]]):
        self._words = words
        self._known = known
        self.columns = [0]
        self._numbers: dict[Hashable, list[int]] = {}
        self._inputs: dict[int, int] = {}
        self._generator = random.Random(1)

    def column(self, literal: int) -> int:
        """The values of a literal."""
        fanins, ones = self._words.aig.fanins, _ONES
        for node in range(len(self.columns), len(fanins)):
            a, b = fanins[node]
            if a < 0:
                self.columns.append(0)
                self.columns[node] = self._input(2 * node)
                continue
            x, y = self.columns[a >> 1], self.columns[b >> 1]
            self.columns.append((x ^ ones if a & 1 else x) & (y ^ ones if b & 1 else y))
        return self.columns[literal >> 1] ^ (ones if literal & 1 else 0)

    def _input(self, bit: int) -> int:
        if bit in self._inputs:
            return self._inputs[bit]
        made = self._words.made(bit)
        if made is None:
            return self._generator.getrandbits(LANES)
        terms, constant, bits = made
        values = [value + constant for value in self._values(terms, constant)]
        self._inputs |= dict(zip(bits, lanes_of(values, len(bits)), strict=True))
        return self._inputs[bit]

    def define(self, word: Word, values: Sequence[int]) -> None:
        """Let a new number have these values, or any between them in the lanes where it may."""
        bit = next((bit for bit in word if bit > TRUE), None)
        made = None if bit is None else self._words.made(bit & ~1)
        if made is not None:
            key, half = normal(made[0])[0], LANES // 2
            free = self._drawn(key, min(values), max(values), 0)
            self._numbers[key] = [*values[:half], *free[half:]]

    def _values(self, terms: Terms, constant: int) -> list[int]:
        few = few_rows(terms)
        if few is not None:
            words = [values_of(self.columns, row, LANES) for row in few[0]]
            return [sum(lane) + few[1] for lane in zip(*words, strict=True)]
        key, shift, negative = normal(terms)
        scale = -(1 << shift) if negative else 1 << shift
        if key not in self._numbers:
            low, high = self._words.interval(dict(key))
            self._numbers[key] = self._drawn(key, low, high, -constant // scale)
        return [scale * value for value in self._numbers[key]]

    def _drawn(self, key: Hashable, low: int, high: int, middle: int) -> list[int]:
        """Values in ``low..high``: ends, evenly spread, and crowded about ``middle``."""
        draw = self._generator
        ends = [end + d for end in (low, high, middle) for d in range(-4, 5)]
        values = list(dict.fromkeys(v for v in [low, high, *ends] if low <= v <= high))
        while len(values) < LANES // 2:
            reach = 1 << draw.randrange((high - low).bit_length() + 1)
            value = middle + draw.randint(-reach, reach)
            values.append(min(max(value, low), high))
        values += [draw.randint(low, high) for _ in range(LANES - len(values))]
        draw.shuffle(values)
        for lane, example in enumerate(self._known[: LANES // 2]):
            for half in (0, LANES // 2):
                values[half + lane] = example.get(key, values[half + lane])
        return values
