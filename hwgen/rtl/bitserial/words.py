"""Sums of the unsigned words of an adder graph."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Signal

from hwgen.rtl.adders.words import Word


def add(m: Module, name: str, words: Sequence[Word]) -> Word:
    """Sum of ``words``, each partial sum as narrow as its largest value."""
    if not words:
        return Word(value=Const(0, 1), high=0, offset=0)
    high, value = words[0].high, words[0].value
    if len(words) == 1:
        return words[0]
    for word in words[1:]:
        high += word.high
        value = (value + word.value)[: high.bit_length()]
    total = Signal(max(1, high.bit_length()), name=name)
    m.d.comb += total.eq(value)
    return Word(value=total, high=high, offset=sum(word.offset for word in words))
