"""Unsigned words that stand for integers with an offset, and their sums."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hwgen.rtl.parallel.addergraph import Term


@dataclass(frozen=True, kw_only=True)
class Word:
    """An unsigned word, at most ``high``; ``value + offset`` is what it stands for."""

    value: Value
    high: int
    offset: int


def of_term(words: Sequence[Word], term: Term) -> Word:
    """A shifted word of ``words``, complemented where the term is negative."""
    word = words[term.node]
    if term.negative:
        top = (1 << len(word.value)) - 1
        word = replace(word, value=~word.value, high=top, offset=-word.offset - top)
    if not term.shift:
        return word
    value = Cat(Const(0, term.shift), word.value)
    return replace(
        word, value=value, high=word.high << term.shift, offset=word.offset << term.shift
    )


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
