"""The top module of a bit-serial design."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Cat, Module, Shape, Signal, Value

from hwgen.rtl.adders.words import extended
from hwgen.rtl.bitserial.layer import BitSerialLayer
from hwgen.rtl.bitserial.schedule import Schedule, sources
from hwgen.rtl.interface import Layout
from hwgen.rtl.names import layer_module
from hwgen.rtl.simplify import simplify
from hwgen.rtl.top import Top, stream_ports
from hwgen.rtl.tournament import ParallelArgmax
from hwgen.spec.network import Network


class BitSerialTop(Top):
    """A whole network, bit-serial; the top module.

    A vector is worked on while it stands on ``s_axis``, and taken in the clock that looks at its
    last digits. A result stands on ``m_axis`` in the first clock of a frame, and everything waits
    there until it is taken. A frame begins when there is an input, or one on its way.

    ``interval`` and ``latency`` are those of :class:`Schedule`.
    """

    parts: ClassVar[Mapping[str, str]] = {
        "argmax": "Index of the largest output, the lowest of equals."
    }

    def __init__(
        self,
        network: Network,
        input_layout: Layout,
        output_layout: Layout,
        *,
        digit: int,
        stages: int,
    ):
        self._argmax = network.output == "argmax"
        self._input, self._output = input_layout, output_layout
        self._names = [layer_module(i, layer.name) for i, layer in enumerate(network.layers)]
        simplified = simplify(network)
        self._schedule = Schedule.of(simplified, digit, stages)
        self._layers = layers(simplified, self._schedule)
        self.interval = self._schedule.frame
        self.latency = self._schedule.latency
        self.accept = self._schedule.digits[0]
        super().__init__(stream_ports(input_layout, output_layout))

    def elaborate(self, platform: object) -> Module:
        """Frames, layers, and the way out."""
        m = Module()
        clocks = self._frames(m)
        value: Value = self.s_axis_tdata[: self._input.elements * self._input.element_bits]
        for index, (name, part) in enumerate(zip(self._names, self._layers, strict=True)):
            m.submodules[name] = part
            offset, digits = self._schedule.offsets[index], self._schedule.digits[index]
            m.d.comb += [part.x.eq(value), part.select.eq(clocks[offset : offset + digits])]
            value = part.y
        m.d.comb += self.m_axis_tdata.eq(self._result(m, value))
        return m

    def _frames(self, m: Module) -> Value:
        """The handshake; returns a bit for each clock of a frame."""
        frame, groups = self._schedule.frame, self._schedule.groups
        time = Signal(max(1, (frame - 1).bit_length()), name="time")
        at = Signal(frame, name="at")
        # Bit g, in the first clock of a frame: a vector has left group g; later: it is in group g.
        busy = Signal(groups, name="busy")
        begins, waits = Signal(name="begins"), Signal(name="waits")
        m.d.comb += [
            *(at[t].eq(time == t) for t in range(frame)),
            waits.eq(busy[-1] & ~self.m_axis_tready),
            begins.eq(at[0] & Cat(self.s_axis_tvalid, busy[:-1]).any() & ~waits),
            self.m_axis_tvalid.eq(at[0] & busy[-1]),
        ]
        with m.If(begins):
            m.d.sync += busy.eq(Cat(self.s_axis_tvalid, busy))
        with m.Elif(at[0] & self.m_axis_tready):
            m.d.sync += busy[-1].eq(0)
        if frame > 1:
            with m.If(begins | ~at[0]):
                m.d.sync += time.eq(time + 1)
            if frame & (frame - 1):
                with m.If(at[-1]):
                    m.d.sync += time.eq(0)
        last = self._schedule.digits[0] - 1
        m.d.comb += self.s_axis_tready.eq(at[last] & busy[0] if last else at[0] & ~waits)
        return Cat(begins, at[1:])

    def _result(self, m: Module, y: Value) -> Value:
        """The network's result, without padding, from the outputs of its last layer."""
        ranges = self._layers[-1].ranges
        if self._argmax:
            m.submodules.argmax = argmax = ParallelArgmax(ranges, 0)
            m.d.comb += argmax.x.eq(y)
            return argmax.y
        shape = Shape(self._output.element_bits, self._output.signed)
        return extended(m, y, ranges, shape)


def layers(network: Network, schedule: Schedule) -> list[BitSerialLayer]:
    """The layers of ``network`` (simplified)."""
    reads = [schedule.reads(network, index) for index in range(len(network.layers))]
    serves = [
        digits if read == "digits" else 0
        for digits, read in zip(schedule.digits[1:], reads[1:], strict=True)
    ]
    return [
        BitSerialLayer(network, index, ranges, schedule.digit, reads[index], served)
        for index, (ranges, served) in enumerate(zip(sources(network), [*serves, 0], strict=True))
    ]
