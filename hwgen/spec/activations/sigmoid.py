"""``sigmoid``."""

import math

import numpy as np

from hwgen.spec.activations.base import Floats
from hwgen.spec.activations.table import Tabled, exponential_reach


class Sigmoid(Tabled):
    """``1 / (1 + exp(-x))``."""

    name = "sigmoid"
    nonnegative = True
    onnx = ("Sigmoid",)

    def function(self, x: float) -> float:
        """As above."""
        return 1.0 / (1.0 + math.exp(-x))

    def reach(self, fraction_bits: int) -> int:
        """It nears 0 and 1 as an exponential."""
        return exponential_reach(fraction_bits)

    def real(self, values: Floats, negative_shift: int | None = None) -> Floats:
        """All elements at once."""
        return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
