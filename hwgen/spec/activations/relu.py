"""``relu``."""

from hwgen.spec.activations.base import Clip, Formula, Setting


class Relu(Clip):
    """``max(acc, 0)``."""

    name = "relu"
    homogeneous = True
    nonnegative = True
    onnx = ("Relu",)
    low = 0.0

    def describe(self, formula: Formula, at: Setting) -> None:
        """A choice by the sign."""
        formula.wire("active", f"{formula.value} < 0 ? 0 : {formula.value}", formula.width)
