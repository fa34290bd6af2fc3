"""Tables of a serial design, read by its counters."""

from typing import TypeVar

from amaranth.hdl import Cat, Const, Module, Shape, Value

from hwgen.rtl.lookup import lookup

T = TypeVar("T")


def rom(
    m: Module, name: str, pages: list[list[int]], word: Value, turn: Value, shape: Shape
) -> Value:
    """``pages[turn][word]``; other entries repeat these, which takes the least logic."""
    entries = {value for page in pages for value in page}
    if len(entries) == 1:
        return Const(entries.pop(), shape)
    words = max(len(page) for page in pages)
    word = word[: (words - 1).bit_length()]
    turn = turn[: (len(pages) - 1).bit_length()]
    filled = _repeated([_repeated(page, len(word)) for page in pages], len(turn))
    return lookup(m, name, Cat(word, turn), [v for page in filled for v in page], shape)


def _repeated(items: list[T], bits: int) -> list[T]:
    """``2**bits`` items: further ones are as if the highest bit of their index were 0."""
    items = list(items)
    for index in range(len(items), 1 << bits):
        items.append(items[index - (1 << (index.bit_length() - 1))])
    return items


def concatenated(values: list[int], width: int) -> int:
    """``values``, two's complement, each in ``width`` bits, the first in the low ones."""
    mask = (1 << width) - 1
    return sum((value & mask) << (i * width) for i, value in enumerate(values))
