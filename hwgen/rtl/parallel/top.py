"""The parallel architecture: every weight hard-wired, one inference per clock.

Each layer is a shared graph of constant adders (:mod:`hwgen.rtl.parallel.addergraph`). All words in
it are unsigned: a signed input counts from its minimum, a negative term is the complement of its
word, and the constants that this leaves gather in the bias. So no adder extends a sign, and each is
exactly as wide as its largest value; an accumulator is as wide as its neuron's interval.

With ``pipeline`` N there are at most N adder levels between registers, and a register after each
layer; an argmax counts a comparison as a level. With 0 everything is combinational.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.argmax import Candidate, tournament
from hwgen.rtl.interface import Layout
from hwgen.rtl.names import layer_module
from hwgen.rtl.parallel.addergraph import Term, adder_graph
from hwgen.rtl.requantize import requantizers, shape_of
from hwgen.rtl.simplify import simplify
from hwgen.rtl.top import Top
from hwgen.spec.arithmetic import Interval
from hwgen.spec.formats import index_width
from hwgen.spec.network import Network


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of an adder graph: ``value + offset`` is what it stands for.

    ``value`` is unsigned, at most ``high``; it is there in pipeline stage ``stage``, behind
    ``level`` adders since the last register.
    """

    value: Value
    high: int
    offset: int
    stage: int = 0
    level: int = 0


class Stages:
    """Pipeline registers of one module: :meth:`delay` moves a value to a later stage, once.

    Parameters
    ----------
    m
        The module that the registers go to.
    enable
        Their common clock enable.
    """

    def __init__(self, m: Module, enable: Value):
        self._m = m
        self._enable = enable
        self._delayed: dict[tuple[int, int], Value] = {}
        self._keep: list[Value] = []

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
            self._delayed[key] = register
            self._keep.append(value)  # so that its id is not given to another
        return self._delayed[key]

    def word(self, word: Word, stage: int) -> Word:
        """``word`` as it is in ``stage``."""
        if stage == word.stage:
            return word
        value = self.delay(word.value, word.stage, stage)
        return replace(word, value=value, stage=stage, level=0)


class ParallelLayer(wiring.Component):
    """A layer with hard-wired weights.

    Latency ``self.stages`` cycles (0 with ``pipeline`` 0); interval 1.

    Parameters
    ----------
    network, index
        The layer.
    ranges
        Exact interval of each of its inputs.
    pipeline
        Adder levels between registers, 0 for none.

    Members
    -------
    x : In
        The inputs, each in the shape of its interval, the first in the low bits.
    y : Out
        The outputs, each in the shape of its interval in :attr:`ranges`.
    enable : In(1)
        Clock enable, with ``pipeline`` alone.
    """

    def __init__(self, network: Network, index: int, ranges: list[Interval], pipeline: int):
        self._layer = network.layers[index]
        self._inputs = ranges
        self._pipeline = pipeline
        self._terms = self._layer.terms(network.source(index).alignment)
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
        terms = self._terms
        words = [
            self._input(m, i, values[i], dropped)
            for i, dropped in zip(terms.index, terms.dropped, strict=True)
        ]
        live = [j for j, (low, high) in enumerate(self.ranges) if low != high]
        graph = adder_graph(terms.weights[live], [max(1, word.high.bit_length()) for word in words])
        for first, second in graph.adders:
            words.append(self._adder(m, stages, words, len(words), (first, second)))
        outputs: dict[int, tuple[Value, int]] = {
            j: self._neuron(m, stages, j, [_term(words, t) for t in total])
            for j, total in zip(live, graph.sums, strict=True)
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

    def _adder(
        self, m: Module, stages: Stages, words: list[Word], node: int, terms: tuple[Term, Term]
    ) -> Word:
        pair = [_term(words, term) for term in terms]
        stage = max(word.stage for word in pair)
        pair = [stages.word(word, stage) for word in pair]
        if self._pipeline and 1 + max(word.level for word in pair) > self._pipeline:
            pair = [stages.word(word, stage + 1) for word in pair]
        return _sum(m, f"shared{node}", pair)

    def _neuron(self, m: Module, stages: Stages, j: int, terms: list[Word]) -> tuple[Value, int]:
        """Output ``j`` and the pipeline stage in which it is there."""
        requantizer = self._requantizers[j]
        total = self._total(m, stages, f"sum{j}", terms)
        constant = self._layer.bias[j] + total.offset + requantizer.offset
        bits = self._layer.wrap_bits
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

    def _total(self, m: Module, stages: Stages, name: str, words: list[Word]) -> Word:
        """Sum of ``words``, in as many pipeline stages as the adder levels ask for."""
        if not words:
            return Word(value=Const(0, 1), high=0, offset=0)
        stage = min(word.stage for word in words) if self._pipeline else 0
        while True:
            ready = [stages.word(word, stage) for word in words if word.stage <= stage]
            later = [word for word in words if word.stage > stage]
            groups = self._groups(ready)
            sums = [_sum(m, f"{name}_{stage}_{i}", group) for i, group in enumerate(groups)]
            if not later and len(sums) == 1:
                return sums[0]
            stage += 1
            words = [stages.word(word, stage) for word in sums] + later

    def _groups(self, words: list[Word]) -> list[list[Word]]:
        """``words`` in groups that each fit under the adder levels left in their stage."""
        if not self._pipeline:
            return [words] if words else []
        groups: list[tuple[int, list[Word]]] = []
        for word in sorted(words, key=lambda word: -word.level):
            load = 1 << word.level
            for position, (used, group) in enumerate(groups):
                if used + load <= 1 << self._pipeline:
                    groups[position] = (used + load, [*group, word])
                    break
            else:
                groups.append((load, [word]))
        return [group for _, group in groups]


def _term(words: list[Word], term: Term) -> Word:
    """A shifted word, complemented where the term is negative."""
    word = words[term.node]
    if term.negative:
        top = (1 << len(word.value)) - 1
        word = replace(word, value=~word.value, high=top, offset=-word.offset - top)
    if not term.shift:
        return word
    value = Cat(Const(0, term.shift), word.value)
    return replace(
        word, value=value, high=word.high << term.shift, offset=word.offset << term.shift
    )


def _sum(m: Module, name: str, words: list[Word]) -> Word:
    """Sum of ``words`` of one stage, each partial sum as narrow as its largest value."""
    if len(words) == 1:
        return words[0]
    high, value = words[0].high, words[0].value
    for word in words[1:]:
        high += word.high
        value = (value + word.value)[: high.bit_length()]
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


class ParallelArgmax(wiring.Component):
    """Index of the largest value; ties go to the lowest index.

    Latency ``self.stages`` cycles: one for each ``pipeline`` rounds of comparison, 0 with 0.

    Members
    -------
    x : In
        The values, each in the shape of its interval.
    y : Out
        The index.
    enable : In(1)
        Clock enable, with ``pipeline`` alone.
    """

    def __init__(self, ranges: list[Interval], pipeline: int):
        self._ranges = ranges
        self._pipeline = pipeline
        rounds = (len(ranges) - 1).bit_length()
        self.stages = max(1, -(-rounds // pipeline)) if pipeline else 0
        members = {"x": In(packed_width(ranges)), "y": Out(index_width(len(ranges)))}
        super().__init__({**members, "enable": In(1)} if pipeline else members)

    def elaborate(self, platform: object) -> Module:
        """The tournament, with registers every ``pipeline`` rounds."""
        m = Module()
        stages = Stages(m, self.enable if self._pipeline else Const(1))

        def between(rounds: int, field: list[Candidate]) -> list[Candidate]:
            if not self._pipeline or rounds % self._pipeline or len(field) == 1:
                return field
            stage = rounds // self._pipeline
            return [
                replace(
                    candidate,
                    value=stages.delay(candidate.value, stage - 1, stage),
                    index=stages.delay(candidate.index, stage - 1, stage),
                )
                for candidate in field
            ]

        index = tournament(m, unpack(self.x, self._ranges), between)
        if self._pipeline:
            index = stages.delay(index, self.stages - 1, self.stages)
        m.d.comb += self.y.eq(index)
        return m


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


class ParallelTop(Top):
    """A whole network, parallel; the top module.

    Streams: a vector is taken and a result is handed on in one beat. Everything stalls while a
    result waits; ``s_axis_tready`` therefore depends on ``m_axis_tready`` within the clock.

    Bare: ``x`` in, ``y`` out; combinational, or free-running with ``clk`` where pipelined.

    ``latency`` is 1 for the combinational core behind its output register, else the number of
    pipeline stages (0 for a bare combinational core). ``interval`` is 1.

    Parameters
    ----------
    network
        The network.
    source, sink
        Its beats.
    pipeline, bare
        The knobs.
    """

    interval = 1

    def __init__(
        self, network: Network, source: Layout, sink: Layout, *, pipeline: int, bare: bool
    ):
        self._network = network
        self._pipeline, self._bare = pipeline, bare
        self._input, self._output = source, sink
        self._parts, self._ranges = _parts(simplify(network), pipeline)
        stages = sum(part.stages for _, part in self._parts)
        self.latency = stages if bare else max(1, stages)
        if bare:
            members = {"x": In(self._input.width), "y": Out(self._output.width)}
            if pipeline:
                members["clk"] = In(1)
        else:
            members = {
                "s_axis_tdata": In(self._input.width),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "m_axis_tdata": Out(self._output.width),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
            }
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """The layers one after the other, and the handshake around them."""
        m = Module()
        enable = Signal()
        result = self._core(m, self.x if self._bare else self.s_axis_tdata, enable)
        if self._bare:
            if self._pipeline:
                m.domains.sync = ClockDomain(reset_less=True)
                m.d.comb += ClockSignal().eq(self.clk)
            m.d.comb += [enable.eq(1), self.y.eq(result)]
            return m
        if not self._pipeline:
            register = Signal(len(result), name="result", reset_less=True)
            with m.If(enable):
                m.d.sync += register.eq(result)
            result = register
        valid = Signal(self.latency)
        with m.If(enable):
            m.d.sync += valid.eq(Cat(self.s_axis_tvalid, valid))
        m.d.comb += [
            enable.eq(self.m_axis_tready | ~valid[-1]),
            self.s_axis_tready.eq(enable),
            self.m_axis_tvalid.eq(valid[-1]),
            self.m_axis_tdata.eq(result),
        ]
        return m

    def _core(self, m: Module, x: Value, enable: Value) -> Value:
        """The network's result for ``x``, without padding."""
        value: Value = x[: self._input.elements * self._input.element_bits]
        for name, part in self._parts:
            m.submodules[name] = part
            m.d.comb += part.x.eq(value)
            if self._pipeline:
                m.d.comb += part.enable.eq(enable)
            value = part.y
        if self._network.output == "argmax":
            return value
        width = self._output.element_bits
        results: list[Value] = []
        for output in unpack(value, self._ranges):
            extended = Signal(Shape(width, self._output.signed), name=f"output{len(results)}")
            m.d.comb += extended.eq(output)
            results.append(extended)
        return Cat(results)


def _parts(
    network: Network, pipeline: int
) -> tuple[list[tuple[str, ParallelLayer | ParallelArgmax]], list[Interval]]:
    """The modules of a network, named, and the intervals of the last layer's outputs."""
    source = network.input.format
    ranges = [(source.minimum, source.maximum)] * network.input.features
    parts: list[tuple[str, ParallelLayer | ParallelArgmax]] = []
    for index, layer in enumerate(network.layers):
        part = ParallelLayer(network, index, ranges, pipeline)
        parts.append((layer_module(index, layer.name), part))
        ranges = part.ranges
    if network.output == "argmax":
        parts.append(("argmax", ParallelArgmax(ranges, pipeline)))
    return parts, ranges
