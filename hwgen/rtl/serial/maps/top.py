"""The top module of a serial design over maps."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from hwgen.rtl.interface import Layout
from hwgen.rtl.names import layer_module
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.argmax import SerialArgmax
from hwgen.rtl.serial.maps.inlet import Inlet
from hwgen.rtl.serial.maps.layer import MapLayer, Maxima
from hwgen.rtl.serial.maps.macs import LaneMacs
from hwgen.rtl.serial.maps.numbers import Numbers
from hwgen.rtl.serial.maps.schedule import MapSchedule
from hwgen.rtl.serial.maps.sequencer import Sequencer
from hwgen.rtl.serial.maps.stages import Stage
from hwgen.rtl.serial.maps.walk import addresses, heights, sides
from hwgen.rtl.serial.results import hull
from hwgen.rtl.serial.sequencer import select, within
from hwgen.rtl.serial.words import SMALLEST_WORD, RowMemory, WordMemory
from hwgen.rtl.simplify import simplify
from hwgen.rtl.top import Top
from hwgen.spec.formats import index_width
from hwgen.spec.network import Network


class MapTop(Top):
    """A whole network over a map, serial; the top module.

    One value and one result element to a beat, position by position, ``tlast`` on the last. A frame
    whose ``tlast`` is not on its last beat gives no result, and the next frame is read afresh. An
    index waits in a register while the next input is worked on; values leave straight from the
    requantizer, and everything waits for the sink.

    ``interval`` and ``latency`` are those of :class:`MapSchedule`.

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
        "macs": "Multiplies and adds for all layers, and holds their accumulators.",
        "memory0": "What stages of even number read.",
        "memory1": "What stages of odd number read.",
        "argmax": "Index of the largest of the outputs that come one by one.",
    }

    def __init__(
        self, network: Network, source: Layout, sink: Layout, schedule: MapSchedule, still: bool
    ):
        self._still = still
        self._schedule, self._stages, self._output = schedule, schedule.stages, sink
        self._zero = network.input.zero_point
        self._is_index = network.output == "argmax"
        self.interval, self.latency = schedule.interval, schedule.latency(self._is_index)
        numbers = Numbers.of(simplify(network))
        self._numbers = [numbers[stage.index] for stage in self._stages]
        self._data = [
            (network.input.format.minimum, network.input.format.maximum),
            *(one.interval for one in self._numbers),
        ]
        layers = [layer_module(i, layer.name) for i, layer in enumerate(network.layers)]
        self._layers = [
            MapLayer(own, stage) for own, stage in zip(self._numbers, self._stages, strict=True)
        ]
        self._names = [layers[stage.index] for stage in self._stages]
        self._maxima = {
            index: Maxima(own.interval, stage.lanes, any(stage.pool.padding))
            for index, (own, stage) in enumerate(zip(self._numbers, self._stages, strict=True))
            if stage.pool.size > 1 or any(stage.pool.padding)
        }
        self._pools = {
            index: layers[stage.ends]
            if stage.ends > stage.index
            else f"{layers[stage.ends]}_maxima"
            for index, stage in enumerate(self._stages)
        }
        self._memories = {
            parity: WordMemory(words, 1, holds=True) if self._stands(parity) else RowMemory(words)
            for parity in (0, 1)
            if (words := self._words(parity))
        }
        super().__init__(
            {
                "s_axis_tdata": In(source.width),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(sink.width),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
            }
        )

    @property
    def stored_bits(self) -> int:
        """Bits of what is kept of the input, and of the maps between stages."""
        return sum(sum(self._words(parity)) for parity in (0, 1))

    def waits(self, source: int) -> int:
        """See :meth:`MapSchedule.waits`."""
        return self._schedule.waits(source)

    def paced(self, source: int, sink: int) -> int:
        """See :meth:`MapSchedule.paced`."""
        return self._schedule.paced(self._is_index, source, sink)

    def _words(self, parity: int) -> list[int]:
        """Bits of each word of a memory."""
        readers = range(parity, len(self._stages), 2)
        depths = {index: self._depth(index) for index in readers}
        widths = {index: shape_of(*self._data[index]).width for index in readers}
        return [
            max(widths[index] for index in readers if place < depths[index])
            for place in range(max(depths.values(), default=0))
        ]

    def _stands(self, parity: int) -> bool:
        """Whether words of a memory stand still; those of a part of the input have to."""
        if parity == 0 and self._schedule.flows:
            return True
        return self._still and max(self._words(parity)) >= SMALLEST_WORD

    def _depth(self, index: int) -> int:
        """Values that a stage finds in its memory."""
        return self._stages[index].size if index else self._schedule.kept

    def elaborate(self, platform: object) -> Module:
        """Sequencer, layers, MACs, memories and the way out."""
        m = Module()
        state = Sequencer(m, self._schedule)
        for name, part in zip(self._names, self._layers, strict=True):
            m.submodules[name] = part
        for index, part in self._maxima.items():
            m.submodules[self._pools[index]] = part
        m.submodules.macs = macs = self._macs()
        for parity, memory in self._memories.items():
            m.submodules[f"memory{parity}"] = memory
        inlet = Inlet(m, self._schedule, state, self.s_axis_tvalid, self.s_axis_tlast)
        blocked = Signal()
        m.d.comb += [
            self.s_axis_tready.eq(inlet.taking),
            state.advance.eq(~inlet.taking & ~blocked),
            state.restart.eq(inlet.restart),
        ]
        seen = self._read(m, state, macs)
        gives = Signal()
        m.d.comb += gives.eq(state.hands & state.last_window)
        results = self._results(m, state, macs, seen)
        place = self._store(m, state, inlet, gives, results)
        last = len(self._stages) - 1
        valid = gives & within(state.phase, [last])
        if self._is_index:
            self._send_index(m, state, valid, results[-1], place, blocked)
        else:
            self._send_values(m, state, valid, results[-1], blocked)
        state.run()
        return m

    def _macs(self) -> LaneMacs:
        lanes = max(stage.lanes for stage in self._stages)
        widths = [
            max(
                own.accumulator_width
                for own, stage in zip(self._numbers, self._stages, strict=True)
                if stage.lanes > lane
            )
            for lane in range(lanes)
        ]
        return LaneMacs(
            shape_of(*hull([own.factors for own in self._numbers])),
            signed(max(part.weight_shape.width for part in self._layers)),
            widths,
        )

    def _read(self, m: Module, state: Sequencer, macs: LaneMacs) -> Value:
        """Values of the windows to the MACs; returns whether they are no padding."""
        kept = self._schedule.kept if self._schedule.flows else 0
        deepest = max(self._depth(index) for index in range(len(self._stages)))
        walks = {
            index: addresses(stage, last_first=not self._stands(index % 2))
            for index, stage in enumerate(self._stages)
        }
        address = state.moved("address", walks, index_width(deepest), kept)
        for memory in self._memories.values():
            m.d.comb += memory.word.eq(address[: len(memory.word)])
        seen = self._seen(m, state)
        targets: dict[str, list[tuple[int, Value]]] = {}
        for index, (part, stage) in enumerate(zip(self._layers, self._stages, strict=True)):
            shape = shape_of(*self._data[index])
            bits = self._memories[index % 2].o0[: shape.width]
            x = Signal(shape_of(*self._numbers[index].source), name=f"x{index}")
            m.d.comb += x.eq(bits.as_signed() if shape.signed else bits)
            if any(stage.window.padding):
                with m.If(~seen):
                    m.d.comb += x.eq(self._fill(index))
            m.d.comb += [
                part.turn.eq(state.turn),
                part.word.eq(state.word),
                part.accumulator.eq(macs.o),
            ]
            for lane in range(len(macs.widths)):
                busy = lane < stage.lanes
                own = {"x": part.read(lane, x) if busy else x}
                own["weight"] = getattr(part, f"weight{lane}") if busy else Const(0)
                if busy:
                    own["bias"] = getattr(part, f"bias{lane}")
                for name, value in own.items():
                    targets.setdefault(f"{name}{lane}", []).append((index, value))
        for name, values in targets.items():
            m.d.comb += getattr(macs, name).eq(select(state.phase, values))
        m.d.comb += [
            macs.fresh.eq(state.word == 0),
            macs.add.eq(state.advance & ~state.hands),
            macs.shift.eq(state.advance & state.hands),
        ]
        return seen

    def _fill(self, index: int) -> int:
        """What stands in the padding of a stage."""
        return self._zero if index == 0 else 0

    def _seen(self, m: Module, state: Sequencer) -> Value:
        """Whether the value is of the map, where there is padding around it."""
        padded = {i: stage for i, stage in enumerate(self._stages) if stage.padded}
        if not padded:
            return Const(1, 1)
        seen: Value = Const(1, 1)
        found: list[tuple[int, Value]] = []
        walks = {0: heights, 1: sides}
        inside: dict[int, list[Value]] = {index: [] for index in padded}
        for axis, walk in walks.items():
            around = {i: stage for i, stage in padded.items() if _around(stage, axis)}
            if not around:
                continue
            width = index_width(max(_reach(stage, axis) for stage in around.values()))
            own = {i: walk(stage) for i, stage in around.items()}
            at = state.moved(("height", "side")[axis], own, width)
            for i, stage in around.items():
                first = stage.before[axis]
                last = first + stage.image[axis]
                inside[i] += [at >= first] * (first > 0)
                inside[i] += [at < last] * (_reach(stage, axis) > last)
        for i in range(len(self._stages)):
            result: Value = Const(1, 1)
            for one in inside.get(i, []):
                result = result & one
            found.append((i, result))
        seen = Signal(name="seen")
        m.d.comb += seen.eq(select(state.phase, found))
        return seen

    def _results(self, m: Module, state: Sequencer, macs: LaneMacs, seen: Value) -> list[Value]:
        """What each stage hands on."""
        found: list[Value] = []
        for index, part in enumerate(self._layers):
            if index not in self._maxima:
                found.append(part.y)
                continue
            maxima = self._maxima[index]
            m.d.comb += [
                maxima.i.eq(part.y),
                maxima.take.eq(state.advance & state.hands & within(state.phase, [index])),
                maxima.first.eq(state.window == 0),
                maxima.lane.eq(state.word),
            ]
            if maxima.padded:
                m.d.comb += maxima.seen.eq(seen)
            found.append(maxima.o)
        return found

    def _store(
        self, m: Module, state: Sequencer, inlet: Inlet, gives: Value, results: list[Value]
    ) -> Value:
        """Memories take in the input, and what stages hand on; returns the number of a result."""
        counted = [stage.results for stage in self._stages]
        place = Signal(index_width(max(counted if self._is_index else counted[:-1] or [1])))
        with m.If(state.advance & gives):
            m.d.sync += place.eq(Mux(state.ends.stage, 0, place + 1))
        with m.If(state.restart):
            m.d.sync += place.eq(0)
        for parity, memory in self._memories.items():
            sources = [(0, inlet.place, inlet.keeps, self.s_axis_tdata)] if parity == 0 else []
            sources += [
                (index, place, state.advance & gives, results[index])
                for index in range((parity + 1) % 2, len(self._stages) - 1, 2)
            ]
            for index, at, write, value in sources:
                with m.If(within(state.phase, [index])):
                    m.d.comb += [memory.write.eq(write), memory.i.eq(value)]
                    if isinstance(memory, WordMemory):
                        m.d.comb += memory.place.eq(at)
        return place

    def _send_values(
        self, m: Module, state: Sequencer, valid: Value, y: Value, blocked: Signal
    ) -> None:
        """The last stage's results go straight to the stream."""
        value = Signal(Shape(self._output.element_bits, self._output.signed), name="output")
        m.d.comb += [
            value.eq(y),
            self.m_axis_tdata.eq(value.as_unsigned()),
            self.m_axis_tvalid.eq(valid),
            self.m_axis_tlast.eq(state.ends.stage),
            blocked.eq(valid & ~self.m_axis_tready),
        ]

    def _send_index(
        self, m: Module, state: Sequencer, valid: Value, y: Value, place: Value, blocked: Signal
    ) -> None:
        """An index goes through a register.

        The first result of the next waits until the sink has taken it.
        """
        tag = place[: index_width(self._stages[-1].results)]
        m.submodules.argmax = argmax = SerialArgmax(y.shape(), len(tag))
        waiting, first = Signal(), Signal()
        m.d.comb += [
            first.eq(place == 0),
            blocked.eq(valid & first & waiting & ~self.m_axis_tready),
            argmax.take.eq(valid & ~blocked),
            argmax.first.eq(first),
            argmax.value.eq(y),
            argmax.tag.eq(tag),
            self.m_axis_tdata.eq(argmax.o),
            self.m_axis_tlast.eq(1),
            self.m_axis_tvalid.eq(waiting),
        ]
        with m.If(valid & state.ends.stage & ~blocked):
            m.d.sync += waiting.eq(1)
        with m.Elif(self.m_axis_tready):
            m.d.sync += waiting.eq(0)


def _around(stage: Stage, axis: int) -> bool:
    """Whether there is padding above and below, or beside."""
    return any(stage.window.padding[axis::2]) or any(stage.pool.padding[axis::2])


def _reach(stage: Stage, axis: int) -> int:
    """Rows, or columns, from the first of padding to the last that a window sees."""
    return (stage.positions[axis] - 1) * stage.step[axis] + stage.span[axis]
