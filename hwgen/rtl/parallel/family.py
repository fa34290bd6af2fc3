"""The parallel architecture, as others see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hwgen.rtl.adders.search import EFFORTS
from hwgen.rtl.architecture import Architecture, Cycles
from hwgen.rtl.knobs import knob
from hwgen.rtl.parallel.windows import KINDS, check_windows, sane
from hwgen.spec.formats import Format
from hwgen.spec.network import AnyLayer, Network

if TYPE_CHECKING:
    from hwgen.rtl.pricing import Pricing
    from hwgen.rtl.top import Top


@dataclass(frozen=True, kw_only=True)
class Parallel(Architecture):
    """Every weight hard-wired, one inference per clock.

    Parameters
    ----------
    pipeline
        At most this many adder levels between registers; 0 is combinational.
    bare
        No handshake; ``x`` in, ``y`` out.
    effort
        How long to search for small adder graphs.
    """

    name: ClassVar[str] = "parallel"
    summary: ClassVar[str] = "every weight hard-wired, one inference per clock"
    sequenced: ClassVar[bool] = False
    kinds: ClassVar[frozenset[str]] = KINDS

    pipeline: int = knob(
        0,
        "at most this many adder levels between registers; 0 for none.",
        least=0,
        unit="adder levels",
    )
    bare: bool = knob(False, "no handshake; x in, y out.")
    effort: str = knob(
        "normal", "how long to search for small adder graphs.", choices=tuple(EFFORTS)
    )

    @classmethod
    def takes(cls, network: Network) -> bool:
        """All kinds, of few windows."""
        return super().takes(network) and sane(network)

    def check(self, network: Network) -> None:
        """Refuse windows that are too many to be unrolled."""
        super().check(network)
        check_windows(network)

    def build(self, network: Network) -> "Top":
        """The adder graphs, and the handshake around them."""
        from hwgen.rtl.parallel.top import ParallelTop

        return ParallelTop(
            network,
            self.input_layout(network),
            self.output_layout(network),
            pipeline=self.pipeline,
            bare=self.bare,
            effort=self.effort,
        )

    def cycles(self, network: Network) -> Cycles:
        """An input in every clock; the stages of a pipeline are those of its adder graphs."""
        latency = None if self.pipeline else int(not self.bare)
        return Cycles(latency=latency, interval=1)

    def estimated_area(self, layers: Sequence[AnyLayer], source: Format) -> float:
        """With the registers of a pipeline; of any effort."""
        from hwgen.rtl.parallel.estimate import estimated_area

        return estimated_area(layers, source, self.pipeline)

    def pricing(self, flip_flop: float, latch: float | None) -> "Pricing":
        """Shared adder graphs; without the registers of a pipeline."""
        from hwgen.rtl.parallel.pricing import GraphPricing

        return GraphPricing()

    @classmethod
    def choices(cls, network: Network) -> Sequence[Architecture]:
        """Combinational, and pipelines that are ever shorter from register to register."""
        return [cls(pipeline=levels) for levels in (0, 4, 2, 1)]
