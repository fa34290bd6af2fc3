"""When each layer of a bit-serial design takes which digit.

Time goes in frames. A layer looks at a digit of all its inputs in each clock of its window, which
lies at the same place in every frame. Layers of one group take turns within a frame: each reads the
accumulators of the one before, which hold still. Groups work at once, on inputs that followed each
other: what the last layer of a group hands on is stored at the start of a frame.
"""

from dataclasses import dataclass
from typing import Literal

from hwgen.rtl.bitserial.neuron import neurons
from hwgen.rtl.requantize import requantizers, shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network

_FLOP, _LOAD, _SELECT = 49, 16, 8
"""Areas (um2, ihp-sg13g2) of a flip-flop, of loading and shifting a bit, of selecting a bit."""

Reads = Literal["held", "stored", "digits"]
"""How a layer gets its inputs: from what stands still, from what it stores, digit by digit."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The clocks of a design.

    Parameters
    ----------
    digit
        Bits of a digit.
    digits
        Digits of each layer's inputs.
    offsets
        Clock of the frame in which each layer's window begins.
    groups
        Number of groups.
    """

    digit: int
    digits: list[int]
    offsets: list[int]
    groups: int

    @classmethod
    def of(cls, network: Network, digit: int, stages: int) -> "Schedule":
        """That of ``network`` (simplified) with at most ``stages`` groups; 0: any number.

        The shortest frame, of those the fewest groups.
        """
        widths = [max(shape_of(*one).width for one in source) for source in sources(network)]
        digits = [-(-width // digit) for width in widths]
        most = min(stages or len(digits), len(digits))
        frame = min(f for f in range(max(digits), sum(digits) + 1) if _count(digits, f) <= most)
        return cls(
            digit=digit,
            digits=digits,
            offsets=_offsets(digits, frame),
            groups=_count(digits, frame),
        )

    @property
    def frame(self) -> int:
        """Clocks of a frame: the interval."""
        return max(o + d for o, d in zip(self.offsets, self.digits, strict=True))

    @property
    def latency(self) -> int:
        """Clock edges from the one that takes an input to the one that takes its result."""
        return self.groups * self.frame - self.digits[0] + 1

    def opens(self, index: int) -> bool:
        """Layer ``index`` is the first of a group, behind another group."""
        return index > 0 and self.offsets[index] == 0

    def reads(self, network: Network, index: int) -> Reads:
        """How layer ``index`` of ``network`` gets its inputs.

        What the layer before hands on can leave through the register of that one's own low bits,
        digit by digit, while it shifts the bits of the next input in: if both read as often, and
        that is smaller than two registers.
        """
        if not self.opens(index):
            return "held"
        before, own = self.digits[index - 1 : index + 1]
        if self.offsets[index - 1] or not 1 < own <= before:
            return "stored"
        costs = [
            (
                _FLOP * one.passage + _LOAD * max(one.width, self.digit),
                _FLOP * (one.kept + max(0, one.width - self.digit)) + _SELECT * one.width,
            )
            for one in neurons(network, index - 1, sources(network)[index - 1], self.digit)
        ]
        shared, apart = (sum(part) for part in zip(*costs, strict=True))
        return "digits" if shared < apart else "stored"


def sources(network: Network) -> list[list[Interval]]:
    """Exact intervals of the inputs of every layer."""
    source = network.input.format
    ranges: list[Interval] = [(source.minimum, source.maximum)] * network.input.features
    found = []
    for index in range(len(network.layers)):
        found.append(ranges)
        ranges = [neuron.interval for neuron in requantizers(network, index, ranges)]
    return found


def _offsets(digits: list[int], frame: int) -> list[int]:
    """Each layer behind the one before it if that fits in the frame, else at its start."""
    offsets, end = [], 0
    for length in digits:
        begin = end if end + length <= frame else 0
        offsets.append(begin)
        end = begin + length
    return offsets


def _count(digits: list[int], frame: int) -> int:
    return _offsets(digits, frame).count(0)
