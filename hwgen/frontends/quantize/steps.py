"""What float models do, one step after the other.

Readers of models say what each part does (:data:`Step`); :mod:`hwgen.frontends.quantize.chain`
folds the steps into layers.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.support.errors import HwgenError


@dataclass(frozen=True, eq=False)
class Dense:
    """``weights @ x + bias``, weights [outputs, inputs]."""

    weights: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class Convolved:
    """A convolution.

    ``weights`` are [output channels, channels of a group, height, width] or [..., length];
    ``padding`` is (before, behind) for each dimension in turn, or ``"same"`` as Keras has it: as
    many windows as positions over the stride, the odd one behind.
    """

    weights: Floats
    bias: Floats
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...] | Literal["same"]
    groups: int = 1


@dataclass(frozen=True)
class Pooled:
    """A pool; ``kernel`` None is the whole map, other sizes are as of :class:`Convolved`."""

    kind: Literal["max", "average"]
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: tuple[tuple[int, int], ...] | Literal["same"] | None = None


@dataclass(frozen=True, eq=False)
class Affine:
    """``scale * x + offset``, each [channels], [features] or a single number."""

    scale: Floats
    offset: Floats


@dataclass(frozen=True)
class Activated:
    """An activation; ``softmax`` only at the end."""

    kind: str
    negative_shift: int | None = None


@dataclass(frozen=True)
class Shaped:
    """Values in another shape; one size may be -1. ``last``: channels are the last of the sizes."""

    sizes: tuple[int, ...]
    last: bool = False


Step = Dense | Convolved | Pooled | Affine | Activated | Shaped


def leaky(slope: float) -> Activated:
    """A leaky ReLU, of a slope that is a shift in hardware."""
    shift = -math.log2(slope) if slope > 0 else math.nan
    if shift != round(shift) if math.isfinite(shift) else True:
        allowed = "a power of two, such as 0.125: it is a shift in hardware"
        raise HwgenError("model", f"LeakyReLU with slope {slope:g}", allowed)
    return Activated("leaky_relu", round(shift))


def normalized(gain: Any, offset: Any, mean: Floats, size: Floats) -> Affine:
    """Batch normalization: ``gain * (x - mean) / size + offset``."""
    scale = (np.ones(1) if gain is None else np.asarray(gain, np.float64)) / size
    added = np.zeros(1) if offset is None else np.asarray(offset, np.float64)
    return Affine(scale, added - mean * scale)


def undilated(dilation: Any, what: str) -> None:
    """Refuse windows with holes."""
    if any(one != 1 for one in np.ravel(dilation)):
        raise HwgenError("model", f"{what} with a dilation", "a dilation of 1")
