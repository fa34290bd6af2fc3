"""Networks that a search found, and which of them are worth keeping."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwgen.frontends.codesign.integers import IntegerNetwork
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.spec.arithmetic import Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """Samples.

    Parameters
    ----------
    x
        Input codes [samples, features].
    y
        Class indices [samples], or real values.
    soft
        Shares of the classes [samples, classes] that take the place of labels; None: labels.
    """

    x: Integers
    y: Integers
    soft: Floats | None = None

    @property
    def real(self) -> bool:
        """``y`` has real values."""
        return self.y.dtype.kind == "f"


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A network that a search found.

    Parameters
    ----------
    price
        What a gate equivalent was worth when it was found, in units of the loss.
    smoothing
        Share of the labels that was spread over all classes.
    loss
        Of the training samples, with these labels.
    area
        Estimated gate equivalents, without an argmax.
    validation, validation_loss
        Accuracy and mean cross entropy on the validation samples; of real values R2, and the loss
        of :class:`hwgen.frontends.codesign.objective.Values`.
    """

    network: IntegerNetwork
    price: float
    smoothing: float = 0.0
    loss: float = 0.0
    area: float = 0.0
    validation: float = 0.0
    validation_loss: float = 0.0


def survivors(found: Sequence[Candidate], ladder: Sequence[float], kept: int) -> list[Candidate]:
    """The best ``kept`` of ``found`` at every price, by the training samples.

    Losses are compared among networks of one smoothing.
    """
    chosen = []
    for smoothing in sorted({one.smoothing for one in found}):
        alike = [one for one in found if one.smoothing == smoothing]
        for price in ladder:
            ranked = sorted(alike, key=lambda one: one.loss + price * one.area)
            chosen += [replace(one, price=price) for one in ranked[:kept]]
    return chosen


def envelope(found: Sequence[Candidate]) -> list[Candidate]:
    """Those that say more of the validation samples than all smaller ones, by area.

    The loss decides: of few samples it says more than the share of right ones does.
    """
    best = float("inf")
    kept = []
    for one in sorted(found, key=lambda one: (one.area, one.validation_loss)):
        if one.validation_loss < best:
            best = one.validation_loss
            kept.append(one)
    return kept


def spread(front: Sequence[Candidate], points: int) -> list[Candidate]:
    """At most ``points`` of a front, in about equal ratios of area, the largest among them."""
    if len(front) <= points:
        return list(front)
    areas = np.log([max(1.0, one.area) for one in front])
    edges = np.linspace(areas[0], areas[-1], points + 1)
    chosen: set[int] = set()
    for low, high in itertools.pairwise(edges):
        inside = np.flatnonzero((areas >= low) & (areas <= high))
        if inside.size:  # the best of each span: the last, as all are better than smaller ones
            chosen.add(int(inside[-1]))
    return [front[k] for k in sorted(chosen)]
