"""What belongs to one layer of a serial design alone."""

from amaranth.hdl import Module, Mux, Shape, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.lookup import lookup
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.neurons import Neurons
from hwgen.rtl.serial.rom import concatenated, rom
from hwgen.rtl.serial.schedule import Schedule
from hwgen.rtl.serial.tables import Pages
from hwgen.spec.formats import index_width, signed_width


class SerialLayer(wiring.Component):
    """Requantizers of a layer, and what else is its own. Combinational.

    Parameters
    ----------
    neurons, index
        The layer.
    schedule
        When it does what.
    argmax
        The network's output is an index.
    elements
        What each lane takes, word by word: inputs, or neurons if the layer accumulates.

    Members
    -------
    turn, word : In
        The counters of the schedule.
    accumulator<i> : In
        What is at requantizer i. There is one for each bank of the file if the next layer reads it,
        else one alone.
    code<p>, weight<p> : In, Out
        Codes of weights, and the weights of the MACs, each of :attr:`weight_shape`; where the table
        has no weights.
    mask<p> : Out
        Bits of the inputs that the MACs read, where neurons ignore some.
    bias<p> : Out
        Where the layer accumulates: biases of the neurons in the MACs.
    y<i> : Out
        The requantized accumulators, in the shape of the layer's interval.
    """

    def __init__(
        self,
        neurons: Neurons,
        index: int,
        schedule: Schedule,
        argmax: bool,
        elements: list[list[int]],
    ):
        self._neurons = neurons
        self._layer = layer = neurons.layer
        self._accumulates = schedule.accumulating and index == 0
        self._drains = schedule.drains
        self._order = schedule.order(index, argmax)
        self._lanes = elements
        weights = neurons.weights
        self.weight_shape = signed(signed_width(int(weights.min()), int(weights.max())))
        self._words = len(self._lanes[0])
        self._turns = layer.fan_in if self._accumulates else layer.outputs
        self.results = len(self._lanes) if self._accumulates and not self._drains else 1
        phases = schedule.phases
        accumulator = signed(neurons.accumulator_width)
        members = {
            "turn": In(index_width(max(phase.turns for phase in phases))),
            "word": In(index_width(max(phase.words for phase in phases))),
        }
        self._x_shape = shape_of(*neurons.factors)
        self._dropped = layer.dropped()
        for i in range(len(self._lanes)):
            if self.decodes:
                members[f"code{i}"] = In(self.code_width)
                members[f"weight{i}"] = Out(self.weight_shape)
            if self._dropped is not None:
                members[f"mask{i}"] = Out(self._x_shape)
        if self._accumulates:
            members |= {f"bias{i}": Out(accumulator) for i in range(len(self._lanes))}
        for i in range(self.results):
            members[f"accumulator{i}"] = In(accumulator)
            members[f"y{i}"] = Out(shape_of(*neurons.interval))
        super().__init__(members)

    @property
    def lanes(self) -> int:
        """MACs that it keeps busy."""
        return len(self._lanes)

    def elaborate(self, platform: object) -> Module:
        """Decoders, ROMs of its own and requantizers."""
        m = Module()
        if self.decodes:
            self._decode(m)
        if self._dropped is not None:
            self._read_masks(m)
        for i, lane in enumerate(self._lanes if self._accumulates else []):
            page = [[self._neurons.biases[j] for j in lane]]
            value = self._rom(m, f"bias{i}", page, getattr(self, f"bias{i}").shape())
            m.d.comb += getattr(self, f"bias{i}").eq(value)
        for i in range(self.results):
            if self._drains:
                handed = [[j] for j in range(self._layer.outputs)]
            elif self._accumulates:
                handed = [self._lanes[i]]
            else:
                handed = [[self._order[turn - 1]] for turn in range(self._layer.outputs)]
            own = getattr(self, f"accumulator{i}"), getattr(self, f"y{i}")
            self._neurons.build(m, i, *own, handed, lambda *table: self._rom(m, *table))
        return m

    @property
    def biases(self) -> Pages:
        """The bias of each turn, where it computes."""
        return Pages(words=[[self._neurons.biases[j]] for j in self._order])

    @property
    def decodes(self) -> bool:
        """Its weights come by codes, which it decodes."""
        return self._layer.codebook is not None and self._neurons.code_shift is not None

    @property
    def code_width(self) -> int:
        """Bits of a weight in the table."""
        return self._layer.weight_bits if self.decodes else self.weight_shape.width

    def codes(self, width: int) -> Pages:
        """What the table has for it: the weights of all lanes, or their codes, ``width`` bits each.

        The bits above those of a code may be anything. Lanes that are idle read 0.
        """
        content = (self._layer.codes if self.decodes else self._neurons.weights).tolist()
        own = self.code_width
        idle = self._book.index(0) if self.decodes and 0 in self._book else 0
        pages = self._pages(content, idle, own, width)
        above = (1 << width) - (1 << own)
        free = [
            concatenated([self._free(lane, word, above) for lane in self._lanes], width)
            for word in range(self._words)
        ]
        return Pages(words=pages, free=free)

    def _free(self, lane: list[int], word: int, above: int) -> int:
        """Bits that may be anything of what ``lane`` reads in ``word``."""
        return -1 if self._accumulates and word >= len(lane) else above

    @property
    def _book(self) -> list[int]:
        """The weight of each code; 0 of those that do not occur."""
        used, shift = self._layer.weight_values, self._neurons.code_shift or 0
        return [value << shift if value in used else 0 for value in self._layer.codebook or [0]]

    def _decode(self, m: Module) -> None:
        """A decoder for each lane."""
        book = self._book
        for i, lane in enumerate(self._lanes):
            code = getattr(self, f"code{i}")
            value = lookup(m, f"codebook{i}", code, book, self.weight_shape)
            if 0 not in book and not self._accumulates and len(lane) < self._words:
                value = Mux(self.word == self._words - 1, 0, value)
            m.d.comb += getattr(self, f"weight{i}").eq(value)

    def _read_masks(self, m: Module) -> None:
        """Which bits of the inputs the neurons read."""
        width = self._x_shape.width
        every = (1 << width) - 1
        content = [[every & -1 << bits for bits in row] for row in self._dropped or []]
        word = self._rom(
            m,
            "masks",
            self._pages(content, every, width, width),
            unsigned(len(self._lanes) * width),
        )
        for i in range(len(self._lanes)):
            m.d.comb += getattr(self, f"mask{i}").eq(word[i * width : (i + 1) * width])

    def _pages(self, content: list[list[int]], idle: int, own: int, width: int) -> list[list[int]]:
        """What all lanes read in each word of each turn, of ``content`` [outputs][inputs].

        The ``own`` low bits of each, side by side in ``width`` bits.
        """

        def code(lane: list[int], turn: int, word: int) -> int:
            if word >= len(lane):
                return idle
            row, column = (lane[word], turn) if self._accumulates else (turn, lane[word])
            if not self._accumulates:
                row = self._order[turn]
            return int(content[row][column]) & ((1 << own) - 1)

        return [
            [
                concatenated([code(lane, turn, word) for lane in self._lanes], width)
                for word in range(self._words)
            ]
            for turn in range(self._turns)
        ]

    def read(self, i: int, operand: Value) -> Value:
        """Input ``operand`` as MAC ``i`` multiplies it: without the bits that a neuron ignores."""
        shape = shape_of(*self._neurons.source)
        raw = operand[: shape.width].as_signed() if shape.signed else operand[: shape.width]
        return raw if self._dropped is None else raw & getattr(self, f"mask{i}")

    def _rom(self, m: Module, name: str, pages: list[list[int]], shape: Shape) -> Value:
        """``pages[turn][word]``."""
        return rom(m, name, pages, self.word, self.turn, shape)
