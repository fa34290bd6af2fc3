"""Trained models of other libraries as float networks; nothing of those libraries is imported.

A model is read as the chain of what it does (:mod:`hwgen.frontends.quantize.steps`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.flows.api.exported import exported_model, is_exported
from hwgen.flows.api.samples import array_of
from hwgen.frontends.importing import load_float_model
from hwgen.frontends.keras.floats import keras_model
from hwgen.frontends.quantize import FloatModel
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.steps import (
    Activated,
    Affine,
    Dense,
    Step,
    chained,
    leaky,
    normalized,
)
from hwgen.support.errors import HwgenError


def float_model(model: object) -> FloatModel:
    """A float network from whatever holds one.

    Parameters
    ----------
    model
        A :class:`FloatModel`, a float ONNX file, a fitted scikit-learn MLP or a Pipeline that ends
        in one, a PyTorch ``Sequential`` or a program of ``torch.export``, a Keras model.

    Raises
    ------
    HwgenError
        It is none of these, or holds what is no dense layer, activation or scale.
    """
    if isinstance(model, FloatModel):
        return model
    if isinstance(model, str | Path):
        return load_float_model(Path(model))
    if hasattr(model, "coefs_") or hasattr(model, "steps"):
        return sklearn_model(model)
    if hasattr(model, "layers") and hasattr(model, "get_weights"):
        return keras_model(model)
    if is_exported(model):
        return exported_model(model)
    if hasattr(model, "named_parameters"):
        return torch_model(model)
    allowed = "a model of scikit-learn, PyTorch or Keras, or an ONNX file"
    fitted = hasattr(model, "partial_fit") and "an MLP that is not fitted"
    raise HwgenError("model", fitted or f"a {type(model).__name__}", allowed)


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
        parts.append(Dense(_floats(weights).T, _floats(bias)))
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
        size = one if step.scale_ is None else _floats(step.scale_)
        mean = np.zeros(1) if step.mean_ is None else _floats(step.mean_)
        return Affine(1 / size, -mean / size)
    if kind == "MinMaxScaler":
        return Affine(_floats(step.scale_), _floats(step.min_))
    if kind == "MaxAbsScaler":
        return Affine(1 / _floats(step.scale_), np.zeros(1))
    allowed = "StandardScaler, MinMaxScaler and MaxAbsScaler fold into the first layer"
    raise HwgenError("model", f"a {kind} before the network", allowed)


def torch_model(model: Any) -> FloatModel:
    """A ``torch.nn.Sequential`` of ``Linear`` layers and activations, in evaluation mode.

    Raises
    ------
    HwgenError
        Another module than a dense layer, an activation, or what changes nothing.
    """
    return chained(list(_torch_steps(model)), None, None)


def _torch_steps(module: Any) -> Iterator[Step]:
    kind = type(module).__name__
    if kind == "Linear":
        weights = _floats(module.weight)
        yield Dense(weights, _bias(module.bias, len(weights)))
    elif kind == "BatchNorm1d":
        size = np.sqrt(_floats(module.running_var) + module.eps)
        gain, offset = (
            None if one is None else _floats(one) for one in (module.weight, module.bias)
        )
        yield normalized(gain, offset, _floats(module.running_mean), size)
    elif kind == "Hardtanh" and (module.min_val, module.max_val) == (-1, 1):
        yield Activated("hard_tanh")
    elif kind == "LeakyReLU":
        yield leaky(module.negative_slope)
    elif kind in _TORCH:
        yield Activated(_TORCH[kind])
    elif kind == "Sequential":
        for child in module.children():
            yield from _torch_steps(child)
    elif kind not in ("Identity", "Dropout", "Flatten"):
        allowed = "Linear, BatchNorm1d and activations; else torch.export.export(model, (x,))"
        raise HwgenError("model", f"a {kind}", allowed)


_TORCH: dict[str, str] = {
    **{"ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"},
    **{"Softmax": "softmax", "LogSoftmax": "softmax"},
}


def _bias(values: Any, count: int) -> Floats:
    return np.zeros(count) if values is None else _floats(values)


def _floats(values: Any) -> Floats:
    return np.asarray(array_of(values, "weights"), np.float64)
