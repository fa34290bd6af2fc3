"""Memories of words that are read by address."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.spec.formats import index_width

SMALLEST_WORD = 3
"""Bits from which on synthesis has a clock gate for a word."""


class WordMemory(wiring.Component):
    """Words that are written one by one and read P at a time.

    Each word has an enable of its own, and all have the same data: what synthesis needs to keep
    them in latches, and to clock none but the one that is written. Lane p reads word w P + p.

    Parameters
    ----------
    widths
        Bits of each word.
    lanes
        P.
    signed
        The words are signed: a narrow one is read with its sign extended, else with zeros.
    holds
        The data is 0 while nothing is written: it then costs no energy.
    addresses
        How many places there may be; nothing is written where there is no word. None: as many as
        words.

    Members
    -------
    write : In(1)
        ``i`` becomes word ``place``.
    place, i : In
    word : In
        w.
    o<p> : Out
        What lane p reads; anything where it has no word w.
    """

    def __init__(
        self,
        widths: Sequence[int],
        lanes: int,
        *,
        signed: bool = False,
        holds: bool = False,
        addresses: int | None = None,
    ):
        self._holds = holds
        self._places = addresses or len(widths)
        self._words = -(-len(widths) // lanes)
        self._store = Store(widths, lanes, signed, _near(self._places), _near(self._words))
        super().__init__(
            {
                "write": In(1),
                "place": In(index_width(self._places)),
                "i": In(max(widths)),
                "word": In(index_width(self._words)),
                **{f"o{lane}": Out(max(widths)) for lane in range(min(lanes, len(widths)))},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """What selects among the words."""
        m = Module()
        m.submodules.store = store = self._store
        column, row = _selects(self.place, self._places)
        near, far = _selects(self.word, self._words)
        data = self.i & self.write.replicate(len(self.i)) if self._holds else self.i
        m.d.comb += [
            store.i.eq(data),
            store.column.eq(column),
            store.row.eq(row & self.write.replicate(len(row))),
            store.near.eq(near),
            store.far.eq(far),
        ]
        for name in (name for name in self.signature.members if name[0] == "o"):
            m.d.comb += getattr(self, name).eq(getattr(store, name))
        return m


class Store(wiring.Component):
    """The words of a :class:`WordMemory`, in rows and columns.

    Word k is written where bit ``k % columns`` of ``column`` and bit ``k // columns`` of ``row``
    are set, and word w of each lane is read likewise. Words whose addresses differ in the high bits
    are told apart first: addresses mostly count up, so that what is looked up there seldom changes.

    Parameters
    ----------
    widths, lanes, signed
        See :class:`WordMemory`.
    columns, nears
        How many words stand in a row: to write, and to read in a lane.

    Members
    -------
    i, row, column, far, near : In
    o<p> : Out
    """

    def __init__(self, widths: Sequence[int], lanes: int, signed: bool, columns: int, nears: int):
        self._widths = widths
        self._signed = signed
        self._lanes = [range(lane, len(widths), lanes) for lane in range(min(lanes, len(widths)))]
        width = max(widths)
        super().__init__(
            {
                "i": In(width),
                "row": In(-(-len(widths) // columns)),
                "column": In(columns),
                "far": In(-(-len(self._lanes[0]) // nears)),
                "near": In(nears),
                **{f"o{lane}": Out(width) for lane in range(len(self._lanes))},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Registers, and what selects among them."""
        m = Module()
        words = []
        for place, width in enumerate(self._widths):
            word = Signal(width, name=f"word{place}", reset_less=True)
            row, column = divmod(place, len(self.column))
            with m.If(self.row[row] & self.column[column]):
                m.d.sync += word.eq(self.i)
            words.append(word)
        for lane, places in enumerate(self._lanes):
            extended = [self._extended(words[place]) for place in places]
            m.d.comb += getattr(self, f"o{lane}").eq(_choice(extended, self.near, self.far))
        return m

    def _extended(self, word: Value) -> Value:
        more = len(self.i) - len(word)
        return Cat(word, (word[-1] if self._signed else Const(0, 1)).replicate(more))


class RowMemory(wiring.Component):
    """Words in a row, of which each moves on when one is written; they are read by address.

    They need neither an address to be written, nor an enable for each.

    Parameters
    ----------
    widths
        Bits of each word, the one that came last first; none is wider than the one before.

    Members
    -------
    write : In(1)
        ``i`` becomes the first word.
    i : In
    word : In
        Which word is read.
    o0 : Out
        That word.
    """

    def __init__(self, widths: Sequence[int]):
        self._widths = widths
        super().__init__(
            {
                "write": In(1),
                "i": In(widths[0]),
                "word": In(index_width(len(widths))),
                "o0": Out(widths[0]),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Registers in a row, and what selects among them."""
        m = Module()
        before: Value = self.i
        words: list[Value] = []
        for place, width in enumerate(self._widths):
            word = Signal(width, name=f"word{place}", reset_less=True)
            with m.If(self.write):
                m.d.sync += word.eq(before)
            words.append(word)
            before = word
        near, far = _selects(self.word, len(words))
        extended = [Cat(one, Const(0, len(self.i) - len(one))) for one in words]
        m.d.comb += self.o0.eq(_choice(extended, near, far))
        return m


def _choice(words: Sequence[Value], near: Value, far: Value) -> Value:
    found: Value = Const(0, 1)
    for first, column in enumerate(near):
        run: Value = Const(0, 1)
        for word, row in zip(words[first :: len(near)], far, strict=False):
            run = run | (word & row.replicate(len(word)))
        found = found | (run & column.replicate(len(words[0])))
    return found


def _near(count: int) -> int:
    """How many of ``count`` words stand in a row."""
    return min(count, 1 << (count - 1).bit_length() // 2)


def _selects(address: Value, count: int) -> tuple[Value, Value]:
    """The column of ``address``, one of ``count``, and its row, a bit for each."""
    low = _near(count).bit_length() - 1
    return _each(address[:low], (1 << low) - 1), _each(address[low:], (count - 1) >> low)


def _each(value: Value, last: int) -> Value:
    return Cat(equals(value, number, last) for number in range(last + 1))


def equals(value: Value, number: int, last: int) -> Value:
    """``value == number``, where ``value`` is at most ``last``: by as few bits as that takes."""
    bits = [
        bit if number >> i & 1 else ~bit
        for i, bit in enumerate(value)
        if number >> i & 1 or number | 1 << i <= last
    ]
    return Cat(bits).all() if bits else Const(1, 1)
