"""A memory of words that stand still: written and read by address."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.spec.formats import index_width


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
        ``i`` is 0 for the words while nothing is written: it then costs no energy.
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
        self._widths = widths
        self._signed = signed
        self._holds = holds
        self._last = (addresses or len(widths)) - 1
        self._lanes = [range(lane, len(widths), lanes) for lane in range(min(lanes, len(widths)))]
        width = max(widths)
        super().__init__(
            {
                "write": In(1),
                "place": In(index_width(self._last + 1)),
                "i": In(width),
                "word": In(index_width(len(self._lanes[0]))),
                **{f"o{lane}": Out(width) for lane in range(len(self._lanes))},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Registers, and what selects among them."""
        m = Module()
        data = self.i & self.write.replicate(len(self.i)) if self._holds else self.i
        words = []
        for place, width in enumerate(self._widths):
            word = Signal(width, name=f"word{place}", reset_less=True)
            with m.If(self.write & equals(self.place, place, self._last)):
                m.d.sync += word.eq(data)
            words.append(word)
        choose = _Choice(m, self.word, len(self._lanes[0]))
        for lane, places in enumerate(self._lanes):
            extended = [self._extended(words[place]) for place in places]
            m.d.comb += getattr(self, f"o{lane}").eq(choose(extended))
        return m

    def _extended(self, word: Value) -> Value:
        more = len(self.i) - len(word)
        return Cat(word, (word[-1] if self._signed else Const(0, 1)).replicate(more))


class _Choice:
    """One of ``count`` words by ``address``.

    Runs of words whose addresses differ in the high bits first, by those: addresses mostly count
    up, so that what is looked up there seldom changes.
    """

    def __init__(self, m: Module, address: Value, count: int):
        bits = (count - 1).bit_length()
        low = bits // 2
        self._near = _selects(m, "near", address[:low], min(count, 1 << low))
        self._far = _selects(m, "far", address[low:bits], -(-count >> low))

    def __call__(self, words: Sequence[Value]) -> Value:
        found: Value = Const(0, 1)
        for first, near in enumerate(self._near):
            run: Value = Const(0, 1)
            for word, far in zip(words[first :: len(self._near)], self._far, strict=False):
                run = run | (word & far.replicate(len(word)))
            found = found | (run & near.replicate(len(words[0])))
        return found


def _selects(m: Module, name: str, address: Value, count: int) -> Signal:
    """A bit for each of ``count`` addresses."""
    selects = Signal(count, name=name)
    m.d.comb += selects.eq(Cat(equals(address, one, count - 1) for one in range(count)))
    return selects


def equals(value: Value, number: int, last: int) -> Value:
    """``value == number``, where ``value`` is at most ``last``: by as few bits as that takes."""
    bits = [
        bit if number >> i & 1 else ~bit
        for i, bit in enumerate(value)
        if number >> i & 1 or number | 1 << i <= last
    ]
    return Cat(bits).all() if bits else Const(1, 1)
