"""Modules of PyTorch as float networks; nothing of PyTorch is imported."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

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
from hwgen.spec.data import reals
from hwgen.support.errors import HwgenError


def torch_model(model: Any, shape: Sequence[int] | None = None) -> FloatModel:
    """A ``torch.nn.Sequential`` of layers and activations, in evaluation mode.

    ``shape`` is that of a sample, ``(channels, ...)``; convolutions need it.

    Raises
    ------
    HwgenError
        Another module than a dense layer, convolution, pool, activation, or what changes nothing.
    """
    return chained(list(_torch_steps(model)), None, None, shape)


def _torch_steps(module: Any) -> Iterator[Step]:
    kind = type(module).__name__
    if kind == "Linear":
        weights = reals(module.weight)
        yield Dense(weights, _bias(module.bias, len(weights)))
    elif kind in ("Conv1d", "Conv2d"):
        yield _convolution(module, kind)
    elif kind in _POOLS:
        yield _pool(module, kind)
    elif kind in ("BatchNorm1d", "BatchNorm2d"):
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
    elif kind == "Flatten" and (module.start_dim, module.end_dim) == (1, -1):
        yield Shaped((-1,))
    elif kind == "Unflatten" and module.dim == 1:
        yield Shaped(tuple(module.unflattened_size))
    elif kind not in ("Identity", "Dropout", "Dropout1d", "Dropout2d"):
        allowed = "Linear, Conv1d, Conv2d, BatchNorm, pools and activations; else torch.export"
        raise HwgenError("model", f"a {kind}", f"{allowed}.export(model, (x,))")


def _convolution(module: Any, kind: str) -> Convolved:
    undilated(module.dilation, f"a {kind}")
    if module.padding_mode != "zeros":
        raise HwgenError("model", f"a {kind} with padding_mode {module.padding_mode!r}", "zeros")
    weights, padding = reals(module.weight), module.padding
    if padding == "same":  # of stride 1
        padding = tuple(((size - 1) // 2, size // 2) for size in module.kernel_size)
    elif padding == "valid":
        padding = ((0, 0),) * len(module.kernel_size)
    else:
        padding = tuple((one, one) for one in padding)
    bias = _bias(module.bias, len(weights))
    return Convolved(weights, bias, tuple(module.stride), padding, module.groups)


_POOLS = ("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d", "AdaptiveAvgPool1d",
          "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d")  # fmt: skip


def _pool(module: Any, kind: str) -> Pooled:
    what: Literal["max", "average"] = "max" if "Max" in kind else "average"
    count = int(kind[-2])
    if kind.startswith("Adaptive"):
        if set(np.ravel(module.output_size)) != {1}:
            raise HwgenError("model", f"a {kind} to {module.output_size}", "a pool to one value")
        return Pooled(what)
    undilated(getattr(module, "dilation", 1), f"a {kind}")
    if module.ceil_mode:
        raise HwgenError("model", f"a {kind} with ceil_mode", "windows within the padded map")
    kernel, stride, padding = (
        tuple(one) if isinstance(one, Sequence) else (one,) * count
        for one in (module.kernel_size, module.stride, module.padding)
    )
    return Pooled(what, kernel, stride, tuple((one, one) for one in padding))


_TORCH: dict[str, str] = {
    **{"ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"},
    **{"Softmax": "softmax", "LogSoftmax": "softmax"},
}


def _bias(values: Any, count: int) -> Floats:
    return np.zeros(count) if values is None else reals(values)
