"""The serial architecture, as others see it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from hwgen.rtl.architecture import Architecture, Cycles
from hwgen.rtl.interface import Layout, input_layout, output_elements, output_layout
from hwgen.rtl.knobs import knob
from hwgen.spec.conv import Convolution
from hwgen.spec.formats import Format
from hwgen.spec.maps import Windowed
from hwgen.spec.network import AnyLayer, Network
from hwgen.spec.pools import Pool
from hwgen.support.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.rtl.pricing import Pricing
    from hwgen.rtl.top import Top


_SMALL_LATCH = 0.7
"""Area of a latch, over that of a flip-flop, up to which words in latches are smaller.

A bit is read through 0.15 of a flip-flop, and its word's clock gates come to 0.1 of one a bit.
"""


@dataclass(frozen=True, kw_only=True)
class Serial(Architecture):
    """Time-multiplexed MACs, weights in ROM; one feature and one result to a beat.

    Parameters
    ----------
    macs
        Number of MACs, at most as many as the widest layer has neurons.
    storage
        ``latch``: words that stand still, which synthesis keeps in latches where the library has
        smaller ones than flip-flops. ``flip-flop``: words that move on in rows of flip-flops.
        ``auto``: what is smaller in the library; without one, the first.
    """

    name: ClassVar[str] = "serial"
    summary: ClassVar[str] = "time-multiplexed MACs, weights in ROM"
    sequenced: ClassVar[bool] = True
    kinds: ClassVar[frozenset[str]] = frozenset(
        {"dense", "conv1d", "conv2d", "max_pool", "average_pool", "global_average_pool"}
    )

    macs: int = knob(1, "number of MACs.", least=1, unit="MAC")
    storage: str = knob(
        "auto",
        "what keeps activations and accumulators.",
        choices=("auto", "flip-flop", "latch"),
    )

    @property
    def activity(self) -> float:
        """Words that stand still cost nothing; measured on digits with one MAC."""
        return 1.1 if self.storage == "flip-flop" else 0.4

    def input_beats(self, network: Network) -> int:
        """One feature to a beat."""
        return network.input.features

    def output_beats(self, network: Network) -> int:
        """One integer to a beat."""
        return output_elements(network)

    def input_layout(self, network: Network) -> Layout:
        """Position by position, where the first layer slides over a map."""
        return input_layout(network, network.input.features, by_position=_maps(network))

    def output_layout(self, network: Network) -> Layout:
        """Position by position, where the last layer hands on a map."""
        by_position = network.layers[-1].output_shape is not None
        return output_layout(network, output_elements(network), by_position=by_position)

    def check(self, network: Network) -> None:
        """More MACs than the widest layer has neurons have nothing to do."""
        super().check(network)
        widest = _widest(network)
        if self.macs > widest:
            raise HwgenError("macs", f"found {self.macs}", f"at most {widest} can be kept busy")
        shape = network.layers[-1].output_shape
        if network.output == "argmax" and shape is not None and math.prod(shape[1:]) > 1:
            where = f"layers[{len(network.layers) - 1}]"
            found = f"argmax over a map of {math.prod(shape[1:])} positions"
            raise HwgenError(where, found, "values, or a layer that hands on one position")

    def build(self, network: Network) -> "Top":
        """Sequencer, MACs and memories."""
        layouts = self.input_layout(network), self.output_layout(network)
        still = self.storage != "flip-flop"
        if _maps(network):
            from hwgen.rtl.serial.maps.schedule import MapSchedule
            from hwgen.rtl.serial.maps.top import MapTop

            return MapTop(network, *layouts, MapSchedule.of(network, self.macs), still)
        from hwgen.rtl.serial.schedule import Schedule
        from hwgen.rtl.serial.top import SerialTop

        return SerialTop(network, *layouts, Schedule.of(network, self.macs), still)

    @classmethod
    def choices(cls, network: Network) -> Sequence[Architecture]:
        """The fewest MACs for each number of words that the widest layer can take."""
        widest = _widest(network)
        counts = {-(-widest // words) for words in range(1, widest + 1)}
        return [cls(macs=macs) for macs in sorted(counts)]

    def cycles(self, network: Network) -> Cycles:
        """Those of its schedule."""
        argmax = network.output == "argmax"
        if _maps(network):
            from hwgen.rtl.serial.maps.schedule import MapSchedule

            maps = MapSchedule.of(network, self.macs)
            return Cycles(latency=maps.latency(argmax), interval=maps.interval)
        from hwgen.rtl.serial.schedule import Schedule

        schedule = Schedule.of(network, self.macs)
        return Cycles(latency=schedule.latency(argmax), interval=schedule.interval)

    def estimated_area(self, layers: Sequence[AnyLayer], source: Format) -> float:
        """With all of its MACs."""
        if any(isinstance(layer, Windowed) for layer in layers):
            from hwgen.rtl.serial.maps import estimate

            return estimate.estimated_area(layers, source, self.macs)
        from hwgen.rtl.serial.estimate import estimated_area

        return estimated_area(layers, source, self.macs, self.storage != "flip-flop")

    def pricing(self, flip_flop: float, latch: float | None) -> "Pricing":
        """ROM, storage and multipliers."""
        from hwgen.rtl.serial.pricing import SerialPricing

        return SerialPricing(self.macs, flip_flop, self.suited(latch).storage != "flip-flop")

    def suited(self, latch: float | None) -> "Serial":
        """Rows of flip-flops where they are smaller than latches and what reads these."""
        smaller = latch is not None and latch < _SMALL_LATCH
        return self if smaller or self.storage != "auto" else replace(self, storage="flip-flop")

    def __str__(self) -> str:
        kept = f", {self.storage} storage" if self.storage != "auto" else ""
        return f"{self.name}, {self.macs} MAC{'s' if self.macs > 1 else ''}{kept}"


def _maps(network: Network) -> bool:
    """Whether a layer slides over a map; the first one does then."""
    return any(isinstance(layer, Windowed) for layer in network.layers)


def _widest(network: Network) -> int:
    """The most output channels of a layer that read the same values."""
    counts = [
        layer.output_channels // (layer.groups if isinstance(layer, Convolution) else 1)
        for layer in network.layers
        if not isinstance(layer, Pool)
    ]
    return max(counts, default=1)
