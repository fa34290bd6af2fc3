"""A ROM for what all layers of a serial design read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.gathered import Content, gathered
from hwgen.spec.formats import index_width


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What a layer reads.

    Parameters
    ----------
    words
        By turn and word; integers, of which the low bits count.
    free
        Bits of each word that may be anything, for all turns alike.
    """

    words: Sequence[Sequence[int]]
    free: Sequence[int] = ()


class Table(wiring.Component):
    """What layers read in each word of each turn of their phases; anything at other times.

    Parameters
    ----------
    pages
        Of each phase that reads.
    width
        Bits of a word.
    phases
        How many phases there are.

    Members
    -------
    phase, turn, word : In
        As wide as the largest of ``pages`` takes.
    o : Out
    """

    def __init__(self, pages: Mapping[int, Pages], width: int, phases: int):
        self._pages = pages
        super().__init__(
            {
                "phase": In(index_width(phases)),
                "turn": In(index_width(max(len(own.words) for own in pages.values()))),
                "word": In(index_width(max(len(own.words[0]) for own in pages.values()))),
                "o": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """One ROM, without the counters that nothing in it depends on."""
        m = Module()
        counters = [self.word, self.turn, self.phase]
        longest = [
            max(len(own.words[0]) for own in self._pages.values()),
            max(len(own.words) for own in self._pages.values()),
            max(self._pages) + 1 if len(self._pages) > 1 else 1,
        ]
        sizes = [(most - 1).bit_length() for most in longest]
        count = 1 << sum(sizes)
        words: list[int | None] = [None] * count
        free = [0] * count
        for phase, own in self._pages.items():
            first = (phase << sizes[1] if sizes[2] else 0) << sizes[0]
            for turn, page in enumerate(own.words):
                for place, word in enumerate(page):
                    address = first + (turn << sizes[0]) + place
                    words[address] = word
                    free[address] = own.free[place] if own.free else 0
        address = Cat(counter[:size] for counter, size in zip(counters, sizes, strict=True) if size)
        content = Content.of(words, len(self.o), free)
        m.d.comb += self.o.eq(gathered(m, "word", address, content))
        return m
