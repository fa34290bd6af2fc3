"""What a tensor between two nodes stands for while a graph is turned into layers.

``order`` is the layout of a tensor: element p of it is feature ``order[p]``. Its first axis is that
of the samples and has one element.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.quantizers import Array, Constant, Mode
from hwgen.spec.arithmetic import Integers

Range = tuple[float, float]
Execute = Callable[[int, float, Fraction], Callable[[Integers], Integers]]

EVERYTHING: Range = (-np.inf, np.inf)


def clipped(inner: Range, low: float, high: float) -> Range:
    """The range of values within ``inner`` after a clip to ``low..high``."""
    return min(max(inner[0], low), high), min(max(inner[1], low), high)


@dataclass(frozen=True, kw_only=True)
class Slide:
    """How a window slides over a map: sizes in the order of the map's, padding all before first.

    ``mean`` is the kind of pool of one that averages.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int = 1
    mean: str = ""


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The largest value in each window: it may be taken before or behind what never falls."""

    node: Node
    slide: Slide


@dataclass(frozen=True, kw_only=True)
class Real:
    """The model's input before it is quantized, times ``gain``, plus ``add``, and clipped."""

    order: Array
    type: str
    gain: float = 1.0
    add: float = 0.0
    clip: Range = EVERYTHING


@dataclass(frozen=True, kw_only=True)
class Codes:
    """Integers within ``low..high`` that mean ``scale * gain * (code - zero_point)``.

    ``source`` is what computes them, and is not yet a layer: the range may still shrink.

    Parameters
    ----------
    node
        The quantizer.
    scale, low, high, zero_point, mode, shifted, bipolar
        As of the quantizer.
    gain, add
        What later nodes multiply by, and then add.
    declared
        Width and sign that the file gives.
    raw
        Plain integers, of which a DequantizeLinear is expected.
    padding
        Zeros around the map that the next layer is to take in.
    pools
        Max pooling of the codes.
    execute
        Of operators that compute codes in an arithmetic of their own: for the number of a sum, the
        real value of its step and its bias in such steps, the function from sums to codes.
    """

    order: Array
    source: "Real | Sum"
    node: Node
    scale: float
    low: int
    high: int
    declared: tuple[int, bool]
    gain: float = 1.0
    add: float = 0.0
    zero_point: int = 0
    mode: Mode = "nearest"
    shifted: bool = False
    bipolar: bool = False
    raw: bool = False
    execute: Execute | None = None
    padding: tuple[int, ...] = ()
    pools: tuple[Pooled, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A layer's values before they are quantized: ``gain * (weights @ x) + u``, per neuron.

    Parameters
    ----------
    node
        What it is, or is named after.
    x
        What the layer reads.
    weights
        [outputs, features], quantized, one scale to a row.
    gain
        Not 0.
    u
        Real offsets.
    function, slope
        sigmoid or tanh, or the slope of a leaky ReLU (1 for none); then the clip.
    relu
        Whether a Relu is among it.
    identity
        Whether it only stands for an activation of ``x``.
    slide
        Over a map: it is a sum for each output channel, of what a window sees.
    pools
        Max pooling of the values.
    """

    order: Array
    node: Node
    x: Codes
    weights: Constant
    gain: Array
    u: Array
    function: str | None = None
    slope: float = 1.0
    clip: Range = EVERYTHING
    relu: bool = False
    identity: bool = False
    slide: Slide | None = None
    pools: tuple[Pooled, ...] = ()

    @property
    def active(self) -> bool:
        """Whether anything but a sum has been done."""
        return self.function is not None or self.slope != 1.0 or self.clip != EVERYTHING


@dataclass(frozen=True, kw_only=True)
class Class:
    """The index of the largest of ``of``; of ``scores`` the order, and not yet the index."""

    of: "Codes | Sum"
    scores: bool = False


State = Real | Codes | Sum | Class
