"""The top module of a serial design."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from hwgen.rtl.interface import Layout
from hwgen.rtl.names import layer_module
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.argmax import SerialArgmax
from hwgen.rtl.serial.layer import SerialLayer
from hwgen.rtl.serial.macs import MacChain
from hwgen.rtl.serial.memory import LaneMemory
from hwgen.rtl.serial.neurons import Neurons, widest_first
from hwgen.rtl.serial.pace import paced
from hwgen.rtl.serial.results import hull
from hwgen.rtl.serial.schedule import Schedule, lanes
from hwgen.rtl.serial.sequencer import Sequencer, select
from hwgen.rtl.serial.tables import Table
from hwgen.rtl.serial.words import SMALLEST_WORD, WordMemory
from hwgen.rtl.simplify import simplify
from hwgen.rtl.top import Top, stream_ports
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network


class SerialTop(Top):
    """A whole network, serial; the top module.

    One feature and one result element to a beat, ``tlast`` on the last. A frame whose ``tlast`` is
    not on its last beat gives no result, and the next frame is read afresh. An index waits in a
    register while the next input is worked on; values leave straight from the requantizer, and
    everything waits for the sink.

    ``interval`` and ``latency`` are those of :class:`Schedule`.

    Parameters
    ----------
    network
        The network.
    source, sink
        Its beats.
    schedule
        Of the network.
    still
        Whether words of its memories stand still.
    """

    parts: ClassVar[Mapping[str, str]] = {
        "weights": "What all layers multiply by: weights, or their codes.",
        "biases": "What the sums of neurons begin with.",
        "macs": "Multiplies and adds for all layers, and holds their accumulators.",
        "memory0": "What layers of even number read.",
        "memory1": "What layers of odd number read.",
        "argmax": "Index of the largest of the outputs that come one by one.",
    }

    def __init__(
        self, network: Network, source: Layout, sink: Layout, schedule: Schedule, still: bool
    ):
        self._argmax = network.output == "argmax"
        self._schedule = schedule
        self._still = still
        self.interval = self._schedule.interval
        self.latency = self._schedule.latency(self._argmax)
        self.accept = self._schedule.phases[0].words
        self._names = [layer_module(i, layer.name) for i, layer in enumerate(network.layers)]
        simplified = simplify(network)
        if schedule.accumulating and not schedule.drains and not still:
            simplified = widest_first(simplified)
        self._neurons = Neurons.of(simplified)
        self._input = shape_of(network.input.format.minimum, network.input.format.maximum)
        self._sources = [(network.input.format.minimum, network.input.format.maximum)]
        self._sources += [neurons.interval for neurons in self._neurons]
        self._layers = [
            SerialLayer(neurons, index, schedule, self._argmax, self._elements(index))
            for index, neurons in enumerate(self._neurons)
        ]
        self._memories = self._lane_memories()
        self._codes = max(part.code_width for part in self._layers)
        self._lanes = max(part.lanes for part in self._layers)
        count = len(schedule.phases)
        pages = {
            schedule.phase_of(i): part.codes(self._codes) for i, part in enumerate(self._layers)
        }
        self._tables = {"weights": Table(pages, self._lanes * self._codes, count)}
        computing = self._layers[schedule.first_computing :]
        if computing:
            biases = {
                schedule.phase_of(i): part.biases
                for i, part in enumerate(self._layers)
                if part in computing
            }
            every = [word for own in biases.values() for (word,) in own.words]
            width = signed_width(min(every), max(every))
            self._tables["biases"] = Table(biases, width, count)
        self._output = sink
        tlast = {"s_axis_tlast": In(1), "m_axis_tlast": Out(1)}
        super().__init__(stream_ports(source, sink) | tlast)

    def paced(self, source: int, sink: int) -> int:
        """See :func:`hwgen.rtl.serial.pace.paced`."""
        return paced(self._schedule, self._argmax, source, sink)

    def _elements(self, index: int) -> list[list[int]]:
        """What each lane of layer ``index`` takes: its inputs, or its neurons if it accumulates.

        Where words stand still, lane p finds word w at place w P + p. An output of a layer stands
        at the place of the turn in which it is handed on, one after its own.
        """
        schedule = self._schedule
        accumulates = schedule.accumulating and index == 0
        count = schedule.outputs[0] if accumulates else schedule.fan_in[index]
        if index < 2 * schedule.accumulating or not self._stands(index % 2):
            return [list(lane) for lane in lanes(count, schedule.macs) if lane]
        first = 0 if index == 0 else count - 1
        order = [(first + place) % count for place in range(count)]
        return [order[lane :: schedule.macs] for lane in range(min(count, schedule.macs))]

    def _lane_memories(self) -> dict[int, LaneMemory | WordMemory]:
        """The inputs of even layers stand in memory 0, those of odd layers in memory 1."""
        memories: dict[int, LaneMemory | WordMemory] = {}
        for parity in (0, 1):
            readers = self._readers(parity)
            if readers:
                widths = [shape_of(*self._sources[index]).width for index in readers]
                depths = [self._schedule.fan_in[index] for index in readers]
                if not self._stands(parity):
                    memories[parity] = LaneMemory(max(widths), depths, self._schedule.macs)
                    continue
                words = [
                    max(w for w, depth in zip(widths, depths, strict=True) if place < depth)
                    for place in range(max(depths))
                ]
                memories[parity] = WordMemory(words, self._schedule.macs, holds=True)
        return memories

    def _readers(self, parity: int) -> list[int]:
        """Layers that read memory ``parity``: not those that read the stream or the file."""
        first = 2 if self._schedule.accumulating else 0
        return [i for i in range(first, len(self._neurons)) if i % 2 == parity]

    def _stands(self, parity: int) -> bool:
        """Whether the words of memory ``parity`` stand still."""
        widths = [shape_of(*self._sources[index]).width for index in self._readers(parity)]
        return self._still and max(widths) >= SMALLEST_WORD

    def elaborate(self, platform: object) -> Module:
        """Sequencer, layers, MACs, memories and the way out."""
        m = Module()
        state = Sequencer(m, self._schedule)
        chain = self._chain()
        for index, (name, part) in enumerate(zip(self._names, self._layers, strict=True)):
            m.submodules[name] = part
            m.d.comb += [part.turn.eq(state.turn), part.word.eq(self._word(state, index))]
        for name, table in self._tables.items():
            m.submodules[name] = table
            m.d.comb += [
                getattr(table, counter).eq(getattr(state, counter))
                for counter in ("phase", "turn", "word")
            ]
        m.submodules.macs = chain
        for parity, memory in self._memories.items():
            m.submodules[f"memory{parity}"] = memory
        self._connect_accumulators(m, chain)
        self._select_factors(m, state, chain)
        self._store(m, state)
        if self._argmax:
            self._send_index(m, state)
        else:
            self._send_values(m, state)
        m.d.comb += [
            state.advance.eq(
                ~state.blocked & ~state.settling & (self.s_axis_tvalid | ~state.taking)
            ),
            self.s_axis_tready.eq(state.taking & state.last_word & ~state.blocked),
        ]
        self._control(m, state, chain)
        state.run(m, abort=state.taking & (state.last_turn ^ self.s_axis_tlast))
        return m

    def _word(self, state: Sequencer, index: int) -> Value:
        """The word as layer ``index`` sees it: to one that seldom computes it stands still.

        An accumulating layer looks at it while the next one reads. Where words do not stand still,
        what this saves is not worth its gates.
        """
        schedule = self._schedule
        phase = schedule.phase_of(index)
        clocks = [one.turns * one.words for one in schedule.phases]
        often = 2 * clocks[phase] > sum(clocks)
        if not self._still or index < schedule.first_computing or often:
            return state.word
        return state.word & (state.phase == phase).replicate(len(state.word))

    def _chain(self) -> MacChain:
        """MACs for all layers."""
        schedule = self._schedule
        computing = self._layers[schedule.first_computing :]
        widths = [neurons.accumulator_width for neurons in self._neurons]
        return MacChain(
            max((part.lanes for part in computing), default=0),
            shape_of(*hull([neurons.factors for neurons in self._neurons])),
            signed(max(part.weight_shape.width for part in self._layers)),
            max(widths[schedule.first_computing :], default=0),
            self._banks() if schedule.accumulating else (),
            self._still and not schedule.drains,
        )

    def _banks(self) -> list[list[int]]:
        """Widths of the accumulators in the file."""
        widths = self._neurons[0].widths
        if self._schedule.drains:
            widths = [max(widths)] * len(widths)
        parts = lanes(len(widths), self._schedule.macs)
        return [[widths[j] for j in lane] for lane in parts if lane]

    def _control(self, m: Module, state: Sequencer, chain: MacChain) -> None:
        """When the MACs do what."""
        fresh: Value = state.first_word
        if self._schedule.drains:
            fresh = state.first_turn
        elif self._schedule.accumulating:
            fresh = Mux(state.taking, state.first_turn, state.first_word)
        m.d.comb += [chain.advance.eq(state.advance), chain.fresh.eq(fresh)]
        if self._schedule.accumulating:
            m.d.comb += [chain.load.eq(state.taking), chain.word.eq(state.word)]

    def _connect_accumulators(self, m: Module, chain: MacChain) -> None:
        """Accumulators to the requantizers."""
        for index, part in enumerate(self._layers):
            for i in range(part.results):
                file = self._schedule.accumulating and index == 0
                accumulator = getattr(chain, f"head{i}") if file else chain.o
                m.d.comb += getattr(part, f"accumulator{i}").eq(accumulator)

    def _operands(self, index: int) -> list[Value]:
        """The inputs of a layer, lane by lane."""
        if self._schedule.accumulating and index == 0:
            return [self.s_axis_tdata] * self._layers[0].lanes
        if self._schedule.accumulating and index == 1:
            return [getattr(self._layers[0], f"y{i}") for i in range(self._layers[0].results)]
        memory, reader = self._memories[index % 2], self._readers(index % 2).index(index)
        of = "" if isinstance(memory, WordMemory) else f"{reader}_"
        return [getattr(memory, f"o{of}{i}") for i in range(self._layers[index].lanes)]

    def _select_factors(self, m: Module, state: Sequencer, chain: MacChain) -> None:
        """Inputs, weights and biases of the current layer to the MACs."""
        targets: dict[str, list[tuple[int, Value]]] = {}
        widths = {part.code_width for part in self._layers}
        alike = len(widths) == 1 and not any(part.decodes for part in self._layers)
        for index, part in enumerate(self._layers):
            phase = self._schedule.phase_of(index)
            for i, operand in enumerate(self._operands(index)):
                targets.setdefault(f"x{i}", []).append((phase, part.read(i, operand)))
            accumulates = index < self._schedule.first_computing
            for i in range(part.lanes if accumulates else 0):
                targets.setdefault(f"bias{i}", []).append((phase, getattr(part, f"bias{i}")))
            if index == self._schedule.first_computing:
                bias = self._tables["biases"].o.as_signed()
                targets.setdefault("bias0", []).append((phase, bias))
            for i in range(self._lanes if index == 0 or not alike else 0):
                weight = self._weight(m, part, i, idle=not accumulates)
                if weight is not None:
                    targets.setdefault(f"weight{i}", []).append((phase, weight))
        for name, values in targets.items():
            m.d.comb += getattr(chain, name).eq(select(state.phase, values))

    def _weight(self, m: Module, part: SerialLayer, i: int, *, idle: bool) -> Value | None:
        """Weight of MAC ``i`` in a layer; None where any will do."""
        code = self._tables["weights"].o[i * self._codes : (i + 1) * self._codes]
        if not part.decodes:
            return code[: part.code_width].as_signed()
        if i >= part.lanes:
            return Const(0) if idle else None
        m.d.comb += getattr(part, f"code{i}").eq(code[: part.code_width])
        return getattr(part, f"weight{i}")

    def _store(self, m: Module, state: Sequencer) -> None:
        """Memories take in what the stream and layers hand on, and give it to their readers."""
        for parity, memory in self._memories.items():
            sources: list[tuple[Value, Value]] = []
            readers = self._readers(parity)
            for reader, index in enumerate(readers):
                if isinstance(memory, LaneMemory):
                    with m.If(state.phase == self._schedule.phase_of(index)):
                        m.d.comb += [memory.rotate.eq(state.advance), memory.reader.eq(reader)]
                if index > 0:
                    sources.append((state.result_of(index - 1), self._layers[index - 1].y0))
                else:
                    sources.append((state.taking & state.advance, self.s_axis_tdata))
            if isinstance(memory, WordMemory):
                m.d.comb += [memory.place.eq(state.turn), memory.word.eq(state.word)]
            else:
                m.d.comb += memory.last.eq(state.last_word)
            for write, value in sources:
                with m.If(write):
                    m.d.comb += [memory.write.eq(1), memory.i.eq(value)]

    def _send_values(self, m: Module, state: Sequencer) -> None:
        """The last layer's results go straight to the stream."""
        value = Signal(Shape(self._output.element_bits, self._output.signed), name="output")
        valid, ends = self._result(state)
        m.d.comb += [
            value.eq(self._layers[-1].y0),
            self.m_axis_tdata.eq(value.as_unsigned()),
            self.m_axis_tvalid.eq(valid),
            self.m_axis_tlast.eq(ends),
            state.blocked.eq(valid & ~self.m_axis_tready),
        ]

    def _result(self, state: Sequencer) -> tuple[Value, Value]:
        """Whether a result of the last layer is there, and whether it is the last of its vector."""
        if self._schedule.drains:
            return ~state.taking, state.last_turn
        return state.result_of(len(self._layers) - 1), state.first_turn

    def _send_index(self, m: Module, state: Sequencer) -> None:
        """An index goes through a register.

        The first result of the next waits until the sink has taken it.
        """
        outputs = self._schedule.outputs[-1]
        valid, ends = self._result(state)
        drains = self._schedule.drains
        first = state.turn == (0 if drains or outputs == 1 else 1)
        tag = state.turn[: max(1, (outputs - 1).bit_length())]
        m.submodules.argmax = argmax = SerialArgmax(self._layers[-1].y0.shape(), len(tag))
        waiting = Signal()
        m.d.comb += [
            state.blocked.eq(valid & first & waiting & ~self.m_axis_tready),
            argmax.take.eq(valid & ~state.blocked),
            argmax.first.eq(first),
            argmax.wins.eq(0 if drains else ends),
            argmax.value.eq(self._layers[-1].y0),
            argmax.tag.eq(tag),
            self.m_axis_tdata.eq(argmax.o),
            self.m_axis_tlast.eq(1),
            self.m_axis_tvalid.eq(waiting),
        ]
        with m.If(valid & ends & ~state.blocked):
            m.d.sync += waiting.eq(1)
        with m.Elif(self.m_axis_tready):
            m.d.sync += waiting.eq(0)
