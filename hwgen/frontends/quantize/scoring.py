"""How far a quantized network is from its float model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.frontends.quantize.builder import Builder, WidthPlan
from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.spec.arithmetic import Integers


@dataclass(frozen=True, kw_only=True)
class Score:
    """Losses of a plan.

    Parameters
    ----------
    error
        Mean squared error of the outputs over their variance, all samples; what an argmax does not
        see is taken off.
    loss
        ``(accuracy of float - accuracy) / accuracy of float``, the largest one of the groups of
        samples; 0 without classes.
    """

    error: float
    loss: float


class Scorer:
    """Scores plans of one builder.

    Parameters
    ----------
    y
        Classes of the builder's samples, or None.
    parts
        Groups of samples; the largest loss counts.
    strict
        Samples of which only those count that the float network has right: what the quantized one
        has right by accident makes up for nothing.
    """

    def __init__(
        self, builder: Builder, y: Integers | None, parts: Sequence[Integers], strict: Integers
    ):
        self._builder, self._model = builder, builder.model
        self._y, self._parts = y, parts
        outputs = self._model.infer(builder.x)
        self._like = gauge(self._model, outputs)
        self._variance = float(np.mean((self._like - self._like.mean(axis=0)) ** 2)) or 1.0
        self._counted = np.ones(len(outputs), bool)
        if y is not None and self._model.output == "argmax":
            self._counted[strict] = self._right(outputs)[strict]
        self._accuracies = self._accuracy(outputs)
        self._known: dict[WidthPlan, Score] = {}

    def __call__(self, plan: WidthPlan) -> Score:
        """The losses of ``plan``."""
        if plan not in self._known:
            outputs = self._builder.outputs(plan)
            error = float(np.mean((gauge(self._model, outputs) - self._like) ** 2))
            losses = [
                relative_loss(wanted, found)
                for wanted, found in zip(self._accuracies, self._accuracy(outputs), strict=True)
            ]
            self._known[plan] = Score(error=error / self._variance, loss=max(losses, default=0.0))
        return self._known[plan]

    @property
    def evaluations(self) -> int:
        """Plans that were computed."""
        return len(self._known)

    def _accuracy(self, outputs: Floats) -> list[float]:
        if self._y is None or self._model.output != "argmax":
            return []
        right = self._right(outputs) & self._counted
        return [float(right[part].mean()) for part in self._parts if len(part)]

    def _right(self, outputs: Floats) -> Integers:
        return np.asarray(np.argmax(outputs, axis=1) == self._y)


def relative_loss(wanted: float, found: float) -> float:
    """``(wanted - found) / wanted`` ([3] of docs/references.md); negative for a better one."""
    return (wanted - found) / wanted if wanted > 0 else 0.0


def gauge(model: FloatModel, outputs: Floats) -> Floats:
    """``outputs`` without what they have in common, where an argmax compares them."""
    if model.output != "argmax":
        return outputs
    centre: Floats = outputs.mean(axis=1, keepdims=True)
    return outputs - centre
