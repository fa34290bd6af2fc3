"""What combinational modules that may be pipelined have in common."""

from functools import cached_property

from amaranth.hdl import Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.rtl.adders.words import Stages, packed_width
from hwgen.spec.arithmetic import Interval


class Staged(wiring.Component):
    """A module of words, combinational or with registers between its stages.

    Latency ``self.stages`` cycles (0 with ``pipeline`` 0); interval 1.

    Parameters
    ----------
    inputs
        Exact interval of each word that goes in.
    width
        Bits that come out.
    pipeline
        Levels of logic between registers, 0 for none.

    Members
    -------
    x : In
        The words, each in the shape of its interval, the first in the low bits.
    y : Out(width)
        What is computed.
    enable : In(1)
        Clock enable, with ``pipeline`` alone.
    """

    def __init__(self, inputs: list[Interval], width: int, pipeline: int):
        self._inputs, self._pipeline = inputs, pipeline
        members = {"x": In(packed_width(inputs)), "y": Out(width)}
        super().__init__({**members, "enable": In(1)} if pipeline else members)

    @property
    def stages(self) -> int:
        """Pipeline stages, each with a register at its end."""
        return self._built[1]

    @property
    def register_bits(self) -> int:
        """Bits that its registers hold."""
        return self._built[2].bits

    def elaborate(self, platform: object) -> Module:
        """The module that :meth:`_build` fills."""
        return self._built[0]

    @cached_property
    def _built(self) -> tuple[Module, int, Stages]:
        """The module, how many stages it came to, and their registers."""
        m = Module()
        stages = Stages(m, self.enable if self._pipeline else Const(1))
        return m, self._build(m, stages), stages

    def _build(self, m: Module, stages: Stages) -> int:
        """Compute ``y`` of ``x``; returns the number of stages."""
        raise NotImplementedError
