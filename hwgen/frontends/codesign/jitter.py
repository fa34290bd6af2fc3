"""More samples: copies with noise, so that no network learns them by heart."""

import numpy as np

from hwgen.frontends.codesign.candidates import Codes


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
