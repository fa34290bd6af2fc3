"""``no accumulator can overflow``: exact intervals of the network file's numbers.

A sum ``bias + sum of w * x`` over a box of inputs is largest where each ``x`` is at the end
that its weight favours, and there it has that very value. For the first layer the box is what the
network takes, so both ends of an interval are reached. Further in it is the output format of the
layer before, or what that layer's own intervals leave of it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.network import Network
from hwgen.spec.rescale import Rescale
from hwgen.spec.sums import Sum, sums
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.verdict import Status, Verdict

METHOD = "exact integer intervals"


@dataclass(frozen=True)
class AccumulatorSum:
    """A neuron's accumulator over a box of inputs, as the checker reads it."""

    read: Sum

    def end(self, box: Sequence[Interval], highest: bool) -> tuple[int, list[int]]:
        """The highest (or lowest) value over a box, and where it is."""
        place = [low for low, _ in box]
        for one in self.read.products:
            place[one.index] = box[one.index][(one.weight > 0) == highest]
        return self.at(place), place

    def at(self, x: Sequence[int]) -> int:
        """The value at one point."""
        kept = (
            one.weight * (x[one.index] >> one.dropped << one.dropped) for one in self.read.products
        )
        return max(kept) if self.read.largest else self.read.constant + sum(kept)


@dataclass(frozen=True, kw_only=True)
class AccumulatorProof:
    """A network, the widths of its accumulators by layer, and inputs to look for an overflow."""

    network: Network
    widths: Sequence[int]
    vectors: Sequence[Sequence[int]]

    def run(self, decider: Decider, progress: Callable[[str], None]) -> Verdict:
        """Prove or refute it for every neuron."""
        started = time.monotonic()
        layers: list[dict[str, Any]] = []
        example, limit = None, ""
        box = self._box(0)
        for index, width in enumerate(self.widths):
            intervals = [self._interval(one, box) for one in self._sums(index)]
            wraps = self._wraps(index)
            if not wraps and not all(_holds(width, interval) for interval in intervals):
                found = self._overflow(index, box)
                example = example or found
                if found is None and not limit:
                    neuron = next(j for j, i in enumerate(intervals) if not _holds(width, i))
                    limit = (
                        f"layer {index}, neuron {neuron}: its interval does not fit {width} bits, "
                        f"but none of {len(self.vectors)} inputs leaves them"
                    )
            layers.append(self._shown(index, width, intervals))
            box = self._outputs(index, intervals)
        seconds = round(time.monotonic() - started, 3)
        if all(self._wraps(index) for index in range(len(self.widths))):
            wish = "all of them wrap, as the network file says"
            return Verdict("not asked", METHOD, seconds, wish, parts={"layers": layers})
        status: Status = "refuted" if example else "undecided" if limit else "proved"
        return Verdict(status, METHOD, seconds, limit, example, {"layers": layers})

    def _wraps(self, index: int) -> bool:
        """Whether the accumulators of a layer wrap, as the network file says."""
        return self.network.layers[index].wrap_bits is not None

    def _box(self, index: int) -> list[Interval]:
        """The ends of the format of each value that layer ``index`` reads."""
        return [
            (-(2 ** (one.bits - 1)), 2 ** (one.bits - 1) - 1)
            if one.signed
            else (0, 2**one.bits - 1)
            for one in self.network.source(index).formats
        ]

    def _sums(self, index: int) -> Iterator[AccumulatorSum]:
        return map(AccumulatorSum, sums(self.network, index))

    def _interval(self, one: AccumulatorSum, box: Sequence[Interval]) -> Interval:
        return one.end(box, False)[0], one.end(box, True)[0]

    def _outputs(self, index: int, intervals: Sequence[Interval]) -> list[Interval]:
        """Intervals of a layer's outputs."""
        if index == len(self.widths) - 1:
            return []
        full = self._box(index + 1)
        if self._wraps(index):
            return full
        # Activation, rounding, clipping and thresholds never fall: the ends come from the ends.
        return [
            whole if rescale.overflow == "wrap" else _ends(rescale, interval)
            for rescale, interval, whole in zip(
                self.network.rescales[index], intervals, full, strict=True
            )
        ]

    def _overflow(self, index: int, box: Sequence[Interval]) -> dict[str, Any] | None:
        """A network input for which a sum of this layer is beyond its accumulator."""
        width = self.widths[index]
        for neuron, one in enumerate(self._sums(index)):
            ends = [one.end(box, highest) for highest in (True, False)] if not index else []
            for value, place in [*ends, *self._tried(index, one)]:
                if not _holds(width, (value, value)):
                    half = 1 << (width - 1)
                    return {
                        "input": place,
                        "layer": index,
                        "neuron": neuron,
                        "exact": value,
                        "held": (value + half) % (2 * half) - half,
                    }
        return None

    def _tried(self, index: int, one: AccumulatorSum) -> Iterator[tuple[int, list[int]]]:
        """Values of a sum inside the network, and the inputs they are of."""
        for vector, inner in zip(self.vectors, self._inner(index), strict=False):
            yield one.at(inner), list(vector)

    def _inner(self, index: int) -> list[list[int]]:
        """What layer ``index`` reads for each of the vectors."""
        if not index or not len(self.vectors):
            return []
        x: Integers = np.array(self.vectors, dtype=np.int64)
        outputs: list[list[int]] = golden.trace(self.network, x)[index - 1].outputs.tolist()
        return outputs

    def _shown(self, index: int, width: int, intervals: Sequence[Interval]) -> dict[str, Any]:
        needed = [_needed(interval) for interval in intervals]
        return {
            "name": self.network.layers[index].name,
            "bits": width,
            "wraps": self._wraps(index),
            "needed": max(needed),
            "slack": width - max(needed),
            "neurons": [
                {"low": low, "high": high, "slack": width - bits}
                for (low, high), bits in zip(intervals, needed, strict=True)
            ],
        }


def _ends(rescale: Rescale, interval: Interval) -> Interval:
    """Outputs for both ends of an interval of accumulators."""
    low, high = rescale.compute(np.array(interval, object)).tolist()
    return low, high


def _holds(width: int, interval: Interval) -> bool:
    """Whether a signed word of this width holds an interval."""
    return -(1 << (width - 1)) <= interval[0] and interval[1] < 1 << (width - 1)


def _needed(interval: Interval) -> int:
    width = 1
    while not _holds(width, interval):
        width += 1
    return width
