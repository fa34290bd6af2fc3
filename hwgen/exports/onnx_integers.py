"""A network as a graph of ONNX's own operators on int64: any network of at most 62 bits.

Reals come in as float64. Integers are never divided but where a remainder was taken off, so that it
does not matter which way an executor rounds.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hwgen.exports.onnx_graph import Graph
from hwgen.exports.onnx_reals import Adding, biases
from hwgen.spec.activations import Clip, Tabled
from hwgen.spec.layer import Source
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool
from hwgen.spec.rescale import Rescale
from hwgen.support.errors import HwgenError

_BITS = 62
_FAR = 1 << _BITS


def integer_graph(network: Network) -> Graph:
    """``network`` from ``x``, float64 [N, features], to ``y``, int64.

    Raises
    ------
    HwgenError
        A layer computes with numbers of more than 62 bits, or has an activation that is neither a
        clip, nor a table, nor a leaky slope.
    """
    graph = Graph(integers=True)
    _input(graph, network)
    for index, layer in enumerate(network.layers):
        if network.widest[index] > _BITS:
            found = f"numbers of {network.widest[index]} bits"
            raise HwgenError(f"layers[{index}]", found, f"at most {_BITS} in ONNX's int64")
        if isinstance(layer, MaxPool):
            _maximum(graph, layer)
            continue
        _sums(graph, layer, network.source(index))
        _activation(graph, network.rescales[index])
        _rescale(graph, network.rescales[index])
    return graph


def _input(graph: Graph, network: Network) -> None:
    """Codes of real values: half to even, saturating."""
    source = network.input
    if source.scale is None:
        graph.then("Mul", 2.0**source.fraction_bits)
    else:
        graph.then("Div", source.scale)
    graph.value = graph.add("Round", graph.value)
    if source.zero_point:
        graph.then("Add", float(source.zero_point))
    graph.then("Max", float(source.format.minimum))
    graph.then("Min", float(source.format.maximum))
    graph.value = graph.add("Cast", graph.value, to=7)  # TensorProto.INT64


def _maximum(graph: Graph, layer: MaxPool) -> None:
    """The largest of what each window sees; for padding, another place of the window stands in."""
    places = np.array([layer.seen(j) for j in range(math.prod(layer.positions))])
    places = np.where(places < 0, places.max(axis=1, keepdims=True), places)
    firsts = np.arange(layer.output_channels) * math.prod(layer.image)
    columns = (firsts[:, None, None] + places).ravel()
    graph.value = graph.add("Gather", graph.value, graph.constant(columns), axis=1)
    graph.reshape([-1, layer.outputs, places.shape[1]])
    most = graph.add("ArgMax", graph.value, axis=2, keepdims=1)
    graph.value = graph.add("GatherElements", graph.value, most, axis=2)
    graph.reshape([-1, layer.outputs])


def _sums(graph: Graph, layer: Adding, source: Source) -> None:
    """Accumulators, wrapped where that is said. Windows are unrolled."""
    terms = layer.terms(source.alignment)
    if terms.index != list(range(layer.inputs)):
        columns = graph.constant(terms.index)
        graph.value = graph.add("Gather", graph.value, columns, axis=1)
    if any(terms.dropped):
        _floor(graph, terms.dropped)
    graph.then("MatMul", _integers(terms.weights.T.tolist()))
    graph.then("Add", _integers(biases(layer)))
    if layer.wrap_bits is not None:
        _wrap(graph, [layer.wrap_bits], [True])


def _activation(graph: Graph, rescales: Sequence[Rescale]) -> None:
    """Clips and leaky slopes; tables come behind the rounding."""
    kind = rescales[0].activation
    if isinstance(kind, Clip):
        bounds = [kind.bounds(one) for one in rescales]
        low, high = zip(*bounds, strict=True)
        if any(end is not None for end in low):
            _least(graph, [-_FAR if end is None else end for end in low])
        if any(end is not None for end in high):
            _most(graph, [_FAR if end is None else end for end in high])
    elif kind.shifts:
        value = graph.value
        below = graph.add("Less", value, graph.constant(0))
        _floor(graph, [min(_BITS, one.negative_shift or 0) for one in rescales])
        graph.value = graph.add("Where", below, graph.value, value)
    elif not isinstance(kind, Tabled):
        found = "of a kind of its own in ONNX's int64"
        raise HwgenError(f"activation {kind.name}", found, "clips, tables and leaky slopes")


def _rescale(graph: Graph, rescales: Sequence[Rescale]) -> None:
    """Everything between the activation and the outputs."""
    one = rescales[0]
    targets = [each.target for each in rescales if each.target is not None]
    if not targets:
        return
    if one.thresholds is not None:
        tables = [each.thresholds or () for each in rescales]
        _thresholds(graph, [target.minimum for target in targets], tables)
        return
    _round(graph, rescales)
    if one.table is not None:
        _tables(graph, rescales)
    elif one.overflow == "saturate":
        _least(graph, [target.minimum for target in targets])
        _most(graph, [target.maximum for target in targets])
    else:
        _wrap(graph, [target.bits for target in targets], [target.signed for target in targets])


def _thresholds(graph: Graph, least: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
    """How many of its row of thresholds each value reaches, above the lowest output."""
    longest = max(1, *map(len, rows))
    table = [[*row, *[_FAR] * (longest - len(row))] for row in rows]
    graph.value = graph.add("Unsqueeze", graph.value, graph.constant([2]))
    graph.then("GreaterOrEqual", _integers([table]))
    graph.value = graph.add("Cast", graph.value, to=7)
    graph.value = graph.add("ReduceSum", graph.value, graph.constant([2]), keepdims=0)
    graph.then("Add", _integers(least))


def _round(graph: Graph, rescales: Sequence[Rescale]) -> None:
    """``round( (active * multiplier) >> shift )``."""
    factors = [one.multiplier << max(0, -one.shift) for one in rescales]
    if any(factor != 1 for factor in factors):
        graph.then("Mul", _integers(factors))
    shifts = [max(0, one.shift) for one in rescales]
    halves = [1 << (shift - 1) if shift else 0 for shift in shifts]
    if not any(shifts):
        return
    if rescales[0].rounding == "floor":
        _floor(graph, shifts)
        return
    value = graph.value
    graph.then("Add", _integers(halves))
    _floor(graph, shifts)
    if rescales[0].rounding == "half_even":
        up = graph.value
        dropped = graph.add("Mod", value, graph.constant(_powers(shifts)))
        ends = [half or -1 for half in halves]  # a remainder that is none
        tie = graph.add("Equal", dropped, graph.constant(_integers(ends)))
        odd = graph.add("Mod", up, graph.constant(2))
        even = graph.add("Sub", up, odd)
        graph.value = graph.add("Where", tie, even, up)


def _tables(graph: Graph, rescales: Sequence[Rescale]) -> None:
    """The tables of activations, one behind the other in one constant."""
    tables = [one.table for one in rescales if one.table is not None]
    kinds = list({id(table): table for table in tables}.values())
    starts = np.cumsum([0, *(len(table.entries) for table in kinds)]).tolist()
    place = {id(table): start for table, start in zip(kinds, starts, strict=False)}
    _least(graph, [table.first for table in tables])
    _most(graph, [table.last for table in tables])
    graph.then("Add", _integers([place[id(table)] - table.first for table in tables]))
    entries = graph.constant([entry for table in kinds for entry in table.entries])
    graph.value = graph.add("Gather", entries, graph.value, axis=0)


def _least(graph: Graph, ends: Sequence[int]) -> None:
    """Raise each column to its own end."""
    _choose(graph, "Less", ends)


def _most(graph: Graph, ends: Sequence[int]) -> None:
    """Lower each column to its own end."""
    _choose(graph, "Greater", ends)


def _choose(graph: Graph, outside: str, ends: Sequence[int]) -> None:
    """Not by Max and Min, of which onnxruntime 1.31 keeps 32 bits."""
    end = graph.constant(_integers(ends))
    beyond = graph.add(outside, graph.value, end)
    graph.value = graph.add("Where", beyond, end, graph.value)


def _floor(graph: Graph, shifts: Sequence[int]) -> None:
    """An arithmetic shift to the right, of each column its own."""
    if any(shifts):
        powers = graph.constant(_powers(shifts))
        rest = graph.add("Mod", graph.value, powers)
        graph.value = graph.add("Div", graph.add("Sub", graph.value, rest), powers)


def _wrap(graph: Graph, bits: Sequence[int], signed: Sequence[bool]) -> None:
    """The low bits, as two's complement where signed."""
    halves = [1 << (b - 1) if sign else 0 for b, sign in zip(bits, signed, strict=True)]
    graph.then("Add", _integers(halves))
    graph.then("Mod", _integers(_powers(bits)))
    graph.then("Sub", _integers(halves))


def _powers(exponents: Sequence[int]) -> list[int]:
    return [1 << bits for bits in exponents]


def _integers(values: Any) -> Any:
    return np.array(values, np.int64)
