"""The top module of a stream."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Shape, Signal, Value

from hwgen.rtl.adders.wired import WiredSums
from hwgen.rtl.adders.words import extended
from hwgen.rtl.interface import Layout
from hwgen.rtl.names import layer_module
from hwgen.rtl.stream.accumulating import Accumulating
from hwgen.rtl.stream.control import Control, Counted
from hwgen.rtl.stream.folding import Folding
from hwgen.rtl.stream.maxima import Maxima
from hwgen.rtl.stream.pace import paced
from hwgen.rtl.stream.schedule import Schedule, Stage
from hwgen.rtl.stream.window import LineBuffer
from hwgen.rtl.top import Top, stream_ports
from hwgen.rtl.tournament import ParallelArgmax
from hwgen.rtl.windows import Products, channels_of, vector_sums, window_sums
from hwgen.spec.arithmetic import Interval
from hwgen.spec.maps import Windowed
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool


@dataclass(frozen=True)
class Part:
    """A module of a layer.

    Parameters
    ----------
    name
        Inside the design.
    module
        With ``x`` in and ``y`` out, and inputs for ``controls``.
    layer
        Its layer.
    controls
        Tables of the layer's stage that it has inputs for.
    """

    name: str
    module: LineBuffer | Folding | Accumulating | WiredSums | Maxima
    layer: int
    controls: list[str]


class StreamTop(Top):
    """A whole network, as a stream; the top module.

    A beat of the input is a position of a map, all channels at once, or one of its channels; row by
    row, ``tlast`` on the last. Every layer works on a position in the clock in which it is there. A
    result waits in a register; the next one waits for it where both sides stall.

    ``interval`` and ``latency`` are those of :class:`Schedule`.

    Parameters
    ----------
    network
        The network.
    source, sink
        Its beats.
    registers
        One behind each layer, but the last.
    effort
        How long to search for small adder graphs.
    """

    def __init__(
        self, network: Network, source: Layout, sink: Layout, *, registers: bool, effort: str
    ):
        self._network, self._input, self._output = network, source, sink
        self._registers, self._effort = registers, effort
        self._schedule = schedule = Schedule.of(network, registers, source.parts)
        self._counted = Counted(rows=schedule.rows, columns=schedule.columns)
        self.interval, self.latency = schedule.interval, schedule.latency
        self._parts: list[Part] = []
        own = (network.input.format.minimum, network.input.format.maximum)
        ranges: list[Interval] = [own] * (source.per_beat * source.parts)
        for index, stage in enumerate(schedule.stages):
            ranges = self._add(index, stage, ranges)
        self._ranges = ranges
        self._argmax = ParallelArgmax(ranges, 0) if network.output == "argmax" else None
        super().__init__(stream_ports(source, sink))

    @property
    def stored_bits(self) -> list[int]:
        """Bits that each layer stores."""
        found = [0] * len(self._network.layers)
        for part in self._parts:
            found[part.layer] += getattr(part.module, "bits", 0)
        return found

    def paced(self, source: int, sink: int) -> int:
        """See :func:`hwgen.rtl.stream.pace.paced`."""
        return paced(self._schedule, source, sink)

    def _add(self, index: int, stage: Stage, ranges: list[Interval]) -> list[Interval]:
        """Add the modules of a layer that reads channels in ``ranges``; returns those it gives."""
        network, layer = self._network, self._network.layers[index]
        name, tables = layer_module(index, layer.name), list(stage.tables)
        module: LineBuffer | Folding | Accumulating | WiredSums | Maxima
        if stage.style == "sums":
            sums = vector_sums(network, index, [one for one in ranges for _ in stage.reads.clocks])
            module = Accumulating(
                Products.of(network, index),
                sums,
                ranges,
                stage.steps,
                [
                    self._counted.code(clock + step)
                    for clock in stage.reads.clocks
                    for step in range(stage.steps)
                ],
                self._counted.width,
            )
        elif stage.style == "wired":
            module = WiredSums(vector_sums(network, index, ranges), ranges, 0, self._effort)
        elif not isinstance(layer, Windowed):
            raise TypeError(layer.kind)
        elif stage.style == "fold":
            module = self._folding(index, layer, ranges)
            tables = module.controls
        else:
            line = self._line(index, layer, ranges, tables)
            self._parts.append(Part(f"{name}_line", line, index, tables))
            ranges, tables = line.ranges, []
            if isinstance(layer, MaxPool):
                module = Maxima(ranges, layer.window.size)
            else:
                module = WiredSums(window_sums(network, index, ranges), ranges, 0, self._effort)
        self._parts.append(Part(name, module, index, tables))
        return module.ranges

    def _folding(self, index: int, layer: Windowed, ranges: list[Interval]) -> Folding:
        """A pool whose windows stand side by side."""
        lefts = channels_of(self._network.source(index).alignment, len(ranges))
        requantizers = None
        if not isinstance(layer, MaxPool):
            seen = [one for one in ranges for _ in range(layer.window.size)]
            requantizers = window_sums(self._network, index, seen).requantizers
        return Folding(ranges, layer.window, layer.positions[1], requantizers, lefts)

    def _line(
        self, index: int, layer: Windowed, ranges: list[Interval], tables: list[str]
    ) -> LineBuffer:
        """What a layer with a window stores."""
        fill = [self._network.source(index).zero] * len(ranges)
        if isinstance(layer, MaxPool):
            fill = [low for low, _ in ranges]
        above, beside = (
            [int(one.removeprefix(name)) for one in tables if one.startswith(name)]
            for name in ("above", "beside")
        )
        return LineBuffer(ranges, layer.window, layer.image[1], fill, above, beside)

    def elaborate(self, platform: object) -> Module:
        """The layers one after the other, and the clocks of a frame beside them."""
        m = Module()
        tables = {
            f"layer{part.layer}_{name}": self._schedule.stages[part.layer].tables[name]
            for part in self._parts
            for name in part.controls
        }
        m.submodules.control = control = Control(
            self._counted, tables, self._schedule.results, self._schedule.loads, self._input.parts
        )
        value = self._position(m, control.moves)
        for place, part in enumerate(self._parts):
            if self._registers and place and self._parts[place - 1].layer != part.layer:
                value = self._registered(m, f"stage{part.layer}", value, control.go)
            m.submodules[part.name] = part.module
            self._connect(m, part, control)
            m.d.comb += part.module.x.eq(value)
            value = part.module.y
        result = self._result(m, value)
        register = Signal(len(result), name="result", reset_less=True)
        with m.If(control.load):
            m.d.sync += register.eq(result)
        m.d.comb += [
            control.valid.eq(self.s_axis_tvalid),
            control.last.eq(self.s_axis_tlast if self._input.beats > 1 else 1),
            self.s_axis_tready.eq(control.ready),
            control.taken.eq(self.m_axis_tready),
            self.m_axis_tvalid.eq(control.given),
            self.m_axis_tdata.eq(register),
        ]
        if self._output.beats > 1:
            m.d.comb += self.m_axis_tlast.eq(control.ends)
        return m

    def _position(self, m: Module, moves: Value) -> Value:
        """All channels of a position: that which comes, and those that came before it."""
        bits = self._input.per_beat * self._input.element_bits
        before = bits * (self._input.parts - 1)
        value: Value = self.s_axis_tdata[:bits]
        if not before:
            return value
        kept = Signal(before, name="channels", reset_less=True)
        with m.If(moves):
            m.d.sync += kept.eq(Cat(kept, value)[bits:])
        return Cat(kept, value)

    def _connect(self, m: Module, part: Part, control: Control) -> None:
        """The control signals of a module; what stores does so when a clock passes."""
        for name in part.controls:
            signal = getattr(control, f"layer{part.layer}_{name}")
            stores = name in ("shift", "fold", "edge", "add")
            m.d.comb += getattr(part.module, name).eq(signal & control.go if stores else signal)
        if isinstance(part.module, Accumulating):
            m.d.comb += part.module.count.eq(control.count)

    def _registered(self, m: Module, name: str, value: Value, go: Value) -> Value:
        register = Signal(len(value), name=name, reset_less=True)
        with m.If(go):
            m.d.sync += register.eq(value)
        return register

    def _result(self, m: Module, value: Value) -> Value:
        """A beat of the result, without padding, of what the last layer hands on."""
        if self._argmax is not None:
            m.submodules.argmax = self._argmax
            m.d.comb += self._argmax.x.eq(value)
            return self._argmax.y
        shape = Shape(self._output.element_bits, self._output.signed)
        return extended(m, value, self._ranges, shape)
