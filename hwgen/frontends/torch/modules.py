"""Modules of PyTorch as float networks; nothing of PyTorch is imported."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.frontends.quantize.steps import (
    Activated,
    Dense,
    Step,
    chained,
    leaky,
    normalized,
)
from hwgen.spec.data import reals
from hwgen.support.errors import HwgenError


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
        weights = reals(module.weight)
        yield Dense(weights, _bias(module.bias, len(weights)))
    elif kind == "BatchNorm1d":
        size = np.sqrt(reals(module.running_var) + module.eps)
        gain, offset = (None if one is None else reals(one) for one in (module.weight, module.bias))
        yield normalized(gain, offset, reals(module.running_mean), size)
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
    return np.zeros(count) if values is None else reals(values)
