"""Staircases of few levels: every accumulator, of multiplications and of thresholds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwgen.rtl.requantize import Requantizer, requantizers
from hwgen.rtl.staircase import MOST_LEVELS, Staircase
from tests.networks import dense, network, rescale
from tests.rtl.test_requantize import check


def unit(interval: tuple[int, int], activation: str = "none", **output: Any) -> Requantizer:
    settings = {**rescale(4, False, 0, rounding="floor"), **output}
    layer = network([dense([[1]], output=settings, activation=activation)]).layers[0]
    return Requantizer(rescale=layer.rescales(0)[0], accumulator=interval)


@pytest.mark.parametrize("seed", range(6))
def test_multiplications(seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = []
    for _ in range(6):
        factor, shift = int(rng.integers(3, 2000)) | 1, int(rng.integers(5, 15))
        low = -int(rng.integers(0, 900))
        units.append(
            unit(
                (low, low + int(rng.integers(200, 1_100))),
                "relu" if rng.random() < 0.5 else "none",
                bits=int(rng.integers(2, 5)),
                signed=bool(rng.integers(2)),
                multiplier=factor,
                shift=shift,
                rounding=str(rng.choice(["floor", "half_up", "half_even"])),
            )
        )
    check(units)


@pytest.mark.parametrize("seed", range(6))
def test_thresholds(seed: int) -> None:
    rng = np.random.default_rng(seed + 100)
    units = []
    for _ in range(6):
        gap = int(rng.integers(1, 60))
        steps = (np.arange(15) * gap + rng.integers(0, gap, 15) - 7 * gap).tolist()
        interval = (-8 * gap - int(rng.integers(0, 99)), 8 * gap + int(rng.integers(0, 99)))
        units.append(unit(interval, thresholds=[[int(step) for step in steps]]))
    check(units)


def test_which_are_built_so() -> None:
    few = unit((0, 300), multiplier=55, shift=10)
    assert few.staircase is not None
    assert len(few.staircase.steps) < MOST_LEVELS
    assert unit((0, 300), shift=4).staircase is None  # a shift alone
    many = replace(unit((0, 300), bits=8, multiplier=55, shift=6))
    assert many.staircase is None
    both = unit((0, 300), thresholds=[[5, 5, 9]])
    assert both.staircase is None  # two steps in one place


def test_blocks() -> None:
    stairs = Staircase(first=2, steps=[19, 37, 60])
    assert (stairs.low_bits, stairs.block_bits) == (4, 2)
    assert stairs.fits
    assert not Staircase(first=0, steps=[4, 4, 9]).fits


@pytest.mark.parametrize("fine", [0, 1, 4])
def test_lowest_bits_that_never_change(fine: int) -> None:
    """They are left out, and every accumulator that has them reaches the same levels."""
    rng = np.random.default_rng(fine)
    low = int(rng.integers(1 << fine))
    stairs = Staircase(first=0, steps=sorted(rng.integers(-3_000, 3_000, 12).tolist()))
    accumulators = np.arange(-200, 200) * (1 << fine) + low
    above = stairs.above(fine, low)
    wanted = [sum(step <= value for step in stairs.steps) for value in accumulators]
    assert [sum(step <= value >> fine for step in above.steps) for value in accumulators] == wanted


def test_sums_that_are_finer_for_their_biases_sake() -> None:
    settings = rescale(4, False, 0, rounding="floor", multiplier=1767, shift=16)
    layer = dense([[2, -3, 4], [1, 2, -3]], bias=[5, -27], output=settings, weight_shift=4)
    net = network([layer])
    units = requantizers(net, 0, [(0, 15)] * 3)
    assert [(one.fine, one.low) for one in units] == [(4, 5), (4, 5)]
    check([replace(one, fine=0, low=0) for one in units])
    for one in units:
        assert one.staircase is not None
        whole = replace(one, fine=0, low=0).staircase
        assert whole is not None
        assert one.staircase.low_bits == whole.low_bits - 4
