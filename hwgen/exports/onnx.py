"""A network as a QONNX model that computes the same integers, as real values, in float32.

Every tensor holds integers times a power of two, and no integer is wider than 24 bits, so float32
is exact in any order of sums. Rescales are ``Quant`` nodes where they are a scaling, a rounding and
a clip; all else that never falls (tables, leaky slopes, thresholds, large multipliers) is a
``MultiThreshold``. Both are functions of the model, too, so that onnxruntime runs it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwgen import __version__
from hwgen.exports.onnx_functions import DOMAIN, OPSET, functions
from hwgen.rtl.names import module_name
from hwgen.spec.activations import Clip
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.conv import Convolution
from hwgen.spec.dense import DenseLayer
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.layer import Source
from hwgen.spec.network import Network
from hwgen.spec.pools import Averaged, MaxPool
from hwgen.spec.rescale import Rescale
from hwgen.support.errors import HwgenError
from hwgen.support.extras import need

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

_EXACT = 1 << 24
"""Float32 holds every integer up to this."""

_EXPONENT = 100
_THRESHOLDS = 4095
_IR_VERSION = 9
_Floats = NDArray[np.float32]
Adding = DenseLayer | Convolution | Averaged


def onnx_model(network: Network) -> bytes:
    """``network`` as an ONNX file; byte-identical on every run.

    Its input ``x`` [N, features] holds real values, which it quantizes as :mod:`hwgen.spec.data`
    does. Its output ``y`` is int64 [N], the index, of an ``argmax`` network; else float32 [N,
    outputs], integers times ``2^-fraction_bits`` of each.

    Raises
    ------
    HwgenError
        ``onnx`` is not installed; a layer computes with numbers of more than 24 bits, wraps, hands
        on a leaky slope as it is, takes a maximum, or has an output of more than 4,095 steps that
        is no ``Quant``.
    """
    need("onnx")
    from onnx import TensorProto, helper

    graph = _Graph()
    fractions = _layers(graph, network, _input(graph, network))
    outputs = network.layers[-1].outputs
    if network.output == "argmax":
        if len(set(fractions)) > 1:
            graph.value = graph.add("Mul", graph.value, graph.constant(_powers(fractions)))
        graph.add("ArgMax", graph.value, output="y", axis=1, keepdims=0)
        result = helper.make_tensor_value_info("y", TensorProto.INT64, ["N"])
    else:
        graph.add("Identity", graph.value, output="y")
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", outputs])
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", network.input.features])
    name = f"hwgen_{module_name(network.name)}".rstrip("_")
    model = helper.make_model(
        graph.proto(name, source, result),
        functions=functions(),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=_IR_VERSION,
        producer_name="hwgen",
        producer_version=__version__,
    )
    helper.set_model_props(model, {"network_sha256": network.sha256()})
    content: bytes = model.SerializeToString(deterministic=True)
    return content


class _Graph:
    """Nodes and constants in the order in which they were added.

    Attributes
    ----------
    value
        The tensor that the next node reads.
    """

    def __init__(self) -> None:
        self.value = "x"
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node; the name of its output."""
        from onnx import helper

        name = output or f"t{len(self._nodes)}"
        domain = DOMAIN if kind in ("Quant", "MultiThreshold") else ""
        node = helper.make_node(
            kind, list(inputs), [name], f"{kind}_{len(self._nodes)}", domain=domain, **attributes
        )
        self._nodes.append(node)
        return name

    def then(self, kind: str, values: Any) -> None:
        """The value so far and a constant."""
        self.value = self.add(kind, self.value, self.constant(values))

    def constant(self, values: Any) -> str:
        """A constant of float32, or of int64 where ``values`` are integers."""
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        array = np.asarray(values)
        kept = array if array.dtype.kind == "i" else array.astype(np.float32)
        self._constants.append(numpy_helper.from_array(kept, name))
        return name

    def quant(self, value: str, scale: Any, form: Format, mode: str, zero_point: int = 0) -> str:
        """A ``Quant`` node.

        Signed codes of one bit have two in it, clipped before: QONNX has a meaning of its own for
        them.
        """
        bits = form.bits
        if form.signed and bits == 1:
            bits = 2
            for kind, code in (("Max", form.minimum), ("Min", form.maximum)):
                end = np.multiply(scale, code - zero_point)
                value = self.add(kind, value, self.constant(end))
        inputs = [value, *map(self.constant, (scale, float(zero_point), float(bits)))]
        return self.add("Quant", *inputs, signed=int(form.signed), narrow=0, rounding_mode=mode)

    def proto(self, name: str, source: Any, result: Any) -> "GraphProto":
        """The whole graph."""
        from onnx import helper

        return helper.make_graph(self._nodes, name, [source], [result], self._constants)


def _input(graph: _Graph, network: Network) -> list[int]:
    """Quantize real values; the fraction bits of each."""
    source = network.input
    step = 2.0**-source.fraction_bits
    if source.scale is not None:
        graph.then("Mul", step / source.scale)
    graph.value = graph.quant(graph.value, step, source.format, "ROUND", source.zero_point)
    if source.zero_point:
        graph.then("Add", source.zero_point * step)
    return [source.fraction_bits] * source.features


def _layers(graph: _Graph, network: Network, fractions: list[int]) -> list[int]:
    """All layers, one after the other; the fraction bits of the outputs."""
    for index, layer in enumerate(network.layers):
        where = f"layers[{index}]"
        if isinstance(layer, MaxPool):
            raise HwgenError(where, f"kind {layer.kind}", "layers that add in ONNX")
        intervals = network.accumulator_intervals(index)
        _check_sums(where, layer, network.source(index), intervals)
        fractions = _product(graph, layer, network.source(index), fractions)
        fractions = _rescale(graph, where, network.rescales[index], fractions, intervals)
    return fractions


def _check_sums(where: str, layer: Adding, source: Source, intervals: list[Interval]) -> None:
    """Refuse sums that float32 does not hold in any order, and those that wrap."""
    terms = layer.terms(source.alignment)
    largest = [max(map(abs, ends)) for ends in terms.ranges(source.ranges)]
    for weights, bias in zip(terms.weights.tolist(), _biases(layer), strict=True):
        sums = abs(bias) + sum(abs(w) * x for w, x in zip(weights, largest, strict=True))
        if sums >= _EXACT:
            raise HwgenError(
                where, f"numbers of {sums.bit_length()} bits", "at most 24 in ONNX's float32"
            )
    bits = layer.wrap_bits
    if bits is not None and any(signed_width(*ends) > bits for ends in intervals):
        raise HwgenError(where, "accumulators that wrap", "exact ones in ONNX")


def _biases(layer: Adding) -> list[int]:
    return layer.bias if isinstance(layer, DenseLayer) else layer.output_biases


def _product(graph: _Graph, layer: Adding, source: Source, fractions: list[int]) -> list[int]:
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
    graph.then("Add", np.array([_biases(layer)], np.float64) * _powers([-bits for bits in sums]))
    return sums


def _rescale(
    graph: _Graph,
    where: str,
    rescales: Sequence[Rescale],
    fractions: list[int],
    intervals: list[Interval],
) -> list[int]:
    """What stands behind the accumulators; the fraction bits of the outputs."""
    for one, ends in zip(rescales, intervals, strict=True):
        _check_overflow(where, one, ends)
    targets = [one.target for one in rescales]
    clips = all(isinstance(one.activation, Clip) for one in rescales)
    if any(target is None for target in targets):
        if not clips:
            name = rescales[0].activation.name
            raise HwgenError(where, f"{name} without an output format", "one is needed for ONNX")
        _clip(graph, rescales, fractions)
        return fractions
    direct = clips and all(
        _product_fits(one, ends) for one, ends in zip(rescales, intervals, strict=True)
    )
    if direct:
        _quantize(graph, rescales, fractions)
    else:
        _thresholds(graph, where, rescales, fractions, intervals)
    return [target.fraction_bits for target in targets if target is not None]


def _check_overflow(where: str, one: Rescale, accumulator: Interval) -> None:
    if one.target is None or one.overflow != "wrap" or one.thresholds is not None:
        return
    if one.table is not None:
        return
    active = one.activation.interval(accumulator, one)
    low, high = one.round(np.array(active, object)).tolist()
    if low < one.target.minimum or high > one.target.maximum:
        raise HwgenError(where, "outputs that wrap", "saturate is needed for ONNX")


def _product_fits(one: Rescale, accumulator: Interval) -> bool:
    """Whether a ``Quant`` does it: what is rounded is exact in float32, with half a step on it."""
    if one.thresholds is not None or one.table is not None:
        return False
    active = one.activation.interval(accumulator, one)
    return max(map(abs, active)) * one.multiplier + (1 << max(0, one.shift)) < _EXACT


def _bounds(one: Rescale) -> tuple[int | None, int | None]:
    return one.activation.bounds(one) if isinstance(one.activation, Clip) else (None, None)


def _clip(graph: _Graph, rescales: Sequence[Rescale], fractions: list[int]) -> None:
    """An activation that clips."""
    bounds = [_bounds(one) for one in rescales]
    if all(ends == (0, None) for ends in bounds):
        graph.value = graph.add("Relu", graph.value)
        return
    for kind, own in zip(("Max", "Min"), zip(*bounds, strict=True), strict=True):
        if any(end is not None for end in own):
            ends = np.array([[float(end or 0) for end in own]])
            graph.then(kind, ends * _powers([-bits for bits in fractions]))


def _quantize(graph: _Graph, rescales: Sequence[Rescale], fractions: list[int]) -> None:
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
    graph: _Graph,
    where: str,
    rescales: Sequence[Rescale],
    fractions: list[int],
    intervals: list[Interval],
) -> None:
    """Anything that never falls, as the number of thresholds that an accumulator reaches."""
    rows = [_steps(where, one, ends) for one, ends in zip(rescales, intervals, strict=True)]
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


def _steps(where: str, one: Rescale, accumulator: Interval) -> tuple[int, list[int]]:
    """The lowest output, and the least accumulator for each output above it."""
    low, high = accumulator
    first, last = one.interval(accumulator)
    if last - first > _THRESHOLDS:
        raise HwgenError(
            where,
            f"outputs of {last - first:,} steps with {one.activation.name}",
            f"at most {_THRESHOLDS:,} thresholds in ONNX",
        )
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
    """Powers of two, [1, count].

    Raises
    ------
    HwgenError
        Float32 does not hold them, with integers of 24 bits before them.
    """
    furthest = max(exponents, key=abs)
    if abs(furthest) > _EXPONENT:
        raise HwgenError(
            "fraction_bits", f"steps of 2^{furthest}", f"2^-{_EXPONENT}..2^{_EXPONENT} in ONNX"
        )
    return np.ldexp(np.ones((1, len(exponents))), exponents).astype(np.float32)
