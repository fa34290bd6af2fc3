"""The stream architecture, as others see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hwgen.rtl.adders.search import EFFORTS
from hwgen.rtl.architecture import Architecture, Cycles
from hwgen.rtl.interface import Layout, input_layout, output_layout
from hwgen.rtl.knobs import knob
from hwgen.rtl.stream.estimate import estimated_area
from hwgen.rtl.stream.schedule import Schedule
from hwgen.spec.formats import Format
from hwgen.spec.maps import Windowed
from hwgen.spec.network import AnyLayer, Network
from hwgen.support.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.rtl.top import Top


@dataclass(frozen=True, kw_only=True)
class Stream(Architecture):
    """Convolutions as positions of a map come: line buffers, hard-wired windows.

    Parameters
    ----------
    registers
        A register behind each layer: shorter paths, more area.
    beat
        ``position``: a beat of the input holds all channels of a position. ``channel``: one of
        them; those that came before wait in registers, and a frame takes as many times as long.
    effort
        How long to search for small adder graphs.
    """

    name: ClassVar[str] = "stream"
    summary: ClassVar[str] = "a position of a map per clock, line buffers, hard-wired windows"
    sequenced: ClassVar[bool] = True
    kinds: ClassVar[frozenset[str]] = frozenset(
        {"dense", "conv1d", "conv2d", "max_pool", "average_pool", "global_average_pool"}
    )

    registers: bool = knob(False, "a register behind each layer: shorter paths.")
    beat: str = knob("position", "what a beat of the input holds.", choices=("position", "channel"))
    effort: str = knob(
        "normal", "how long to search for small adder graphs.", choices=tuple(EFFORTS)
    )

    @classmethod
    def takes(cls, network: Network) -> bool:
        """Networks that begin with a map."""
        return super().takes(network) and network.layers[0].kind != "dense"

    def input_beats(self, network: Network) -> int:
        """One for each position of the map, or for each of its channels."""
        return self._schedule(network).interval

    def output_beats(self, network: Network) -> int:
        """One for each position of the map that the last layer hands on."""
        return len(Schedule.of(network, self.registers).results)

    def input_layout(self, network: Network) -> Layout:
        """A position of every channel to a beat, or a channel of it."""
        return input_layout(network, self.input_beats(network), by_position=True)

    def output_layout(self, network: Network) -> Layout:
        """A position of every channel to a beat; one index for ``argmax``."""
        return output_layout(network, self.output_beats(network), by_position=True)

    def check(self, network: Network) -> None:
        """A map must come in, with a beat for each window that slides over it."""
        super().check(network)
        Schedule.of(network, self.registers)

    def build(self, network: Network) -> "Top":
        """Line buffers, windows, and what counts the beats."""
        from hwgen.rtl.stream.top import StreamTop

        return StreamTop(
            network,
            self.input_layout(network),
            self.output_layout(network),
            registers=self.registers,
            effort=self.effort,
        )

    @classmethod
    def choices(cls, network: Network) -> Sequence[Architecture]:
        """Without registers between layers, where a layer slides over the map that comes in."""
        if not isinstance(network.layers[0], Windowed):
            return []
        try:
            Schedule.of(network, False)
        except HwgenError:
            return []
        return [cls()]

    def cycles(self, network: Network) -> Cycles:
        """Those of its schedule."""
        schedule = self._schedule(network)
        return Cycles(latency=schedule.latency, interval=schedule.interval)

    def _schedule(self, network: Network) -> Schedule:
        shape = network.source(0).shape or (1,)
        return Schedule.of(network, self.registers, shape[0] if self.beat == "channel" else 1)

    def estimated_area(self, layers: Sequence[AnyLayer], source: Format) -> float:
        """Without registers between layers."""
        return estimated_area(layers, source)
