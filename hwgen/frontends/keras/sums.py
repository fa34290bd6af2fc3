"""Layers whose sums are not yet quantized: dense ones, and windows on maps, in exact integers."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.frontends import exact
from hwgen.frontends.exact import Steps
from hwgen.frontends.keras.file import Array
from hwgen.frontends.keras.fixedpoint import Quantizer
from hwgen.frontends.keras.formats import Code, Lane, Target
from hwgen.support.errors import HwgenError

_MOST_LEVELS = 1 << 12
_FAR = 1 << 200
NATIVE = {"floor": "floor", "half_up": "half_up", "nearest": "half_even"}


@dataclass(frozen=True, kw_only=True)
class Dense:
    """``weights @ x + bias``.

    Parameters
    ----------
    weights
        [outputs][inputs], each an integer and its fraction bits; inputs as Keras orders them.
    bias
        Exact values, one for each output.
    shape
        Of what comes out, as Keras has it; a row where it is empty.
    identity
        Only hands on what it reads, in the order of the lanes.
    """

    name: str
    weights: list[list[Code]]
    bias: list[Fraction]
    shape: tuple[int, ...] = ()
    identity: bool = False


@dataclass(frozen=True, kw_only=True)
class Window:
    """A convolution, or a mean or maximum over windows.

    Parameters
    ----------
    weights
        [outputs][inputs of a window], channel by channel, zeros for those of other groups; None of
        a maximum.
    kernel, stride, padding
        Sizes along the places; padding all before first.
    mean
        Weights are those of a depthwise convolution of ones.
    """

    name: str
    weights: list[list[Code]] | None
    bias: list[Fraction]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int = 1

    def places(self, image: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes of the map behind the window."""
        count = len(image)
        found = tuple(
            (size + self.padding[axis] + self.padding[axis + count] - kernel) // step + 1
            for axis, (size, kernel, step) in enumerate(
                zip(image, self.kernel, self.stride, strict=True)
            )
        )
        if min(found) < 1:
            raise HwgenError(self.name, f"a window of {list(self.kernel)}", f"a map of {image}")
        return found

    def seen(self, image: tuple[int, ...]) -> Array:
        """For each place the positions of a channel that its window sees, -1 for what pads."""
        positions = np.arange(math.prod(image)).reshape(image)
        count = len(image)
        pads = [(self.padding[a], self.padding[a + count]) for a in range(count)]
        padded = np.pad(positions, pads, constant_values=-1)
        views = np.lib.stride_tricks.sliding_window_view(padded, self.kernel)
        steps = tuple(slice(None, None, step) for step in self.stride)
        return views[steps].reshape(math.prod(self.places(image)), -1)


@dataclass(frozen=True)
class Relu:
    """``max(x, 0)``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Function:
    """A function of each value, which a quantizer follows."""

    name: str
    compute: Callable[[Array], Array]


@dataclass(frozen=True)
class Layout:
    """Another shape of the same values, as Keras orders them."""

    shape: tuple[int, ...]


Step = Dense | Window | Relu | Quantizer | Function | Layout


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A layer whose sums are not yet quantized; accumulators are ``value * 2^fraction``.

    Parameters
    ----------
    order
        For each output, as Keras orders them, the sum that it is; of a window the place of all.
    window, image
        What slides over a map of these sizes: there is a sum for each output channel.
    """

    name: str
    rows: list[list[int]]
    weight_fractions: list[int]
    finer: int
    fractions: list[int]
    bias: list[int]
    low: list[int]
    high: list[int]
    order: Array
    relu: bool = False
    identity: bool = False
    window: Window | None = None
    image: tuple[int, ...] = ()
    function: Function | None = None

    @property
    def ends(self) -> list[tuple[int, int]]:
        """Smallest and largest sum of each neuron, behind a ReLU."""
        pairs = zip(self.low, self.high, strict=True)
        return [(max(lo, 0), max(hi, 0)) if self.relu else (lo, hi) for lo, hi in pairs]


def offsets(row: list[int], fraction: int, lanes: list[Lane]) -> Fraction:
    """What constants behind codes add to a sum."""
    return sum(
        (w * Fraction(2) ** -(fraction + lane.fraction) * lane.offset)
        for w, lane in zip(row, lanes, strict=True)
    ) + Fraction(0)


def adjusted(total: Sum, by: Quantizer, targets: list[Target]) -> Sum:
    """Sums that are 0 where codes always are, and less what is added behind their codes."""
    finer = 0
    for fraction, target in zip(total.fractions, targets, strict=True):
        if target.offset:
            finer = max(finer, target.fraction - fraction)
            if target.bits == 1 and by.mode == "nearest":
                raise HwgenError(by.who, "wraps one bit around", "SAT, or another rounding")
    bias, rows, low, high = [], [], [], []
    for j, target in enumerate(targets):
        fraction = total.fractions[j] + finer
        less = target.offset << max(0, fraction - target.fraction)
        bias.append(0 if target.dead else (total.bias[j] << finer) - less)
        rows.append([0] * len(total.rows[j]) if target.dead else total.rows[j])
        low.append(0 if target.dead else (total.low[j] << finer) - less)
        high.append(0 if target.dead else (total.high[j] << finer) - less)
    return replace(
        total,
        rows=rows,
        bias=bias,
        low=low,
        high=high,
        finer=total.finer + finer,
        fractions=[fraction + finer for fraction in total.fractions],
    )


def tabled(total: Sum, by: Quantizer, j: int) -> Steps:
    """The codes that ``by`` makes of a function of the sums of neuron j, the j-th of ``by``.

    Raises
    ------
    HwgenError
        The function falls somewhere.
    """
    function, step = total.function, 2.0 ** -total.fractions[j]
    if function is None:
        raise TypeError("a function is needed")
    own = Quantizer(
        who=by.who,
        low=by.low[j],
        high=by.high[j],
        fraction=by.fraction[j],
        mode=by.mode,
        wraps=by.wraps,
    )
    compute = function.compute

    def codes(sums: Array) -> Array:
        real = (sums.astype(np.float64) * step).astype(np.float32)
        return own.codes(compute(np.maximum(real, 0) if total.relu else real))

    low, high = total.low[j], total.high[j]
    looked = codes(np.unique(np.linspace(low, high, min(high - low, 1 << 16) + 1).astype(np.int64)))
    if (np.diff(looked) < 0).any():
        allowed = "one that never falls, with a quantizer behind it that does not wrap around"
        raise HwgenError(function.name, "a table that falls", allowed)
    return exact.steps_of(low, high, codes)


def output_of(by: Quantizer, targets: list[Target]) -> dict[str, Any]:
    """The output format of a layer, as the file has it."""
    return {
        "bits": one_of([target.bits for target in targets]),
        "signed": targets[0].signed,
        "fraction_bits": one_of([target.fraction for target in targets]),
        "rounding": NATIVE.get(by.mode, "floor"),
        "overflow": "wrap" if by.wraps else "saturate",
    }


def thresholds(by: Quantizer, total: Sum, target: Target, j: int) -> list[int]:
    """The sums from which on each code is reached."""
    if total.function is not None:
        found = tabled(total, by, j)
        return [total.low[j]] * (found.first - target.minimum) + found.at
    if by.wraps and not target.free:
        raise HwgenError(
            by.who, "wraps around with this rounding", "SAT, or one of RND, RND_CONV, TRN"
        )
    shift = Fraction(2) ** (total.fractions[j] - target.fraction)

    def reach(code: int) -> int:
        value, strict = exact.rounding_step(code, by.mode)
        if total.relu and (value < 0 or (value == 0 and not strict)):
            return -_FAR
        return exact.first_reaching(value * shift, strict)

    low, high = total.low[j], total.high[j]
    if target.high - target.low > _MOST_LEVELS:
        raise HwgenError(
            by.who,
            f"{target.high - target.low + 1:,} codes with such rounding or clipping",
            f"at most {_MOST_LEVELS:,}, or SAT with RND, RND_CONV or TRN",
        )
    steps = exact.steps_between(low, high, (target.low, target.high), reach)
    return [low] * (steps.first - target.minimum) + steps.at


def one_of(values: list[int]) -> int | list[int]:
    """One value, where all are the same."""
    return values[0] if len(set(values)) == 1 else values
