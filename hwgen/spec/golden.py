"""The golden model: the formulas of docs/arithmetic.md in numpy integers, and nothing cleverer.

It is the only definition of what a network computes. Arithmetic is exact at any width: int64 where
the exact intervals show that nothing can overflow, Python integers elsewhere. Outputs are int64,
but for raw accumulators that need more.
"""

from dataclasses import dataclass

import numpy as np

from hwgen.spec import arithmetic
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import DenseLayer, Network


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
        x = x.astype(np.int64 if _fits_int64(network, index) else object)
        accumulators = accumulate(network.layers[index], x)
        outputs = _rescale(network, index, accumulators)
        if network.layers[index].output is not None or network.accumulator_width(index) <= 64:
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


def accumulate(layer: DenseLayer, x: Integers) -> Integers:
    """``bias + weights @ x``, wrapped where the layer says so; integers [samples, outputs]."""
    weights = layer.weight_values.astype(x.dtype)
    sums: Integers = x @ weights.T + np.array(layer.bias, dtype=x.dtype)
    if layer.accumulator_overflow == "wrap" and layer.accumulator_bits is not None:
        return arithmetic.wrap(sums, layer.accumulator_bits, signed=True)
    return sums


def _rescale(network: Network, index: int, accumulators: Integers) -> Integers:
    layer = network.layers[index]
    fractions = layer.accumulator_fraction(network.input_format(index).fraction_bits)
    outputs = np.empty_like(accumulators)
    for fraction in set(fractions):
        neurons = [j for j, f in enumerate(fractions) if f == fraction]
        outputs[:, neurons] = rescale(layer, fraction, accumulators[:, neurons])
    return outputs


def rescale(layer: DenseLayer, fraction: int, accumulators: Integers) -> Integers:
    """``overflow(round(activation(acc) >> n))`` of neurons whose accumulators have ``fraction``."""
    active = _activate(layer, fraction, accumulators)
    if layer.output is None:
        return active
    target = layer.output.format
    rounded = arithmetic.round_shift(active, fraction - target.fraction_bits, layer.output.rounding)
    if layer.activation == "sigmoid" or layer.activation == "tanh":
        return layer.table(rounded)
    return arithmetic.fit(rounded, target, layer.output.overflow)


def _activate(layer: DenseLayer, fraction: int, accumulators: Integers) -> Integers:
    if layer.activation == "relu":
        return arithmetic.relu(accumulators)
    if layer.activation == "leaky_relu" and layer.negative_shift is not None:
        return arithmetic.leaky_relu(accumulators, layer.negative_shift)
    if layer.activation == "hard_tanh":
        return arithmetic.hard_tanh(accumulators, fraction)
    return accumulators


def _fits_int64(network: Network, index: int) -> bool:
    """Whether every intermediate of layer ``index`` stays well inside int64."""
    layer, x = network.layers[index], network.input_format(index)
    fractions = layer.accumulator_fraction(x.fraction_bits)
    x_size = max(-x.minimum, x.maximum)
    # Partial sums in any order are within bias + x_size * sum|w|.
    size = max(map(abs, layer.bias)) + x_size * int(np.abs(layer.weight_values).sum(axis=1).max())
    bits = max(size.bit_length(), layer.accumulator_bits or 0, 1 + max(0, *fractions))
    if layer.output is not None:
        shifts = [fraction - layer.output.fraction_bits for fraction in fractions]
        bits = max([bits, layer.output.bits, *(bits - shift for shift in shifts), *shifts])
    return bits <= 61
