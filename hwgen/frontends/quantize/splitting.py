"""Samples to calibrate with, and samples held out to measure on."""

from dataclasses import dataclass

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.spec.arithmetic import Integers

BLEND, LEAST_BLENDED = 0.2, 2000

MOST_CALIBRATION, MOST_VALIDATION = 1000, 1500
"""No more samples are used: ranges and moments settle long before."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Indices of samples, ascending; no sample is in both."""

    calibration: Integers
    validation: Integers


def split(y: Integers | None, samples: int, share: float, seed: int) -> Split:
    """Hold out ``share`` of the samples, of each class alike where classes are known.

    Of one sample alone both parts are made.
    """
    rng = np.random.default_rng(seed)
    classes = np.zeros(samples, np.int64) if y is None else y
    held = np.zeros(samples, bool)
    for each in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == each))
        held[members[: round(share * len(members))]] = True
    calibration, validation = np.flatnonzero(~held), np.flatnonzero(held)
    if not len(calibration) or not len(validation):
        calibration = validation = np.arange(samples)
    return Split(
        calibration=_some(calibration, MOST_CALIBRATION, rng),
        validation=_some(validation, MOST_VALIDATION, rng),
    )


def _some(indices: Integers, most: int, rng: np.random.Generator) -> Integers:
    return np.sort(rng.permutation(indices)[:most])


def blended(x: Floats, seed: int) -> Floats:
    """Every sample mixed with :data:`BLEND` of another one, several times, [n * samples, features].

    A model is surer of the samples that it was trained on than of new ones. Mixtures lie nearer to
    its decisions, so what changes on them tells more of what will change on new samples.
    """
    rng = np.random.default_rng(seed)
    times = max(2, -(-LEAST_BLENDED // len(x)))
    others = np.concatenate([rng.permutation(len(x)) for _ in range(times)])
    mixed: Floats = (1 - BLEND) * np.tile(x, (times, 1)) + BLEND * x[others]
    return mixed
