"""Float models of Keras, as objects or as saved files; nothing of Keras is imported."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from hwgen.frontends.keras.file import StoredLayer, load_layers
from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.frontends.quantize.steps import (
    Activated,
    Dense,
    Step,
    chained,
    leaky,
    normalized,
)
from hwgen.support.errors import HwgenError


def load_keras(path: Path) -> FloatModel:
    """A saved float model, as :func:`keras_model` reads them.

    Raises
    ------
    HwgenError
        Unreadable, quantized, or a layer that is not read.
    """
    try:
        model = keras_model(SimpleNamespace(layers=[_Stored(one) for one in load_layers(path)]))
    except HwgenError as error:
        where = str(path) if error.where == "model" else error.where
        raise HwgenError(where, error.found, error.allowed) from None
    return replace(model, name=path.stem)


class _Stored:
    """A layer of a file, with what is asked of a layer of Keras."""

    def __init__(self, stored: StoredLayer):
        self.kind = stored.kind
        config = stored.config
        self.activation = SimpleNamespace(__name__=str(config.get("activation", "linear")))
        self.epsilon = float(config.get("epsilon", 1e-3))
        self.negative_slope = float(config.get("negative_slope", config.get("alpha", 0.3)))
        self._values = stored.variables()
        named = [
            *("gamma" for _ in range(bool(config.get("scale", True)))),
            *("beta" for _ in range(bool(config.get("center", True)))),
            *("moving_mean", "moving_variance"),
        ]
        pairs = zip(named, self._values, strict=False)
        self.weights = [_Named(name, value) for name, value in pairs]

    def get_weights(self) -> list[Any]:
        """Its variables."""
        return self._values


class _Named:
    def __init__(self, name: str, value: Any):
        self.name = name
        self._value = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._value, dtype)


def keras_model(model: Any) -> FloatModel:
    """A Keras model of ``Dense`` layers one after the other.

    Raises
    ------
    HwgenError
        Another layer than a dense one, an activation, or what changes nothing.
    """
    return chained([step for layer in model.layers for step in _steps(layer)], None, None)


def _bias(values: Any, count: int) -> Floats:
    return np.zeros(count) if values is None else _floats(values)


def _floats(values: Any) -> Floats:
    for step in ("detach", "cpu", "numpy"):  # of a tensor, or a variable that holds one
        values = getattr(values, step, lambda v=values: v)()
    return np.asarray(values, np.float64)


def _steps(layer: Any) -> Iterator[Step]:
    kind = getattr(layer, "kind", type(layer).__name__)
    if kind == "Dense":
        weights, *bias = layer.get_weights()
        yield Dense(_floats(weights).T, _bias(bias[0] if bias else None, weights.shape[1]))
        yield from _activation(layer.activation)
    elif kind in ("Sequential", "Functional", "Model"):
        for child in layer.layers:
            yield from _steps(child)
    elif kind == "Activation":
        yield from _activation(layer.activation)
    elif kind == "BatchNormalization":
        found = {w.name.rpartition("/")[2].partition(":")[0]: _floats(w) for w in layer.weights}
        size = np.sqrt(found["moving_variance"] + layer.epsilon)
        yield normalized(found.get("gamma"), found.get("beta"), found["moving_mean"], size)
    elif kind == "LeakyReLU":
        yield leaky(getattr(layer, "negative_slope", getattr(layer, "alpha", 0.3)))
    elif kind in ("ReLU", "Softmax"):
        yield Activated("relu" if kind == "ReLU" else "softmax")
    elif kind not in ("InputLayer", "Dropout", "Flatten"):
        allowed = "Dense, BatchNormalization and activations"
        raise HwgenError("model", f"a {kind}", allowed)


def _activation(function: Any) -> Iterator[Step]:
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
