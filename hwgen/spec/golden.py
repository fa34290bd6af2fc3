"""The golden model: the formulas of docs/arithmetic.md in numpy integers, and nothing cleverer.

It is the only definition of what a network computes. Arithmetic is exact at any width: int64 where
the exact intervals show that nothing can overflow, Python integers elsewhere. Outputs are int64,
but for raw accumulators that need more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.spec.rescale import Rescale

_SAFE_BITS = 61
"""Bits of the widest number that is left to int64."""


@dataclass(frozen=True, kw_only=True)
class LayerTrace:
    """What one layer computed: integers [samples, outputs], before and after the rescale."""

    accumulators: Integers
    outputs: Integers


def trace(network: Network, x: Integers) -> list[LayerTrace]:
    """Every layer's accumulators and outputs for the input codes ``x`` [samples, features].

    ``x`` must hold integers of the input format; :func:`hwgen.spec.data.load_data` checks that.
    """
    traces: list[LayerTrace] = []
    for index in range(len(network.layers)):
        layer = network.layers[index]
        x = x.astype(np.int64 if network.widest[index] <= _SAFE_BITS else object)
        accumulators = layer.accumulate(x, network.source(index).alignment)
        outputs = rescale(network.rescales[index], accumulators)
        if layer.output is not None or network.accumulator_width(index) <= 64:
            outputs = outputs.astype(np.int64)
        traces.append(LayerTrace(accumulators=accumulators, outputs=outputs))
        x = outputs
    return traces


def infer(network: Network, x: Integers) -> Integers:
    """The last layer's integers [samples, outputs] for the input codes ``x``."""
    return trace(network, x)[-1].outputs


def predict(network: Network, x: Integers) -> Integers:
    """What the hardware hands out: class indices [samples] for ``argmax``, else :func:`infer`."""
    return decide(network, infer(network, x))


def decide(network: Network, outputs: Integers) -> Integers:
    """The network's result from its last layer's integers; ties go to the lowest index."""
    return np.argmax(outputs, axis=1) if network.output == "argmax" else outputs


def rescale(rescales: Sequence[Rescale], accumulators: Integers) -> Integers:
    """Outputs [samples, outputs] of ``accumulators``, each through its own of ``rescales``."""
    distinct = {id(one): one for one in rescales}  # outputs of a channel have the very same
    neurons: dict[Rescale, list[int]] = {one: [] for one in distinct.values()}
    own_list = {key: neurons[one] for key, one in distinct.items()}
    for j, one in enumerate(rescales):
        own_list[id(one)].append(j)
    if len(neurons) == 1:
        return rescales[0].compute(accumulators)
    outputs = np.empty_like(accumulators)
    for one, own in neurons.items():
        outputs[:, own] = one.compute(accumulators[:, own])
    return outputs
