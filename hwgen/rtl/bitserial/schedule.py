"""When each layer of a bit-serial design takes which digit.

Time goes in frames. A layer looks at a digit of all its inputs in each clock of its window, which
lies at the same place in every frame. Layers of one group take turns within a frame: each reads the
accumulators of the one before, which hold still. Groups work at once, on inputs that followed each
other: what the last layer of a group hands on is stored at the start of a frame.
"""

from dataclasses import dataclass

from hwgen.rtl.requantize import requantizers, shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network


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
        digits = [
            -(-max(shape_of(*interval).width for interval in source) // digit)
            for source in sources(network)
        ]
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

    def hands_over(self, index: int) -> bool:
        """What layer ``index`` hands on can leave through the register of its own low bits.

        It is read digit by digit while the layer shifts the bits of the next input in.
        """
        following = index + 1
        return (
            following < len(self.digits)
            and self.opens(following)
            and self.offsets[index] == 0
            and 1 < self.digits[following] <= self.digits[index]
        )


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
