"""A design behind the ports of a Tiny Tapeout tile: bytes in, bytes out.

The tile has eight input pins, eight output pins and eight pins of either direction. Bytes of the
design's beats travel over the first two groups, the low byte of a beat first; the handshakes are on
the third, as :data:`PINS` says.

Rules, both ways: a byte is taken at the rising edge of ``clk`` at which valid and ready are both
high; valid, once high, stays and its byte does not change until then. No output depends on an input
within the clock. Inputs change in step with ``clk``; ``rst_n`` alone may change at any time.
"""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.generate import build, layer_modules, verilog_text
from hwgen.rtl.interface import Layout, Port
from hwgen.rtl.manifest import Manifest, formats_of
from hwgen.rtl.top import Top
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

PINS = {"in_valid": 0, "in_ready": 1, "out_valid": 2, "out_ready": 3, "out_last": 4}
"""Number of the ``uio`` pin that carries each handshake signal."""

OUTPUTS = ("in_ready", "out_valid", "out_last")
"""Those of :data:`PINS` that the tile drives; the others and the spare pins are inputs."""

RESET_CYCLES = 3
"""Rising edges for which ``rst_n`` must be low: two until it has passed its synchronizer."""

PREFIX = "tt_um_"
"""What every top module of a tile begins with."""

_PORTS: tuple[Port, ...] = (
    Port(name="ui_in", direction="input", width=8),
    Port(name="uo_out", direction="output", width=8),
    Port(name="uio_in", direction="input", width=8),
    Port(name="uio_out", direction="output", width=8),
    Port(name="uio_oe", direction="output", width=8),
    Port(name="ena", direction="input", width=1),
    Port(name="clk", direction="input", width=1),
    Port(name="rst_n", direction="input", width=1),
)


class ByteReceiver(wiring.Component):
    """Gathers bytes into beats.

    A byte may come in every clock, also in the one that takes the beat before. A beat can be taken
    in the clock after its last byte.

    Parameters
    ----------
    layout
        The beats.

    Members
    -------
    i_data : In(8), i_valid : In(1), i_ready : Out(1)
        Bytes, the low one of a beat first.
    o_data : Out, o_last : Out(1), o_valid : Out(1), o_ready : In(1)
        Beats; ``o_last`` on the last of a vector.
    """

    def __init__(self, layout: Layout):
        self._beats = layout.beats
        self._bytes = layout.width // 8
        super().__init__(
            {
                "i_data": In(8),
                "i_valid": In(1),
                "i_ready": Out(1),
                "o_data": Out(layout.width),
                "o_last": Out(1),
                "o_valid": Out(1),
                "o_ready": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A register that bytes shift through, and two counters."""
        m = Module()
        data = Signal(len(self.o_data), reset_less=True)
        full = Signal()
        take = Signal()
        last_byte = _count(m, "byte", self._bytes, take)
        last_beat = _count(m, "beat", self._beats, full & self.o_ready)
        with m.If(self.o_ready):
            m.d.sync += full.eq(0)
        with m.If(take):
            m.d.sync += [data.eq(Cat(data[8:], self.i_data)), full.eq(last_byte)]
        m.d.comb += [
            take.eq(self.i_valid & self.i_ready),
            self.i_ready.eq(~full | self.o_ready),
            self.o_valid.eq(full),
            self.o_data.eq(data),
            self.o_last.eq(last_beat),
        ]
        return m


class ByteSender(wiring.Component):
    """Hands on beats byte by byte.

    The first byte of a beat can be taken in the clock after the beat; the next beat is taken after
    the last byte, not along with it.

    Parameters
    ----------
    layout
        The beats.

    Members
    -------
    i_data : In, i_last : In(1), i_valid : In(1), i_ready : Out(1)
        Beats; ``i_last`` on the last of a result.
    o_data : Out(8), o_last : Out(1), o_valid : Out(1), o_ready : In(1)
        Bytes, the low one of a beat first; ``o_last`` on the last of a result.
    """

    def __init__(self, layout: Layout):
        self._bytes = layout.width // 8
        super().__init__(
            {
                "i_data": In(layout.width),
                "i_last": In(1),
                "i_valid": In(1),
                "i_ready": Out(1),
                "o_data": Out(8),
                "o_last": Out(1),
                "o_valid": Out(1),
                "o_ready": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A register that bytes shift out of, and a counter."""
        m = Module()
        data = Signal(len(self.i_data), reset_less=True)
        last = Signal(reset_less=True)
        valid = Signal()
        give = Signal()
        last_byte = _count(m, "byte", self._bytes, give)
        with m.If(give):
            m.d.sync += [data.eq(data[8:]), valid.eq(~last_byte)]
        with m.If(self.i_valid & self.i_ready):
            m.d.sync += [data.eq(self.i_data), last.eq(self.i_last), valid.eq(1)]
        m.d.comb += [
            give.eq(valid & self.o_ready),
            self.i_ready.eq(~valid),
            self.o_valid.eq(valid),
            self.o_data.eq(data[:8]),
            self.o_last.eq(valid & last & last_byte),  # known from reset on, as pins must be
        ]
        return m


class TinyTapeoutTop(wiring.Component):
    """A whole network with the ports of a Tiny Tapeout tile; the top module.

    ``rst_n`` passes two flip-flops and resets everything synchronously; bytes are refused
    meanwhile. ``ena`` is high whenever the tile has power and is not looked at.

    ``latency`` counts clock edges from the one that takes the last byte of a vector to the one that
    takes the first byte of its result, if nothing else is under way. ``interval`` counts those
    between the last bytes of two vectors, after the first few, when neither side ever stalls.

    Parameters
    ----------
    core
        The design.
    source, sink
        Its beats.
    latency, interval
        Of the tile.
    """

    def __init__(self, core: Top, source: Layout, sink: Layout, *, latency: int, interval: int):
        self._core = core
        self._layouts = source, sink
        self.latency = latency
        self.interval = interval
        self.parts = {
            **core.parts,
            "receiver": "Gathers bytes into beats.",
            "sender": "Hands on beats byte by byte.",
        }
        super().__init__(
            {port.name: (In if port.direction == "input" else Out)(port.width) for port in _PORTS}
        )

    def elaborate(self, platform: object) -> Module:
        """Receiver, design and sender in a row."""
        m = Module()
        m.domains.sync = ClockDomain()
        synchronizer = Signal(2, init=0b11, reset_less=True)
        m.d.sync += synchronizer.eq(Cat(~self.rst_n, synchronizer))
        m.d.comb += [ClockSignal().eq(self.clk), ResetSignal().eq(synchronizer[-1])]
        m.submodules.receiver = receiver = ByteReceiver(self._layouts[0])
        m.submodules.core = core = self._core
        m.submodules.sender = sender = ByteSender(self._layouts[1])
        self._connect(m, receiver, core, sender)
        handshakes = {
            "in_ready": receiver.i_ready & ~ResetSignal(),
            "out_valid": sender.o_valid,
            "out_last": sender.o_last,
        }
        m.d.comb += [
            receiver.i_data.eq(self.ui_in),
            receiver.i_valid.eq(self.uio_in[PINS["in_valid"]]),
            sender.o_ready.eq(self.uio_in[PINS["out_ready"]]),
            self.uo_out.eq(sender.o_data),
            *(self.uio_out[PINS[name]].eq(value) for name, value in handshakes.items()),
            self.uio_oe.eq(sum(1 << PINS[name] for name in OUTPUTS)),
        ]
        return m

    def _connect(
        self, m: Module, receiver: ByteReceiver, core: wiring.Component, sender: ByteSender
    ) -> None:
        """The streams between the three; a design without ``tlast`` has one beat to a vector."""
        m.d.comb += [
            core.s_axis_tdata.eq(receiver.o_data),
            core.s_axis_tvalid.eq(receiver.o_valid),
            receiver.o_ready.eq(core.s_axis_tready),
            sender.i_data.eq(core.m_axis_tdata),
            sender.i_valid.eq(core.m_axis_tvalid),
            core.m_axis_tready.eq(sender.i_ready),
            sender.i_last.eq(getattr(core, "m_axis_tlast", Const(1))),
        ]
        if hasattr(core, "s_axis_tlast"):
            m.d.comb += core.s_axis_tlast.eq(receiver.o_last)


def build_tile(network: Network, architecture: Architecture) -> TinyTapeoutTop:
    """The tile of ``network`` in ``architecture``.

    Raises
    ------
    HwgenError
        The architecture is bare, or as of :func:`hwgen.rtl.generate.build`.
    """
    if architecture.bare:
        raise HwgenError("bare", "given with tinytapeout", "the tile needs a handshake")
    core = build(network, architecture)
    source, sink = architecture.input_layout(network), architecture.output_layout(network)
    return TinyTapeoutTop(
        core,
        source,
        sink,
        latency=core.latency + core.waits(source.width // 8) + 1,
        interval=core.paced(source.width // 8, sink.width // 8 + 1),
    )


def tile_design(network: Network, architecture: Architecture, top: str) -> tuple[str, Manifest]:
    """Verilog of the tile ``top``, and what others need to know of it.

    Ports, latency and interval in the manifest are those of the tile; ``input`` and ``output`` the
    beats whose bytes it takes and hands on.

    Raises
    ------
    HwgenError
        As of :func:`build_tile`.
    """
    component = build_tile(network, architecture)
    text = verilog_text(component, top, network, architecture)
    manifest = Manifest(
        top=top,
        verilog="project.v",
        arch=architecture,
        latency_cycles=component.latency,
        interval_cycles=component.interval,
        ports=list(_PORTS),
        input=architecture.input_layout(network),
        output=architecture.output_layout(network),
        accumulator_bits=[network.accumulator_width(i) for i in range(len(network.layers))],
        network_sha256=network.sha256(),
        formats=formats_of(network),
        layer_modules=layer_modules(network, f"{top}_core", text),
    )
    return text, manifest


def _count(m: Module, name: str, number: int, step: Value) -> Value:
    """Whether it is the turn of the last of ``number``; ``step`` moves on to the next."""
    if number == 1:
        return Const(1)
    counter = Signal(range(number), name=name)
    at_end = Signal(name=f"last_{name}")
    m.d.comb += at_end.eq(counter == number - 1)
    with m.If(step):
        m.d.sync += counter.eq(counter + 1)
        with m.If(at_end):
            m.d.sync += counter.eq(0)
    return at_end
