"""What a change of a network costs in a bit-serial design: neuron by neuron, from its integers."""

from collections.abc import Sequence

import numpy as np

from hwgen.rtl.bitserial.estimate import PRICES
from hwgen.rtl.digits import digit_counts
from hwgen.rtl.pricing import Floats, Neuron, NeuronPricing, Terms
from hwgen.spec.formats import signed_width

_NAND2 = 7.2576
"""Area in um2 of what prices were fitted in."""

_KEPT = 4.0
"""About the bits that training saves a neuron for each bit of its output."""


class DigitPricing(NeuronPricing):
    """Adders for the digits of all weights, accumulators of one digit's sum, bits that are kept.

    Parameters
    ----------
    digit
        Bits of an activation in a clock.
    """

    drops = False

    def __init__(self, digit: int):
        self._digit = digit
        added, upper, stored, selected = (price / _NAND2 for price in PRICES)
        self._added, self._upper, self._stored = added, upper, stored
        self._selected = selected
        self.terms = Terms(digit=added / 4, total=upper / 2, output=stored)

    def neuron(self, neuron: Neuron, tops: Sequence[int]) -> float:
        """Its adders, its accumulator, and the final bits that it keeps."""
        widths = np.array([top.bit_length() for top in tops])
        read = np.flatnonzero((neuron.weights != 0) & (widths > 0))
        if not len(read) and neuron.rescale is not None:
            return 0.0
        weights, digit = neuron.weights[read], self._digit
        added = int((digit_counts(weights) * np.minimum(digit, widths[read])).sum())
        digits = max(1, -(-int(widths.max(initial=1)) // digit))
        most = (1 << digit) - 1
        low, high = (
            most * int(part.sum()) for part in (weights[weights < 0], weights[weights > 0])
        )
        rest = (1 << digit) - 1 if digits > 1 else 0
        ends = (low // rest, -(-high // rest)) if rest else (low, high)
        width = signed_width(min(ends[0], 0), max(ends[1], 0))
        needless = 0 if neuron.rescale is None else neuron.rescale[0]
        kept = max(0, digit * digits - needless)
        return self._added * added + self._upper * width + self._stored * kept

    def whole(self, index: int, alone: Sequence[float]) -> float:
        """Nothing is shared."""
        return float(sum(alone))

    @property
    def area(self) -> float:
        """With what selects digits of inputs that have several."""
        widths = [[top.bit_length() for top in tops] for tops in self._tops]
        return super().area + self._selected * sum(
            sum(each) for each in widths if max(each) > self._digit
        )

    def weight_prices(self, layer: int, values: Sequence[int]) -> Floats:
        """Of their digits."""
        return np.array([self._added * int(n) for n in digit_counts(np.asarray(values, np.int64))])

    def input_prices(self, layer: int) -> Floats:
        """Bits of the input that come in a clock."""
        widths = np.array([float(top.bit_length()) for top in self._tops[layer]])
        return np.array([min(self._digit, width) for width in widths.tolist()])

    def step(self, layer: int) -> float:
        """An adder of one bit."""
        return self._added

    def argmax_area(self) -> float:
        """Comparisons, and choices, as where all sums are there at once."""
        last, tops = self._layers[-1], self._tops[-1]
        reach = np.abs(last.weights) @ np.asarray(tops)
        widths = sum(int(one).bit_length() + 1 for one in reach.tolist())
        return 4.0 * widths * (len(last.biases) - 1) / len(last.biases)
