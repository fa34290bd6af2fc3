"""``tanh``."""

import math

import numpy as np

from hwgen.spec.activations.base import Floats
from hwgen.spec.activations.table import Tabled, exponential_reach


class Tanh(Tabled):
    """The hyperbolic tangent."""

    name = "tanh"
    onnx = ("Tanh",)

    def function(self, x: float) -> float:
        """As above."""
        return math.tanh(x)

    def reach(self, fraction_bits: int) -> int:
        """It nears -1 and 1 as an exponential."""
        return exponential_reach(fraction_bits)

    def real(self, values: Floats, negative_shift: int | None = None) -> Floats:
        """All elements at once."""
        return np.tanh(values)
