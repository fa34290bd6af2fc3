"""Golden model of imported layers against exact rational arithmetic, a million accumulators."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.frontends.onnx.convert import import_model
from hwgen.spec import golden
from tests.fixtures.graphs import QONNX, Chain

INPUT_BITS, NEURONS, SEEDS = 14, 8, range(10)
MODES = ("ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 8, 4)


def rational(numerators: Any, denominator: int, mode: str) -> Any:
    """``numerators / denominator`` rounded as QONNX names it, in integers of any size."""
    size, sign = np.abs(numerators), np.where(numerators < 0, -1, 1)
    whole, rest = size // denominator, size % denominator
    if mode == "FLOOR":
        return numerators // denominator
    if mode == "CEIL":
        return -(-numerators // denominator)
    if mode == "DOWN":
        return sign * whole
    if mode == "UP":
        return sign * (whole + (rest > 0))
    up = 2 * rest > denominator
    if mode == "HALF_UP":
        up = 2 * rest >= denominator
    if mode == "ROUND":
        up = up | ((2 * rest == denominator) & (whole % 2 == 1))
    return sign * (whole + up)


def one(value: Fraction, mode: str) -> int:
    """A single value by another formula."""
    floor, half = value.__floor__(), Fraction(1, 2)
    if mode == "ROUND":
        return round(value)
    if mode in ("FLOOR", "CEIL"):
        return floor if mode == "FLOOR" else value.__ceil__()
    if mode in ("DOWN", "UP"):
        away = mode == "UP"
        return value.__ceil__() if (value > 0) == away else floor
    if value - floor != half:
        return floor + (value - floor > half)
    return floor + ((value > 0) == (mode == "HALF_UP"))


@pytest.mark.parametrize("mode", MODES)
def test_rounding_of_numerators(mode: str) -> None:
    rng = np.random.default_rng(0)
    for denominator in (1, 2, 7, 12, 3 * 2**60):
        numerators = np.array([int(v) for v in rng.integers(-60, 60, 50)], object)
        numerators = numerators * max(1, denominator // 4)
        given = rational(numerators, denominator, mode)
        assert given.tolist() == [one(Fraction(n, denominator), mode) for n in numerators]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_accumulator(seed: int, tmp_path: Path) -> None:
    """One input, all of its codes; each neuron of a weight, bias, gain and scale of its own."""
    rng = np.random.default_rng(seed)
    bits, mode = WIDTHS[seed], MODES[seed % len(MODES)]
    signed = bool(seed % 2) and bits > 1
    zero = float(rng.integers(0, 4)) if bits > 2 and seed % 3 == 0 else 0.0
    step, own = np.float32(2.0 ** rng.uniform(-9, -7)), 2.0 ** rng.uniform(-5, -2, (NEURONS, 1))
    own = own.astype(np.float32)
    codes = rng.choice([-9, -5, -3, -1, 1, 2, 7, 15], (NEURONS, 1))
    bias = rng.normal(0, 3, NEURONS).astype(np.float32)
    gain = rng.normal(0, 2, NEURONS).astype(np.float32)
    scale = np.float32(40.0 / (1 << bits) * 2.0 ** rng.uniform(-1, 1))
    if seed == 4:  # powers of two, with ties
        step, own, gain, scale = np.float32(2.0**-8), own * 0 + 0.25, gain * 0 - 1, np.float32(2)
        bias = bias.round()
    chain = Chain((1, 1)).then_quant(step, INPUT_BITS)
    weights = chain.quant(chain.constant(codes * own), own, 6)
    chain.then("Gemm", weights, chain.constant(bias), transB=1)
    chain.then("Mul", chain.constant(gain))
    parts = [chain.constant(value) for value in (scale, zero, float(bits))]
    more = {"signed": int(signed), "narrow": 0, "rounding_mode": mode}
    chain.then("Quant", *parts, domain=QONNX, **more)
    imported = import_model(chain.save(tmp_path / "m.onnx"))

    entry = imported.network.input.format
    x = np.arange(-(1 << (INPUT_BITS - 1)), 1 << (INPUT_BITS - 1))
    assert (entry.minimum, entry.maximum) == (x[0], x[-1])
    given = golden.predict(imported.network, x[:, None])
    assert len(np.unique(given)) > 1
    low = -(1 << (bits - 1)) if signed else 0
    for j in range(NEURONS):
        real = Fraction(float(scale))
        slope = Fraction(float(gain[j])) * int(codes[j, 0]) / real
        slope *= Fraction(float(own[j, 0])) * Fraction(float(step))
        offset = Fraction(float(gain[j])) * Fraction(float(bias[j])) / real + Fraction(zero)
        below = slope.denominator * offset.denominator
        numerators = x.astype(object) * int(slope * below) + int(offset * below)
        wanted = np.clip(rational(numerators, below, mode), low, low + (1 << bits) - 1)
        assert (given[:, j] + imported.offset == wanted - zero).all()


def test_a_million() -> None:
    assert len(SEEDS) * NEURONS << INPUT_BITS > 10**6
