"""``hard_tanh``: a clip to -1..1."""

from collections.abc import Mapping
from typing import Any

from hwgen.spec.activations.base import Clip, Formula, Setting


class HardTanh(Clip):
    """``acc`` clipped to the integers of [-1, 1] at the accumulator's scale.

    With negative fraction bits the only such integer is 0.
    """

    name = "hard_tanh"
    onnx = ("HardTanh",)
    low, high = -1.0, 1.0

    def describe(self, formula: Formula, at: Setting) -> None:
        """A clip to +-floor(2^fraction)."""
        largest = int(2**at.fraction)
        formula.clip("active", -largest, largest)

    def from_onnx(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """With other limits it is another function."""
        low, high = attributes.get("min_val", self.low), attributes.get("max_val", self.high)
        if (low, high) != (self.low, self.high):
            raise ValueError(f"clips to {low:.4g}..{high:.4g}, -1..1 is needed")
        return {}
