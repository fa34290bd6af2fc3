"""Windows that slide over maps of reals: what a convolution's weights see, and pools.

Maps are flat, channel by channel, as everywhere in hwgen; a signal is computed with as an image of
one row.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.maps import Window
from hwgen.support.errors import HwgenError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Slide:
    """A window over a map.

    Parameters
    ----------
    shape
        ``(channels, height, width)`` or ``(channels, length)`` of the map that is read.
    window
        As of an image.
    groups
        Of a convolution's channels.

    Raises
    ------
    HwgenError
        The window does not fit the padded map.
    """

    shape: tuple[int, ...]
    window: Window
    groups: int = 1

    def __post_init__(self) -> None:
        padded = self.window.padded(self.image)
        if any(kernel > size for kernel, size in zip(self.window.kernel, padded, strict=True)):
            sizes = " x ".join(map(str, self.window.kernel[-self.dimensions :]))
            shape = " x ".join(map(str, self.shape))
            raise HwgenError("model", f"a window of {sizes} on a map of {shape}", "one that fits")

    @property
    def dimensions(self) -> int:
        """1 for a signal, 2 for an image."""
        return len(self.shape) - 1

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of the map."""
        height, width = (1, *self.shape[1:])[-2:]
        return height, width

    @property
    def count(self) -> int:
        """Windows."""
        return math.prod(self.window.positions(self.image))

    def behind(self, channels: int) -> tuple[int, ...]:
        """The shape of a map with a value of each of ``channels`` for each window."""
        return (channels, *self.window.positions(self.image)[-self.dimensions :])

    @cached_property
    def _seen(self) -> NDArray[Any]:
        return self.window.seen(self.image)

    def unfolded(self, x: Floats) -> Floats:
        """What the windows see of ``x`` [samples, values]: [samples, groups, windows, values].

        Padding is 0.
        """
        maps = x.reshape(len(x), self.shape[0], -1)
        if any(self.window.padding):
            maps = np.concatenate([maps, np.zeros_like(maps[..., :1])], axis=2)
        seen = maps[:, :, self._seen].reshape(len(x), self.groups, -1, *self._seen.shape)
        return seen.transpose(0, 1, 3, 2, 4).reshape(len(x), self.groups, len(self._seen), -1)

    def keys(self) -> dict[str, Any]:
        """``stride`` and ``padding`` as the network file has them."""
        (down, right), plane = self.window.stride, self.dimensions == 2
        top, left, bottom, behind = self.window.padding
        return {
            "stride": [down, right] if plane else right,
            "padding": [top, left, bottom, behind] if plane else [left, behind],
        }


@dataclass(frozen=True, kw_only=True)
class FloatPool:
    """The largest value of each window, or the mean of it, each channel for itself."""

    kind: Literal["max", "average"]
    slide: Slide

    @property
    def shape(self) -> tuple[int, ...]:
        """The map that it hands on."""
        return self.slide.behind(self.slide.shape[0])

    def pooled(self, x: Floats) -> Floats:
        """The pool of maps [samples, values]."""
        window = self.slide.window
        maps = x.reshape(len(x), self.slide.shape[0], *self.slide.image)
        padded = window.pad(maps, -np.inf if self.kind == "max" else 0)  # type: ignore[arg-type]
        views = [view for _, _, view in window.views(padded)]
        found = np.max(views, axis=0) if self.kind == "max" else np.sum(views, axis=0) / window.size
        return np.asarray(found.reshape(len(x), -1))

    def layer(self, name: str) -> dict[str, Any]:
        """The layer of the network file, without an output."""
        slide, window = self.slide, self.slide.window
        if self.kind == "average" and window.kernel == slide.image:
            return {"kind": "global_average_pool", "name": name}
        (high, wide), (down, right) = window.kernel, window.stride
        plane, keys = slide.dimensions == 2, slide.keys()
        found = {
            "kind": f"{self.kind}_pool",
            "name": name,
            "kernel": [high, wide] if plane else wide,
            "stride": [down, right] if plane else right,
        }
        return found | ({"padding": keys["padding"]} if self.kind == "max" else {})
