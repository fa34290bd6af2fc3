"""A dense layer behind a map: its sums grow as positions come."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.wired import Sums
from hwgen.rtl.adders.words import packed_width, unpack
from hwgen.rtl.decode import distinguishing
from hwgen.rtl.lookup import lookup
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.windows import Products
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import signed_width


class Accumulating(wiring.Component):
    """Accumulators that take in a position of a map in one clock or several.

    In each of these a multiplier for each neuron and lane adds the products of some channels. The
    weights come from a table by the frame's counter; channels that wait stand in registers.

    Parameters
    ----------
    products, sums
        Of the layer, whose inputs are the positions of each channel, one channel after the other.
    ranges
        Interval of each channel.
    steps
        Clocks for a position.
    codes
        The frame's counter in each step of each position.
    width
        Bits of the counter.

    Members
    -------
    x : In
        A position, channel 0 in the low bits, each in the shape of its interval.
    add : In(1)
        A step is taken.
    first : In(1)
        It is the first of a frame: sums begin with their biases.
    enter : In(1)
        It is the first of a position. Where there are several steps.
    count : In
        The frame's counter.
    y : Out
        The outputs, in the last step of the last position, each in the shape of its interval in
        :attr:`ranges`.
    """

    def __init__(
        self,
        products: Products,
        sums: Sums,
        ranges: list[Interval],
        steps: int,
        codes: Sequence[int],
        width: int,
    ):
        self._products = products
        self._sums, self._inputs = sums, ranges
        self._steps, self._codes = steps, codes
        self._lanes = -(-len(ranges) // steps)
        self.ranges = [one.interval for one in sums.requantizers]
        members = {
            "x": In(packed_width(ranges)),
            "count": In(width),
            "add": In(1),
            "first": In(1),
            "y": Out(packed_width(self.ranges)),
        }
        super().__init__({**members, "enter": In(1)} if steps > 1 else members)

    @property
    def bits(self) -> int:
        """Bits that are stored: accumulators, and channels that wait."""
        sums = sum(self._width(j) for j in self._live)
        lanes = [shape_of(*self._lane_range(lane)).width for lane in range(self._lanes)]
        return sums + (self._steps - 1) * sum(map(int, lanes))

    @property
    def _live(self) -> list[int]:
        """Neurons whose output varies."""
        return [j for j, (low, high) in enumerate(self.ranges) if low != high]

    def elaborate(self, platform: object) -> Module:
        """Lanes, table of weights, accumulators, requantizers."""
        m = Module()
        values = unpack(self.x, self._inputs)
        factors = [self._factor(m, lane, values) for lane in range(self._lanes)]
        weights = self._table(m, "weights", self._products.weights)
        dropped = self._products.dropped
        masks = None if dropped is None else self._table(m, "masks", dropped)
        results: list[Value] = []
        for j, (low, _) in enumerate(self.ranges):
            if j not in self._live:
                results.append(Const(low, shape_of(low, low)))
                continue
            products = []
            for lane, factor in enumerate(factors):
                weight = weights[j][lane]
                if weight is not None:
                    own = factor if masks is None else _masked(factor, masks[j][lane])
                    products.append(own * weight)
            results.append(self._neuron(m, j, products))
        m.d.comb += self.y.eq(Cat(results))
        return m

    def _channel(self, lane: int, step: int) -> int | None:
        """The channel that a lane multiplies in a step."""
        channel = step * self._lanes + lane
        return channel if channel < len(self._inputs) else None

    def _lane_range(self, lane: int) -> Interval:
        own = [
            self._inputs[channel]
            for step in range(self._steps)
            if (channel := self._channel(lane, step)) is not None
        ]
        return min(low for low, _ in own), max(high for _, high in own)

    def _factor(self, m: Module, lane: int, values: list[Value]) -> Value:
        """What a lane multiplies: a channel as it comes, then those that wait."""
        shape = shape_of(*self._lane_range(lane))
        factor = Signal(shape, name=f"factor{lane}")
        if self._steps == 1:
            m.d.comb += factor.eq(values[lane])
            return factor
        waiting = [
            Signal(shape, name=f"waiting{lane}_{step}", reset_less=True)
            for step in range(1, self._steps)
        ]
        m.d.comb += factor.eq(Mux(self.enter, values[lane], waiting[0]))
        with m.If(self.add):
            for step, register in enumerate(waiting, start=1):
                channel = self._channel(lane, step)
                following: Value = waiting[step] if step < len(waiting) else Const(0)
                entering: Value = Const(0) if channel is None else values[channel]
                m.d.sync += register.eq(Mux(self.enter, entering, following))
        return factor

    def _table(
        self, m: Module, name: str, content: Sequence[Sequence[int]]
    ) -> list[list[Value | None]]:
        """``content`` [neurons][inputs] as it is needed in a clock, [neurons][lanes].

        None where it is always 0. A lane without a channel reads 0.
        """
        ends = [int(value) for row in content for value in row]
        width = signed_width(min(ends), max(ends))
        rows = {
            (j, lane): row
            for j in self._live
            for lane in range(self._lanes)
            if any(row := self._row(content[j], lane))
        }
        found = self._rom(m, name, list(rows.values()), width)
        places = {place: i * width for i, place in enumerate(rows)}
        return [
            [
                found[places[j, lane] : places[j, lane] + width].as_signed()
                if (j, lane) in places
                else None
                for lane in range(self._lanes)
            ]
            for j in range(len(self.ranges))
        ]

    def _row(self, content: Sequence[int], lane: int) -> list[int]:
        """What a lane of a neuron reads of ``content`` [inputs], step by step."""
        positions, row = len(self._codes) // self._steps, []
        for place in range(len(self._codes)):
            position, step = divmod(place, self._steps)
            channel = self._channel(lane, step)
            row.append(0 if channel is None else int(content[channel * positions + position]))
        return row

    def _rom(self, m: Module, name: str, rows: list[list[int]], width: int) -> Value:
        """A value of each of ``rows``, of ``width`` bits, side by side, by the frame's counter."""
        bits = distinguishing(self._codes, len(self.count))
        entries, mask = [0] * (1 << len(bits)), (1 << width) - 1
        for place, code in enumerate(self._codes):
            word = sum((row[place] & mask) << (i * width) for i, row in enumerate(rows))
            entries[sum((code >> bit & 1) << i for i, bit in enumerate(bits))] = word
        if not bits or not rows:
            return Const(entries[0], width * len(rows))
        index = Cat(self.count[bit] for bit in bits)
        return lookup(m, name, index, entries, unsigned(width * len(rows)))

    def _width(self, j: int) -> int:
        """Bits of an accumulator."""
        requantizer = self._sums.requantizers[j]
        low, high = (end + requantizer.offset for end in requantizer.accumulator)
        width = int(shape_of(low, high).width)
        return width if self._sums.wrap_bits is None else self._sums.wrap_bits

    def _neuron(self, m: Module, j: int, products: list[Value]) -> Value:
        """An accumulator, and its output."""
        requantizer = self._sums.requantizers[j]
        width, bias = self._width(j), self._sums.biases[j] + requantizer.offset
        kept = Signal(width, name=f"accumulator{j}", reset_less=True)
        total = Signal(width, name=f"total{j}")
        start = Const(bias & ((1 << width) - 1), width)
        m.d.comb += total.eq(sum(products, start=Mux(self.first, start, kept)))
        with m.If(self.add):
            m.d.sync += kept.eq(total)
        negative = requantizer.accumulator[0] + requantizer.offset < 0
        value: Value = total.as_signed() if negative or self._sums.wrap_bits else total
        return requantizer.build(m, f"y{j}", value)


def _masked(factor: Value, mask: Value | None) -> Value:
    """``factor`` without the bits that are dropped; ``mask`` has those: it is 0 where none are."""
    if mask is None:
        return factor
    dropped = Cat(mask, Const(0, max(0, len(factor) - len(mask))))[: len(factor)]
    kept = factor.as_unsigned() & ~dropped
    return kept.as_signed() if factor.shape().signed else kept
