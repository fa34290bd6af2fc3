"""Convolutions, pools and padding of Keras and QKeras as operators of ONNX."""

import math
from typing import Any

import numpy as np

from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.frontends.keras.graph import GraphMaker
from hwgen.frontends.keras.quantizers import Weights, kernel
from hwgen.frontends.onnx.file import Attribute
from hwgen.support.errors import HwgenError

_CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D")
_POOLS = ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")
_GLOBAL = ("GlobalAveragePooling1D", "GlobalAveragePooling2D")
_PADDING = ("ZeroPadding1D", "ZeroPadding2D")
_PADDED = {"same": "SAME_UPPER", "valid": "VALID"}


def slides(kind: str) -> bool:
    """Whether a layer is one of those here."""
    return kind.removeprefix("Q") in (*_CONVOLUTIONS, *_POOLS, *_GLOBAL, *_PADDING)


def add_map(maker: GraphMaker, layer: StoredLayer) -> None:
    """Take a layer that slides over a map.

    Raises
    ------
    HwgenError
        One that cannot be had.
    """
    kind, config = layer.kind.removeprefix("Q"), layer.config
    if config.get("data_format") not in (None, "channels_last"):
        allowed = "data_format 'channels_last'"
        raise HwgenError(str(layer), f"data_format {config['data_format']!r}", allowed)
    plane = int(kind[-2])
    maker.channels_first(layer, plane + 2)
    if kind in _CONVOLUTIONS:
        _convolution(maker, layer, plane)
    elif kind in _POOLS:
        op = "MaxPool" if kind.startswith("Max") else "AveragePool"
        sizes = _sizes(config["pool_size"], plane)
        strides = _sizes(config.get("strides") or sizes, plane)
        own: dict[str, Attribute] = {"kernel_shape": sizes, "strides": strides}
        maker.apply(layer, op, [], {**own, **_padding(layer, sizes)})
        _averaged(maker, layer, math.prod(sizes))
    elif kind in _GLOBAL:
        maker.then(layer, "GlobalAveragePool")
        if config.get("average_quantizer") is not None:
            allowed = "null, or a QAveragePooling2D of the whole map"
            raise HwgenError(str(layer), "an average_quantizer", allowed)
        if not config.get("keepdims", False):
            maker.flatten(layer, positions=False)
    else:
        pairs = config["padding"] if plane == 2 else [config["padding"]]
        pads = [0, 0, *(int(one[0]) for one in pairs), 0, 0, *(int(one[1]) for one in pairs)]
        maker.then(layer, "Pad", pads=pads)


def _convolution(maker: GraphMaker, layer: StoredLayer, plane: int) -> None:
    config, variables = layer.config, layer.variables()
    depthwise = "Depthwise" in layer.kind
    part = "depthwise_quantizer" if depthwise else "kernel_quantizer"
    weights = kernel(layer, part, variables[0])
    groups = variables[0].shape[-2] if depthwise else int(config.get("groups", 1))
    values, scale = (
        _laid_out(np.broadcast_to(one, variables[0].shape), plane, depthwise)
        for one in (weights.values, weights.scale)
    )
    inputs = [_weights(maker, layer, weights, values, scale)]
    if config.get("use_bias", True):
        inputs.append(maker.real(kernel(layer, "bias_quantizer", variables[1]).values))
    sizes = [int(size) for size in variables[0].shape[:plane]]
    attributes: dict[str, Attribute] = {
        "group": groups,
        "kernel_shape": sizes,
        "strides": _sizes(config.get("strides", 1), plane),
        "dilations": _sizes(config.get("dilation_rate", 1), plane),
        **_padding(layer, sizes),
    }
    maker.apply(layer, "Conv", inputs, attributes)


def _weights(
    maker: GraphMaker, layer: StoredLayer, weights: Weights, values: Array, scale: Array
) -> str:
    if not weights.bits:
        return maker.real(values)
    parts = (values, scale, 0.0, float(weights.bits))
    return maker.node(layer, "Quant", *parts, signed=1, narrow=0)


def _laid_out(values: Array, plane: int, depthwise: bool) -> Array:
    """Weights [*kernel, inputs, outputs] as [outputs, inputs of a group, *kernel]."""
    if depthwise:  # [*kernel, channels, multiplier]
        values = values.reshape(*values.shape[:plane], 1, -1)
    return np.moveaxis(values, (-1, -2), (0, 1))


def _padding(layer: StoredLayer, sizes: list[int]) -> dict[str, Attribute]:
    given = str(layer.config.get("padding", "valid"))
    if given == "causal":
        return {"pads": [sizes[0] - 1, 0]}
    if given not in _PADDED:
        raise HwgenError(str(layer), f"padding {given!r}", "one of valid, same, causal")
    return {"auto_pad": _PADDED[given]}


def _averaged(maker: GraphMaker, layer: StoredLayer, area: int) -> None:
    """A mean by a quantized factor, as QKeras' pools have it."""
    given = layer.config.get("average_quantizer")
    if given is None:
        return
    found = kernel(layer, "average_quantizer", np.array([1.0 / area]))
    maker.then(layer, "Mul", maker.real(float(found.values[0]) * area))


def _sizes(given: Any, plane: int) -> list[int]:
    listed = [given] * plane if isinstance(given, int) else list(given)
    return [int(size) for size in listed]
