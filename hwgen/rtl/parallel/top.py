"""The parallel architecture: every weight hard-wired, one inference per clock.

Each layer is a shared graph of constant adders (:mod:`hwgen.rtl.adders.addergraph`). All words in
it are unsigned: a signed input counts from its minimum, a negative term is the complement of its
word, and the constants that this leaves gather in the bias. So no adder extends a sign, and each is
exactly as wide as its largest value; an accumulator is as wide as its neuron's interval. Windows
that slide over a map are unrolled: each position is neurons of its own, whose sums share what they
have in common, and max pooling is comparators.

With ``pipeline`` N there are at most N adder levels between registers, and a register after each
layer; an argmax counts a comparison as a level. With 0 everything is combinational.
"""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, Shape, Signal, Value
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.words import extended
from hwgen.rtl.interface import Layout
from hwgen.rtl.names import layer_module
from hwgen.rtl.parallel.layer import ParallelLayer
from hwgen.rtl.parallel.pool import ParallelMaxPool
from hwgen.rtl.simplify import simplify
from hwgen.rtl.top import Top, stream_ports
from hwgen.rtl.tournament import ParallelArgmax
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool

_Part = ParallelLayer | ParallelMaxPool | ParallelArgmax


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
    pipeline, bare, effort
        The knobs.
    """

    interval = 1
    parts: ClassVar[Mapping[str, str]] = {
        "argmax": "Index of the largest output, the lowest of equals."
    }

    def __init__(
        self,
        network: Network,
        source: Layout,
        sink: Layout,
        *,
        pipeline: int,
        bare: bool,
        effort: str,
    ):
        self._network = network
        self._pipeline, self._bare = pipeline, bare
        self._input, self._output = source, sink
        self._parts, self._ranges = _parts(simplify(network), pipeline, effort)
        stages = sum(part.stages for _, part in self._parts)
        self.latency = stages if bare else max(1, stages)
        if bare:
            members = {"x": In(self._input.width), "y": Out(self._output.width)}
            if pipeline:
                members["clk"] = In(1)
        else:
            members = stream_ports(source, sink)
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
        shape = Shape(self._output.element_bits, self._output.signed)
        return extended(m, value, self._ranges, shape)


def _parts(
    network: Network, pipeline: int, effort: str
) -> tuple[list[tuple[str, _Part]], list[Interval]]:
    """The modules of a network, named, and the intervals of the last layer's outputs."""
    source = network.input.format
    ranges = [(source.minimum, source.maximum)] * network.input.features
    parts: list[tuple[str, _Part]] = []
    for index, layer in enumerate(network.layers):
        part = part_of(network, index, ranges, pipeline, effort)
        parts.append((layer_module(index, layer.name), part))
        ranges = part.ranges
    if network.output == "argmax":
        parts.append(("argmax", ParallelArgmax(ranges, pipeline)))
    return parts, ranges


def part_of(
    network: Network, index: int, ranges: list[Interval], pipeline: int, effort: str
) -> ParallelLayer | ParallelMaxPool:
    """The module of a layer, whose inputs lie in ``ranges``."""
    if isinstance(network.layers[index], MaxPool):
        return ParallelMaxPool(network, index, ranges, pipeline)
    return ParallelLayer(network, index, ranges, pipeline, effort)
