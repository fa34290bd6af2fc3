"""Rescales found for a staircase equal exact rational arithmetic on every accumulator."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hwgen.frontends import exact
from hwgen.frontends.exact import Line, Mode, Steps
from hwgen.spec.arithmetic import round_shift

MODES: dict[Mode, object] = {
    "nearest": round,
    "floor": math.floor,
    "half_up": lambda v: math.floor(v + Fraction(1, 2)),
    "half_away": lambda v: int(math.copysign(1, v)) * math.floor(abs(v) + Fraction(1, 2)),
    "toward_zero": math.trunc,
    "ceil": math.ceil,
    "away": lambda v: math.ceil(v) if v > 0 else math.floor(v),
    "half_toward_zero": lambda v: int(math.copysign(1, v)) * math.ceil(abs(v) - Fraction(1, 2)),
}


def staircase(
    low: int, high: int, codes: tuple[int, int], gain: Fraction, offset: Fraction, mode: Mode
) -> Steps:
    """Steps of ``round(gain * acc + offset)`` clipped to ``codes``."""

    def reach(code: int) -> int:
        value, strict = exact.rounding_step(code, mode)
        return exact.first_reaching((value - offset) / gain, strict)

    return exact.steps_between(low, high, codes, reach)


def random_case(rng: np.random.Generator) -> tuple[Steps, list[int], tuple[int, int], Fraction]:
    """A staircase, its codes by exact arithmetic one by one, its format and its gain."""
    bits = int(rng.integers(1, 9))
    signed = bool(rng.integers(2))
    low = -(1 << (bits - 1)) if signed else 0
    limits = (low, low + (1 << bits) - 1)
    reach = int(rng.integers(20, 600))
    kind = rng.integers(3)
    if kind == 0:  # power of two, with ties
        gain, offset = Fraction(1, 1 << int(rng.integers(0, 6))), Fraction(int(rng.integers(-9, 9)))
    elif kind == 1:  # ties of a ratio that is no power of two
        gain, offset = Fraction(3, 8), Fraction(int(rng.integers(-9, 9)), 2)
    else:
        gain = Fraction(float(np.float32(2.0 ** rng.uniform(-7, 1))))
        offset = Fraction(float(np.float32(rng.normal(0, 20))))
    mode: Mode = list(MODES)[int(rng.integers(len(MODES)))]
    steps = staircase(-reach, reach, limits, gain, offset, mode)
    own = [MODES[mode](gain * a + offset) for a in range(-reach, reach + 1)]  # type: ignore[operator]
    return steps, [min(max(v, limits[0]), limits[1]) for v in own], limits, gain


def line_of(steps: Steps, limits: tuple[int, int], gain: Fraction) -> tuple[Line, int, str] | None:
    for rounding in ("floor", "half_even"):
        for finer in range(exact.MAX_FINER + 1):
            line = exact.choose(steps, limits, gain, finer, rounding)
            if line is not None:
                return line, finer, rounding
    return None


@pytest.mark.parametrize("seed", range(150))
def test_lines_equal_rational_arithmetic(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, expected, limits, gain = random_case(rng)
    accumulators = np.arange(steps.low, steps.high + 1)
    assert steps.codes(accumulators).tolist() == expected
    found = line_of(steps, limits, gain)
    if found is None:
        return
    line, finer, rounding = found
    product = ((accumulators.astype(object) << finer) + line.bias) * line.multiplier
    given = np.clip(round_shift(product, line.shift, rounding), *limits)  # type: ignore[arg-type]
    assert given.tolist() == expected
    assert 1 <= line.multiplier <= exact.MAX_MULTIPLIER


@pytest.mark.parametrize("seed", range(60))
def test_the_proof_is_right_about_wrong_lines(seed: int) -> None:
    """Steps alone say what going through every accumulator says, for lines with a fault too."""
    rng = np.random.default_rng(seed)
    steps, expected, limits, gain = random_case(rng)
    found = line_of(steps, limits, gain)
    if found is None:
        pytest.skip("no line fits")
    line, finer, rounding = found
    accumulators = np.arange(steps.low, steps.high + 1).astype(object)
    verdicts = []
    for bias in (-3, -1, 0, 1, 3):
        for more in (-1, 0, 1):
            multiplier = max(1, line.multiplier + more)
            other = Line(bias=line.bias + bias, multiplier=multiplier, shift=line.shift)
            product = ((accumulators << finer) + other.bias) * multiplier
            given = np.clip(round_shift(product, line.shift, rounding), *limits)  # type: ignore[arg-type]
            verdicts.append(exact.fits(other, steps, limits, finer, rounding))  # type: ignore[arg-type]
            assert verdicts[-1] == (given.tolist() == expected)
    assert any(verdicts)


def test_steps_of_a_function_are_found_by_bisection() -> None:
    def function(accumulators: Any) -> Any:
        scaled = np.float32(0.0371) * accumulators.astype(np.float32)
        return np.clip(np.rint(scaled) + 3, -8, 7).astype(np.int64)

    steps = exact.steps_of(-500, 500, function)
    accumulators = np.arange(-500, 501)
    assert np.array_equal(steps.codes(accumulators), function(accumulators))


def test_signed_digits() -> None:
    assert [exact.signed_digits(m) for m in (1, 2, 3, 7, 15, 85, 0b11011)] == [1, 1, 2, 2, 2, 4, 3]
