"""A hard-wired layer that takes its inputs a digit at a time."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.addergraph import Term
from hwgen.rtl.adders.digits import signed_digits
from hwgen.rtl.adders.words import Word, packed_width, sum_of, term_of, unpack
from hwgen.rtl.bitserial.neuron import columns, neurons
from hwgen.rtl.bitserial.schedule import Reads
from hwgen.rtl.bitserial.sharing import share
from hwgen.rtl.requantize import shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network


class BitSerialLayer(wiring.Component):
    """A layer with hard-wired weights, an accumulator and a requantizer for each neuron.

    Parameters
    ----------
    network, index
        The layer.
    ranges
        Exact interval of each of its inputs.
    digit
        Bits of a digit.
    reads
        ``held``: the inputs stay as they are while they are read. ``stored``: they are there in the
        first clock alone. ``digits``: they come as digits, counted from their formats' minimum.
    serves
        Where not 0, the outputs leave as that many such digits, in the clocks in which the layer
        reads.

    Members
    -------
    x : In
        The inputs, each in the shape of its interval, or the digits; the first in the low bits.
    select : In
        Bit t: the t-th digit is looked at.
    y : Out
        The outputs, each in the shape of its interval in :attr:`ranges`, from the clock behind the
        last digit to the one that reads the first digit again; or their digits.
    """

    def __init__(
        self,
        network: Network,
        index: int,
        ranges: list[Interval],
        digit: int,
        reads: Reads,
        serves: int,
    ):
        self._layer = network.layers[index]
        self._inputs = ranges
        self._digit = digit
        self._reads = reads
        self._serves = serves
        self._columns = columns(network, index, ranges)
        self._neurons = neurons(network, index, ranges, digit)
        self.ranges = [neuron.requantizer.interval for neuron in self._neurons]
        self._digits = self._neurons[0].digits
        x = packed_width(ranges) if reads != "digits" else digit * len(ranges)
        y = packed_width(self.ranges) if not serves else digit * len(self.ranges)
        super().__init__({"x": In(x), "select": In(self._digits), "y": Out(y)})

    def elaborate(self, platform: object) -> Module:
        """Digits, shared sums, neurons."""
        m = Module()
        live = [j for j, (low, high) in enumerate(self.ranges) if low != high]
        words = [Word(value=v, high=(1 << len(v)) - 1, offset=0) for v in self._read(m)]
        weights = [[one.weights[j] for one in self._columns] for j in live]
        graph = share(weights, [len(word.value) for word in words])
        for terms in graph.nodes:
            operands = [term_of(words, term) for term in terms]
            words.append(sum_of(m, f"shared{len(words)}", operands))
        sums = dict(zip(live, graph.sums, strict=True))
        results = [
            self._neuron(m, j, [term_of(words, term) for term in sums[j]])
            if j in sums
            else self._constant(low)
            for j, (low, _) in enumerate(self.ranges)
        ]
        m.d.comb += self.y.eq(Cat(results))
        return m

    def _constant(self, value: int) -> Value:
        """An output that is always the same."""
        shape = shape_of(value, value)
        if not self._serves:
            return Const(value, shape)
        code = value + (1 << (shape.width - 1) if shape.signed else 0)
        mask = (1 << self._digit) - 1
        parts = [(code >> (t * self._digit)) & mask for t in range(self._serves)]
        return _chosen([Const(part, self._digit) for part in parts], self.select, self._digit)

    def _read(self, m: Module) -> list[Value]:
        """The digits that are looked at, column by column, each as wide as it can be."""
        D = self._digit
        digits: dict[int, Value] = {}
        found: list[Value] = []
        for one in self._columns:
            i = one.input
            if i not in digits:
                digits[i] = Signal(min(D, one.width), name=f"x{i}")
                m.d.comb += digits[i].eq(self._select(m, i))
            if not one.dropped:
                found.append(digits[i])
                continue
            masked = Signal(len(digits[i]), name=f"x{i}_{one.dropped}")
            for k in range(len(masked)):
                clocks = [t for t in range(self._digits) if k in one.places(t, D)]
                if clocks:
                    looked = Cat(self.select[t] for t in clocks).any()
                    m.d.comb += masked[k].eq(digits[i][k] & looked)
            found.append(masked)
        return found

    def _select(self, m: Module, i: int) -> Value:
        """The digit of input ``i`` that is looked at."""
        D = self._digit
        if self._reads == "digits":
            return self.x[i * D : (i + 1) * D]
        code = _code(unpack(self.x, self._inputs)[i], signed=self._inputs[i][0] < 0)
        parts: list[Value] = [code[k : k + D] for k in range(0, len(code), D)]
        if self._reads == "stored" and len(parts) > 1:
            rest = Signal(len(code) - D, name=f"rest{i}", reset_less=True)
            with m.If(self.select[0]):
                m.d.sync += rest.eq(code[D:])
            parts[1:] = [rest[k : k + D] for k in range(0, len(rest), D)]
        return _chosen(parts, self.select, min(D, len(code)))

    def _neuron(self, m: Module, j: int, terms: list[Word]) -> Value:
        """Output ``j``, or its digit."""
        neuron, own = self._neurons[j], self._neurons[j].recurrence
        width, D = own.width, self._digit
        upper = Signal(width, name=f"upper{j}", reset_less=True)
        total = Signal(width + D, name=f"total{j}")
        words, constant = list(terms), own.recentering
        if self._digits > 1:
            before = Mux(self.select[0], Const(own.start + own.center, width), upper)
            last = Word(value=self.select[-1], high=1, offset=0)
            late = [Term(0, shift, sign < 0) for shift, sign in signed_digits(own.late)]
            words = [
                Word(value=before, high=(1 << width) - 1, offset=0),
                *terms,
                *(term_of([last], term) for term in late),
            ]
        else:
            constant += own.late + own.center
        constant += sum(word.offset for word in words)
        value = sum_of(m, f"sum{j}", words).value
        m.d.comb += total.eq(value + Const(constant % (1 << (width + D)), width + D))
        with m.If(self.select.any()):
            m.d.sync += upper.eq(total[D:])
        size = neuron.passage if self._serves else neuron.kept
        register = Signal(size, name=f"low{j}", reset_less=True)
        low = Cat(self._zeros(m, j, total[:D]), register[len(register) - neuron.kept :])
        accumulator = Cat(low, _code(upper, signed=own.center > 0))
        y = neuron.requantizer.build(m, f"y{j}", self._wrapped(accumulator, own.center > 0))
        if self._serves:
            return self._served(m, j, y, register, total[:D])
        if neuron.kept:
            with m.If(self.select.any()):
                m.d.sync += register.eq(Cat(register, total[:D])[D:])
        return y

    def _wrapped(self, accumulator: Value, signed: bool) -> Value:
        """The accumulator, in the width at which it wraps if it does."""
        bits = self._layer.wrap_bits
        if bits is not None and len(accumulator) >= bits:
            return accumulator[:bits].as_signed()
        return accumulator.as_signed() if signed else accumulator

    def _zeros(self, m: Module, j: int, final: Value) -> Value:
        """In place of the final bits that are not kept: whether one was 1, if that matters."""
        dropped = self._digit * self._digits - self._neurons[j].kept
        if not self._neurons[j].sticky:
            return Const(0, dropped)
        return Cat(self._seen(m, j, final), Const(0, dropped - 1))

    def _seen(self, m: Module, j: int, final: Value) -> Value:
        """Whether any final bit below the rescale shift was 1."""
        seen = Signal(name=f"seen{j}", reset_less=True)
        found: Value = seen & ~self.select[0]
        for k in range(self._digit):
            clocks = range(0, max(0, self._neurons[j].needless - k), self._digit)
            if clocks:
                found |= final[k] & self.select[: min(len(clocks), self._digits)].any()
        with m.If(self.select.any()):
            m.d.sync += seen.eq(found)
        return seen

    def _served(self, m: Module, j: int, y: Value, passage: Value, final: Value) -> Value:
        """The digit of output ``j`` that is read; the others wait in ``passage``.

        They leave it below while final bits of the next input come in above.
        """
        D = self._digit
        code = _code(y, signed=self.ranges[j][0] < 0)
        moved = Cat(passage, final)[D:]
        rest = code[D:]
        loaded = Mux(self.select[0], rest, moved[: len(rest)])
        with m.If(self.select.any()):
            m.d.sync += passage.eq(Cat(loaded, moved[len(rest) :]))
        digit: list[Value] = []
        for k in range(D):
            clocks = [t for t in range(1, self._serves) if t * D + k < len(code)]
            now = self.select[0] & code[k] if k < len(code) else Const(0, 1)
            if len(clocks) == self._serves - 1:
                digit.append(Mux(self.select[0], code[k], passage[k]))
            elif clocks:
                digit.append(now | passage[k] & self.select[1 : clocks[-1] + 1].any())
            else:
                digit.append(now)
        return Cat(digit)


def _code(value: Value, *, signed: bool) -> Value:
    """A signed word counted from its format's minimum, and back: the top bit is the other way."""
    return Cat(value[:-1], ~value[-1]) if signed else value


def _chosen(parts: list[Value], select: Value, width: int) -> Value:
    """The part whose bit of ``select`` is set; of one digit alone, that one."""
    if len(select) == 1:
        return parts[0]
    value: Value = Const(0, width)
    for part, bit in zip(parts, select, strict=False):
        value = value | (part & bit.replicate(len(part)))
    return value[:width]
