"""Output formats and activations that clip integers to a given range, exactly."""

from dataclasses import dataclass
from typing import Literal

from hwgen.spec.formats import Format

_WIDTHS = (*range(1, 17), 32)
Clip = Literal["none", "relu", "hard_tanh"]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """An activation and an output format.

    Parameters
    ----------
    one
        For ``hard_tanh``: fraction bits of the output at which its code ``2**one`` means 1.
    """

    activation: Clip
    bits: int
    signed: bool
    one: int = 0


def fit_range(
    low: int,
    high: int,
    reach: tuple[int, int],
    declared: tuple[int, bool],
    *,
    relu: bool = False,
    smallest_shift: int | None = None,
) -> Fit | None:
    """How to clip integers within ``reach`` to ``low..high``; None where nothing does so exactly.

    Parameters
    ----------
    declared
        Width and sign that are kept where they serve as well as others.
    relu
        Whether a Relu stands in the model: it is shown as one.
    smallest_shift
        Smallest shift behind the activation, for ``hard_tanh``; None where there can be none.
    """
    everything = (min(low, reach[0]), max(high, reach[1]))
    for within in (everything, reach):  # a format that always fits, or one for these values
        for activation, ends, one in _clips(low, high, relu, smallest_shift):
            for bits, signed in _formats(declared):
                number = Format(bits=bits, signed=signed, fraction_bits=0)
                bottom = max(number.minimum, ends[0]) if ends else number.minimum
                top = min(number.maximum, ends[1]) if ends else number.maximum
                if _same(within, (low, high), (bottom, top)):
                    return Fit(activation=activation, bits=bits, signed=signed, one=one)
    return None


def _clips(
    low: int, high: int, relu: bool, smallest_shift: int | None
) -> list[tuple[Clip, tuple[int, int] | None, int]]:
    """Activations to try, with the range they clip to."""
    plain: tuple[Clip, tuple[int, int] | None, int] = ("none", None, 0)
    found = [plain]
    positive: tuple[Clip, tuple[int, int] | None, int] = ("relu", (0, 1 << 70), 0)
    if smallest_shift is not None:
        found = [positive, plain] if relu else [plain, positive]
        for size in {-low, high}:
            one = size.bit_length() - 1
            if size > 0 and size == 1 << one and smallest_shift + one >= 0:
                found.append(("hard_tanh", (-size, size), one))
    return found


def _formats(declared: tuple[int, bool]) -> list[tuple[int, bool]]:
    """Widths and signs to try: smaller ones first, the declared sign before the other."""
    signs = (declared[1], not declared[1])
    return [(bits, sign) for bits in _WIDTHS for sign in signs]


def _same(values: tuple[int, int], wanted: tuple[int, int], given: tuple[int, int]) -> bool:
    """Whether both ranges clip everything within ``values`` alike."""
    if given[0] > given[1]:
        return False

    def clip(value: int, ends: tuple[int, int]) -> int:
        return min(max(value, ends[0]), ends[1])

    corners = {*values, *wanted, *given}
    return all(
        clip(value, wanted) == clip(value, given)
        for value in corners
        if values[0] <= value <= values[1]
    )
