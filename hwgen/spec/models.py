"""The parts of a network file that every kind of layer shares: kinds of values, number formats."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from hwgen.spec.activations import activations
from hwgen.spec.arithmetic import Overflow, Rounding
from hwgen.spec.formats import Format, common

_WIDTHS = (*range(1, 17), 32)


def _one_of_the_widths(bits: int) -> int:
    if bits not in _WIDTHS:
        raise ValueError
    return bits


def _plain_integer(value: object) -> object:
    if type(value) is not int:  # a literal would admit true and 1.0
        raise ValueError
    return value


def _unicode(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("Unicode without lone surrogates")
    return text


def _activation(name: str) -> str:
    if name not in _names():
        raise ValueError
    return name


def _names() -> list[str]:
    return [activation.name for activation in activations()]


def _named(schema: dict[str, Any]) -> None:
    schema["enum"] = _names()


T = TypeVar("T")
Text = Annotated[str, AfterValidator(_unicode)]
Bits = Annotated[
    int, AfterValidator(_one_of_the_widths), Field(json_schema_extra={"enum": list(_WIDTHS)})
]
FractionBits = Annotated[int, Field(ge=-64, le=64)]
Wide = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]
"""An integer within 64 bits: a bias, a threshold."""
Multiplier = Annotated[int, Field(ge=1, le=1 << 24)]
Shift = Annotated[int, Field(ge=-192, le=192)]
Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Values = Annotated[list[T], Field(fail_fast=True)]
Filled = Annotated[list[T], Field(fail_fast=True, min_length=1)]
Two = Annotated[list[T], Field(fail_fast=True, min_length=2, max_length=2)]
Four = Annotated[list[T], Field(fail_fast=True, min_length=4, max_length=4)]
Size = Annotated[int, Field(ge=1)]
"""A number of rows, columns, steps."""
Padding = Annotated[int, Field(ge=0)]
Version = Annotated[Literal[1, 2], BeforeValidator(_plain_integer)]
ActivationName = Annotated[str, AfterValidator(_activation), Field(json_schema_extra=_named)]


class Model(BaseModel):
    """A part of the file. Keys of version 2 are written only where they say something."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    VERSION_2: ClassVar[frozenset[str]] = frozenset()
    """Keys that came with version 2."""
    LISTS_2: ClassVar[frozenset[str]] = frozenset()
    """Keys that may be lists since version 2."""

    def newer(self) -> list[str]:
        """Keys that need version 2, in the order of the file."""
        fields = type(self).model_fields
        return [
            key
            for key in fields
            if (key in self.VERSION_2 and getattr(self, key) != fields[key].default)
            or (key in self.LISTS_2 and isinstance(getattr(self, key), list))
        ]

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        needed = self.newer()
        return {
            key: value
            for key, value in handler(self).items()
            if key not in self.VERSION_2 or key in needed
        }


class InputFormat(Model):
    """The network's input: ``features`` integers of one format.

    The real value of ``x`` is ``(x - zero_point) * scale``, where ``scale`` is ``2^-fraction_bits``
    unless it is given.
    """

    VERSION_2 = frozenset({"scale", "zero_point", "shape"})

    features: Size
    bits: Bits
    signed: bool
    fraction_bits: FractionBits
    scale: Scale | None = None
    zero_point: Annotated[int, Field(ge=-(1 << 32), le=1 << 32)] = 0
    shape: Values[Size] | None = None

    @property
    def format(self) -> Format:
        """The number format of one feature."""
        return Format(bits=self.bits, signed=self.signed, fraction_bits=self.fraction_bits)


class OutputFormat(Model):
    """What a layer rescales its accumulators to.

    ``bits``, ``fraction_bits``, ``multiplier``, ``shift`` and ``scale`` are one for all outputs, or
    a list with one for each.
    """

    VERSION_2 = frozenset({"multiplier", "shift", "thresholds", "scale"})
    LISTS_2 = frozenset({"bits", "fraction_bits"})

    bits: Bits | Values[Bits]
    signed: bool
    fraction_bits: FractionBits | Values[FractionBits]
    rounding: Rounding
    overflow: Overflow
    multiplier: Multiplier | Values[Multiplier] = 1
    shift: Shift | Values[Shift] | None = None
    thresholds: Values[Values[Wide]] | None = None
    scale: Scale | Values[Scale] | None = None

    @property
    def format(self) -> Format:
        """The number format that holds every output, all brought to the finest fraction."""
        count = max([1, *(len(v) for v in (self.bits, self.fraction_bits) if isinstance(v, list))])
        return common(self.formats(count))

    def formats(self, count: int) -> list[Format]:
        """The number format of each of ``count`` outputs."""
        return [
            Format(bits=bits, signed=self.signed, fraction_bits=fraction)
            for bits, fraction in zip(
                each(self.bits, count), each(self.fraction_bits, count), strict=True
            )
        ]


def each(value: T | list[T], count: int) -> list[T]:
    """One for each of ``count`` outputs."""
    return value if isinstance(value, list) else [value] * count
