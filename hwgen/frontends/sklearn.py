"""Fitted networks of scikit-learn as float networks; nothing of scikit-learn is imported."""

from typing import Any

import numpy as np

from hwgen.frontends.quantize.chain import chained
from hwgen.frontends.quantize.floatmodel import FloatModel
from hwgen.frontends.quantize.steps import (
    Activated,
    Affine,
    Dense,
    Step,
)
from hwgen.spec.data import reals
from hwgen.support.errors import HwgenError


def sklearn_model(model: Any) -> FloatModel:
    """A fitted ``MLPClassifier`` or ``MLPRegressor``, or a ``Pipeline`` of scalers and one.

    Raises
    ------
    HwgenError
        Not fitted, several labels to a sample, or a step that is no scale.
    """
    steps = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    *before, last = [step for step in steps if step not in (None, "passthrough")]
    if not hasattr(last, "coefs_"):
        found = f"a {type(last).__name__} that is not fitted or no MLP"
        raise HwgenError("model", found, "a fitted MLPClassifier or MLPRegressor")
    parts: list[Step] = [_scaler(step) for step in before]
    hidden = Activated(_SKLEARN[last.activation])
    for index, (weights, bias) in enumerate(zip(last.coefs_, last.intercepts_, strict=True)):
        parts += [hidden] if index else []
        parts.append(Dense(reals(weights).T, reals(bias)))
    if not hasattr(last, "classes_"):
        return chained(parts, "values", None)
    classes = last.classes_
    if last.out_activation_ == "logistic" and last.n_outputs_ > 1:
        raise HwgenError("model", "several labels to a sample", "one class to a sample")
    return chained(parts, "argmax", tuple(map(str, classes.tolist())))


_SKLEARN: dict[str, str] = {
    **{"identity": "none", "relu": "relu"},
    **{"logistic": "sigmoid", "tanh": "tanh"},
}


def _scaler(step: Any) -> Affine:
    """A fitted scaler of scikit-learn."""
    kind, one = type(step).__name__, np.ones(1)
    if kind == "StandardScaler":
        size = one if step.scale_ is None else reals(step.scale_)
        mean = np.zeros(1) if step.mean_ is None else reals(step.mean_)
        return Affine(1 / size, -mean / size)
    if kind == "MinMaxScaler":
        return Affine(reals(step.scale_), reals(step.min_))
    if kind == "MaxAbsScaler":
        return Affine(1 / reals(step.scale_), np.zeros(1))
    allowed = "StandardScaler, MinMaxScaler and MaxAbsScaler fold into the first layer"
    raise HwgenError("model", f"a {kind} before the network", allowed)
