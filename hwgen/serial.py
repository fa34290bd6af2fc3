"""The serial architecture: P time-multiplexed MACs, weights in ROM, activations in shift memories.

The P MACs work on P neurons at once, a group, and all of them take the same input, one each clock.
Then the accumulators shift past one requantizer, P clocks long, while the biases of the next group
shift in behind them::

    group of a layer:   multiply (fan-in clocks)   shift (P clocks)

The inputs of a layer stand in a memory that rotates by one with each multiplication, so it needs
neither address nor read port. The first group multiplies while the input streams in.

With G = ceil(outputs / P) groups in a layer of fan-in K, the interval is the sum of G * (K + P)
over the layers. Hidden neurons that do nothing do not count (:mod:`hwgen.simplify`).
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.arithmetic import Interval
from hwgen.errors import HwgenError
from hwgen.formats import index_width, signed_width
from hwgen.interface import Architecture, input_layout, output_layout
from hwgen.names import layer_module
from hwgen.network import Network
from hwgen.requantize import Requantizer, lookup, requantizers, shape_of
from hwgen.simplify import simplify


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Who computes what when, in numbers.

    Parameters
    ----------
    macs
        MACs, P.
    fan_in, outputs
        Of each layer.
    """

    macs: int
    fan_in: list[int]
    outputs: list[int]

    @classmethod
    def of(cls, network: Network, macs: int) -> "Schedule":
        """The schedule of ``network``, simplified, on ``macs`` MACs.

        Raises
        ------
        HwgenError
            More MACs than the widest layer has neurons.
        """
        widest = max(layer.outputs for layer in network.layers)
        if macs > widest:
            raise HwgenError("--macs", f"found {macs}", f"at most {widest} can be kept busy")
        layers = simplify(network).layers
        return cls(
            macs=macs,
            fan_in=[layer.fan_in for layer in layers],
            outputs=[layer.outputs for layer in layers],
        )

    @property
    def groups(self) -> list[int]:
        """Groups of each layer."""
        return [-(-outputs // self.macs) for outputs in self.outputs]

    @property
    def tails(self) -> list[int]:
        """Neurons in the last group of each layer."""
        return [
            outputs - (groups - 1) * self.macs
            for outputs, groups in zip(self.outputs, self.groups, strict=True)
        ]

    @property
    def interval(self) -> int:
        """Clocks from one inference to the next."""
        return sum(g * (k + self.macs) for g, k in zip(self.groups, self.fan_in, strict=True))

    def latency(self, argmax: bool) -> int:
        """Clocks from the last beat of an input to the first beat of its result.

        An index waits in a register after the last shift; values leave while they shift.
        """
        if argmax:
            return self.interval - self.fan_in[0] - self.macs + self.tails[-1] + 1
        last = self.groups[-1] * (self.fan_in[-1] + self.macs)
        return self.interval - last + self.fan_in[-1] - self.fan_in[0] + 1


class SerialLayer(wiring.Component):
    """What belongs to one layer alone: its weights, biases and requantizers. Combinational.

    The shift before group g hands on the results of group g - 1 (of the last group, where g is 0)
    and takes in the biases of group g.

    Parameters
    ----------
    network, index
        The layer.
    source
        Exact interval of its inputs.
    macs
        MACs, P.
    counters
        Widths of the group and step counters.

    Members
    -------
    group, step : In
        Group; input, or neuron within the group.
    accumulator : In
        The accumulator at the requantizer.
    weights : Out
        P weights, MAC 0 in the low bits, each of :attr:`weight_shape`.
    bias : Out
        Bias of neuron ``step`` of ``group``, with its rounding offset.
    y : Out
        The requantized accumulator, in the shape of :attr:`interval`.
    """

    def __init__(
        self, network: Network, index: int, source: Interval, macs: int, counters: tuple[int, int]
    ):
        self._layer = network.layers[index]
        self._macs = macs
        neurons = requantizers(network, index, [source] * self._layer.fan_in)
        # One requantizer serves all neurons of one rescale shift; its interval covers them all.
        fractions = sorted({neuron.fraction for neuron in neurons})
        self._variant_of = [fractions.index(neuron.fraction) for neuron in neurons]
        self._variants = [
            Requantizer(
                layer=self._layer,
                fraction=fraction,
                accumulator=_hull([n.accumulator for n in neurons if n.fraction == fraction]),
            )
            for fraction in fractions
        ]
        self.interval = _hull([variant.interval for variant in self._variants])
        held = [
            (low + variant.offset, high + variant.offset)
            for variant in self._variants
            for low, high in [variant.accumulator]
        ]
        self.accumulator_width = signed_width(*_hull(held))
        if self._layer.accumulator_overflow == "wrap":
            self.accumulator_width = self._layer.accumulator_bits or self.accumulator_width
        weights = self._layer.weight_values
        self.weight_shape = signed(signed_width(int(weights.min()), int(weights.max())))
        super().__init__(
            {
                "group": In(counters[0]),
                "step": In(counters[1]),
                "accumulator": In(signed(self.accumulator_width)),
                "weights": Out(macs * self.weight_shape.width),
                "bias": Out(signed(self.accumulator_width)),
                "y": Out(shape_of(*self.interval)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """ROMs and requantizers."""
        m = Module()
        biases = [
            bias + self._variants[variant].offset
            for bias, variant in zip(self._layer.bias, self._variant_of, strict=True)
        ]
        m.d.comb += [
            self.weights.eq(self._weights(m)),
            self.bias.eq(self._neuron_rom(m, "biases", biases, self.bias.shape())),
        ]
        results = [
            variant.build(m, f"y{i}", self.accumulator) for i, variant in enumerate(self._variants)
        ]
        if len(results) == 1:
            m.d.comb += self.y.eq(results[0])
        else:
            # Results come one group after the biases: the selection is stored one group late.
            shape = unsigned(index_width(len(results)))
            late = self._variant_of + [0] * (-len(self._variant_of) % self._macs)
            late = late[-self._macs :] + late[: -self._macs]
            select = self._neuron_rom(m, "shifts", late, shape)
            with m.Switch(select):
                for i, result in enumerate(results[:-1]):
                    with m.Case(i):
                        m.d.comb += self.y.eq(result)
                with m.Default():
                    m.d.comb += self.y.eq(results[-1])
        return m

    def _weights(self, m: Module) -> Value:
        """P weights for one input: a ROM, and a decoder for each where there is a codebook."""
        layer = self._layer
        width = self.weight_shape.width if layer.codebook is None else layer.weight_bits
        content = layer.weight_values if layer.codebook is None else layer.codes
        words = []
        for start in range(0, layer.outputs, self._macs):
            columns = content[start : start + self._macs].T.tolist()
            words.append([_concatenate(column, width) for column in columns])
        step = self.step[: index_width(layer.fan_in)]
        word = _grouped_rom(m, "weights", self.group, step, words, unsigned(self._macs * width))
        if layer.codebook is None:
            return word
        book = [value if value in layer.weight_values else 0 for value in layer.codebook]
        codes = [word[i * width : (i + 1) * width] for i in range(self._macs)]
        return Cat(
            lookup(m, f"codebook{i}", code, book, self.weight_shape) for i, code in enumerate(codes)
        )

    def _neuron_rom(self, m: Module, name: str, content: list[int], shape: Shape) -> Value:
        """A ROM with one entry for each neuron."""
        groups = [
            content[start : start + self._macs] for start in range(0, len(content), self._macs)
        ]
        step = self.step[: (self._macs - 1).bit_length()]
        return _grouped_rom(m, name, self.group, step, groups, shape)


def _grouped_rom(
    m: Module, name: str, group: Value, step: Value, words: list[list[int]], shape: Shape
) -> Value:
    """``words[group][step]``; entries past a group's end do not matter."""
    pages = [page + [0] * ((1 << len(step)) - len(page)) for page in words]
    entries = [word for page in pages for word in page]
    address = Cat(step, group[: (len(words) - 1).bit_length()])
    if len(set(entries)) == 1:
        return Const(entries[0], shape)
    return lookup(m, name, address, entries, shape)


def _concatenate(values: list[int], width: int) -> int:
    mask = (1 << width) - 1
    return sum((value & mask) << (i * width) for i, value in enumerate(values))


def _hull(intervals: list[Interval]) -> Interval:
    lows, highs = zip(*intervals, strict=True)
    return min(lows), max(highs)


class MacChain(wiring.Component):
    """P MACs that share one input, and shift their accumulators along when told.

    Members
    -------
    x : In
        The common factor.
    weights : In
        P factors, MAC 0 in the low bits.
    shift : In(1)
        Shift instead of multiplying: each accumulator takes its upper neighbour's, the last
        ``bias``.
    hold : In(1)
        Keep everything as it is.
    bias : In
    o : Out
        Accumulator of MAC 0.
    """

    def __init__(self, macs: int, x_shape: Shape, weight_shape: Shape, width: int):
        self._macs = macs
        self._weight_shape = weight_shape
        super().__init__(
            {
                "x": In(x_shape),
                "weights": In(macs * weight_shape.width),
                "shift": In(1),
                "hold": In(1),
                "bias": In(signed(width)),
                "o": Out(signed(width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """One accumulator register a MAC."""
        m = Module()
        bits = self._weight_shape.width
        accumulators = [
            Signal(self.bias.shape(), name=f"accumulator{i}", reset_less=True)
            for i in range(self._macs)
        ]
        for i, accumulator in enumerate(accumulators):
            weight = self.weights[i * bits : (i + 1) * bits].as_signed()
            upper = accumulators[i + 1] if i + 1 < self._macs else self.bias
            with m.If(~self.hold):
                m.d.sync += accumulator.eq(Mux(self.shift, upper, accumulator + self.x * weight))
        m.d.comb += self.o.eq(accumulators[0])
        return m


class ShiftMemory(wiring.Component):
    """Words in a row: with ``shift`` each moves on by one and ``i`` becomes the first.

    Members
    -------
    shift : In(1)
    i : In
    o<depth> : Out
        The word that came in ``depth`` shifts ago, for each depth in ``depths``.
    """

    def __init__(self, width: int, depths: set[int]):
        self._depths = sorted(depths)
        super().__init__(
            {"shift": In(1), "i": In(width), **{f"o{depth}": Out(width) for depth in self._depths}}
        )

    def elaborate(self, platform: object) -> Module:
        """One long register."""
        m = Module()
        width = len(self.i)
        words = Signal(width * self._depths[-1], reset_less=True)
        with m.If(self.shift):
            m.d.sync += words.eq(Cat(self.i, words))
        for depth in self._depths:
            m.d.comb += getattr(self, f"o{depth}").eq(words[(depth - 1) * width : depth * width])
        return m


class SerialArgmax(wiring.Component):
    """Keeps the tag of the largest value so far; among equals, of the first.

    Members
    -------
    take : In(1)
        Look at ``value``.
    first : In(1)
        It is the first of a vector.
    value, tag : In
    o : Out
        The tag kept.
    """

    def __init__(self, shape: Shape, tag_width: int):
        super().__init__(
            {
                "take": In(1),
                "first": In(1),
                "value": In(shape),
                "tag": In(tag_width),
                "o": Out(tag_width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A comparison and two registers."""
        m = Module()
        best = Signal(self.value.shape(), reset_less=True)
        tag = Signal(len(self.tag), reset_less=True)
        with m.If(self.take & (self.first | (self.value > best))):
            m.d.sync += [best.eq(self.value), tag.eq(self.tag)]
        m.d.comb += self.o.eq(tag)
        return m


class _Sequencer:
    """Counters of a :class:`SerialTop`, and what they say.

    Attributes
    ----------
    layer, group, step
        Where we are: multiplication ``step`` of a group, or neuron ``step`` of the shift before it.
    shift
        The accumulators shift; else they multiply.
    empty
        What shifts out now is of no input.
    advance
        Input: the step is done at this clock.
    load
        The first group of the first layer multiplies: the input streams in.
    at_end
        This is the last step of the phase.
    """

    def __init__(self, m: Module, schedule: Schedule):
        self._schedule = schedule
        self._layers = len(schedule.fan_in)
        self.layer = Signal(index_width(self._layers))
        self.group = Signal(index_width(max(schedule.groups)))
        self.step = Signal(index_width(max([schedule.macs, *schedule.fan_in])))
        self.shift = Signal(init=1)
        self.empty = Signal(init=1)
        self.advance = Signal()
        self.load = Signal()
        self.at_end = Signal()
        multiplied = self._of_layer(m, "multiplied", self.step, schedule.fan_in)
        shifted = self.step == schedule.macs - 1 if schedule.macs > 1 else 1
        m.d.comb += [
            self.load.eq(~self.shift & (self.layer == 0) & (self.group == 0)),
            self.at_end.eq(Mux(self.shift, shifted, multiplied)),
        ]

    def _of_layer(self, m: Module, name: str, counter: Value, limits: list[int]) -> Signal:
        """Whether ``counter`` is at its end for the current layer: one less than its limit."""
        at_end = Signal(name=name)
        for index, limit in enumerate(limits):
            with m.If(self.layer == index):
                m.d.comb += at_end.eq(counter == limit - 1)
        return at_end

    def result_of(self, index: int) -> Value:
        """A neuron of layer ``index`` shifts out."""
        follows = (index + 1) % self._layers
        valid = self.step < self._schedule.tails[index] if self._schedule.macs > 1 else Const(1)
        last_group = (self.layer == follows) & (self.group == 0) & valid
        if self._schedule.groups[index] == 1:
            return self.shift & last_group
        return self.shift & (last_group | ((self.layer == index) & (self.group != 0)))

    def first_result_of(self, index: int) -> Value:
        """If a neuron of layer ``index`` shifts out, it is the first."""
        several = self._schedule.groups[index] > 1
        return (self.step == 0) & (self.group == 1 if several else Const(1))

    def last_result_of(self, index: int) -> Value:
        """If a neuron of layer ``index`` shifts out, it is the last."""
        return (self.group == 0) & (self.step == self._schedule.tails[index] - 1)

    def neuron(self, group: Value, step: Value, index: int) -> Value:
        """The neuron of layer ``index`` that shifts out before ``group``."""
        groups = self._schedule.groups[index]
        before = Mux(group == 0, groups - 1, group - 1)[: index_width(groups)]
        return before * self._schedule.macs + step

    def run(self, m: Module, abort: Value) -> None:
        """Count. With ``abort`` the group is given up and its accumulators are filled afresh."""
        last_group = self._of_layer(m, "last_group", self.group, self._schedule.groups)
        with m.If(self.advance):
            m.d.sync += self.step.eq(self.step + 1)
            with m.If(self.at_end | abort):
                m.d.sync += [self.step.eq(0), self.shift.eq(~self.shift)]
                with m.If(~self.shift):
                    m.d.sync += self.empty.eq(abort)
                with m.If(~self.shift & ~abort):
                    m.d.sync += self.group.eq(self.group + 1)
                    with m.If(last_group):
                        m.d.sync += [self.group.eq(0), self.layer.eq(self._next_layer())]

    def _next_layer(self) -> Value:
        following = (self.layer + 1)[: len(self.layer)]
        return Mux(self.layer == self._layers - 1, 0, following)


class SerialTop(wiring.Component):
    """A whole network, serial; the top module.

    One feature and one result element to a beat, ``tlast`` on the last. A frame whose ``tlast`` is
    not on its last beat gives no result, and the next frame is read afresh. An index waits in a
    register while the next input is worked on; values leave straight from the requantizer, and
    everything waits for the sink.

    ``interval`` and ``latency`` are those of :class:`Schedule`.
    """

    def __init__(self, network: Network, architecture: Architecture, schedule: Schedule):
        self._argmax = network.output == "argmax"
        self._schedule = schedule
        self.interval = self._schedule.interval
        self.latency = self._schedule.latency(self._argmax)
        self._names = [layer_module(i, layer.name) for i, layer in enumerate(network.layers)]
        self._sources = [(network.input.format.minimum, network.input.format.maximum)]
        self._layers: list[SerialLayer] = []
        self._add_layers(simplify(network))
        self._memories = self._shift_memories()
        self._output = output_layout(network, architecture)
        super().__init__(
            {
                "s_axis_tdata": In(input_layout(network, architecture).width),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(self._output.width),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
            }
        )

    def _add_layers(self, network: Network) -> None:
        """The layers, and the interval of the values that each one reads."""
        macs, groups = self._schedule.macs, self._schedule.groups
        counters = (index_width(max(groups)), index_width(max([macs, *self._schedule.fan_in])))
        for index in range(len(network.layers)):
            part = SerialLayer(network, index, self._sources[-1], macs, counters)
            self._layers.append(part)
            self._sources.append(part.interval)

    def _shift_memories(self) -> dict[int, ShiftMemory]:
        """The inputs of even layers stand in memory 0, those of odd layers in memory 1."""
        memories = {}
        for parity in (0, 1):
            users = self._users(parity)
            if users:
                width = max(shape_of(*self._sources[index]).width for index in users)
                depths = {self._schedule.fan_in[index] for index in users}
                memories[parity] = ShiftMemory(width, depths)
        return memories

    def _users(self, parity: int) -> list[int]:
        """Layers that read memory ``parity``: a first layer of one group reads the stream alone."""
        layers = range(parity, len(self._layers), 2)
        return [index for index in layers if index > 0 or self._schedule.groups[0] > 1]

    def elaborate(self, platform: object) -> Module:
        """Sequencer, layers, MACs, memories and the way out."""
        m = Module()
        state = _Sequencer(m, self._schedule)
        shape = shape_of(*_hull(self._sources[: len(self._layers)]))
        weight_shape = signed(max(part.weight_shape.width for part in self._layers))
        width = max(part.accumulator_width for part in self._layers)
        chain = MacChain(self._schedule.macs, shape, weight_shape, width)
        for name, part in zip(self._names, self._layers, strict=True):
            m.submodules[name] = part
            m.d.comb += [
                part.group.eq(state.group),
                part.step.eq(state.step),
                part.accumulator.eq(chain.o),
            ]
        m.submodules.macs = chain
        for parity, memory in self._memories.items():
            m.submodules[f"memory{parity}"] = memory
        blocked = self._send_index(m, state) if self._argmax else self._send_values(m, state)
        x = self._operand(m, state, shape)
        self._select_layer(m, state, chain)
        self._store(m, state, x)
        m.d.comb += [
            state.advance.eq(~blocked & (self.s_axis_tvalid | ~state.load)),
            self.s_axis_tready.eq(state.load & ~blocked),
            # A multiplication that waits adds 0; only values can make a shift wait.
            chain.x.eq(Mux(state.advance, x, 0)),
            chain.shift.eq(state.shift),
            chain.hold.eq(0 if self._argmax else state.shift & blocked),
        ]
        state.run(m, abort=state.load & (state.at_end ^ self.s_axis_tlast))
        return m

    def _operand(self, m: Module, state: _Sequencer, shape: Shape) -> Signal:
        """The current layer's input, from the stream or from its memory."""
        x = Signal(shape, name="operand")
        for parity, memory in self._memories.items():
            for index in self._users(parity):
                raw = getattr(memory, f"o{self._schedule.fan_in[index]}")
                with m.If(state.layer == index):
                    m.d.comb += x.eq(_as(raw, self._sources[index]))
        with m.If(state.load):
            m.d.comb += x.eq(_as(self.s_axis_tdata, self._sources[0]))
        return x

    def _select_layer(self, m: Module, state: _Sequencer, chain: MacChain) -> None:
        """Weights and biases of the current layer to the MACs."""
        width = len(chain.weights) // self._schedule.macs
        for index, part in enumerate(self._layers):
            own = part.weight_shape.width
            weights = [
                part.weights[i * own : (i + 1) * own].as_signed()
                for i in range(self._schedule.macs)
            ]
            with m.If(state.layer == index):
                for i, weight in enumerate(weights):
                    m.d.comb += chain.weights[i * width : (i + 1) * width].eq(weight)
                m.d.comb += chain.bias.eq(part.bias)

    def _store(self, m: Module, state: _Sequencer, x: Value) -> None:
        """Memories rotate while their layer multiplies, and take in what other layers hand on."""
        for parity, memory in self._memories.items():
            value = Signal(len(memory.i), name=f"stored{parity}")
            write, rotate = Signal(name=f"write{parity}"), Signal(name=f"rotate{parity}")
            m.d.comb += value.eq(x)
            for index in self._users(parity):
                with m.If(~state.shift & (state.layer == index)):
                    m.d.comb += rotate.eq(1)
                if index > 0:
                    with m.If(state.result_of(index - 1)):
                        m.d.comb += [write.eq(1), value.eq(self._layers[index - 1].y)]
            m.d.comb += [memory.shift.eq(state.advance & (write | rotate)), memory.i.eq(value)]

    def _send_values(self, m: Module, state: _Sequencer) -> Value:
        """The last layer's results go straight to the stream; returns whether the sink blocks."""
        last = len(self._layers) - 1
        value = Signal(Shape(self._output.element_bits, self._output.signed), name="output")
        m.d.comb += [
            value.eq(self._layers[last].y),
            self.m_axis_tdata.eq(value.as_unsigned()),
            self.m_axis_tvalid.eq(state.result_of(last) & ~state.empty),
            self.m_axis_tlast.eq(state.last_result_of(last)),
        ]
        return self.m_axis_tvalid & ~self.m_axis_tready

    def _send_index(self, m: Module, state: _Sequencer) -> Value:
        """An index goes through a register.

        Returns whether the last layer must wait with its first result until the sink has taken the
        index before: it does so in the last step of a multiplication.
        """
        last = len(self._layers) - 1
        groups = self._schedule.groups[last]
        step = state.step[: (self._schedule.macs - 1).bit_length()]
        tag = Cat(step, state.group[: (groups - 1).bit_length()])
        m.submodules.argmax = argmax = SerialArgmax(self._layers[last].y.shape(), max(1, len(tag)))
        take = state.advance & state.result_of(last) & ~state.empty
        done = take & state.last_result_of(last)
        m.d.comb += [
            argmax.take.eq(take),
            argmax.first.eq(state.first_result_of(last)),
            argmax.value.eq(self._layers[last].y),
            argmax.tag.eq(tag),
            self.m_axis_tdata.eq(state.neuron(argmax.o[len(step) :], argmax.o[: len(step)], last)),
            self.m_axis_tlast.eq(1),
        ]
        waiting = Signal()
        with m.If(done):
            m.d.sync += waiting.eq(1)
        with m.Elif(self.m_axis_tready):
            m.d.sync += waiting.eq(0)
        m.d.comb += self.m_axis_tvalid.eq(waiting)
        before_first = ~state.shift & (state.layer == last) & (state.group == 0) & state.at_end
        return before_first & waiting & ~self.m_axis_tready


def _as(raw: Value, interval: Interval) -> Value:
    """The low bits of ``raw`` in the shape of ``interval``."""
    shape = shape_of(*interval)
    return raw[: shape.width].as_signed() if shape.signed else raw[: shape.width]
