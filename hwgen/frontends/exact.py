"""Rescales that give exactly a model's codes on every accumulator that can occur.

A model's way from an integer accumulator to a code never falls, so it is a staircase: for each
code the smallest accumulator that reaches it (:class:`Steps`). A network file says ::

    y = saturate( round( (acc * 2^finer + bias) * m >> s ) )

Code k is reached at accumulator T and not before where the line through these points is at least h
at T and less than h at T - 1, with h = k for ``floor``. So every staircase leaves an interval of
ratios m / 2^s for each bias, out of which :func:`choose` takes the one of fewest signed digits.
What it takes has been compared with the staircase on both sides of every step: as both never fall,
they are then equal on every accumulator between. Where no line fits, the steps themselves are
thresholds (docs/arithmetic.md).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np

from hwgen.spec import arithmetic
from hwgen.spec.arithmetic import Integers, round_shift

Mode = Literal[
    "nearest",
    "floor",
    "half_up",
    "half_away",
    "toward_zero",
    "ceil",
    "away",
    "half_toward_zero",
]
LineRounding = Literal["floor", "half_even"]

MAX_MULTIPLIER = 1 << 24
MAX_FINER = 12
"""Bits that accumulators are made finer by at most, before steps become thresholds."""

_HALF = Fraction(1, 2)
_BIASES = 9
_MORE_SHIFTS = 4
_FLOAT_ERROR = 2.0**-21


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A function of the integers low..high that never falls, by integer codes.

    Parameters
    ----------
    low, high
        Accumulators that can occur.
    first
        The code of ``low``.
    at
        For the codes ``first + 1``, ``first + 2`` and so on the smallest accumulator that reaches
        them; within ``low + 1..high``.
    near
        How many of the accumulators lie within the error of 32-bit floats of a tie.
    """

    low: int
    high: int
    first: int
    at: list[int] = field(default_factory=list)
    near: int = 0

    @property
    def last(self) -> int:
        """The code of ``high``."""
        return self.first + len(self.at)

    def codes(self, accumulators: Integers) -> Integers:
        """The codes of ``accumulators``."""
        steps = np.array(self.at, dtype=accumulators.dtype)
        reached: Integers = np.searchsorted(steps, accumulators, side="right")
        return self.first + reached.astype(accumulators.dtype)

    def then(self, outer: "Steps") -> "Steps":
        """``outer`` of the codes of this."""
        at = [self.at[code - self.first - 1] for code in outer.at]
        return Steps(
            low=self.low, high=self.high, first=outer.first, at=at, near=self.near + outer.near
        )


@lru_cache(maxsize=4096)
def rounding_step(code: int, mode: Mode) -> tuple[Fraction, bool]:
    """The real value from which on ``mode`` rounds to ``code`` or more; True: beyond it only."""
    positive, half = code > 0, code - _HALF
    return {
        "nearest": (half, code % 2 == 1),
        "half_up": (half, False),
        "half_away": (half, not positive),
        "half_toward_zero": (half, positive),
        "floor": (Fraction(code), False),
        "ceil": (Fraction(code - 1), True),
        "toward_zero": (Fraction(code if positive else code - 1), not positive),
        "away": (Fraction(code - 1 if positive else code), positive),
    }[mode]


def first_reaching(value: Fraction, strict: bool) -> int:
    """The smallest integer of at least ``value``, or beyond it."""
    return math.floor(value) + 1 if strict else math.ceil(value)


def steps_between(
    low: int, high: int, codes: tuple[int, int], reach: Callable[[int], int]
) -> Steps:
    """Steps of the codes in ``codes``, each reached from the accumulator ``reach(code)`` on.

    Codes beyond either end are clipped. ``reach`` never falls, and is asked by bisection for what
    cannot occur.
    """
    bottom, top = codes
    first = _last_where(bottom, top, lambda code: reach(code) <= low)
    last = _last_where(first, top, lambda code: reach(code) <= high)
    return Steps(
        low=low, high=high, first=first, at=[reach(code) for code in range(first + 1, last + 1)]
    )


def steps_of(low: int, high: int, function: Callable[[Integers], Integers]) -> Steps:
    """Steps of a function that never falls, which takes int64 arrays, by bisection.

    For models that compute in their own arithmetic: 32-bit floats, or a fixed-point multiplier.
    """
    first, at = arithmetic.steps_between(low, high, function)
    return Steps(low=low, high=high, first=first, at=at)


def near_ties(boundaries: Sequence[Fraction], size: float, low: int, high: int) -> int:
    """Accumulators of low..high so near to one of ``boundaries`` that floats may err.

    ``size`` is the largest magnitude, in accumulator steps, of a number on the way.
    """
    if not boundaries:
        return 0
    values = np.array([float(value) for value in boundaries])
    nearest = np.rint(values)
    inside = (nearest >= low) & (nearest <= high)
    error = _FLOAT_ERROR * np.maximum(np.abs(values), size)
    return int(np.count_nonzero(inside & (np.abs(values - nearest) < error)))


def _last_where(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The last of low..high for which ``holds``, which is true up to some; ``low`` is taken."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True, kw_only=True)
class Line:
    """``round((acc * 2^finer + bias) * multiplier >> shift)``, which is saturated."""

    bias: int
    multiplier: int
    shift: int

    @property
    def digits(self) -> int:
        """Signed digits of the multiplier."""
        return signed_digits(self.multiplier)


def signed_digits(value: int) -> int:
    """Digits that are not 0 of ``value`` in canonical signed digits."""
    return (value ^ 3 * value).bit_count()


def fits(
    line: Line, steps: Steps, limits: tuple[int, int], finer: int, rounding: LineRounding
) -> bool:
    """Whether ``line``, saturated at ``limits``, has the codes of ``steps``.

    On either side of each, in exact integers, by the formula of the golden model.
    """
    at = sorted({steps.low, steps.high, *steps.at, *(step - 1 for step in steps.at)})
    size = (max(abs(at[0]), abs(at[-1])) << finer) + abs(line.bias)
    bits = size.bit_length() + line.multiplier.bit_length() + max(0, -line.shift)
    accumulators = np.array(at, np.int64 if max(bits, line.shift) < 61 else object)
    product = ((accumulators << finer) + line.bias) * line.multiplier
    given = np.clip(round_shift(product, line.shift, rounding), *limits)
    return bool((given == steps.codes(accumulators)).all())


@dataclass(frozen=True, kw_only=True)
class _Points:
    """Where a line must have reached ``ends`` (``up``) and where not yet (``down``)."""

    up: Integers
    up_ends: Integers
    down: Integers
    down_ends: Integers

    def ratios(self, bias: float) -> tuple[float, float]:
        """Smallest and largest slope of lines through ``-bias``; empty where first > second."""
        least, most = 0.0, math.inf
        for x, ends, above in ((self.up, self.up_ends, True), (self.down, self.down_ends, False)):
            run = x + bias
            with np.errstate(all="ignore"):
                ratio = ends / run
            at_least, at_most = (run > 0, run < 0) if above else (run < 0, run > 0)
            least = max(least, float(ratio[at_least].max(initial=0.0)))
            most = min(most, float(ratio[at_most].min(initial=math.inf)))
            flat = ends[run == 0]
            if flat.size and ((flat > 0).any() if above else (flat < 0).any()):
                return 1.0, 0.0
        return least, most

    def offsets(self, ratio: float) -> tuple[float, float]:
        """Smallest and largest bias of lines of this slope."""
        least = float((self.up_ends / ratio - self.up).max(initial=-math.inf))
        most = float((self.down_ends / ratio - self.down).min(initial=math.inf))
        return least, most


def _points(steps: Steps, limits: tuple[int, int], rounding: LineRounding) -> _Points:
    codes = np.arange(steps.first + 1, steps.last + 1, dtype=np.float64)
    at = np.array(steps.at, np.float64)
    up, up_ends, down, down_ends = [at], [codes], [at - 1], [codes]
    if steps.first > limits[0]:
        up, up_ends = [*up, np.array([steps.low])], [*up_ends, np.array([steps.first])]
    if steps.last < limits[1]:
        down, down_ends = [*down, np.array([steps.high])], [*down_ends, np.array([steps.last + 1])]
    half = 0.5 if rounding == "half_even" else 0.0
    return _Points(
        up=np.concatenate(up),
        up_ends=np.concatenate(up_ends) - half,
        down=np.concatenate(down),
        down_ends=np.concatenate(down_ends) - half,
    )


def choose(
    steps: Steps,
    limits: tuple[int, int],
    ratio: Fraction,
    finer: int,
    rounding: LineRounding = "floor",
) -> Line | None:
    """The cheapest line that :func:`fits`, or None where none was found.

    Parameters
    ----------
    limits
        Smallest and largest code of the output format, at which it saturates.
    ratio
        What the model multiplies by, about which is looked.
    """
    points = _points(steps, limits, rounding)
    found: list[Line] = []
    for bias in _biases(points, steps, ratio, finer):
        least, most = points.ratios(bias / (1 << finer))
        if least <= most * (1 + 1e-12):
            own = _multipliers(least / (1 << finer), most / (1 << finer), ratio / (1 << finer))
            found += [Line(bias=bias, multiplier=m, shift=s) for m, s in own]
    found.sort(key=lambda one: (one.digits, one.multiplier, abs(one.bias), one.shift))
    for line in found[: 4 * _BIASES]:
        if fits(line, steps, limits, finer, rounding):
            return line
    return None


def with_multiplier(
    steps: Steps,
    limits: tuple[int, int],
    multiplier: int,
    shift: int,
    finer: int,
    rounding: LineRounding = "floor",
) -> Line | None:
    """The line of this multiplier and shift that :func:`fits`, or None where no bias makes it."""
    points = _points(steps, limits, rounding)
    least, most = points.offsets(math.ldexp(multiplier, finer - shift))
    start = least if not math.isinf(least) else most - 1 if not math.isinf(most) else 0.0
    bias = math.ceil(start * (1 << finer) - 1e-6)
    end = bias if math.isinf(most) else math.floor(most * (1 << finer))
    inside = range(bias, min(end, bias + 64) + 1)
    roundest = sorted(inside, key=lambda one: (one & -one) or 1 << 62, reverse=True)[:1]
    for own in (*roundest, bias, bias + 1, bias - 1):
        line = Line(bias=own, multiplier=multiplier, shift=shift)
        if fits(line, steps, limits, finer, rounding):
            return line
    return None


def _biases(points: _Points, steps: Steps, ratio: Fraction, finer: int) -> list[int]:
    """Integer biases to try, in steps that are finer by ``finer`` bits."""
    slopes = [float(ratio)]
    if len(steps.at) > 1 and steps.at[-1] > steps.at[0]:
        slopes.append((len(steps.at) - 1) / (steps.at[-1] - steps.at[0]))
    found: set[int] = set()
    for slope in slopes:
        least, most = (end * (1 << finer) for end in points.offsets(slope))
        if math.isinf(least) or math.isinf(most):
            least = most = most if math.isinf(least) else least
            if math.isinf(least):
                least = most = 0.0
        first, last = math.floor(min(least, most)), math.ceil(max(least, most))
        found.update(range(first, last + 1, max(1, (last - first) // _BIASES)))
        found.add(round((least + most) / 2))
    return sorted(found)


def _multipliers(least: float, most: float, ratio: Fraction) -> list[tuple[int, int]]:
    """Multipliers and shifts with least <= m / 2^s <= most, of few digits among them."""
    found: list[tuple[int, int]] = []
    power = ratio.denominator
    if power & (power - 1) == 0 and ratio.numerator <= MAX_MULTIPLIER:
        found.append((ratio.numerator, power.bit_length() - 1))
    if most <= 0:
        return found
    middle = float(ratio) if least <= float(ratio) <= most else max(least, most / 2, 1e-300)
    if math.isinf(middle):
        middle = max(least, 1.0)
    start = -math.frexp(middle)[1]
    left = _MORE_SHIFTS
    for shift in range(start - 1, start + 26):
        first = max(1, math.ceil(math.ldexp(least, shift)))
        top = min(math.ldexp(most, shift), MAX_MULTIPLIER)
        if first > top:
            continue
        own = range(first, math.floor(top) + 1)
        if len(own) > 64:
            own = own[:: len(own) // 64]
        m = min(own, key=lambda value: (signed_digits(value), value))
        found.append((m, shift))
        left -= 1
        if not left:
            break
    return found
