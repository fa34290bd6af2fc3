"""``none``: the accumulator as it is."""

from hwgen.spec.activations.base import Clip, Formula, Setting


class Plain(Clip):
    """``acc``."""

    name = "none"
    homogeneous = True

    def describe(self, formula: Formula, at: Setting) -> None:
        """Nothing."""
