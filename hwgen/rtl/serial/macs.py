"""The multipliers of a serial design, and what they add to."""

from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.serial.memory import ShiftMemory
from hwgen.rtl.serial.words import WordMemory
from hwgen.spec.formats import index_width


class MacChain(wiring.Component):
    """Multipliers that add their products, in a chain, to one accumulator.

    With ``neurons`` there is a file of accumulators too, in banks that rotate. With ``load`` each
    multiplier adds its product to the head of its own bank instead.

    Parameters
    ----------
    macs
        Multipliers of the chain; 0 if there is only the file.
    x_shape, weight_shape
        Of the factors.
    width
        Of the accumulator.
    banks
        Widths of the accumulators in each bank of the file. Each bank has a multiplier; it is as
        long as the one before it, or one shorter.
    still
        The accumulators stand still, at the place that ``word`` says. Else they rotate, and none
        may be wider than the one before.

    Members
    -------
    x<p>, weight<p> : In
        The factors of multiplier p.
    fresh : In(1)
        Add to ``bias`` instead.
    bias<p> : In
    advance : In(1)
        Add; else everything stays as it is.
    load : In(1)
        Add to the banks. Else these rotate, or stand still; or, where there is no chain, shift out
        through bank 0.
    word : In
        Position in the banks, if they load or rotate.
    o : Out
        The accumulator.
    head<p> : Out
        First in each bank.
    """

    def __init__(
        self,
        macs: int,
        x_shape: Shape,
        weight_shape: Shape,
        width: int,
        banks: Sequence[Sequence[int]] = (),
        still: bool = False,
    ):
        self.macs = macs
        self._banks = banks
        self._still = still
        members = {"fresh": In(1), "advance": In(1)}
        widths = [width] * macs + [0] * (len(banks) - macs)
        self._widths = [
            max([width, *(max(bank) for bank in banks[i : i + 1])])
            for i, width in enumerate(widths)
        ]
        for i, total in enumerate(self._widths):
            members |= {f"x{i}": In(x_shape), f"weight{i}": In(weight_shape)}
            if i < len(banks):
                bank = signed(max(banks[i]))
                members |= {f"bias{i}": In(bank), f"head{i}": Out(bank)}
            if i == 0:
                members |= {"bias0": In(signed(total))}
        if banks:
            members |= {"load": In(1), "word": In(index_width(len(banks[0])))}
        if macs:
            members |= {"o": Out(signed(width))}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Products, accumulator and banks."""
        m = Module()
        before: Value = self.o if self.macs else Const(0)
        for i, width in enumerate(self._widths):
            total = Signal(signed(width), name=f"sum{i}")
            product = getattr(self, f"x{i}") * getattr(self, f"weight{i}")
            m.d.comb += total.eq(self._addend(i, before) + product)
            if i < len(self._banks):
                (self._words if self._still else self._bank)(m, i, total)
            if i < self.macs:
                before = total
        if self.macs:
            accumulator = Signal(self.o.shape(), reset_less=True)
            with m.If(self.advance & ~self.load if self._banks else self.advance):
                m.d.sync += accumulator.eq(before)
            m.d.comb += self.o.eq(accumulator)
        return m

    def _addend(self, i: int, before: Value) -> Value:
        """What product ``i`` is added to."""
        if i >= len(self._banks):
            return Mux(self.fresh, self.bias0, before) if i == 0 else before
        bias, head = getattr(self, f"bias{i}"), getattr(self, f"head{i}")
        if i >= self.macs:
            return Mux(self.fresh, bias, head)
        if i == 0:
            return Mux(self.fresh, bias, Mux(self.load, head, before))
        return Mux(self.load, Mux(self.fresh, bias, head), before)

    def _words(self, m: Module, i: int, total: Value) -> None:
        """Bank ``i`` of the file, whose words stand still."""
        last = len(self._banks[0]) - 1
        memory = WordMemory(self._banks[i], 1, signed=True, addresses=last + 1)
        m.submodules[f"bank{i}"] = memory
        m.d.comb += [
            memory.write.eq(self.advance & self.load),
            memory.place.eq(self.word),
            memory.word.eq(self.word),
            memory.i.eq(total),
            getattr(self, f"head{i}").eq(memory.o0),
        ]

    def _bank(self, m: Module, i: int, total: Value) -> None:
        """Bank ``i`` of the file: a memory for each run of bits that as many words have."""
        length = len(self._banks[i])
        head = getattr(self, f"head{i}")
        following: Value = head
        if not self.macs:
            following = getattr(self, f"head{i + 1}") if i + 1 < len(self._banks) else total
        entering = Signal(len(head), name=f"entering{i}")
        m.d.comb += entering.eq(Mux(self.load, total, following))
        for low, high, words in _runs(self._banks[i]):
            name = f"bank{i}_{low}" if low else f"bank{i}"
            m.submodules[name] = memory = ShiftMemory(high - low, {words})
            bits = getattr(memory, f"o{words}")
            shift: Value = self.advance
            if words < length:
                shift = shift & (self.word < words)
                bits = Mux(self.word < words, bits, head[low - 1].replicate(high - low))
            elif length < len(self._banks[0]):
                moves = self.word < length
                shift = shift & (moves if self.macs else moves | ~self.load)
            m.d.comb += [
                memory.shift.eq(shift),
                memory.i.eq(entering[low:high]),
                head[low:high].eq(bits),
            ]


def _runs(widths: Sequence[int]) -> list[tuple[int, int, int]]:
    """Runs of bits [low, high) and how many words hold them; all but one are as good as all."""
    words = [sum(width > bit for width in widths) for bit in range(widths[0])]
    words = [len(widths) if count >= len(widths) - 1 else count for count in words]
    cuts = [bit for bit in range(len(words)) if bit == 0 or words[bit] != words[bit - 1]]
    return [(low, high, words[low]) for low, high in pairwise([*cuts, len(words)])]
