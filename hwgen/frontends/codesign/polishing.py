"""One network polished to the end; what a process of its own does."""

import copy
import time
from dataclasses import dataclass

import numpy as np

from hwgen.frontends.codesign.candidates import Candidate, Codes
from hwgen.frontends.codesign.polish import Sweep, polish
from hwgen.frontends.codesign.trials import Trials
from hwgen.rtl.pricing import Pricing


@dataclass(frozen=True, kw_only=True, eq=False)
class Polishing:
    """What to polish with.

    Parameters
    ----------
    start
        The network, the price it is polished for, and the smoothing.
    pricing
        What silicon costs.
    sweeps, tried
        Sweeps, and moves of single weights in each.
    seed
        For the order of neurons.
    until
        Time of :func:`time.monotonic` after which no sweep begins but the first; None: no end.
    """

    start: Candidate
    pricing: Pricing
    samples: Codes
    validation: Codes
    sweeps: int
    tried: int
    seed: tuple[int, ...]
    until: float | None = None


def polished(task: Polishing) -> tuple[Candidate, bool]:
    """The polished network, and whether the time ended it early."""
    start, samples = task.start, task.samples
    pricing = copy.copy(task.pricing)
    trials = Trials(start.network.copy(), samples, start.smoothing, pricing)
    rng = np.random.default_rng(task.seed)
    sweep = Sweep(price=task.start.price, tried=task.tried)
    cut = False
    for _ in range(task.sweeps):
        if not polish(trials, sweep, rng):
            break
        cut = task.until is not None and time.monotonic() > task.until
        if cut:
            break
    score, loss = trials.objective.judged(trials.network, task.validation)
    found = Candidate(
        network=trials.network,
        price=task.start.price,
        smoothing=task.start.smoothing,
        loss=trials.loss,
        area=trials.area,
        validation=score,
        validation_loss=loss,
    )
    return found, cut
