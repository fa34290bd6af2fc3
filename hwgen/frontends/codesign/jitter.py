"""More samples, so that no network learns them by heart: noisy copies, points between them."""

import numpy as np

from hwgen.frontends.codesign.candidates import Codes
from hwgen.spec.arithmetic import Integers


def jittered(samples: Codes, spread: float, most: int, top: int, seed: int) -> Codes:
    """``samples`` and up to three noisy copies of them, at most ``most`` together.

    Parameters
    ----------
    spread
        Standard deviation of the noise, in codes; features that never change get none.
    top
        Largest code.
    """
    copies = min(3, most // max(1, len(samples.y)) - 1) if spread else 0
    if copies < 1:
        return samples
    rng = np.random.default_rng(seed)
    moving = samples.x.std(axis=0) > 0
    noise = rng.normal(0, spread, (copies, *samples.x.shape)) * moving
    noisy = np.clip(np.rint(samples.x + noise), 0, top).astype(np.int64)
    return Codes(
        x=np.concatenate([samples.x, *noisy]),
        y=np.concatenate([samples.y] * (copies + 1)),
        soft=None if samples.soft is None else np.tile(samples.soft, (copies + 1, 1)),
    )


def between(
    samples: Codes, count: int, reach: float, spread: float, top: int, rng: np.random.Generator
) -> Integers:
    """The samples, and points between two of them up to ``count`` together.

    Parameters
    ----------
    reach
        How far such a point is from the first towards the second, at the most.
    spread, top
        Noise of those points, and the largest code.
    """
    more = max(0, count - len(samples.y))
    first, second = rng.integers(0, len(samples.y), (2, more))
    share = rng.uniform(0, reach, (more, 1))
    points = samples.x[first] * (1 - share) + samples.x[second] * share
    points += rng.normal(0, spread, points.shape) * (samples.x.std(axis=0) > 0)
    codes = np.clip(np.rint(points), 0, top).astype(np.int64)
    return np.concatenate([samples.x, codes])
