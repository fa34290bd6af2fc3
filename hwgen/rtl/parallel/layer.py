"""A layer of the parallel architecture: its adder graph and its requantizers."""

from functools import cached_property

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.addergraph import adder_graph
from hwgen.rtl.adders.words import Stages, Word, packed_width, term_of, total_of, unpack
from hwgen.rtl.requantize import requantizers, shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool
from hwgen.support.errors import HwgenError


class ParallelLayer(wiring.Component):
    """A layer with hard-wired weights; one that slides over a map has those of each window.

    Latency ``self.stages`` cycles (0 with ``pipeline`` 0); interval 1.

    Parameters
    ----------
    network, index
        The layer.
    ranges
        Exact interval of each of its inputs.
    pipeline
        Adder levels between registers, 0 for none.
    effort
        How long to search for a small adder graph.

    Members
    -------
    x : In
        The inputs, each in the shape of its interval, the first in the low bits.
    y : Out
        The outputs, each in the shape of its interval in :attr:`ranges`.
    enable : In(1)
        Clock enable, with ``pipeline`` alone.
    """

    def __init__(
        self, network: Network, index: int, ranges: list[Interval], pipeline: int, effort: str
    ):
        layer = network.layers[index]
        if isinstance(layer, MaxPool):
            raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "sums are needed")
        self._biases, self._wrap_bits = layer.output_biases, layer.wrap_bits
        self._inputs = ranges
        self._pipeline, self._effort = pipeline, effort
        self._terms = layer.terms(network.source(index).alignment)
        self._requantizers = requantizers(network, index, ranges)
        self.ranges = [requantizer.interval for requantizer in self._requantizers]
        members = {"x": In(packed_width(ranges)), "y": Out(packed_width(self.ranges))}
        super().__init__({**members, "enable": In(1)} if pipeline else members)

    @property
    def stages(self) -> int:
        """Pipeline stages, each with a register at its end."""
        return self._built[1]

    def elaborate(self, platform: object) -> Module:
        """The adder graph, and one requantizer for each neuron."""
        return self._built[0]

    @cached_property
    def _built(self) -> tuple[Module, int]:
        """The module, and how many stages it came to."""
        m = Module()
        stages = Stages(m, self.enable if self._pipeline else Const(1))
        values = unpack(self.x, self._inputs)
        words = [
            self._input(m, i, values[i], dropped)
            for i, dropped in zip(self._terms.index, self._terms.dropped, strict=True)
        ]
        live = [j for j, (low, high) in enumerate(self.ranges) if low != high]
        weights = self._terms.weights[live]
        graph = adder_graph(weights, [max(1, word.high) for word in words], self._effort)
        for terms in graph.adders:
            parts = [term_of(words, term) for term in terms]
            words.append(total_of(m, stages, f"shared{len(words)}", parts, self._pipeline))
        outputs: dict[int, tuple[Value, int]] = {
            j: self._neuron(m, stages, j, [term_of(words, t) for t in terms])
            for j, terms in zip(live, graph.sums, strict=True)
        }
        last = max((stage for _, stage in outputs.values()), default=0) + (
            1 if self._pipeline else 0
        )
        results = [
            stages.delay(*outputs[j], last) if j in outputs else Const(low, shape_of(low, low))
            for j, (low, _) in enumerate(self.ranges)
        ]
        m.d.comb += self.y.eq(Cat(results))
        return m, last

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

    def _neuron(self, m: Module, stages: Stages, j: int, terms: list[Word]) -> tuple[Value, int]:
        """Output ``j`` and the pipeline stage in which it is there."""
        requantizer = self._requantizers[j]
        total = total_of(m, stages, f"sum{j}", terms, self._pipeline)
        constant = self._biases[j] + total.offset + requantizer.offset
        bits = self._wrap_bits
        low, high = (end + requantizer.offset for end in requantizer.accumulator)
        shape = shape_of(low, high)
        width = shape.width if bits is None else bits
        level = total.level
        if constant % (1 << width):
            if level + 1 > self._pipeline > 0:
                total = stages.word(total, total.stage + 1)
            level = total.level + 1
        accumulator = Signal(width, name=f"accumulator{j}")
        m.d.comb += accumulator.eq(total.value + Const(constant % (1 << width), width))
        value: Value = accumulator.as_signed() if shape.signed or bits is not None else accumulator
        stage = total.stage
        if requantizer.levels and level + requantizer.levels > self._pipeline > 0:
            value, stage = stages.delay(value, stage, stage + 1), stage + 1
        return requantizer.build(m, f"y{j}", value), stage
