"""Words of an adder graph: unsigned, in a pipeline stage, as wide as their largest value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value

from hwgen.rtl.adders.addergraph import Term
from hwgen.rtl.requantize import shape_of
from hwgen.spec.arithmetic import Interval

_DEEPEST = 150
"""Additions in one expression: readers and writers of expressions go into them recursively."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of an adder graph: ``value + offset`` is what it stands for.

    ``value`` is unsigned, at most ``high``; it is there in pipeline stage ``stage``, behind
    ``level`` adders since the last register. A ``term`` of a word is that word, ``base``, shifted
    or complemented: registers hold the base.
    """

    value: Value
    high: int
    offset: int
    stage: int = 0
    level: int = 0
    base: "Word | None" = None
    term: Term | None = None


class Stages:
    """Pipeline registers of one module: :meth:`delay` moves a value to a later stage, once.

    Parameters
    ----------
    m
        The module that the registers go to.
    enable
        Their common clock enable.

    Attributes
    ----------
    bits
        How many they hold, so far.
    """

    def __init__(self, m: Module, enable: Value):
        self._m = m
        self._enable = enable
        self._delayed: dict[tuple[int, int], Value] = {}
        self._keep: list[Value] = []
        self.bits = 0

    def delay(self, value: Value, now: int, stage: int) -> Value:
        """``value``, there in stage ``now``, as it is in ``stage >= now``."""
        if stage == now:
            return value
        key = (id(value), stage)
        if key not in self._delayed:
            before = self.delay(value, now, stage - 1)
            register = Signal(
                before.shape(), name=f"stage{stage}_{len(self._keep)}", reset_less=True
            )
            with self._m.If(self._enable):
                self._m.d.sync += register.eq(before)
            self.bits += len(register)
            self._delayed[key] = register
            self._keep.append(value)  # so that its id is not given to another
        return self._delayed[key]

    def word(self, word: Word, stage: int) -> Word:
        """``word`` as it is in ``stage``."""
        if stage == word.stage:
            return word
        if word.base is not None and word.term is not None:
            return _term(self.word(word.base, stage), word.term)
        value = self.delay(word.value, word.stage, stage)
        return replace(word, value=value, stage=stage, level=0)


def term_of(words: list[Word], term: Term) -> Word:
    """A shifted word, complemented where the term is negative."""
    return _term(words[term.node], term)


def _term(base: Word, term: Term) -> Word:
    word = replace(base, base=base, term=term)
    if term.negative:
        top = (1 << len(word.value)) - 1
        word = replace(word, value=~word.value, high=top, offset=-word.offset - top)
    if not term.shift:
        return word
    value = Cat(Const(0, term.shift), word.value)
    return replace(
        word, value=value, high=word.high << term.shift, offset=word.offset << term.shift
    )


def total_of(m: Module, stages: Stages, name: str, words: list[Word], pipeline: int) -> Word:
    """Sum of ``words``, in as many pipeline stages as ``pipeline`` adder levels in each ask for."""
    if not words:
        return Word(value=Const(0, 1), high=0, offset=0)
    stage = min(word.stage for word in words) if pipeline else 0
    while True:
        ready = [stages.word(word, stage) for word in words if word.stage <= stage]
        later = [word for word in words if word.stage > stage]
        groups = _groups(ready, pipeline)
        sums = [sum_of(m, f"{name}_{stage}_{i}", group) for i, group in enumerate(groups)]
        if not later and len(sums) == 1:
            return sums[0]
        stage += 1
        words = [stages.word(word, stage) for word in sums] + later


def _groups(words: list[Word], pipeline: int) -> list[list[Word]]:
    """``words`` in groups that each fit under the adder levels left in their stage."""
    if not pipeline:
        return [words] if words else []
    groups: list[tuple[int, list[Word]]] = []
    for word in sorted(words, key=lambda word: -word.level):
        load = 1 << word.level
        for position, (used, group) in enumerate(groups):
            if used + load <= 1 << pipeline:
                groups[position] = (used + load, [*group, word])
                break
        else:
            groups.append((load, [word]))
    return [group for _, group in groups]


def sum_of(m: Module, name: str, words: Sequence[Word]) -> Word:
    """Sum of ``words`` of one stage, each partial sum as narrow as its largest value."""
    if not words:
        return Word(value=Const(0, 1), high=0, offset=0)
    if len(words) == 1:
        return words[0]
    high, value = words[0].high, words[0].value
    for place, word in enumerate(words[1:], 1):
        high += word.high
        value = (value + word.value)[: high.bit_length()]
        if place % _DEEPEST == 0:
            part = Signal(high.bit_length(), name=f"{name}_{place}")
            m.d.comb += part.eq(value)
            value = part
    total = Signal(max(1, high.bit_length()), name=name)
    m.d.comb += total.eq(value)
    load = sum(1 << word.level for word in words)
    return Word(
        value=total,
        high=high,
        offset=sum(word.offset for word in words),
        stage=words[0].stage,
        level=(load - 1).bit_length(),
    )


def packed_width(ranges: list[Interval]) -> int:
    """Bits of values side by side, each in the shape of its interval."""
    return sum(shape_of(*interval).width for interval in ranges)


def unpack(packed: Value, ranges: list[Interval]) -> list[Value]:
    """Values that stand side by side in ``packed``, each in the shape of its interval."""
    values: list[Value] = []
    start = 0
    for interval in ranges:
        shape = shape_of(*interval)
        value = packed[start : start + shape.width]
        values.append(value.as_signed() if shape.signed else value)
        start += shape.width
    return values


def extended(m: Module, packed: Value, ranges: list[Interval], shape: Shape) -> Value:
    """The values of :func:`unpack` side by side again, each as ``output<j>`` in ``shape``."""
    results: list[Value] = []
    for value in unpack(packed, ranges):
        output = Signal(shape, name=f"output{len(results)}")
        m.d.comb += output.eq(value)
        results.append(output)
    return Cat(results)
