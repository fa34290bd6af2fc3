"""The bit-serial architecture, as others see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hwgen.rtl.architecture import Architecture, Cycles
from hwgen.rtl.bitserial.estimate import estimated_area
from hwgen.rtl.bitserial.schedule import Schedule, sources
from hwgen.rtl.knobs import knob
from hwgen.rtl.requantize import shape_of
from hwgen.rtl.simplify import simplify
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer, Network

if TYPE_CHECKING:
    from hwgen.rtl.pricing import Pricing
    from hwgen.rtl.top import Top


@dataclass(frozen=True, kw_only=True)
class BitSerial(Architecture):
    """Every weight hard-wired; all inputs of a layer come a digit at a time, lowest digit first.

    Parameters
    ----------
    digit
        Bits of every input that are looked at in a clock.
    stages
        At most this many groups of layers that work at once, each on an input of its own; 0 for as
        many as make the shortest interval. With 1 the layers take turns.
    """

    name: ClassVar[str] = "bit-serial"
    summary: ClassVar[str] = "every weight hard-wired, activations in digits of a few bits"
    sequenced: ClassVar[bool] = True

    digit: int = knob(1, "bits of each activation in a clock.", least=1, most=32, unit="bits")
    stages: int = knob(
        0,
        "groups of layers that work at once; 0 for the shortest interval.",
        least=0,
        unit="groups",
    )

    def build(self, network: Network) -> "Top":
        """Layers, and the frames that they work in."""
        from hwgen.rtl.bitserial.top import BitSerialTop

        return BitSerialTop(
            network,
            self.input_layout(network),
            self.output_layout(network),
            digit=self.digit,
            stages=self.stages,
        )

    def pricing(self, flip_flop: float, latch: float | None) -> "Pricing":
        """Adders of digits, and accumulators; of any number of stages."""
        from hwgen.rtl.bitserial.pricing import DigitPricing

        return DigitPricing(self.digit)

    @classmethod
    def choices(cls, network: Network) -> Sequence[Architecture]:
        """Of digits and groups that make the same interval, one, with the smallest estimate.

        A larger digit makes more adders, more groups more registers.
        """
        simplified = simplify(network)
        widest = max(shape_of(*one).width for ranges in sources(simplified) for one in ranges)
        digits = sorted({-(-widest // count) for count in range(1, widest + 1)})
        best: dict[int, tuple[float, BitSerial]] = {}
        for digit in digits:
            for stages in range(1, len(network.layers) + 1):
                interval = Schedule.of(simplified, digit, stages).frame
                if stages > 1 and interval == Schedule.of(simplified, digit, stages - 1).frame:
                    continue
                one = cls(digit=digit, stages=stages)
                area = one.estimated_area(simplified.layers, network.input.format)
                if interval not in best or area < best[interval][0]:
                    best[interval] = area, one
        return [one for _, one in best.values()]

    def cycles(self, network: Network) -> Cycles:
        """Those of its schedule."""
        schedule = Schedule.of(simplify(network), self.digit, self.stages)
        return Cycles(latency=schedule.latency, interval=schedule.frame)

    def estimated_area(self, layers: Sequence[AnyLayer], source: Format) -> float:
        """With all of its knobs."""
        return estimated_area(layers, source, self.digit, self.stages)
