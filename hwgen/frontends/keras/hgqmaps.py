"""HGQ2's layers on maps, sums of products by letters, and tables, as steps of the compiler."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.frontends.keras.formats import Code
from hwgen.frontends.keras.sums import Dense, Function, Window
from hwgen.support.errors import HwgenError

Coded = tuple[Array, Array]
"""Codes and fraction bits."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FUNCTIONS: dict[str, Any] = {
    "linear": lambda v: v,
    "relu": lambda v: np.maximum(v, 0),
    "relu6": lambda v: np.clip(v, 0, 6),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "hard_sigmoid": lambda v: np.clip(v / 6 + np.float32(0.5), 0, 1),
    "tanh": np.tanh,
    "hard_tanh": lambda v: np.clip(v, -1, 1),
    "exponential": np.exp,
    "softplus": lambda v: np.logaddexp(v, 0),
    "softsign": lambda v: v / (1 + np.abs(v)),
    "elu": lambda v: np.where(v > 0, v, np.expm1(np.minimum(v, 0))),
    "leaky_relu": lambda v: np.where(v > 0, v, v * np.float32(0.2)),
    "silu": lambda v: v / (1 + np.exp(-v)),
}


def coded_window(
    layer: StoredLayer, kernel: Coded, bias: list[Fraction], shape: tuple[int, ...]
) -> tuple[Window, tuple[int, ...]]:
    """A convolution with a kernel [*kernel, inputs of a group, outputs], and what comes out."""
    codes, places = kernel
    config, plane = layer.config, codes.ndim - 2
    if config.get("data_format") not in (None, "channels_last"):
        allowed = "data_format 'channels_last'"
        raise HwgenError(str(layer), f"data_format {config['data_format']!r}", allowed)
    dilation = config.get("dilation_rate", 1)
    if _sizes(dilation, plane) != (1,) * plane:
        raise HwgenError(str(layer), f"dilation_rate {dilation}", "1; a larger kernel with zeros")
    groups, channels = int(config.get("groups", 1)), shape[-1]
    outputs, own = codes.shape[-1], codes.shape[-2]
    rows = []
    for j in range(outputs):
        first = j * groups // outputs * own
        row = [[Code(0, 0)] * math.prod(codes.shape[:plane]) for _ in range(channels)]
        for c in range(own):
            pairs = zip(codes[..., c, j].ravel(), places[..., c, j].ravel(), strict=True)
            row[first + c] = [Code(int(value), int(place)) for value, place in pairs]
        rows.append([code for channel in row for code in channel])
    window = Window(
        name=layer.name,
        weights=rows,
        bias=bias,
        kernel=tuple(codes.shape[:plane]),
        stride=_sizes(config.get("strides", 1), plane),
        padding=_padding(layer, shape[:-1], tuple(codes.shape[:plane])),
        groups=groups,
    )
    return window, (*window.places(shape[:-1]), outputs)


def by_place(layer: StoredLayer, kernel: Coded, bias: list[Fraction], shape: Any) -> Window:
    """A dense layer, or factors, of the channels at each place of a map."""
    codes, fractions = kernel
    channels, ones = shape[-1], (1,) * (len(shape) - 1)
    each = codes.ndim == 1
    if each:
        codes, fractions = np.diag(codes), np.diag(fractions)
    rows = [
        [Code(int(c), int(f)) for c, f in zip(row, own, strict=True)]
        for row, own in zip(codes.T, fractions.T, strict=True)
    ]
    return Window(
        name=layer.name,
        weights=rows,
        bias=bias,
        kernel=ones,
        stride=ones,
        padding=(0,) * 2 * len(ones),
        groups=channels if each else 1,
    )


def pool(layer: StoredLayer, shape: tuple[int, ...]) -> tuple[Window, tuple[int, ...]]:
    """The largest value or the mean in each window.

    Raises
    ------
    HwgenError
        A mean of another number of values than a power of two, or one with padding.
    """
    kind, config, image = layer.kind, layer.config, shape[:-1]
    everything = "Global" in kind
    plane = len(image)
    kernel = image if everything else _sizes(config["pool_size"], plane)
    stride = (1,) * plane if everything else _sizes(config.get("strides") or kernel, plane)
    padding = (0,) * 2 * plane if everything else _padding(layer, image, kernel)
    weights: list[list[Code]] | None = None
    if "Average" in kind:
        count = math.prod(kernel)
        if count & (count - 1) or any(padding):
            found = f"a mean of {count} values" if not any(padding) else "a mean with padding"
            allowed = "one of 2, 4, 8, ... values, and padding 'valid'"
            raise HwgenError(str(layer), found, allowed)
        one = Code(1, count.bit_length() - 1)
        channels = range(shape[-1])
        weights = [[one if c == j else Code(0, 0) for c in channels for _ in range(count)]
                   for j in channels]  # fmt: skip
    window = Window(
        name=layer.name,
        weights=weights,
        bias=[Fraction(0)] * shape[-1],
        kernel=tuple(kernel),
        stride=tuple(stride),
        padding=tuple(padding),
        groups=shape[-1],
    )
    flat = everything and not config.get("keepdims", False)
    return window, ((shape[-1],) if flat else (*window.places(image), shape[-1]))


def summed_by_letters(
    layer: StoredLayer, kernel: Coded, bias: Coded | None, shape: tuple[int, ...]
) -> Dense:
    """``QEinsumDense`` as the one dense layer of all its values that it is."""
    given = str(layer.config["equation"]).replace(" ", "")
    inputs, _, rest = given.partition(",")
    letters, _, outputs = rest.partition("->")
    free = "".join(one for one in _LETTERS if one not in given.lower())[: len(shape)]
    if "..." in given:
        count = len(shape) + 1 - len(inputs.replace("...", ""))
        inputs, outputs = (one.replace("...", free[-count:]) for one in (inputs, outputs))
    codes, fractions = kernel
    finest = int(fractions.max(initial=0))
    whole = codes.astype(object) * 2 ** (finest - fractions).astype(object)
    size = math.prod(shape)
    eye = np.eye(size, dtype=np.int64).astype(object).reshape(size, *shape)
    try:
        made = np.einsum(f"{inputs},{letters}->{outputs}", eye, whole)
        added = np.zeros(made.shape[1:], object)
        if bias is not None:
            real = [Fraction(int(c)) / 2 ** int(f) if f >= 0 else Fraction(int(c) << -int(f))
                    for c, f in zip(bias[0].ravel(), bias[1].ravel(), strict=True)]  # fmt: skip
            values = np.array(real, object).reshape(bias[0].shape)
            added = added + values
    except (ValueError, TypeError):
        found = f"equation {given!r} on values of shape {shape}"
        raise HwgenError(str(layer), found, "one that keeps the samples' axis first") from None
    rows = made.reshape(size, -1).T
    return Dense(
        name=layer.name,
        weights=[[Code(int(w), finest).reduced() for w in row] for row in rows],
        bias=[Fraction(one) for one in added.ravel()],
        shape=tuple(made.shape[1:]),
    )


def table(layer: StoredLayer) -> Iterator[Function]:
    """The function of a lookup table; a factor and an offset may stand before it."""
    given = layer.config.get("activation")
    name = given if isinstance(given, str) else str((given or {}).get("registered_name"))
    if name not in _FUNCTIONS:
        raise HwgenError(str(layer), f"activation {name!r}", f"one of {', '.join(_FUNCTIONS)}")
    function = _FUNCTIONS[name]
    if layer.kind == "QAffinedUnaryFunctionLUT":
        scale, offset = (np.float32(one.ravel()[0]) for one in layer.variables())
        yield Function(name=str(layer), compute=lambda v: function(v * scale + offset))
    else:
        yield Function(name=str(layer), compute=function)


def _padding(
    layer: StoredLayer, image: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[int, ...]:
    given, plane = str(layer.config.get("padding", "valid")), len(image)
    if given == "valid":
        return (0,) * 2 * plane
    if given == "causal":
        return (kernel[0] - 1, 0)
    if given != "same":
        raise HwgenError(str(layer), f"padding {given!r}", "one of valid, same, causal")
    stride = _sizes(layer.config.get("strides") or 1, plane)
    pads = [
        max((-(-size // step) - 1) * step + window - size, 0)
        for size, step, window in zip(image, stride, kernel, strict=True)
    ]
    return (*(one // 2 for one in pads), *(one - one // 2 for one in pads))


def _sizes(given: Any, plane: int) -> tuple[int, ...]:
    listed = [given] * plane if isinstance(given, int) else list(given)
    return tuple(int(size) for size in listed)
