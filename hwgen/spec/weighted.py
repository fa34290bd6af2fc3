"""What layers with weights share: codes, codebooks, biases, accumulators that wrap."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.layer import Layer, Source
from hwgen.spec.models import (
    ActivationName,
    Bits,
    FractionBits,
    OutputFormat,
    Values,
    Wide,
    each,
)
from hwgen.support.errors import HwgenError, printable
from hwgen.support.messages import shown

MAX_WEIGHT_SHIFT = 64
"""Largest ``weight_shift``."""


class Weighted(Layer):
    """A layer of sums of products: ``acc = bias + sum of weight * x``.

    ``weights`` holds integer codes, those of one output channel after the other. Without a codebook
    a code is the weight; with one, the code read as unsigned indexes it.
    """

    VERSION_2 = frozenset({"weight_shift"})

    weights: list[Any]
    weight_bits: Bits
    weight_fraction_bits: FractionBits | Values[FractionBits]
    weight_shift: Annotated[int, Field(ge=0, le=MAX_WEIGHT_SHIFT)] = 0
    codebook: Values[int] | None = None
    codebook_bits: Bits | None = None
    bias: Values[Wide]
    activation: ActivationName = "none"
    negative_shift: Annotated[int, Field(ge=0, le=64)] | None = None
    output: OutputFormat | None
    accumulator_bits: Annotated[int, Field(ge=1, le=128)] | None = None
    accumulator_overflow: Literal["error", "wrap"] = "error"

    # Sizes

    @property
    def output_channels(self) -> int:
        """Rows of weights."""
        return len(self.weights)

    @property
    def weight_count(self) -> int:
        """Weights of all output channels."""
        return self.output_channels * self.fan_in

    @property
    def parameter_count(self) -> int:
        """Weights and biases."""
        return self.weight_count + self.output_channels

    @property
    def weight_memory_bits(self) -> int:
        """Bits of all codes."""
        return self.weight_count * self.weight_bits

    @property
    def weight_value_bits(self) -> int:
        """Width of a weight as it is multiplied."""
        return self.weight_bits if self.codebook_bits is None else self.codebook_bits

    # Numbers

    @cached_property
    def codes(self) -> Integers:
        """Weight codes, int64 in the shape of ``weights``; unsigned indices into a codebook."""
        codes = np.array(self.weights, dtype=np.int64)
        return codes if self.codebook is None else codes & ((1 << self.weight_bits) - 1)

    @cached_property
    def weight_values(self) -> Integers:
        """Integer weights, int64 in the shape of ``weights``, decoded through any codebook."""
        if self.codebook is None:
            return self.codes
        return np.array(self.codebook, dtype=np.int64)[self.codes]

    def channel_fractions(self, input_fraction: int) -> list[int]:
        """Fraction bits of the accumulators of every output channel."""
        own = each(self.weight_fraction_bits, self.output_channels)
        return [fraction + input_fraction + self.weight_shift for fraction in own]

    @property
    def wrap_bits(self) -> int | None:
        """Width at which accumulators wrap."""
        return self.accumulator_bits if self.accumulator_overflow == "wrap" else None


def check_weights(layer: Weighted, where: str) -> None:
    """Refuse codes, codebooks and biases that do not go together."""
    _check_bits(layer, where)
    channels, rows = layer.output_channels, "one for each row of weights"
    if len(layer.bias) != channels:
        raise HwgenError(f"{where}.bias", f"{len(layer.bias)} values", f"{channels}, {rows}")
    fractions = layer.weight_fraction_bits
    if isinstance(fractions, list) and len(fractions) != channels:
        raise HwgenError(
            f"{where}.weight_fraction_bits",
            f"{len(fractions)} values",
            f"one integer, or {channels}, {rows}",
        )
    _check_codes(layer, where)


def rows_of(weights: Sequence[Any], place: str) -> Iterator[tuple[str, Sequence[int]]]:
    """The innermost lists of ``weights``, each with its place."""
    if not weights or not isinstance(weights[0], list):
        yield place, weights
        return
    for index, row in enumerate(weights):
        yield from rows_of(row, f"{place}[{index}]")


def _check_bits(layer: Weighted, where: str) -> None:
    if (layer.codebook is None) != (layer.codebook_bits is None):
        missing = "codebook" if layer.codebook is None else "codebook_bits"
        raise HwgenError(f"{where}.{missing}", "null", "codebook and codebook_bits go together")
    if layer.codebook is not None and layer.weight_bits > 8:
        raise HwgenError(
            f"{where}.weight_bits",
            f"{layer.weight_bits} with a codebook",
            "at most 8 with a codebook",
        )


def _check_codes(layer: Weighted, where: str) -> None:
    low, high = -(1 << (layer.weight_bits - 1)), (1 << (layer.weight_bits - 1)) - 1
    if layer.codebook is not None and layer.codebook_bits is not None:
        high = (1 << layer.weight_bits) - 1
        if len(layer.codebook) != high + 1:
            raise HwgenError(
                f"{where}.codebook",
                f"{len(layer.codebook)} values",
                f"{high + 1} for weight_bits {layer.weight_bits}",
            )
        values = Format(bits=layer.codebook_bits, signed=True, fraction_bits=0)
        for position, value in enumerate(layer.codebook):
            if not values.minimum <= value <= values.maximum:
                raise HwgenError(
                    f"{where}.codebook[{position}]",
                    f"value {shown(value)}",
                    f"{values.minimum}..{values.maximum} for codebook_bits {layer.codebook_bits}",
                )
    for place, codes in rows_of(layer.weights, f"{where}.weights"):
        if min(codes) < low or max(codes) > high:
            column = next(i for i, code in enumerate(codes) if not low <= code <= high)
            raise HwgenError(
                f"{place}[{column}]",
                f"code {shown(codes[column])}",
                f"{low}..{high} for weight_bits {layer.weight_bits}",
            )


def check_accumulators(layer: Weighted, where: str, source: Source) -> None:
    """Refuse accumulators that do not fit the width that is given."""
    given = layer.accumulator_bits
    if given is None:
        if layer.accumulator_overflow == "wrap":
            raise HwgenError(
                f"{where}.accumulator_bits", "null with wrap", "a width is needed to wrap at"
            )
        return
    for channel, bias in enumerate(layer.bias):
        if signed_width(bias, bias) > given:
            raise HwgenError(
                f"{where}.bias[{channel}]",
                f"value {bias} needs {signed_width(bias, bias)} bits",
                f"the accumulator has {given}",
            )
    if layer.accumulator_overflow == "wrap":
        return
    intervals = layer.accumulator_intervals(source.ranges, source.alignment)
    for index, (lo, hi) in enumerate(intervals):
        if signed_width(lo, hi) > given:
            name = printable(layer.name, 40)
            raise HwgenError(
                f"{where}.accumulator_bits",
                f"{given}, but {layer.output_name(index)} of layer {name!r} spans [{lo}, {hi}]",
                f'{signed_width(lo, hi)} bits are needed (or "accumulator_overflow": "wrap")',
            )
