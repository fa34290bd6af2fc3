"""What belongs to one layer of a serial design over maps alone."""

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.lookup import lookup
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.maps.numbers import Numbers
from hwgen.rtl.serial.maps.stages import Stage
from hwgen.rtl.serial.rom import concatenated, rom
from hwgen.rtl.serial.words import WordMemory
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import index_width, signed_width


class MapLayer(wiring.Component):
    """Weights, biases and requantizers of a stage. Combinational.

    Parameters
    ----------
    numbers, stage
        Of the layer.

    Members
    -------
    turn, word : In
        The turn, and the value of the window; while results are handed on, the lane.
    accumulator : In
        Of the lane.
    weight<p> : Out
        Weights of the MACs, each of :attr:`weight_shape`.
    mask<p> : Out
        Bits of the input that the MACs read, where neurons ignore some.
    bias<p> : Out
        Biases of the neurons of the turn.
    y : Out
        The requantized accumulator, in the shape of the layer's interval.
    """

    def __init__(self, numbers: Numbers, stage: Stage):
        self._numbers, self._stage = numbers, stage
        weights = numbers.weights
        self.weight_shape = signed(signed_width(int(weights.min()), int(weights.max())))
        self._x_shape = shape_of(*numbers.factors)
        accumulator = signed(numbers.accumulator_width)
        members = {
            "turn": In(index_width(stage.turns)),
            "word": In(index_width(max(stage.words, stage.lanes))),
            "accumulator": In(accumulator),
            "y": Out(shape_of(*numbers.interval)),
        }
        for lane in range(stage.lanes):
            members[f"weight{lane}"] = Out(self.weight_shape)
            members[f"bias{lane}"] = Out(accumulator)
            if numbers.masks is not None:
                members[f"mask{lane}"] = Out(self._x_shape)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """ROMs and requantizers."""
        m = Module()
        numbers, stage = self._numbers, self._stage
        self._read_weights(m)
        if numbers.masks is not None:
            mask = (1 << self._x_shape.width) - 1
            rows = [[one & mask for one in row] for row in numbers.masks]
            self._spread(m, "mask", self._pages(rows, self._x_shape.width), self._x_shape.width)
        turns = [stage.neurons(turn) for turn in range(stage.turns)]
        for lane in range(stage.lanes):
            bias = getattr(self, f"bias{lane}")
            page = [[numbers.biases[_lane(own, lane)]] for own in turns]
            m.d.comb += bias.eq(self._rom(m, f"bias{lane}", page, bias.shape()))
        read = lambda name, pages, shape: self._rom(m, name, pages, shape)  # noqa: E731
        numbers.build(m, 0, self.accumulator, self.y, turns, read)
        return m

    def read(self, lane: int, operand: Value) -> Value:
        """``operand`` as MAC ``lane`` multiplies it: without the bits that a neuron ignores."""
        if self._numbers.masks is None:
            return operand
        return operand & getattr(self, f"mask{lane}")

    def _read_weights(self, m: Module) -> None:
        """A ROM of all lanes, and a decoder for each where it holds codes."""
        numbers, stage = self._numbers, self._stage
        if numbers.book is None:
            width = self.weight_shape.width
            self._spread(m, "weight", self._pages(numbers.weights.tolist(), width), width)
            return
        width = numbers.width
        word = self._word(m, "weight", self._pages(numbers.codes.tolist(), width), width)
        for lane in range(stage.lanes):
            code = word[lane * width : (lane + 1) * width]
            value = lookup(m, f"codebook{lane}", code, numbers.book, self.weight_shape)
            m.d.comb += getattr(self, f"weight{lane}").eq(value)

    def _pages(self, content: list[list[int]], width: int) -> list[list[int]]:
        """What all lanes read in each word of each turn, of ``content`` [neurons][words]."""
        stage = self._stage
        return [
            [
                concatenated(
                    [content[_lane(own, lane)][word] for lane in range(stage.lanes)], width
                )
                for word in range(stage.words)
            ]
            for own in map(stage.neurons, range(stage.turns))
        ]

    def _spread(self, m: Module, name: str, pages: list[list[int]], width: int) -> None:
        word = self._word(m, name, pages, width)
        for lane in range(self._stage.lanes):
            own = word[lane * width : (lane + 1) * width]
            m.d.comb += getattr(self, f"{name}{lane}").eq(own)

    def _word(self, m: Module, name: str, pages: list[list[int]], width: int) -> Value:
        return self._rom(m, f"{name}s", pages, unsigned(self._stage.lanes * width))

    def _rom(self, m: Module, name: str, pages: list[list[int]], shape: Shape) -> Value:
        return rom(m, name, pages, self.word, self.turn, shape)


def _lane(neurons: list[int], lane: int) -> int:
    """The neuron of a lane; one that is idle does as the first."""
    return neurons[lane] if lane < len(neurons) else neurons[0]


class Maxima(wiring.Component):
    """The largest of the values that come for each lane, one after the other.

    Parameters
    ----------
    interval
        Of the values.
    lanes
        Lanes.
    padded
        Values may be padding, which never wins.

    Members
    -------
    take : In(1)
        There is one: the value ``i`` of lane ``lane``.
    first : In(1)
        It is the first of those.
    seen : In(1)
        It is no padding. Where that may be.
    i, lane : In
    o : Out
        The largest of those that came and ``i``.
    """

    def __init__(self, interval: Interval, lanes: int, padded: bool):
        self._interval, self._lanes = interval, lanes
        shape = shape_of(*interval)
        members = {
            "take": In(1),
            "first": In(1),
            "i": In(shape),
            "lane": In(index_width(lanes)),
            "o": Out(shape),
        }
        super().__init__(members | ({"seen": In(1)} if padded else {}))

    @property
    def padded(self) -> bool:
        """Values may be padding."""
        return "seen" in self.signature.members

    def elaborate(self, platform: object) -> Module:
        """A comparison and a word for each lane."""
        m = Module()
        shape = self.i.shape()
        m.submodules.kept = kept = WordMemory([shape.width] * self._lanes, 1)
        largest = Signal(shape)
        before = Signal(shape)
        m.d.comb += [
            before.eq(kept.o0),
            largest.eq(Mux(self.first | (self.i > before), self.i, before)),
            self.o.eq(largest),
            kept.write.eq(self.take),
            kept.place.eq(self.lane),
            kept.word.eq(self.lane),
            kept.i.eq(self.o),
        ]
        if self.padded:
            with m.If(~self.seen):
                m.d.comb += self.o.eq(Mux(self.first, self._interval[0], before))
        return m
