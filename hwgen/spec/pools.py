"""Pooling: the largest value in a window, or the mean of it."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from hwgen.spec.activations import activation
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.checks import check_output
from hwgen.spec.formats import Format
from hwgen.spec.layer import Source, rescales_of
from hwgen.spec.maps import Window, Windowed, check_window
from hwgen.spec.models import Four, OutputFormat, Padding, Size, Two
from hwgen.spec.rescale import Rescale
from hwgen.spec.terms import Terms
from hwgen.support.errors import HwgenError


class Pool(Windowed):
    """A layer without weights, each channel for itself."""

    VERSION_2 = frozenset({"kind"})

    @property
    def fan_in(self) -> int:
        """Values in a window."""
        return self.window.size

    @property
    def weight_count(self) -> int:
        """There are none."""
        return 0

    @property
    def parameter_count(self) -> int:
        """There are none."""
        return 0

    @property
    def weight_memory_bits(self) -> int:
        """There are none."""
        return 0

    def reads(self, index: int) -> dict[int, int]:
        """The values in its window."""
        first = index // math.prod(self.positions) * math.prod(self.image)
        return {first + int(place): 1 for place in self.seen(index) if place >= 0}

    @property
    def wrap_bits(self) -> int | None:
        """Nothing wraps."""
        return None

    @property
    def activation(self) -> str:
        """There is none."""
        return "none"

    @property
    def negative_shift(self) -> int | None:
        """There is none."""
        return None

    @property
    def accumulator_bits(self) -> int | None:
        """The exact width."""
        return None


class MaxPool(Pool):
    """The largest value in each window; formats stay as they are, and padding never wins.

    ``kernel`` and ``stride`` are integers for a signal, ``[height, width]`` for an image. Without
    a ``stride`` windows stand side by side.
    """

    kind: Literal["max_pool"]
    kernel: Size | Two[Size]
    stride: Size | Two[Size] | None = None
    padding: Two[Padding] | Four[Padding] | None = None

    @property
    def output(self) -> OutputFormat | None:
        """Values are handed on as they are."""
        return None

    @property
    def window(self) -> Window:
        """The window, of height 1 for a signal."""
        return _window(self.kernel, self.stride, self.padding or [0, 0, 0, 0])

    def output_formats(self) -> list[Format]:
        """As read."""
        return self.spread(self.channel_formats)

    def accumulator_fraction(self, input_fraction: int) -> list[int]:
        """Fraction bits of each output, as read."""
        return [one.fraction_bits for one in self.output_formats()]

    def rescales(self, input_fraction: int) -> list[Rescale]:
        """None changes a value."""
        plain = activation(self.activation)
        return self.spread(
            [
                Rescale(activation=plain, fraction=one.fraction_bits, target=one)
                for one in self.channel_formats
            ]
        )

    def accumulator_intervals(
        self, ranges: Sequence[Interval], alignment: Sequence[int] | None = None
    ) -> list[Interval]:
        """Exact [lo, hi] of the largest value of each window."""
        low, high = (self._largest(ends[None]) for ends in np.array(ranges, object).T)
        return list(zip(low[0].tolist(), high[0].tolist(), strict=True))

    def widest(self, source: Source) -> int:
        """Bits of the widest input."""
        return max(one.bits for one in self.channel_formats) + 1

    def accumulate(self, x: Integers, alignment: Sequence[int] | None = None) -> Integers:
        """The largest value of each window, as read: values of a channel have one format."""
        return self._largest(x)

    def _largest(self, x: Integers) -> Integers:
        lowest = min(one.minimum for one in self.channel_formats)
        views = self.window.views(self.window.pad(self.as_maps(x), lowest))
        found: Integers = next(views)[2]
        for _, _, view in views:
            found = np.maximum(found, view)
        return found.reshape(len(x), -1)

    def check(self, where: str, source: Source, last: bool) -> None:
        """Refuse results of formats that differ."""
        if last and len(set(self.channel_formats)) > 1:
            found = "channels of formats of their own on the last layer"
            raise HwgenError(where, found, "one format for all results")

    def _check_sizes(self, where: str) -> None:
        given = {"kernel": self.kernel, "stride": self.stride}
        _check_dimensions(where, given, len(self.input_shape))
        count = 2 * (len(self.input_shape) - 1)
        if self.padding is not None and len(self.padding) != count:
            sides = "[before, behind]" if count == 2 else "[top, left, bottom, right]"
            found = f"{len(self.padding)} numbers for a map of {list(self.input_shape)}"
            raise HwgenError(f"{where}.padding", found, f"{sides} is needed")
        check_window(where, self, "kernel")


class Averaged(Pool):
    """Exact sums of windows, which are rescaled like any accumulator.

    The accumulator is the sum of the N values in a window; its fraction is finer than theirs by
    ``floor(log2 N)``. So where N is a power of two its real value is the mean, and else a
    multiplier has to make up for ``N / 2^floor(log2 N)``.
    """

    output: OutputFormat | None

    @property
    def _finer(self) -> int:
        return self.window.size.bit_length() - 1

    def output_formats(self) -> list[Format] | None:
        """The format of each output."""
        if self.output is None:
            return None
        return self.spread(self.output.formats(self.output_channels))

    def accumulator_fraction(self, input_fraction: int) -> list[int]:
        """Fraction bits of each sum."""
        return [input_fraction + self._finer] * self.outputs

    def rescales(self, input_fraction: int) -> list[Rescale]:
        """One for each output; those of a channel are the same."""
        fractions = [input_fraction + self._finer] * self.output_channels
        return self.spread(rescales_of(self, fractions, False))

    @property
    def output_biases(self) -> list[int]:
        """Sums have none."""
        return [0] * self.outputs

    def accumulator_intervals(
        self, ranges: Sequence[Interval], alignment: Sequence[int] | None = None
    ) -> list[Interval]:
        """Exact [lo, hi] of every sum."""
        low, high = (self.accumulate(ends[None], alignment) for ends in np.array(ranges, object).T)
        return list(zip(low[0].tolist(), high[0].tolist(), strict=True))

    def widest(self, source: Source) -> int:
        """Partial sums are within the sum of ``|x|``."""
        sizes = [
            max(abs(low), abs(high)) << left
            for (low, high), left in zip(source.ranges, source.alignment, strict=True)
        ]
        bits = (max(sizes) * self.window.size).bit_length()
        return max(one.widest(bits) for one in set(self.rescales(source.fraction)))

    def accumulate(self, x: Integers, alignment: Sequence[int] | None = None) -> Integers:
        """The sum of each window; integers [samples, outputs]."""
        if alignment is not None and any(alignment):
            x = x << np.array(alignment, dtype=x.dtype)
        maps = self.as_maps(x)
        total = np.zeros((*maps.shape[:2], *self.positions), x.dtype)
        for _, _, view in self.window.views(maps):
            total += view
        return total.reshape(len(x), -1)

    def terms(self, alignment: Sequence[int] | None = None) -> Terms:
        """The sums as one matrix product."""
        seen, places = self._seen, math.prod(self.image)
        one = np.zeros((len(seen), places), np.int64)
        one[np.arange(len(seen))[:, None], seen] = 1
        matrix = np.kron(np.eye(self.output_channels, dtype=np.int64), one)
        if alignment is not None and any(alignment):
            matrix = matrix.astype(object) << np.array(alignment, object)
        return Terms(index=list(range(self.inputs)), dropped=[0] * self.inputs, weights=matrix)

    def check(self, where: str, source: Source, last: bool) -> None:
        """Refuse what the types alone do not say."""
        check_output(self, where, last)


class AveragePool(Averaged):
    """The mean of each window; ``kernel`` and ``stride`` are as of :class:`MaxPool`."""

    kind: Literal["average_pool"]
    kernel: Size | Two[Size]
    stride: Size | Two[Size] | None = None

    @property
    def window(self) -> Window:
        """The window, of height 1 for a signal."""
        return _window(self.kernel, self.stride, [0, 0, 0, 0])

    def _check_sizes(self, where: str) -> None:
        given = {"kernel": self.kernel, "stride": self.stride}
        _check_dimensions(where, given, len(self.input_shape))
        check_window(where, self, "kernel")


class GlobalAveragePool(Averaged):
    """The mean of each channel; what it hands on is a map of one position."""

    kind: Literal["global_average_pool"]

    @property
    def window(self) -> Window:
        """The whole map."""
        return Window(kernel=self.image)

    def _check_sizes(self, where: str) -> None:
        check_window(where, self, "kind")


def _window(kernel: int | list[int], stride: int | list[int] | None, padding: list[int]) -> Window:
    """The window of a pool of either number of dimensions."""
    high, wide = kernel if isinstance(kernel, list) else (1, kernel)
    step = kernel if stride is None else stride
    down, right = step if isinstance(step, list) else (1, step)
    top, left, bottom, behind = padding if len(padding) == 4 else (0, padding[0], 0, padding[1])
    return Window(kernel=(high, wide), stride=(down, right), padding=(top, left, bottom, behind))


def _check_dimensions(where: str, given: dict[str, int | list[int] | None], count: int) -> None:
    """Refuse sizes for an image where a signal is read, and the other way around."""
    for key, value in given.items():
        if value is not None and isinstance(value, list) != (count == 3):
            found = f"{value} for a map of {count} dimensions"
            allowed = "[height, width]" if count == 3 else "an integer"
            raise HwgenError(f"{where}.{key}", found, f"{allowed} is needed")
