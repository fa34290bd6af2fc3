"""Integer number formats: ``real value = integer * 2**-fraction_bits``."""

from collections.abc import Iterable
from dataclasses import dataclass


def signed_width(low: int, high: int) -> int:
    """Smallest two's complement width (at least 1) that holds every integer in [low, high]."""
    return (
        max((low if low >= 0 else ~low).bit_length(), (high if high >= 0 else ~high).bit_length())
        + 1
    )


def index_width(count: int) -> int:
    """Bits of an index into ``count`` things, at least 1."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class Format:
    """A fixed-point format.

    Parameters
    ----------
    bits
        Width, at least 1.
    signed
        Two's complement if true.
    fraction_bits
        May be negative, or larger than ``bits``.
    """

    bits: int
    signed: bool
    fraction_bits: int

    @property
    def minimum(self) -> int:
        """Smallest integer of the format."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest integer of the format."""
        return (1 << (self.bits - self.signed)) - 1

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}.{self.fraction_bits}"


def common(formats: Iterable[Format]) -> Format:
    """The format that holds values of all ``formats``, each brought to the finest fraction.

    They are signed alike.
    """
    distinct = set(formats)
    fraction = max(one.fraction_bits for one in distinct)
    bits = max(one.bits + fraction - one.fraction_bits for one in distinct)
    signed = any(one.signed for one in distinct)
    return Format(bits=bits, signed=signed, fraction_bits=fraction)
