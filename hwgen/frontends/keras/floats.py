"""Float models of Keras, as objects or as saved files; nothing of Keras is imported."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from hwgen.frontends.keras.file import StoredLayer, load_layers
from hwgen.frontends.quantize.chain import chained
from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.frontends.quantize.steps import (
    Activated,
    Convolved,
    Dense,
    Pooled,
    Shaped,
    Step,
    leaky,
    normalized,
    undilated,
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
        self.config, self.shape = config, stored.shape
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


def keras_model(model: Any, shape: Sequence[int] | None = None) -> FloatModel:
    """A Keras model of layers one after the other.

    ``shape`` is that of a sample as Keras has it, ``(..., channels)``, where the model does not say
    it.

    Raises
    ------
    HwgenError
        Another layer than a dense one, a convolution, a pool, an activation, or what changes
        nothing.
    """
    given = _input_shape(model) or tuple(shape or ())
    sizes = (given[-1], *given[:-1]) if given and None not in given else None
    steps = [step for layer in model.layers for step in _steps(layer)]
    return chained(steps, None, None, sizes, channels_last=True)


def _input_shape(model: Any) -> tuple[int, ...]:
    """Sizes of a sample, as the model or its first layer that says so has them."""
    own = getattr(model, "input_shape", None)
    if isinstance(own, tuple) and len(own) > 1 and isinstance(own[-1], int):
        return tuple(own[1:])
    first = next(iter(getattr(model, "layers", ())), None)
    return first.shape if isinstance(first, _Stored) else ()


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
    elif kind in _CONVOLUTIONS:
        yield _convolution(layer, kind)
        yield from _activation(layer.activation)
    elif kind in _POOLS:
        yield _pool(layer, kind)
    elif kind == "Flatten":
        yield Shaped((-1,), last=True)
    elif kind == "Reshape":
        yield Shaped(tuple(_asked(layer, "target_shape")), last=True)
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
    elif kind not in ("InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D"):
        allowed = "Dense, Conv1D, Conv2D, DepthwiseConv, pools, BatchNormalization and activations"
        raise HwgenError("model", f"a {kind}", allowed)


_CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D")
_POOLS = tuple(
    f"{which}{what}Pooling{count}D"
    for which in ("", "Global")
    for what in ("Max", "Average")
    for count in (1, 2)
)


def _asked(layer: Any, name: str, default: Any = None) -> Any:
    """An attribute of a layer, or what its file says of it."""
    config = getattr(layer, "config", None)
    return config.get(name, default) if isinstance(config, dict) else getattr(layer, name, default)


def _sizes(layer: Any, name: str, count: int) -> tuple[int, ...]:
    given = _asked(layer, name)
    return tuple(given) if isinstance(given, Sequence) else (int(given),) * count


def _padding(layer: Any, kind: str, count: int) -> Any:
    if _asked(layer, "data_format", "channels_last") not in ("channels_last", None):
        raise HwgenError("model", f"a {kind} with channels first", "channels last")
    padding = _asked(layer, "padding", "valid")
    if padding not in ("valid", "same"):
        raise HwgenError("model", f"a {kind} with padding {padding!r}", "valid or same")
    return "same" if padding == "same" else ((0, 0),) * count


def _convolution(layer: Any, kind: str) -> Convolved:
    undilated(_asked(layer, "dilation_rate", 1), f"a {kind}")
    kernel, *bias = layer.get_weights()
    weights = np.moveaxis(_floats(kernel), (-1, -2), (0, 1))  # outputs, channels of a group, sizes
    groups = int(_asked(layer, "groups", 1) or 1)
    if kind.startswith("Depthwise"):  # channel c makes the outputs from c * multiplier on
        groups = weights.shape[1]
        weights = np.moveaxis(weights, 1, 0)
        weights = weights.reshape(-1, 1, *weights.shape[2:])
    count = weights.ndim - 2
    stride = _sizes(layer, "strides", count)
    padding = _padding(layer, kind, count)
    return Convolved(
        weights, _bias(bias[0] if bias else None, len(weights)), stride, padding, groups
    )


def _pool(layer: Any, kind: str) -> Pooled:
    what: Literal["max", "average"] = "max" if "Max" in kind else "average"
    count = int(kind[-2])
    padding = _padding(layer, kind, count)
    if kind.startswith("Global"):
        return Pooled(what)
    size = _sizes(layer, "pool_size", count)
    stride = _sizes(layer, "strides", count) if _asked(layer, "strides") else size
    return Pooled(what, size, stride, padding)


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
