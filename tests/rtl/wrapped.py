"""An architecture made through the public contract alone: registers before and behind a core.

Run as a program it is ``hwgen`` with this architecture.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import register
from hwgen.rtl.knobs import knob
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.top import Top
from hwgen.spec.formats import Format
from hwgen.spec.network import DenseLayer, Network


class WrappedTop(Top):
    """The bare combinational core with ``stages`` registers behind it."""

    interval = 1

    def __init__(self, core: Top, source: int, sink: int, stages: int):
        self._core = core
        self._sink = sink
        self.latency = stages
        super().__init__(
            {
                "s_axis_tdata": In(source),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "m_axis_tdata": Out(sink),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A pipeline that stands still while a result waits."""
        m = Module()
        m.submodules.core = core = self._core
        valid = Signal(self.latency)
        enable = Signal()
        m.d.comb += [
            core.x.eq(self.s_axis_tdata),
            enable.eq(self.m_axis_tready | ~valid[-1]),
            self.s_axis_tready.eq(enable),
            self.m_axis_tvalid.eq(valid[-1]),
        ]
        value = core.y
        for stage in range(self.latency):
            register_ = Signal(len(core.y), name=f"result{stage}", reset_less=True)
            with m.If(enable):
                m.d.sync += register_.eq(value)
            value = register_
        with m.If(enable):
            m.d.sync += valid.eq(Cat(self.s_axis_tvalid, valid))
        m.d.comb += self.m_axis_tdata.eq(value)
        return m


@register
@dataclass(frozen=True, kw_only=True)
class Wrapped(Architecture):
    """The parallel core behind registers."""

    name: ClassVar[str] = "wrapped"
    summary: ClassVar[str] = "the parallel core behind registers"
    sequenced: ClassVar[bool] = False

    stages: int = knob(1, "registers behind the core.", least=1, most=8, unit="registers")

    def build(self, network: Network) -> Top:
        """The core, and the registers."""
        core = Parallel(bare=True).build(network)
        widths = self.input_layout(network).width, self.output_layout(network).width
        return WrappedTop(core, *widths, self.stages)

    def estimated_area(self, layers: Sequence[DenseLayer], source: Format) -> float:
        """That of the core."""
        return Parallel().estimated_area(layers, source)


def main() -> Any:
    """``hwgen`` on the arguments of this program."""
    from hwgen.flows.cli.main import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
