"""From an accumulator to an output, in numbers: what stands behind one neuron's sum.

::

    y = overflow( round( (activation(acc) * multiplier) >> shift ) )

or, with thresholds, ``y = minimum + number of t with activation(acc) >= t``.
"""

from dataclasses import dataclass

import numpy as np

from hwgen.spec import arithmetic
from hwgen.spec.activations import Activation, Clip, Setting, Table, Tabled
from hwgen.spec.activations.table import table
from hwgen.spec.arithmetic import Integers, Interval, Overflow, Rounding


@dataclass(frozen=True, kw_only=True)
class Rescale(Setting):
    """Activation, rescale and overflow of neurons that share them.

    Parameters
    ----------
    multiplier
        1..2^24.
    shift
        Right shift behind the multiplication; negative shifts left, exactly.
    thresholds
        Never falling; instead of multiplier, shift, rounding and overflow.
    wraps
        The accumulator wraps: nothing can be folded into its bias.
    """

    activation: Activation
    multiplier: int = 1
    shift: int = 0
    rounding: Rounding = "floor"
    overflow: Overflow = "saturate"
    thresholds: tuple[int, ...] | None = None
    wraps: bool = False

    @property
    def table(self) -> Table | None:
        """The table, where the activation is one."""
        if isinstance(self.activation, Tabled) and self.target is not None:
            return table(self.activation, self.target)
        return None

    def compute(self, accumulators: Integers) -> Integers:
        """The golden model: outputs for ``accumulators``, of any shape."""
        return self.behind(self.activation.compute(accumulators, self))

    def round(self, active: Integers) -> Integers:
        """``round( (active * multiplier) >> shift )``."""
        product = active if self.multiplier == 1 else active * self.multiplier
        return arithmetic.round_shift(product, self.shift, self.rounding)

    def interval(self, accumulator: Interval) -> Interval:
        """Exact interval of the outputs for accumulators in ``accumulator``.

        Where overflow wraps, the whole output format unless nothing does.
        """
        active = self.activation.interval(accumulator, self)
        if self.target is not None and self.overflow == "wrap" and self.table is None:
            ends = self.round(np.array(active, object)).tolist()
            if min(ends) < self.target.minimum or max(ends) > self.target.maximum:
                return self.target.minimum, self.target.maximum
        low, high = self.behind(np.array(active, object)).tolist()
        return low, high

    def behind(self, active: Integers) -> Integers:
        """Outputs for what the activation made; it never falls, but where it wraps."""
        if self.target is None:
            return active
        if self.thresholds is not None:
            steps = np.array(self.thresholds, dtype=active.dtype)
            reached = np.searchsorted(steps, active, side="right")  # how many are <= active
            return self.target.minimum + reached.astype(active.dtype)
        rounded = self.round(active)
        if self.table is not None:
            return self.table(rounded)
        return arithmetic.fit(rounded, self.target, self.overflow)

    def widest(self, bits: int) -> int:
        """Bits of the widest number on the way from an accumulator of ``bits``."""
        if isinstance(self.activation, Clip):
            ends = [end for end in self.activation.bounds(self) if end is not None]
            bits = max([bits, *(end.bit_length() + 1 for end in ends)])
        if self.target is None:
            return bits
        if self.thresholds is not None:
            return max([bits, self.target.bits, *(t.bit_length() + 1 for t in self.thresholds)])
        product = bits + self.multiplier.bit_length() - 1
        return max(product, product - self.shift, self.shift + 1, self.target.bits)
