"""Changes to a float network that leave its function as it is and make it easier to quantize.

Equalization: neuron (or channel) j of a layer with a positively homogeneous activation may be
scaled by any s > 0 if the weights that read it are scaled by 1/s. With the largest weights r1 in
front of it and r2 behind it, ``s = sqrt(r2 / r1)`` makes both alike ([8] of docs/references.md); s
is rounded to a power of two here, so that nothing but exponents changes. Pools do not mind.

Centring: an argmax does not see what is added to all outputs alike, so each input's mean weight in
the last layer, and the mean bias, may go.
"""

from dataclasses import replace

import numpy as np

from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel
from hwgen.spec.activations import activation

_PASSES = 3


def equalized(model: FloatModel) -> FloatModel:
    """``model`` with powers of two moved between its layers."""
    layers = list(model.layers)
    for _ in range(_PASSES):
        for index in range(len(layers) - 1):
            if activation(layers[index].activation).homogeneous:
                layers[index : index + 2] = _balance(layers[index], layers[index + 1])
    return replace(model, layers=tuple(layers))


def centred(model: FloatModel) -> FloatModel:
    """``model`` without what all outputs of its last layer have in common.

    Only for an ``argmax`` over three or more plain sums: with two, one of them may be all zeros,
    which costs nothing in hardware.
    """
    last = model.layers[-1]
    linear = last.activation == "none" and all(pool.kind == "average" for pool in last.pools)
    alike = last.groups == 1 and last.handed_on == last.outputs
    if model.output != "argmax" or not linear or not alike or last.outputs < 3:
        return model
    last = replace(
        last, weights=last.weights - last.weights.mean(axis=0), bias=last.bias - last.bias.mean()
    )
    return replace(model, layers=(*model.layers[:-1], last))


def _balance(first: FloatLayer, second: FloatLayer) -> tuple[FloatLayer, FloatLayer]:
    before = np.abs(first.weights).max(axis=1)
    behind = second.largest(first.outputs)
    exponents = np.zeros(first.outputs, np.int64)
    live = (before > 0) & (behind > 0)
    exponents[live] = np.rint(np.log2(behind[live] / before[live]) / 2)
    return (
        replace(
            first,
            weights=np.ldexp(first.weights, exponents[:, None]),
            bias=np.ldexp(first.bias, exponents),
        ),
        replace(second, weights=np.ldexp(second.weights, -second.spread(exponents))),
    )
