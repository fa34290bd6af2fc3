"""Convolutions of a student, as ``student.maps`` of a training file has them (docs/train.md)."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown

_SIZE = r"(\d{1,3})(?:x(\d{1,3}))?"
_CONV = re.compile(rf"conv (\d{{1,4}}) {_SIZE}((?: (?:stride|pad|groups) \d{{1,3}})*)")
_POOL = re.compile(rf"(max|avg)_pool {_SIZE}|(global)_avg_pool")
_ALLOWED = (
    '"conv CHANNELS SIZE [stride S] [pad P] [groups G]", "max_pool SIZE", "avg_pool SIZE" or '
    '"global_avg_pool"; SIZE is 3 or 3x3'
)


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolution, a relu, and a pool behind it where ``pool`` says so.

    Sizes are those of an image; a signal is one row. ``mean``: the pool averages.
    """

    source: tuple[int, int, int]
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    pool: tuple[int, int] | None = None
    mean: bool = False

    @property
    def plane(self) -> tuple[int, int, int]:
        """Channels, rows and columns before the pool."""
        return self.outputs, *self.positions

    @property
    def fan_in(self) -> int:
        """Values that one sum is made of."""
        return self.source[0] // self.groups * math.prod(self.kernel)

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        rows, columns = (
            (size + 2 * pad - kernel) // step + 1
            for size, pad, kernel, step in zip(
                self.source[1:], self.padding, self.kernel, self.stride, strict=True
            )
        )
        return rows, columns

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns behind it and its pool."""
        rows, columns = self.positions
        if self.pool is not None:
            rows, columns = rows // self.pool[0], columns // self.pool[1]
        return self.outputs, rows, columns


def convolutions(texts: Sequence[str], shape: Sequence[int], of: str = "student") -> list[Conv]:
    """What ``texts`` say, over a map of this ``shape``.

    Raises
    ------
    HwgenError
        A text that says something else, or a window that does not fit.
    """
    plane = len(shape) == 3
    source = (shape[0], *shape[1:]) if plane else (shape[0], 1, shape[1])
    found: list[Conv] = []
    for index, text in enumerate(texts):
        where = f"{of}.maps[{index}]"
        conv, pool = _CONV.fullmatch(text), _POOL.fullmatch(text)
        if conv is not None:
            found.append(_conv(conv, source, plane, where))
        elif pool is not None and found and found[-1].pool is None:
            found[-1] = _pooled(found[-1], pool, plane, where)
        else:
            first = "behind a conv is needed" if pool else _ALLOWED
            raise HwgenError(where, f"found {shown(text)}", first)
        source = found[-1].shape
        if min(source) < 1:
            before = " x ".join(map(str, found[-1].source))
            raise HwgenError(where, f"{text!r} on a map of {before}", "a window that fits")
    return found


def _pooled(conv: Conv, match: re.Match[str], plane: bool, where: str) -> Conv:
    size = conv.positions if match[4] else _sizes(match[2], match[3], plane)
    mean, count = match[1] != "max", math.prod(size)
    if mean and count & (count - 1):
        found = f"a mean of {count} values"
        raise HwgenError(where, found, "as many as a power of two, which is a shift in hardware")
    return replace(conv, pool=size, mean=mean)


def _conv(match: re.Match[str], source: tuple[int, ...], plane: bool, where: str) -> Conv:
    words = match[4].split()
    options = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    step, pad, groups = (options.get(key, default) for key, default in _DEFAULTS)
    kernel = _sizes(match[2], match[3], plane)
    if step < 1 or groups < 1 or source[0] % groups or int(match[1]) % groups or not int(match[1]):
        allowed = "a stride, channels, and groups that divide both numbers of channels"
        raise HwgenError(where, f"found {shown(match[0])}", allowed)
    if pad >= min(kernel[1 - plane :]):
        raise HwgenError(where, f"found {shown(match[0])}", "padding below the kernel's size")
    return Conv(
        source=(source[0], source[1], source[2]),
        outputs=int(match[1]),
        kernel=kernel,
        stride=(step, step) if plane else (1, step),
        padding=(pad, pad) if plane else (0, pad),
        groups=groups,
    )


_DEFAULTS = (("stride", 1), ("pad", 0), ("groups", 1))


def _sizes(high: str, wide: str | None, plane: bool) -> tuple[int, int]:
    """Height and width; one number is both of an image, and the width of a signal."""
    if not plane:
        return 1, max(1, int(high))
    return max(1, int(high)), max(1, int(wide or high))
