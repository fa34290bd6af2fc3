"""Convolutions in one and two dimensions: their keys, their numbers, their sums."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from hwgen.spec import arithmetic
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.checks import check_activation, check_output
from hwgen.spec.formats import Format
from hwgen.spec.layer import Source, rescales_of
from hwgen.spec.maps import Window, Windowed, check_window
from hwgen.spec.models import Filled, Four, Padding, Size, Two
from hwgen.spec.rescale import Rescale
from hwgen.spec.terms import Terms
from hwgen.spec.weighted import Weighted, check_accumulators, check_weights
from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown


class _Slides(Windowed):
    """Keys that stand before the weights in the file."""

    groups: Annotated[int, Field(ge=1)] = 1


class _Slides1d(_Slides):
    stride: Size = 1
    padding: Two[Padding] = [0, 0]  # noqa: RUF012


class _Slides2d(_Slides):
    stride: Two[Size] = [1, 1]  # noqa: RUF012
    padding: Four[Padding] = [0, 0, 0, 0]  # noqa: RUF012


class Convolution(Weighted, _Slides):
    """A convolution: each output is a dense layer's, of the values in its window.

    Output channel o sees the input channels of its group alone: with C input and O output channels
    in G groups, those from ``o // (O / G) * (C / G)`` on, C / G of them.
    """

    VERSION_2 = Weighted.VERSION_2 | {"kind"}
    SIZES: ClassVar[int]
    """Dimensions of the map beside its channels."""

    # Sizes

    @property
    def kernel(self) -> tuple[int, ...]:
        """Sizes of the window."""
        return tuple(self.weight_values.shape[2:])

    @property
    def fan_in(self) -> int:
        """Input channels of a group, times the size of the window."""
        return math.prod(self.weight_values.shape[1:])

    # Numbers

    @cached_property
    def kernels(self) -> Integers:
        """The weights with all their shifts, of a convolution in two dimensions.

        Integers [output channels, channels of a group, height, width], int64 or Python integers.
        """
        weights = self.weight_values.reshape(*self.weight_values.shape[:2], *self.window.kernel)
        if self.weight_shift > 30:
            weights = weights.astype(object)
        return weights << self.weight_shift

    def reads(self, index: int) -> dict[int, int]:
        """The values in its window, with their weights and shifts."""
        output, places = index // math.prod(self.positions), math.prod(self.image)
        channels = self.kernels.shape[1]
        first = output // (self.output_channels // self.groups) * channels
        rows = self.kernels[output].reshape(channels, -1).tolist()
        seen = self.seen(index).tolist()
        return {
            (first + channel) * places + place: weight
            for channel, weights in enumerate(rows)
            for place, weight in zip(seen, weights, strict=True)
            if place >= 0
        }

    def output_formats(self) -> list[Format] | None:
        """The format of each output."""
        if self.output is None:
            return None
        return self.spread(self.output.formats(self.output_channels))

    def accumulator_fraction(self, input_fraction: int) -> list[int]:
        """Fraction bits of the accumulator of every output."""
        return self.spread(self.channel_fractions(input_fraction))

    def rescales(self, input_fraction: int) -> list[Rescale]:
        """One for each output; those of a channel are the same."""
        fractions = self.channel_fractions(input_fraction)
        return self.spread(rescales_of(self, fractions, self.wrap_bits is not None))

    @property
    def output_biases(self) -> list[int]:
        """For each output its bias, with what padding contributes to it."""
        start = np.zeros((1, self.inputs), object)
        if not self.source.zero:
            return self.spread(self.bias)
        found: list[int] = (self._sums(start, self.kernels, self.source.zero)[0]).tolist()
        return [b + one for b, one in zip(self.spread(self.bias), found, strict=True)]

    def accumulator_intervals(
        self, ranges: Sequence[Interval], alignment: Sequence[int] | None = None
    ) -> list[Interval]:
        """Exact [lo, hi] of every output's accumulator before any wrapping.

        At the borders of a map windows see padding, which does not vary.
        """
        lefts = np.array(alignment or [0], object)
        ends = np.array(ranges, object).T << lefts
        dtype = np.int64 if self._reach(int(np.abs(ends).max())) < 1 << 62 else object
        low, high = ends[:1].astype(dtype), ends[1:].astype(dtype)
        positive, negative = np.maximum(self.kernels, 0), np.minimum(self.kernels, 0)
        zero = self.source.zero
        lows = self._sums(low, positive, zero) + self._sums(high, negative, zero)
        highs = self._sums(high, positive, zero) + self._sums(low, negative, zero)
        return [
            (bias + lo, bias + hi)
            for bias, lo, hi in zip(
                self.spread(self.bias), lows[0].tolist(), highs[0].tolist(), strict=True
            )
        ]

    def widest(self, source: Source) -> int:
        """Partial sums in any order are within ``|bias| + sum of |w| * |x|``."""
        sizes = [
            max(abs(low), abs(high)) << left
            for (low, high), left in zip(source.ranges, source.alignment, strict=True)
        ]
        size = max(map(abs, self.bias)) + self._reach(max(sizes))
        bits = max(size.bit_length(), self.accumulator_bits or 0)
        channels = rescales_of(self, self.channel_fractions(source.fraction), False)
        return max(one.widest(bits) for one in channels)

    def _reach(self, size: int) -> int:
        """A bound of every sum of products of inputs, or padding, of at most ``size``."""
        weights = np.abs(self.kernels.reshape(self.output_channels, -1))
        return int(weights.sum(axis=1).max()) * max(size, abs(self.source.zero), 1)

    # The golden model

    def accumulate(self, x: Integers, alignment: Sequence[int] | None = None) -> Integers:
        """Sums over the windows, wrapped where the layer says so; integers [samples, outputs]."""
        if alignment is not None and any(alignment):
            x = x << np.array(alignment, dtype=x.dtype)
        sums = self._sums(x, self.kernels, self.source.zero)
        sums = sums + np.array(self.spread(self.bias), dtype=x.dtype)
        return sums if self.wrap_bits is None else arithmetic.wrap(sums, self.wrap_bits, True)

    def _sums(self, x: Integers, kernels: Integers, zero: int) -> Integers:
        """Sums of products [samples, outputs] of aligned ``x`` [samples, inputs]."""
        samples, groups, count = len(x), self.groups, math.prod(self.positions)
        weights = kernels.astype(x.dtype).reshape(groups, -1, *kernels.shape[1:])
        total = np.zeros((samples, groups, weights.shape[1], count), x.dtype)
        for row, column, seen in self.window.views(self.window.pad(self.as_maps(x), zero)):
            values = seen.reshape(samples, groups, -1, count)
            total += weights[..., row, column] @ values
        return total.reshape(samples, -1)

    def terms(self, alignment: Sequence[int] | None = None) -> Terms:
        """The layer's sums as one matrix product: windows unrolled, most weights zero.

        The biases that go with them are :attr:`output_biases`.
        """
        matrix = np.zeros((self.outputs, self.inputs), object)
        for index in range(self.outputs):
            own = self.reads(index)
            matrix[index, list(own)] = list(own.values())
        if alignment is not None and any(alignment):
            matrix = matrix << np.array(alignment, object)
        if max(map(abs, matrix.ravel().tolist())) < 1 << 62:
            matrix = matrix.astype(np.int64)
        return Terms(index=list(range(self.inputs)), dropped=[0] * self.inputs, weights=matrix)

    # The file

    def check(self, where: str, source: Source, last: bool) -> None:
        """Refuse what the types alone do not say."""
        check_weights(self, where)
        check_activation(self, where)
        check_output(self, where, last)
        check_accumulators(self, where, source)

    def _check_sizes(self, where: str) -> None:
        shape = self.input_shape
        if len(shape) != self.SIZES + 1:
            want = "[channels, length]" if self.SIZES == 1 else "[channels, height, width]"
            found = f"{self.kind!r} reads {list(shape)}, as {self.source.said_by} say"
            raise HwgenError(f"{where}.kind", found, f"a map {want}")
        counts = {"input": shape[0], "output": self.output_channels}
        for name, count in counts.items():
            if count % self.groups:
                found = f"{self.groups} with {count} {name} channels"
                raise HwgenError(f"{where}.groups", found, "a divisor of both numbers of channels")
        _check_nested(self.weights, shape[0] // self.groups, f"{where}.weights", self)
        check_window(where, self, "weights")
        zero, own = self.source.zero, self.source.formats[0]
        if any(self.window.padding) and not own.minimum <= zero <= own.maximum:
            found = f"padding with input.zero_point {zero}"
            allowed = f"a zero point in {own.minimum}..{own.maximum}, the input's codes"
            raise HwgenError(f"{where}.padding", found, allowed)


class Conv1d(Convolution, _Slides1d):
    """A convolution over a signal ``[channels, length]``.

    ``weights`` are codes [output channels][channels / groups][kernel].
    """

    SIZES: ClassVar[int] = 1

    kind: Literal["conv1d"]
    weights: Filled[Filled[Filled[int]]]

    @property
    def window(self) -> Window:
        """The window, of height 1."""
        before, behind = self.padding
        wide = self.kernel[0]
        return Window(kernel=(1, wide), stride=(1, self.stride), padding=(0, before, 0, behind))


class Conv2d(Convolution, _Slides2d):
    """A convolution over an image ``[channels, height, width]``.

    ``weights`` are codes [output channels][channels / groups][kernel height][kernel width].
    """

    SIZES: ClassVar[int] = 2

    kind: Literal["conv2d"]
    weights: Filled[Filled[Filled[Filled[int]]]]

    @property
    def window(self) -> Window:
        """The window."""
        high, wide = self.kernel
        down, right = self.stride
        top, left, bottom, behind = self.padding
        return Window(
            kernel=(high, wide), stride=(down, right), padding=(top, left, bottom, behind)
        )


def _check_nested(weights: Sequence[Any], channels: int, place: str, layer: Convolution) -> None:
    """Refuse weights of other lengths than what is read, and the first of them, say."""
    for output, rows in enumerate(weights):
        if len(rows) != channels:
            of = f" of a group of {layer.groups}" if layer.groups > 1 else ""
            raise HwgenError(
                f"{place}[{output}]",
                f"{len(rows)} lists",
                f"{shown(channels)}, one for each input channel{of}",
            )
        for channel, row in enumerate(rows):
            _check_alike(row, weights[0][0], f"{place}[{output}][{channel}]", f"{place}[0][0]")


def _check_alike(row: Sequence[Any], first: Sequence[Any], place: str, like: str) -> None:
    """Refuse lists that are not as long as the ``first``, at every level."""
    if len(row) != len(first):
        what = "lists" if isinstance(first[0], list) else "codes"
        raise HwgenError(place, f"{len(row)} {what}", f"{len(first)} as {like} has")
    for index, one in enumerate(row):
        if isinstance(one, list):
            _check_alike(one, first[0], f"{place}[{index}]", f"{like}[0]")
