"""Hard-wired sums of products: an adder graph, and a requantizer behind each sum."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value, signed

from hwgen.rtl.adders.addergraph import adder_graph
from hwgen.rtl.adders.signs import Output, with_signs
from hwgen.rtl.adders.staged import Staged
from hwgen.rtl.adders.words import Stages, Word, packed_width, term_of, total_of, unpack
from hwgen.rtl.requantize import Requantizer, shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.terms import Terms


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums of products, and what stands behind each.

    Parameters
    ----------
    terms
        The products.
    biases
        One for each sum.
    wrap_bits
        Width at which sums wrap; None where they do not.
    requantizers
        One for each sum.
    """

    terms: Terms
    biases: list[int]
    wrap_bits: int | None
    requantizers: list[Requantizer]


class WiredSums(Staged):
    """Sums with hard-wired weights, in one shared adder graph.

    Parameters
    ----------
    sums
        What is computed.
    ranges
        Exact interval of each of its inputs.
    pipeline
        Adder levels between registers, 0 for none.
    effort
        How long to search for a small adder graph.

    Members
    -------
    x, enable : In
        As of :class:`Staged`.
    y : Out
        The outputs, each in the shape of its interval in :attr:`ranges`.
    """

    def __init__(self, sums: Sums, ranges: list[Interval], pipeline: int, effort: str):
        self._sums = sums
        self._effort = effort
        self._terms, self._requantizers = sums.terms, sums.requantizers
        self.ranges = [requantizer.interval for requantizer in self._requantizers]
        super().__init__(ranges, packed_width(self.ranges), pipeline)

    def _build(self, m: Module, stages: Stages) -> int:
        """The adder graph, and one requantizer for each neuron."""
        values = unpack(self.x, self._inputs)
        words = [
            self._input(m, i, values[i], dropped)
            for i, dropped in zip(self._terms.index, self._terms.dropped, strict=True)
        ]
        live = [j for j, (low, high) in enumerate(self.ranges) if low != high]
        weights = self._terms.weights[live]
        graph = adder_graph(weights, [max(1, word.high) for word in words], self._effort)
        chosen = with_signs(
            graph,
            [max(1, word.high) for word in words],
            [word.offset for word in words],
            [self._output(j) for j in live],
            self._effort,
        )
        for terms in chosen.graph.adders:
            parts = [term_of(words, term) for term in terms]
            words.append(total_of(m, stages, f"shared{len(words)}", parts, self._pipeline))
        outputs: dict[int, tuple[Value, int]] = {
            j: self._neuron(m, stages, j, [term_of(words, t) for t in terms], negated)
            for j, terms, negated in zip(live, chosen.graph.sums, chosen.negated, strict=True)
        }
        last = max((stage for _, stage in outputs.values()), default=0) + (
            1 if self._pipeline else 0
        )
        results = [
            stages.delay(*outputs[j], last) if j in outputs else Const(low, shape_of(low, low))
            for j, (low, _) in enumerate(self.ranges)
        ]
        m.d.comb += self.y.eq(Cat(results))
        return last

    def _input(self, m: Module, i: int, value: Value, dropped: int) -> Word:
        """Input ``i`` without its low ``dropped`` bits."""
        low, high = (end >> dropped for end in self._inputs[i])
        name = f"x{i}_{dropped}" if dropped else f"x{i}"
        width = shape_of(low, high).width
        if dropped:
            value = value.shift_right(dropped)[:width]
        word = Signal(width, name=name)
        if low >= 0:
            m.d.comb += word.eq(value)
            return Word(value=word, high=high, offset=0)
        m.d.comb += word.eq(Cat(value[:-1], ~value[-1]))
        bottom = -(1 << (width - 1))
        return Word(value=word, high=high - bottom, offset=bottom)

    def _shape(self, j: int) -> Shape:
        """Of the accumulator of output ``j``, with what its requantizer wants added."""
        requantizer, bits = self._requantizers[j], self._sums.wrap_bits
        low, high = (end + requantizer.offset for end in requantizer.accumulator)
        return shape_of(low, high) if bits is None else signed(bits)

    def _output(self, j: int) -> Output:
        """What is added to the sum of output ``j``."""
        constant = self._sums.biases[j] + self._requantizers[j].offset
        return Output(constant=constant, width=self._shape(j).width)

    def _neuron(
        self, m: Module, stages: Stages, j: int, terms: list[Word], negated: bool
    ) -> tuple[Value, int]:
        """Output ``j``, of which ``terms`` may make the negative, and its pipeline stage."""
        requantizer, shape, width = self._requantizers[j], self._shape(j), self._shape(j).width
        total = total_of(m, stages, f"sum{j}", terms, self._pipeline)
        added = self._output(j).constant
        constant = total.offset - added - 1 if negated else total.offset + added
        level = total.level
        if constant % (1 << width):
            if level + 1 > self._pipeline > 0:
                total = stages.word(total, total.stage + 1)
            level = total.level + 1
        accumulator = Signal(width, name=f"accumulator{j}")
        m.d.comb += accumulator.eq(total.value + Const(constant % (1 << width), width))
        whole = ~accumulator if negated else accumulator
        value: Value = whole.as_signed() if shape.signed else whole
        stage = total.stage
        if requantizer.levels and level + requantizer.levels > self._pipeline > 0:
            value, stage = stages.delay(value, stage, stage + 1), stage + 1
        return requantizer.build(m, f"y{j}", value), stage
