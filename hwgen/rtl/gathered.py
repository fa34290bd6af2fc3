"""ROMs as sums of products that their outputs share: less logic than a tree of multiplexers.

An address is cut in three. Its low bits tell the places of a **pattern**, its high bits the
**strip**, and the others the **row**. In a strip each row of an output is one pattern, a function
of the low bits alone. Rows of the same pattern are gathered, so that

    output = OR over strips and patterns of (OR of rows) & strip & pattern

Rows are decoded once for all outputs and strips, patterns once for all outputs. It is the form in
which O. B. Lupanov showed that about 2^n / n gates are enough for any function of n bits ("A method
of circuit synthesis", Izvestiya VUZ, Radiofizika 1, 1958).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value
from numpy.typing import NDArray

Bits = NDArray[np.bool_]

_DEEPEST_LOW, _DEEPEST_HIGH = 3, 3
_DECODED, _LITERAL = 7.26, 8.0
_ROW, _GATHERED, _SINGLE = 3.4, 7.0, 6.8
"""um2 of ihp-sg13g2: a row or pattern, decoded from two halves, and a half of it; a row that is
gathered, what a gathering takes besides, and one of a single row."""


@dataclass(frozen=True, eq=False)
class Content:
    """What a ROM holds.

    Parameters
    ----------
    bits, cares
        [addresses, width]: a bit, and whether it matters. There are a power of two of addresses.
    """

    bits: Bits
    cares: Bits

    @classmethod
    def of(cls, words: Sequence[int | None], width: int, free: Sequence[int] = ()) -> "Content":
        """``words`` of ``width`` bits.

        Parameters
        ----------
        words
            None where any word will do, as behind the last.
        free
            Bits of each word that may be anything; none where it is too short.
        """
        size = 1 << (len(words) - 1).bit_length()
        bits, cares = (np.zeros((size, width), bool) for _ in range(2))
        for address, word in enumerate(words):
            if word is not None:
                bits[address] = _places(word, width)
                cares[address] = ~_places(free[address] if address < len(free) else 0, width)
        return cls(bits, cares)

    @property
    def address_bits(self) -> int:
        """Bits of an address."""
        return (len(self.bits) - 1).bit_length()


def _places(word: int, width: int) -> Bits:
    """The low ``width`` bits of ``word``, the lowest first."""
    size = -(-width // 8)
    data = (word & ((1 << width) - 1)).to_bytes(size, "little")
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:width].astype(bool)


Sets = dict[tuple[int, int], list[int]]
"""Rows by strip and pattern; bit k of a pattern is what it has at place k."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A ROM whose ``low`` lowest address bits tell the place, its ``high`` highest the strip."""

    content: Content
    low: int
    high: int

    @cached_property
    def _needs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Patterns [strips, rows, width] of the ones and of the zeros that matter."""
        bits, cares = self.content.bits, self.content.cares
        weights = 1 << np.arange(1 << self.low)
        shape = (1 << self.high, -1, 1 << self.low, bits.shape[1])
        ones, zeros = (
            np.einsum("srpw,p->srw", own.reshape(shape), weights)
            for own in (bits & cares, ~bits & cares)
        )
        return ones, zeros

    @cached_property
    def inverted(self) -> list[bool]:
        """Outputs that are smaller the other way."""
        return [ones > zeros for ones, zeros in zip(*map(self._prices, self._needs), strict=True)]

    def _prices(self, needs: NDArray[np.int64]) -> list[float]:
        """Of gathering each output's patterns."""
        found = []
        strips = np.arange(needs.shape[0])[:, None] << (1 << self.low)
        for column in np.moveaxis(needs, 2, 0):
            _, counts = np.unique((column + strips)[column > 0], return_counts=True)
            single = counts == 1
            rest = counts[~single]
            found.append(float(_SINGLE * single.sum() + _ROW * rest.sum() + _GATHERED * len(rest)))
        return found

    @property
    def cost(self) -> float:
        """Estimated um2."""
        ones, zeros = self._needs
        chosen = np.where(self.inverted, zeros, ones)
        rows = int((chosen > 0).any(axis=(0, 2)).sum())
        patterns = sum(len(np.unique(strip[strip > 0])) for strip in chosen)
        rest = self.content.address_bits - self.low - self.high
        literals = (1 << rest // 2) + (1 << rest - rest // 2)
        gates = (self.low > 1) + (self.low > 2) * 0.5 + (self.high > 0)
        prices = map(min, *map(self._prices, self._needs))
        return float(_DECODED * (rows + gates * patterns) + _LITERAL * literals + sum(prices))

    def sets(self, output: int) -> Sets:
        """Rows of an output. A row that may have one of several patterns has the most frequent."""
        ones, zeros = (needs[:, :, output] for needs in self._needs)
        if self.inverted[output]:
            ones, zeros = zeros, ones
        every = (1 << (1 << self.low)) - 1
        found: Sets = {}
        waiting = []
        for strip, row in product(*map(range, ones.shape)):
            one, zero = int(ones[strip, row]), int(zeros[strip, row])
            if one and one | zero == every:
                found.setdefault((strip, one), []).append(row)
            elif one:
                waiting.append((strip, row, one, zero))
        for strip, row, one, zero in waiting:
            fitting = [key for key in found if key[0] == strip and key[1] & (one | zero) == one]
            key = max(fitting, key=lambda key: len(found[key]), default=(strip, one))
            found.setdefault(key, []).append(row)
        return dict(sorted(found.items()))

    def build(self, m: Module, name: str, address: Value) -> Value:
        """The word at ``address``."""
        high = self.content.address_bits - self.high
        rest = address[self.low : high]
        near, far = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        nears, fars = _decoded(m, f"{name}_near", near), _decoded(m, f"{name}_far", far)
        places = _decoded(m, f"{name}_place", address[: self.low])
        strips = _decoded(m, f"{name}_strip", address[high:])

        def row(number: int) -> Value:
            return nears[number % len(nears)] & fars[number // len(nears)]

        def pattern(number: int) -> Value:
            strip, own = divmod(number, 1 << len(places))
            chosen = Cat(place for k, place in enumerate(places) if own >> k & 1)
            return strips[strip] & chosen.any() if len(chosen) < len(places) else strips[strip]

        rows, patterns = _Made(m, f"{name}_row", row), _Made(m, f"{name}_pattern", pattern)
        outputs = []
        for output, inverted in enumerate(self.inverted):
            terms = []
            for (strip, own), among in self.sets(output).items():
                gathered = Signal(name=f"{name}_{output}_{strip}_{own:x}")
                m.d.comb += gathered.eq(Cat(rows[number] for number in among).any())
                terms.append(gathered & patterns[strip << len(places) | own])
            value = Cat(terms).any() if terms else Const(0, 1)
            outputs.append(~value if inverted else value)
        return Cat(outputs)


class _Made(dict[int, Value]):
    """Signals that are made when they are first asked for."""

    def __init__(self, m: Module, name: str, make: Callable[[int], Value]):
        super().__init__()
        self._m, self._name, self._make = m, name, make

    def __missing__(self, number: int) -> Value:
        self[number] = signal = Signal(name=f"{self._name}{number}")
        self._m.d.comb += signal.eq(self._make(number))
        return signal


def _decoded(m: Module, name: str, bits: Value) -> list[Any]:
    """A bit for each number that ``bits`` may be."""
    if not len(bits):
        return [Const(1, 1)]
    signal = Signal(1 << len(bits), name=name)
    m.d.comb += [signal[number].eq(bits == number) for number in range(len(signal))]
    return list(signal)


def gathered(m: Module, name: str, address: Value, content: Content) -> Value:
    """A ROM read combinationally, cut where that is estimated smallest."""
    bits = content.address_bits
    cuts = [
        Cut(content, low, high)
        for low in range(min(_DEEPEST_LOW, bits) + 1)
        for high in range(min(_DEEPEST_HIGH, bits - low) + 1)
    ]
    return min(cuts, key=lambda cut: cut.cost).build(m, name, address)
