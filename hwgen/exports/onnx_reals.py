"""A network as a graph of QONNX that computes the same integers, as real values, in float32.

Every tensor holds integers times a power of two, and no integer is wider than 24 bits, so float32
is exact in any order of sums. Rescales are ``Quant`` nodes where they are a scaling, a rounding and
a clip; all else that never falls (tables, leaky slopes, thresholds, large multipliers) is a
``MultiThreshold``. A network of other numbers is for :mod:`hwgen.exports.onnx_integers`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwgen.exports.onnx_graph import Graph
from hwgen.spec.activations import Clip
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.conv import Convolution
from hwgen.spec.dense import DenseLayer
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.layer import Source
from hwgen.spec.network import Network
from hwgen.spec.pools import Averaged, MaxPool
from hwgen.spec.rescale import Rescale

_BITS = 24
_EXACT = 1 << _BITS
"""Float32 holds every integer up to this."""

_EXPONENT = 100
_THRESHOLDS = 4095
_Floats = NDArray[np.float32]
Adding = DenseLayer | Convolution | Averaged


class InexactError(Exception):
    """Float32 does not hold a network's numbers, or none of its operators says them."""


def real_graph(network: Network) -> Graph:
    """``network`` from ``x``, float32 [N, features], to ``y``.

    Raises
    ------
    InexactError
        See there.
    """
    graph = Graph(integers=False)
    fractions = _layers(graph, network, _input(graph, network))
    if network.output == "argmax" and len(set(fractions)) > 1:
        graph.then("Mul", _powers(fractions))
    return graph


def _input(graph: Graph, network: Network) -> list[int]:
    """Quantize real values; the fraction bits of each."""
    source = network.input
    if source.bits > _BITS or abs(source.fraction_bits) > _EXPONENT:
        raise InexactError
    step = 2.0**-source.fraction_bits
    if source.scale is not None:
        graph.then("Mul", step / source.scale)
    graph.value = graph.quant(graph.value, step, source.format, "ROUND", source.zero_point)
    if source.zero_point:
        graph.then("Add", source.zero_point * step)
    return [source.fraction_bits] * source.features


def _layers(graph: Graph, network: Network, fractions: list[int]) -> list[int]:
    """All layers, one after the other; the fraction bits of the outputs."""
    for index, layer in enumerate(network.layers):
        if isinstance(layer, MaxPool):
            _maximum(graph, layer)
            fractions = layer.accumulator_fraction(network.source(index).fraction)
            continue
        intervals = network.accumulator_intervals(index)
        _check_sums(layer, network.source(index), intervals)
        fractions = _product(graph, layer, network.source(index), fractions)
        fractions = _rescale(graph, network.rescales[index], fractions, intervals)
    return fractions


def _maximum(graph: Graph, layer: MaxPool) -> None:
    """The pool on maps; formats of a channel are one, so that reals compare as integers do.

    Padding is a node of its own: the evaluator of the ``onnx`` package fails at padded signals.
    """
    window = layer.window
    graph.reshape([-1, layer.output_channels, *layer.image])
    if any(window.padding):
        top, left, bottom, right = window.padding
        sides = graph.constant([0, 0, top, left, 0, 0, bottom, right])
        never = graph.constant(np.finfo(np.float32).min)
        graph.value = graph.add("Pad", graph.value, sides, never)
    graph.value = graph.add(
        "MaxPool", graph.value, kernel_shape=window.kernel, strides=window.stride
    )
    graph.reshape([-1, layer.outputs])


def _check_sums(layer: Adding, source: Source, intervals: list[Interval]) -> None:
    """Only sums that float32 holds in any order, and none that wraps."""
    terms = layer.terms(source.alignment)
    largest = [max(map(abs, ends)) for ends in terms.ranges(source.ranges)]
    for weights, bias in zip(terms.weights.tolist(), biases(layer), strict=True):
        sums = abs(bias) + sum(abs(w) * x for w, x in zip(weights, largest, strict=True))
        if sums >= _EXACT:
            raise InexactError
    bits = layer.wrap_bits
    if bits is not None and any(signed_width(*ends) > bits for ends in intervals):
        raise InexactError


def biases(layer: Adding) -> list[int]:
    """The bias of each output."""
    return layer.bias if isinstance(layer, DenseLayer) else layer.output_biases


def _product(graph: Graph, layer: Adding, source: Source, fractions: list[int]) -> list[int]:
    """Weights and biases; the fraction bits of the accumulators. Windows are unrolled."""
    terms = layer.terms(source.alignment)
    if terms.index != list(range(layer.inputs)):
        columns = graph.constant(np.array(terms.index, np.int64))
        graph.value = graph.add("Gather", graph.value, columns, axis=1)
    own = [source.formats[i] for i in terms.index]
    if any(terms.dropped):
        kept = [bits - form.fraction_bits for bits, form in zip(terms.dropped, own, strict=True)]
        widest = max(own, key=lambda form: form.bits)
        graph.value = graph.quant(graph.value, _powers(kept), widest, "FLOOR")
    sums = layer.accumulator_fraction(source.fraction)
    shifts = [
        [fractions[i] - bits - sum_bits for i, bits in zip(terms.index, terms.dropped, strict=True)]
        for sum_bits in sums
    ]
    real = np.ldexp(terms.weights.astype(np.float64), shifts)
    steps = [bits - source.fraction for bits in sums]
    codes = np.ldexp(real, np.array(steps)[:, None])
    bits = max(2, signed_width(int(codes.min()), int(codes.max())))
    form = Format(bits=bits, signed=True, fraction_bits=0)
    scale = _powers([-bits for bits in steps])
    weights = graph.quant(graph.constant(real.T.astype(np.float32)), scale, form, "ROUND")
    graph.value = graph.add("MatMul", graph.value, weights)
    graph.then("Add", np.array([biases(layer)], np.float64) * _powers([-bits for bits in sums]))
    return sums


def _rescale(
    graph: Graph,
    rescales: Sequence[Rescale],
    fractions: list[int],
    intervals: list[Interval],
) -> list[int]:
    """What stands behind the accumulators; the fraction bits of the outputs."""
    for one, ends in zip(rescales, intervals, strict=True):
        _check_overflow(one, ends)
    targets = [one.target for one in rescales]
    clips = all(isinstance(one.activation, Clip) for one in rescales)
    if any(target is None for target in targets):
        if not clips:
            raise InexactError
        _clip(graph, rescales, fractions)
        return fractions
    direct = clips and all(
        _product_fits(one, ends) for one, ends in zip(rescales, intervals, strict=True)
    )
    if direct:
        _quantize(graph, rescales, fractions)
    else:
        _thresholds(graph, rescales, fractions, intervals)
    return [target.fraction_bits for target in targets if target is not None]


def _check_overflow(one: Rescale, accumulator: Interval) -> None:
    if one.target is None or one.overflow != "wrap" or one.thresholds is not None:
        return
    if one.table is not None:
        return
    active = one.activation.interval(accumulator, one)
    low, high = one.round(np.array(active, object)).tolist()
    if low < one.target.minimum or high > one.target.maximum:
        raise InexactError


def _product_fits(one: Rescale, accumulator: Interval) -> bool:
    """Whether a ``Quant`` does it: what is rounded is exact in float32, with half a step on it."""
    if one.thresholds is not None or one.table is not None:
        return False
    active = one.activation.interval(accumulator, one)
    return max(map(abs, active)) * one.multiplier + (1 << max(0, one.shift)) < _EXACT


def _bounds(one: Rescale) -> tuple[int | None, int | None]:
    return one.activation.bounds(one) if isinstance(one.activation, Clip) else (None, None)


def _clip(graph: Graph, rescales: Sequence[Rescale], fractions: list[int]) -> None:
    """An activation that clips."""
    bounds = [_bounds(one) for one in rescales]
    if all(ends == (0, None) for ends in bounds):
        graph.value = graph.add("Relu", graph.value)
        return
    for kind, own in zip(("Max", "Min"), zip(*bounds, strict=True), strict=True):
        if any(end is not None for end in own):
            ends = np.array([[float(end or 0) for end in own]])
            graph.then(kind, ends * _powers([-bits for bits in fractions]))


def _quantize(graph: Graph, rescales: Sequence[Rescale], fractions: list[int]) -> None:
    """Clip, multiply, round and clip.

    A clip at 0 comes last, where it does the same: half a step alone is rounded to 0.
    """
    rectified = all(_bounds(one) == (0, None) for one in rescales)
    if not rectified:
        _clip(graph, rescales, fractions)
    targets = [one.target for one in rescales if one.target is not None]
    factors = [
        one.multiplier * 2.0 ** (bits - one.shift - target.fraction_bits)
        for one, bits, target in zip(rescales, fractions, targets, strict=True)
    ]
    if any(factor != 1 for factor in factors):
        graph.then("Mul", [factors])
    mode = "ROUND" if rescales[0].rounding == "half_even" else "FLOOR"
    if rescales[0].rounding == "half_up":
        halves = [
            2.0 ** -(target.fraction_bits + 1) if one.shift > 0 else 0.0
            for one, target in zip(rescales, targets, strict=True)
        ]
        graph.then("Add", [halves])
    if rectified:
        graph.value = graph.add("Relu", graph.value)
    widest = max(targets, key=lambda form: form.bits)
    if len({target.bits for target in targets}) > 1:
        graph.then("Max", [[float(np.ldexp(t.minimum, -t.fraction_bits)) for t in targets]])
        graph.then("Min", [[float(np.ldexp(t.maximum, -t.fraction_bits)) for t in targets]])
    scale = _powers([-target.fraction_bits for target in targets])
    graph.value = graph.quant(graph.value, scale, widest, mode)


def _thresholds(
    graph: Graph,
    rescales: Sequence[Rescale],
    fractions: list[int],
    intervals: list[Interval],
) -> None:
    """Anything that never falls, as the number of thresholds that an accumulator reaches."""
    rows = [steps(one, ends) for one, ends in zip(rescales, intervals, strict=True)]
    longest = max(1, *(len(steps) for _, steps in rows))
    table = np.array(
        [
            [*steps, *[ends[1] + 1] * (longest - len(steps))]
            for (_, steps), ends in zip(rows, intervals, strict=True)
        ],
        np.float64,
    )
    real = np.ldexp(table, -np.array(fractions)[:, None])
    targets = [one.target for one in rescales if one.target is not None]
    graph.value = graph.add(
        "MultiThreshold",
        graph.value,
        graph.constant(real),
        out_scale=1.0,
        out_bias=0.0,
        out_dtype=f"UINT{max(1, longest.bit_length())}",
    )
    if any(low for low, _ in rows):
        graph.then("Add", [[float(low) for low, _ in rows]])
    graph.then("Mul", _powers([-target.fraction_bits for target in targets]))


def steps(one: Rescale, accumulator: Interval) -> tuple[int, list[int]]:
    """The lowest output, and the least accumulator for each output above it.

    Raises
    ------
    InexactError
        There are more than 4,095.
    """
    low, high = accumulator
    first, last = one.interval(accumulator)
    if last - first > _THRESHOLDS:
        raise InexactError
    wanted: Integers = np.arange(first + 1, last + 1).astype(object)
    below = np.full(wanted.shape, low, object)
    above = np.full(wanted.shape, high, object)
    while np.any(below < above):
        middle = (below + above) // 2
        reached = one.compute(middle) >= wanted
        above = np.where(reached, middle, above)
        below = np.where(reached, below, np.minimum(middle + 1, above))
    return first, above.tolist()


def _powers(exponents: Sequence[int]) -> _Floats:
    """Powers of two, [1, count]; float32 must hold them with integers of 24 bits before them."""
    if max(map(abs, exponents)) > _EXPONENT:
        raise InexactError
    return np.ldexp(np.ones((1, len(exponents))), exponents).astype(np.float32)
