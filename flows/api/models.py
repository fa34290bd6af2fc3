"""Trained models of other libraries as float networks; nothing of those libraries is imported.

A model is read as the chain of what it does: dense layers, activations, scales and offsets. These
fold into the dense layer beside them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hwgen.flows.api.samples import array_of
from hwgen.frontends.quantize import FloatLayer, FloatModel, load_float_model
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.support.errors import HwgenError

Output = Literal["argmax", "values"]


@dataclass(frozen=True, eq=False)
class Dense:
    """``weights @ x + bias``, weights [outputs, inputs]."""

    weights: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class Affine:
    """``scale * x + offset``, each [features] or a single number."""

    scale: Floats
    offset: Floats


@dataclass(frozen=True)
class Activated:
    """An activation; ``softmax`` only at the end."""

    kind: str
    negative_shift: int | None = None


Step = Dense | Affine | Activated


def float_model(model: object) -> FloatModel:
    """A float network from whatever holds one.

    Parameters
    ----------
    model
        A :class:`FloatModel`, a float ONNX file, a fitted scikit-learn MLP or a Pipeline that ends
        in one, a PyTorch ``Sequential``, a Keras model.

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
    if hasattr(model, "named_parameters"):
        return torch_model(model)
    if hasattr(model, "layers") and hasattr(model, "get_weights"):
        return keras_model(model)
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
        return _chained(parts, "values", None)
    classes = last.classes_
    if last.out_activation_ == "logistic" and last.n_outputs_ > 1:
        raise HwgenError("model", "several labels to a sample", "one class to a sample")
    return _chained(parts, "argmax", tuple(map(str, classes.tolist())))


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
    return _chained(list(_torch_steps(model)), None, None)


def _torch_steps(module: Any) -> Iterator[Step]:
    kind = type(module).__name__
    if kind == "Linear":
        weights = _floats(module.weight)
        yield Dense(weights, _bias(module.bias, len(weights)))
    elif kind == "BatchNorm1d":
        size = np.sqrt(_floats(module.running_var) + module.eps)
        yield _normalized(module.weight, module.bias, _floats(module.running_mean), size)
    elif kind == "Hardtanh" and (module.min_val, module.max_val) == (-1, 1):
        yield Activated("hard_tanh")
    elif kind == "LeakyReLU":
        yield _leaky(module.negative_slope)
    elif kind in _TORCH:
        yield Activated(_TORCH[kind])
    elif kind == "Sequential":
        for child in module.children():
            yield from _torch_steps(child)
    elif kind not in ("Identity", "Dropout", "Flatten"):
        allowed = "Linear, BatchNorm1d and activations; others by way of ONNX (hwgen.from_onnx)"
        raise HwgenError("model", f"a {kind}", allowed)


_TORCH: dict[str, str] = {
    **{"ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"},
    **{"Softmax": "softmax", "LogSoftmax": "softmax"},
}


def keras_model(model: Any) -> FloatModel:
    """A Keras model of ``Dense`` layers one after the other.

    Raises
    ------
    HwgenError
        Another layer than a dense one, an activation, or what changes nothing.
    """
    return _chained([step for layer in model.layers for step in _keras_steps(layer)], None, None)


def _keras_steps(layer: Any) -> Iterator[Step]:
    kind = type(layer).__name__
    if kind == "Dense":
        weights, *bias = layer.get_weights()
        yield Dense(_floats(weights).T, _bias(bias[0] if bias else None, weights.shape[1]))
        yield from _keras_activation(layer.activation)
    elif kind == "Activation":
        yield from _keras_activation(layer.activation)
    elif kind == "BatchNormalization":
        found = {w.name.rpartition("/")[2].partition(":")[0]: _floats(w) for w in layer.weights}
        size = np.sqrt(found["moving_variance"] + layer.epsilon)
        yield _normalized(found.get("gamma"), found.get("beta"), found["moving_mean"], size)
    elif kind == "LeakyReLU":
        yield _leaky(getattr(layer, "negative_slope", getattr(layer, "alpha", 0.3)))
    elif kind in ("ReLU", "Softmax"):
        yield Activated("relu" if kind == "ReLU" else "softmax")
    elif kind not in ("InputLayer", "Dropout", "Flatten"):
        allowed = "Dense, BatchNormalization and activations"
        raise HwgenError("model", f"a {kind}", allowed)


def _keras_activation(function: Any) -> Iterator[Step]:
    name = getattr(function, "__name__", type(function).__name__)
    if name not in _KERAS:
        listed = ", ".join(_KERAS)
        raise HwgenError("model", f"activation {name!r}", f"one of {listed}")
    if _KERAS[name] != "none":
        yield Activated(_KERAS[name])


_KERAS: dict[str, str] = {
    **{"linear": "none", "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh"},
    **{"softmax": "softmax", "log_softmax": "softmax"},
}


def _leaky(slope: float) -> Activated:
    shift = -math.log2(slope) if slope > 0 else math.nan
    if shift != round(shift) if math.isfinite(shift) else True:
        allowed = "a power of two, such as 0.125: it is a shift in hardware"
        raise HwgenError("model", f"LeakyReLU with slope {slope:g}", allowed)
    return Activated("leaky_relu", round(shift))


def _normalized(gain: Any, offset: Any, mean: Floats, size: Floats) -> Affine:
    """Batch normalization: ``gain * (x - mean) / size + offset``."""
    scale = (np.ones(1) if gain is None else _floats(gain)) / size
    return Affine(scale, (np.zeros(1) if offset is None else _floats(offset)) - mean * scale)


def _chained(
    steps: list[Step], output: Output | None, labels: tuple[str, ...] | None
) -> FloatModel:
    """A float network of the steps; its output follows from the last one where none is given."""
    end = steps[-1] if steps else None
    if isinstance(end, Activated) and end.kind == "softmax":
        steps, output = steps[:-1], output or "argmax"
    elif isinstance(end, Activated) and end.kind == "sigmoid":
        output = output or "argmax"
    layers = _folded(steps)
    if output is None:
        output = "argmax" if layers and layers[-1].outputs > 1 else "values"
    return FloatModel(layers=tuple(layers), output=output, labels=labels)


def _folded(steps: Iterable[Step]) -> list[FloatLayer]:
    """Dense layers with their activations; a scale goes into the layer after or before it."""
    layers: list[FloatLayer] = []
    waiting: Affine | None = None
    closed = True
    for step in steps:
        if isinstance(step, Dense):
            weights, bias = step.weights, step.bias
            if waiting is not None:
                bias = bias + weights @ np.broadcast_to(waiting.offset, weights.shape[1])
                weights, waiting = weights * waiting.scale, None
            layers.append(FloatLayer(weights=weights, bias=bias, name=f"layer{len(layers)}"))
            closed = False
        elif isinstance(step, Affine):
            if waiting is not None:
                offset = step.scale * waiting.offset + step.offset
                waiting = Affine(step.scale * waiting.scale, offset)
            elif closed:
                waiting = step
            else:
                layers[-1] = _scaled(layers[-1], step)
        elif closed or waiting is not None:
            raise HwgenError("model", f"{step.kind} without a dense layer", "a layer before it")
        elif step.kind == "softmax":
            raise HwgenError("model", "softmax between layers", "it may only be the last")
        else:
            layers[-1] = _activated(layers[-1], step)
            closed = True
    if waiting is not None:
        raise HwgenError("model", "a scale behind the last activation", "a dense layer after it")
    return layers


def _scaled(layer: FloatLayer, step: Affine) -> FloatLayer:
    bias = layer.bias * step.scale + step.offset
    weights = layer.weights * np.broadcast_to(step.scale, layer.outputs)[:, None]
    return FloatLayer(weights=weights, bias=bias, name=layer.name)


def _activated(layer: FloatLayer, step: Activated) -> FloatLayer:
    if step.kind == "softmax":
        raise HwgenError("model", "softmax between layers", "it may only be the last")
    return FloatLayer(
        weights=layer.weights,
        bias=layer.bias,
        activation=step.kind,
        negative_shift=step.negative_shift,
        name=layer.name,
    )


def _bias(values: Any, count: int) -> Floats:
    return np.zeros(count) if values is None else _floats(values)


def _floats(values: Any) -> Floats:
    return np.asarray(array_of(values, "weights"), np.float64)
