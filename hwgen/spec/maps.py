"""Windows that slide over a map: where they stand, and what they see.

A map is an array of ``channels`` x ``height`` x ``width``, or ``channels`` x ``length``, which is
computed with as an image of one row. :class:`Windowed` is what all kinds of layer that slide share.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar

import numpy as np
from pydantic import PrivateAttr

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.spec.layer import Layer, Source
from hwgen.support.errors import HwgenError

T = TypeVar("T")

MAX_VALUES = 100_000
"""Most values of a map; so that a small file cannot ask for endless memory."""

MAX_PRODUCTS = 100_000_000
"""Most values that all windows of a layer see together, each window counted for itself."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window that slides over an image, from the top left corner, row by row.

    Parameters
    ----------
    kernel, stride
        Height and width of the window, and of its steps.
    padding
        Rows and columns around the image: top, left, bottom, right.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def size(self) -> int:
        """Values of one channel that it sees at once."""
        return math.prod(self.kernel)

    def padded(self, image: tuple[int, int]) -> tuple[int, int]:
        """Height and width of an image with its padding."""
        top, left, bottom, right = self.padding
        return image[0] + top + bottom, image[1] + left + right

    def positions(self, image: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the places in which it stands on an image of this size."""
        rows, columns = (
            (size - kernel) // stride + 1
            for size, kernel, stride in zip(
                self.padded(image), self.kernel, self.stride, strict=True
            )
        )
        return rows, columns

    def pad(self, maps: Integers, value: int) -> Integers:
        """``maps`` [..., height, width] with the padding, which holds ``value``."""
        if not any(self.padding):
            return maps
        high, wide = maps.shape[-2:]
        rows, columns = self.padded((high, wide))
        padded = np.full((*maps.shape[:-2], rows, columns), value, maps.dtype)
        top, left = self.padding[:2]
        padded[..., top : top + high, left : left + wide] = maps
        return padded

    def views(self, padded: Integers) -> Iterator[tuple[int, int, Integers]]:
        """Row and column in the window, and what all windows see there [..., rows, columns]."""
        (high, wide), (down, right) = self.kernel, self.stride
        rows = (padded.shape[-2] - high) // down + 1
        columns = (padded.shape[-1] - wide) // right + 1
        for y in range(high):
            for x in range(wide):
                below, behind = y + down * (rows - 1) + 1, x + right * (columns - 1) + 1
                yield y, x, padded[..., y:below:down, x:behind:right]

    def seen(self, image: tuple[int, int]) -> Integers:
        """Places in the image, counted row by row, that each window sees [windows, values].

        -1 where it sees padding.
        """
        places = np.arange(math.prod(image)).reshape(1, *image)
        views = self.views(self.pad(places, -1))
        return np.stack([view.ravel() for _, _, view in views], axis=1)


class Windowed(Layer):
    """A layer of which each output sees a window of a map."""

    _source: Source | None = PrivateAttr(default=None)

    @property
    def source(self) -> Source:
        """What it reads, once it is part of a network."""
        if self._source is None:
            raise HwgenError(self.kind, "not in a network", "its sizes come from what it reads")
        return self._source

    def bound(self, where: str, source: Source) -> Self:
        """A copy that reads ``source``, a map."""
        copy = self.model_copy()
        for key in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[key]  # a cached property
        if source.shape is None:
            allowed = "a map (input.shape says that of the input)"
            raise HwgenError(f"{where}.kind", f"{self.kind!r} reads {source.said_by}", allowed)
        copy._source = source
        copy._check_sizes(where)
        return copy

    def _check_sizes(self, where: str) -> None:
        """Refuse a window that does not go with the map, and maps that are too large."""
        raise NotImplementedError

    @property
    def window(self) -> Window:
        """The window, as of an image."""
        raise NotImplementedError

    # Sizes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels and sizes of the map that it reads."""
        return self.source.shape or ()  # bound has seen to it

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of the map that it reads."""
        height, width = (1, *self.input_shape[1:])[-2:]
        return height, width

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return self.window.positions(self.image)

    @property
    def inputs(self) -> int:
        """Values of the map that it reads."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Values of the map that it hands on."""
        return self.output_channels * math.prod(self.positions)

    @property
    def output_channels(self) -> int:
        """Channels of the map that it hands on: those that it reads."""
        return self.input_shape[0]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Channels and sizes of the map that it hands on."""
        sizes = self.positions if len(self.input_shape) == 3 else self.positions[1:]
        return (self.output_channels, *sizes)

    def output_name(self, index: int) -> str:
        """Channel and position."""
        channel, *position = map(int, np.unravel_index(index, self.output_shape))
        return f"channel {channel} at {position}"

    # Values

    def seen(self, index: int) -> Integers:
        """Places on the map, row by row, that output ``index`` sees; -1 for padding."""
        places: Integers = self._seen[index % math.prod(self.positions)]
        return places

    @cached_property
    def _seen(self) -> Integers:
        return self.window.seen(self.image)

    def spread(self, channels: Sequence[T]) -> list[T]:
        """For each output, what there is for each output channel."""
        count = math.prod(self.positions)
        return [one for one in channels for _ in range(count)]

    def as_maps(self, values: Integers) -> Integers:
        """Inputs [samples, inputs] as maps [samples, channels, height, width]."""
        return values.reshape(len(values), self.input_shape[0], *self.image)

    @cached_property
    def channel_formats(self) -> list[Format]:
        """The format of the values of each channel that it reads."""
        return self.source.formats[:: math.prod(self.image)]


def check_window(where: str, layer: Windowed, at: str) -> None:
    """Refuse a window that sees nothing of the map, and more windows than are sane.

    ``at`` is the key that says the kernel.
    """
    window, image = layer.window, layer.image
    plane = len(layer.input_shape) == 3
    top, left, bottom, right = window.padding
    for pair, kernel in (((top, bottom), window.kernel[0]), ((left, right), window.kernel[1])):
        if max(pair) >= kernel:
            allowed = f"less than the kernel's {kernel}"
            raise HwgenError(f"{where}.padding", f"found {max(pair)}", allowed)
    padded = window.padded(image)
    if any(kernel > size for kernel, size in zip(window.kernel, padded, strict=True)):
        have, want = (
            " x ".join(map(str, sizes if plane else sizes[1:])) for sizes in (padded, window.kernel)
        )
        raise HwgenError(f"{where}.{at}", f"a window of {want}", f"the padded map has {have}")
    if layer.outputs > MAX_VALUES:
        raise HwgenError(where, f"{layer.outputs:,} outputs", f"at most {MAX_VALUES:,} are taken")
    products = layer.outputs * layer.fan_in
    if products > MAX_PRODUCTS:
        allowed = f"at most {MAX_PRODUCTS:,} are taken"
        raise HwgenError(where, f"windows of {products:,} values together", allowed)
