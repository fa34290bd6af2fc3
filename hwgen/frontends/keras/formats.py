"""Formats of single neurons: what a fixed-point quantizer makes of sums of known intervals."""

import math
from dataclasses import dataclass
from fractions import Fraction

from hwgen.frontends.exact import Mode
from hwgen.frontends.keras.fixedpoint import Quantizer
from hwgen.spec.formats import signed_width
from hwgen.support.errors import HwgenError

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Code:
    """``value * 2^-fraction``."""

    value: int
    fraction: int

    def reduced(self) -> "Code":
        """The same with an odd value, or 0."""
        if not self.value:
            return Code(0, 0)
        zeros = (self.value & -self.value).bit_length() - 1
        return Code(self.value >> zeros, self.fraction - zeros)

    def at(self, fraction: int) -> int:
        """The integer at a finer step."""
        return self.value << (fraction - self.fraction) if self.value else 0


@dataclass(frozen=True, kw_only=True)
class Lane:
    """An integer that a layer reads: low..high, worth ``(y + offset) * 2^-fraction``.

    ``dead`` ones count as 0, whatever they are.
    """

    low: int
    high: int
    fraction: int
    offset: int = 0
    dead: bool = False

    @property
    def real_low(self) -> Fraction:
        """The smallest value."""
        return (
            Fraction(0) if self.dead else (self.low + self.offset) * Fraction(2) ** -self.fraction
        )

    @property
    def real_high(self) -> Fraction:
        """The largest value."""
        return (
            Fraction(0) if self.dead else (self.high + self.offset) * Fraction(2) ** -self.fraction
        )


@dataclass(frozen=True, kw_only=True)
class Target:
    """What one neuron is rescaled to.

    Parameters
    ----------
    low, high
        Codes that can come out.
    offset
        Taken off before, to be added behind.
    free
        Nothing is clipped or wraps around.
    native
        A format clips as the quantizer does; else thresholds do.
    dead
        Always 0.
    """

    bits: int
    signed: bool
    fraction: int
    low: int
    high: int
    offset: int = 0
    free: bool = False
    native: bool = True
    dead: bool = False

    @property
    def minimum(self) -> int:
        """Smallest code of the format."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    def lane(self) -> Lane:
        """What the next layer reads."""
        return Lane(low=self.low, high=self.high, fraction=self.fraction, offset=self.offset)


def rounded(value: Fraction, mode: Mode) -> int:
    """``value`` rounded."""
    size, sign = abs(value), (1 if value >= 0 else -1)
    if mode == "nearest":
        return round(value)
    if mode == "floor":
        return math.floor(value)
    if mode == "half_up":
        return math.floor(value + _HALF)
    if mode == "toward_zero":
        return math.trunc(value)
    if mode == "half_away":
        return sign * math.floor(size + _HALF)
    return sign * math.ceil(size - _HALF)


def targets_of(
    by: Quantizer, ends: list[tuple[int, int]], fractions: list[int], relu: bool
) -> list[Target] | None:
    """What each neuron is rescaled to, for sums ``ends`` of these fraction bits.

    None where a format cannot wrap all as ``by`` does: some are signed and some not, behind a ReLU.
    """
    own = by.spread((len(ends),))
    made: list[_Reach] = []
    for (low, high), fraction, bottom, top, kept in zip(
        ends, fractions, own.low.tolist(), own.high.tolist(), own.fraction.tolist(), strict=True
    ):
        scale = Fraction(2) ** (kept - fraction)
        reach = rounded(low * scale, by.mode), rounded(high * scale, by.mode)
        made.append(_Reach(reach=reach, limits=(bottom, top), fraction=kept, wraps=by.wraps))
    signed = any(one.codes[0] < 0 for one in made)
    if by.wraps and signed and relu and any(one.unsigned for one in made):
        return None
    return [one.target(by.who, signed) for one in made]


@dataclass(frozen=True, kw_only=True)
class _Reach:
    """Rounded sums ``reach``, of which codes within ``limits`` are made."""

    reach: tuple[int, int]
    limits: tuple[int, int]
    fraction: int
    wraps: bool

    @property
    def free(self) -> bool:
        """Nothing is clipped or wraps around."""
        return self.limits[0] <= self.reach[0] and self.reach[1] <= self.limits[1]

    @property
    def codes(self) -> tuple[int, int]:
        """Smallest and largest code that can come out."""
        if self.wraps and not self.free:
            return self.limits
        low, high = (min(max(end, self.limits[0]), self.limits[1]) for end in self.reach)
        return low, high

    @property
    def unsigned(self) -> bool:
        """Wraps around among codes of no sign."""
        return not self.free and self.limits[0] == 0 < self.limits[1]

    def target(self, who: str, signed: bool) -> Target:
        """The format, of this sign, that holds the codes."""
        (bottom, top), (low, high) = self.limits, self.codes
        dead, offset, native = bottom == top == 0, 0, True
        if self.free or dead:
            bits = _width(low, high, signed)
        elif self.wraps:
            bits = (top - bottom).bit_length()
            offset = 1 << (bits - 1) if signed and self.unsigned else 0
        else:
            bits = _width(bottom, top, signed)
            least = -(1 << (bits - 1)) if signed else 0
            native = (least == bottom or self.reach[0] >= bottom) and (
                least + (1 << bits) - 1 == top or self.reach[1] <= top
            )
        if bits > 16 and not (self.free and bits <= 32):
            raise HwgenError(who, f"codes of {bits} bits", "at most 16")
        return Target(
            bits=bits if bits <= 16 else 32,
            signed=signed,
            fraction=self.fraction,
            low=low - offset,
            high=high - offset,
            offset=offset,
            free=self.free or dead,
            native=native,
            dead=dead,
        )


def _width(low: int, high: int, signed: bool) -> int:
    return signed_width(low, high) if signed else max(1, high.bit_length())


def width_of(who: str, low: int, high: int, signed: bool) -> int:
    """Bits of codes low..high, 16 at most."""
    bits = _width(low, high, signed)
    if bits > 16:
        raise HwgenError(who, f"codes of {bits} bits", "at most 16")
    return bits
