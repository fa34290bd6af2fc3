"""Chains of what float models do, folded into dense layers with their activations.

Readers of models say what each part does: a dense layer, an activation, a scale and an offset.
Scales fold into the dense layer beside them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel, Floats
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


def leaky(slope: float) -> Activated:
    """A leaky ReLU, of a slope that is a shift in hardware."""
    shift = -math.log2(slope) if slope > 0 else math.nan
    if shift != round(shift) if math.isfinite(shift) else True:
        allowed = "a power of two, such as 0.125: it is a shift in hardware"
        raise HwgenError("model", f"LeakyReLU with slope {slope:g}", allowed)
    return Activated("leaky_relu", round(shift))


def normalized(gain: Any, offset: Any, mean: Floats, size: Floats) -> Affine:
    """Batch normalization: ``gain * (x - mean) / size + offset``."""
    scale = (np.ones(1) if gain is None else np.asarray(gain, np.float64)) / size
    added = np.zeros(1) if offset is None else np.asarray(offset, np.float64)
    return Affine(scale, added - mean * scale)


def chained(steps: list[Step], output: Output | None, labels: tuple[str, ...] | None) -> FloatModel:
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
