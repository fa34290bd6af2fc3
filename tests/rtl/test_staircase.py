"""Staircases of few levels: every accumulator, of multiplications and of thresholds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwgen.rtl.requantize import Requantizer
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
