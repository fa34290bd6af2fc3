"""What the last sums of a network are worth: how far they are from classes, or from real values."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from hwgen.spec.arithmetic import Integers

if TYPE_CHECKING:
    from hwgen.frontends.codesign.candidates import Codes
    from hwgen.frontends.codesign.integers import IntegerNetwork, Singles

FLOOR = 1e-4
"""A squared error, over the variance, below which less is worth nothing."""

HEATS = tuple(2 ** (step / 4) for step in range(-8, 13))
"""What a temperature is multiplied by, to see which suits other samples."""

_FAR = np.float32(80)
_REFINED = np.array([0.8, 0.9, 1, 1.1, 1.25], np.float32)


class Objective(ABC):
    """A loss of sums [outputs, samples], whose ``samples`` it knows."""

    @abstractmethod
    def fit(self, sums: "Singles") -> "Singles":
        """The loss of every sample; what the sums are compared with may follow them."""

    @abstractmethod
    def losses(self, sums: "Singles", rows: Integers) -> "Singles":
        """The losses of some of the samples, of which ``sums`` [outputs, rows] are."""

    @abstractmethod
    def slopes(self, sums: "Singles") -> "tuple[Singles, Singles]":
        """First and (diagonal) second derivative of the loss by each of all sums."""

    def total(self, mean: float) -> float:
        """The loss, of the mean over the samples."""
        return mean

    @abstractmethod
    def judged(self, network: "IntegerNetwork", codes: "Codes") -> tuple[float, float]:
        """Score (more is better) and loss of other samples."""


class Classes(Objective):
    """Cross entropy of the softmax of ``temperature`` times the sums.

    Parameters
    ----------
    codes
        Of classes ``y``; where there are ``soft`` shares [samples, classes], these are the labels.
    smoothing
        Share of every label that is spread over all classes.
    """

    def __init__(self, codes: "Codes", smoothing: float):
        self._y, self._every = codes.y, np.arange(len(codes.y))
        self._smoothing = np.float32(smoothing)
        self._soft = None if codes.soft is None else np.asarray(codes.soft.T, np.float32)
        self.temperature = np.float32(0)

    def _labels(self, rows: Integers, classes: int) -> "Singles":
        labels = np.full((classes, len(rows)), self._smoothing / classes, np.float32)
        if self._soft is not None:
            return labels + (1 - self._smoothing) * self._soft.take(rows, 1)
        labels[self._y[rows], np.arange(len(rows))] += 1 - self._smoothing
        return labels

    def losses(self, sums: "Singles", rows: Integers) -> "Singles":
        """Cross entropies."""
        apart = sums - sums[self._y[rows], np.arange(sums.shape[1])]
        apart *= self.temperature
        np.minimum(apart, _FAR, out=apart)
        spread = None
        if self._soft is not None:
            spread = (self._labels(rows, len(sums)) * apart).sum(axis=0)
        elif self._smoothing:
            spread = self._smoothing * apart.mean(axis=0)
        np.exp(apart, out=apart)
        found = np.log(np.add.reduce(apart, 0))
        return np.asarray(found if spread is None else found - spread, np.float32)

    def fit(self, sums: "Singles") -> "Singles":
        """At the temperature that suits them best."""
        if not self.temperature:
            spread = max(1e-3, float(np.abs(sums - sums.mean(axis=0)).mean()))
            tried = np.geomspace(0.3, 12, 24, dtype=np.float32) / np.float32(spread)
        else:
            tried = self.temperature * _REFINED
        found = []
        for self.temperature in tried:
            losses = self.losses(sums, self._every)
            found.append((float(losses.mean(dtype=np.float64)), self.temperature, losses))
        _, self.temperature, best = min(found, key=lambda one: one[0])
        return best

    def slopes(self, sums: "Singles") -> "tuple[Singles, Singles]":
        """Shares less labels."""
        heat, samples = self.temperature, np.float32(sums.shape[1])
        scaled = sums * heat
        share = np.exp(scaled - scaled.max(axis=0))
        share /= share.sum(axis=0)
        first = (share - self._labels(self._every, len(share))) * (heat / samples)
        return first, share * (1 - share) * (heat * heat / samples)

    def judged(self, network: "IntegerNetwork", codes: "Codes") -> tuple[float, float]:
        """Accuracy, and cross entropy, unsmoothed, at the temperature that suits them."""
        sums, y = network.logits(codes.x), codes.y
        apart = (sums - sums[y, np.arange(len(y))]).astype(np.float64)
        own = float(self.temperature)
        loss = min(
            float(np.logaddexp.reduce(own * times * apart, axis=0).mean()) for times in HEATS
        )
        return float((sums.argmax(axis=0) == y).mean()), loss


class Values(Objective):
    """Half the logarithm of the squared error over the variance: nats of a normal distribution.

    Parameters
    ----------
    codes
        Of real values ``y`` [samples], which a network's one sum is, times ``2^-fraction``.
    """

    def __init__(self, codes: "Codes", fraction: int):
        self._y = np.asarray(codes.y, np.float32)[None]
        self._step = np.float32(2.0**-fraction)
        self._variance = np.float32(max(1e-30, float(np.var(codes.y))))
        self._mean = 1.0

    def losses(self, sums: "Singles", rows: Integers) -> "Singles":
        """Squared errors over the variance."""
        error = sums * self._step - self._y.take(rows, 1)
        return np.asarray((error * error).sum(axis=0) / self._variance, np.float32)

    def fit(self, sums: "Singles") -> "Singles":
        """There is nothing to fit."""
        found = self.losses(sums, np.arange(sums.shape[1]))
        self._mean = float(found.mean(dtype=np.float64))
        return found

    def total(self, mean: float) -> float:
        """Half the logarithm."""
        return float(0.5 * np.log(mean + FLOOR))

    def slopes(self, sums: "Singles") -> "tuple[Singles, Singles]":
        """Of the logarithm as it stands."""
        each = 0.5 / (self._mean + FLOOR) / sums.shape[1] / float(self._variance)
        step = float(self._step)
        first = 2 * each * step * (sums * self._step - self._y)
        return np.asarray(first, np.float32), np.full_like(sums, 2 * each * step * step)

    def judged(self, network: "IntegerNetwork", codes: "Codes") -> tuple[float, float]:
        """R2, and the loss by the variance of the samples that this one knows."""
        found = network.logits(codes.x)[0].astype(np.float64) * float(self._step)
        errors = float(np.mean((found - codes.y) ** 2))
        loss = self.total(errors / float(self._variance))
        return 1 - errors / max(1e-30, float(np.var(codes.y))), loss


def objective_of(network: "IntegerNetwork", codes: "Codes", smoothing: float) -> Objective:
    """Real values where the network's sums have a fraction, else classes."""
    if network.fraction is not None:
        return Values(codes, network.fraction)
    return Classes(codes, smoothing)
