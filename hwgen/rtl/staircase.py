"""Outputs of few levels, each reached from some accumulator on, without a comparison for each.

Accumulators are taken in blocks of 2^k, so small that no block holds two steps. The block's number
looks up the level at its end and the place of its step; the low k bits are compared with that::

    y = end[block] - (low < step[block])

Below the first block and beyond the last one the level no longer changes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, unsigned

from hwgen.rtl.lookup import lookup
from hwgen.spec.arithmetic import Integers, Interval, steps_between

MOST_LEVELS = 17
MOST_BLOCK_BITS = 6


@dataclass(frozen=True, kw_only=True)
class Staircase:
    """Levels that rise by 1 at each of ``steps``.

    Parameters
    ----------
    first
        The level below all steps.
    steps
        Ascending places, each the smallest accumulator of its level.
    """

    first: int
    steps: list[int]

    @classmethod
    def of(cls, function: Callable[[Integers], Integers], interval: Interval) -> "Staircase | None":
        """The staircase of a function that never falls; None where it has too many levels."""
        ends = function(np.array(interval, object)).tolist()
        if ends[1] - ends[0] >= MOST_LEVELS:
            return None
        first, steps = steps_between(*interval, function)
        return cls(first=first, steps=steps)

    def above(self, fine: int, low: int) -> "Staircase":
        """The same of accumulators without their ``fine`` lowest bits, which always are ``low``."""
        steps = [-((low - step) >> fine) for step in self.steps]
        return replace(self, steps=steps)

    @property
    def low_bits(self) -> int:
        """Bits of a place within a block; -1 where two steps are in one place."""
        gaps = [after - step for step, after in zip(self.steps, self.steps[1:], strict=False)]
        return min(gaps, default=1).bit_length() - 1

    @property
    def block_bits(self) -> int:
        """Bits of a block's number."""
        k = max(0, self.low_bits)
        return ((self.steps[-1] >> k) - (self.steps[0] >> k)).bit_length() if self.steps else 0

    @property
    def fits(self) -> bool:
        """Whether there are steps, apart from each other, in few blocks."""
        return len(self.steps) > 2 and self.low_bits >= 0 and self.block_bits <= MOST_BLOCK_BITS

    def build(self, m: Module, name: str, value: Value, shape: Shape) -> Value:
        """The level of ``value`` in hardware."""
        k, bits = self.low_bits, max(1, self.block_bits)
        start = self._start(k, bits)
        end, place = self._tables(k, bits, start)
        wide = value.as_signed() if value.shape().signed else value
        block = wide >> k
        index = Signal(bits, name=f"{name}_block")
        m.d.comb += index.eq(block)
        level = lookup(m, f"{name}_end", index, end, shape)
        if k:
            step = lookup(m, f"{name}_step", index, place, unsigned(k))
            level = level - (wide[:k] < step)
        last = self.first + len(self.steps)
        level = Mux(block >= start + (1 << bits), Const(last, shape), level)
        return Mux(block < start, Const(self.first, shape), level)

    def _start(self, k: int, bits: int) -> int:
        """The first of 2^bits blocks that hold all steps, of most zeros at its end."""
        low, high = (self.steps[-1] >> k) + 1 - (1 << bits), self.steps[0] >> k
        return max(range(low, high + 1), key=lambda block: (block & -block) or 1 << 62)

    def _tables(self, k: int, bits: int, start: int) -> tuple[list[int], list[int]]:
        """Level at the end of each block, and the place of the step in it, by the low bits."""
        end, place = [0] * (1 << bits), [0] * (1 << bits)
        for block in range(start, start + (1 << bits)):
            reached = [step for step in self.steps if step < (block + 1) << k]
            index = block & ((1 << bits) - 1)
            end[index] = self.first + len(reached)
            if reached and reached[-1] >= block << k:
                place[index] = reached[-1] - (block << k)
        return end, place
