"""HGQ2 models as networks: all scales are powers of two, each element has a format of its own.

Weights of a neuron are brought to one step; the outputs of a layer keep a width and a place of the
point each. Nothing is approximated (:mod:`hwgen.frontends.keras.compiler`).
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.frontends.keras.compiler import Compiler
from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.frontends.keras.fixedpoint import Quantizer, quantizer
from hwgen.frontends.keras.formats import Code, Lane
from hwgen.frontends.keras.hgqmaps import (
    Coded,
    by_place,
    coded_window,
    pool,
    summed_by_letters,
    table,
)
from hwgen.frontends.keras.sums import Dense, Layout, Relu, Step, Window
from hwgen.frontends.onnx.finish import Imported, ImportOptions, network_of, text_name
from hwgen.frontends.onnx.problems import Report
from hwgen.spec.formats import Format, signed_width
from hwgen.support.errors import HwgenError

_SAME = ("Activation", "ReLU", "Softmax")
_SUMS = (
    *("QDense", "QBatchNormDense", "QBatchNormalization"),
    *("QConv1D", "QConv2D", "QEinsumDense"),
)
_TABLES = ("QUnaryFunctionLUT", "QAffinedUnaryFunctionLUT")
_NEAR = 1e-5


def is_hgq(layers: list[StoredLayer]) -> bool:
    """Whether layers of HGQ2 are among them."""
    return any(layer.module.startswith("hgq") for layer in layers)


def import_hgq(path: Path, layers: list[StoredLayer], options: ImportOptions) -> Imported:
    """An HGQ2 model as a network that computes the same integers.

    Raises
    ------
    HwgenError
        A layer or a quantizer that cannot be had, or weights that are too many.
    """
    report = Report()
    shape = _input_shape(layers)
    walk = _Walk(shape or (1,), report)
    steps = [step for layer in layers for step in walk.steps(layer)]
    if not shape:
        raise HwgenError(str(path), "no dense layer", "at least one is needed")
    features = math.prod(shape)
    weights = sum(map(_count, steps))
    if weights > options.max_weights:
        limit = f"at most {options.max_weights:,} are taken (--max-weights)"
        raise HwgenError(str(path), f"{weights:,} weights", limit)
    order = _order(steps, shape)
    number, compiler, fraction = _compiled(path, steps, order, options, report)
    if compiler.shape is None and order.size > 1:  # nothing slides: data stay as Keras has them
        report = Report()
        walk = _Walk(shape, report)
        steps = [step for layer in layers for step in walk.steps(layer)]
        order = np.arange(features).reshape(shape)
        number, compiler, fraction = _compiled(path, steps, order, options, report)
    elif compiler.shape is not None and compiler.shape[0] > 1:
        size = " x ".join(map(str, compiler.shape))
        report.note("input", f"{size}, channel by channel: lay data out so")
    _say_formats(compiler.layers, report)
    content = {
        "format": "hwgen-network",
        "version": 2,
        "name": options.name or text_name(path.stem),
        "input": {
            "features": features,
            "shape": compiler.shape,
            "bits": number.bits,
            "signed": number.signed,
            "fraction_bits": number.fraction_bits,
        },
        "layers": [{**one, "name": text_name(one["name"])} for one in compiler.layers],
        "output": "values" if options.output == "model" else options.output,
    }
    network = network_of(path, content)
    return Imported(network=network, notes=report.notes, scale=2.0**-fraction)


def _compiled(
    path: Path, steps: list[Step], order: Array, options: ImportOptions, report: Report
) -> tuple[Format, Compiler, int]:
    """The input's format, the layers, and the fraction bits of what comes out."""
    while isinstance(steps[0], Layout):
        order, steps = order.reshape(steps[0].shape), steps[1:]
    number, lanes, steps = _entry(path, steps, order, options, report)
    compiler = Compiler(lanes, order, report)
    for step in steps:
        compiler.add(step)
    return number, compiler, compiler.finish()


def _count(step: Step) -> int:
    """Weights of a step."""
    rows = step.weights if isinstance(step, Dense | Window) else None
    return sum(map(len, rows or []))


def _input_shape(layers: list[StoredLayer]) -> tuple[int, ...]:
    """What the model reads; without its description, as many values as the first weights do."""
    if layers[0].shape:
        return layers[0].shape
    return next(((len(v[0]),) for one in layers if (v := one.variables())), ())


def _order(steps: list[Step], shape: tuple[int, ...]) -> Array:
    """The lane of each input: channel by channel of the map that is slid over first."""
    own = shape
    for step in steps:
        if isinstance(step, Layout):
            own = step.shape
        elif isinstance(step, Window):
            numbers = np.arange(math.prod(own)).reshape(own[-1], *own[:-1])
            return np.moveaxis(numbers, 0, -1).reshape(shape)
        elif not isinstance(step, Quantizer):
            break
    return np.arange(math.prod(shape)).reshape(shape)


class _Walk:
    """Steps of layers, one after the other, of known shapes."""

    def __init__(self, shape: tuple[int, ...], report: Report):
        self._shape = shape
        self._report = report

    def steps(self, layer: StoredLayer) -> Iterator[Step]:
        """What a layer does."""
        kind, config = layer.kind, layer.config
        if kind == "Quantizer":
            yield quantizer(layer, "quantizer", "quantizer/")
        elif kind in ("Flatten", "Reshape"):
            yield self._laid_out(layer)
        elif kind in _SAME:
            name = str(config.get("activation") or kind.lower())
            yield from _activation(layer, name, self._report)
        elif kind in _SUMS or "Pool" in kind or kind in _TABLES:
            if config.get("enable_iq"):
                yield _of(layer, "iq")
            yield from self._own(layer)
            if config.get("enable_oq"):
                yield _of(layer, "oq")
        else:
            allowed = f"one of {', '.join((*_SUMS, *_TABLES))}, pools, Quantizer, relu and softmax"
            raise HwgenError(str(layer), "a layer that is not read", allowed)

    def _own(self, layer: StoredLayer) -> Iterator[Step]:
        """What a layer does between its quantizers."""
        if layer.kind in _TABLES:
            yield from table(layer)
            return
        if "Pool" in layer.kind:
            window, shape = pool(layer, self._shape)
            yield window
        else:
            step, shape = self._summed(layer)
            yield step
            name = str(layer.config.get("activation") or "linear")
            yield from _activation(layer, name, self._report)
        if len(shape) < len(self._shape) and "Global" in layer.kind:
            yield Layout(shape)
        self._shape = shape

    def _summed(self, layer: StoredLayer) -> tuple[Step, tuple[int, ...]]:
        kernel, bias = _coded_parts(layer, self._report)
        if layer.kind in ("QConv1D", "QConv2D"):
            added = _exact(bias, kernel[0].shape[-1])
            return coded_window(layer, kernel, added, self._shape)
        if layer.kind == "QEinsumDense":
            dense = summed_by_letters(layer, kernel, bias, self._shape)
            return dense, dense.shape
        if len(self._shape) > 1:
            added = _exact(bias, kernel[0].shape[-1])
            window = by_place(layer, kernel, added, self._shape)
            return window, (*self._shape[:-1], len(added))
        dense = _dense(layer, kernel, bias, self._report)
        return dense, (len(dense.weights),)

    def _laid_out(self, layer: StoredLayer) -> Layout:
        size = math.prod(self._shape)
        given = [int(one) for one in layer.config.get("target_shape", [-1])]
        known = math.prod(one for one in given if one > 0)
        self._shape = tuple(one if one > 0 else size // known for one in given)
        return Layout(self._shape)


def _of(layer: StoredLayer, part: str) -> Quantizer:
    return quantizer(layer, part, f"{part}/quantizer/")


def _activation(layer: StoredLayer, name: str, report: Report) -> Iterator[Step]:
    if name == "relu":
        yield Relu()
    elif name == "softmax":
        report.note(
            str(layer), "softmax left out: the largest output is the same before it, to compare"
        )
    elif name != "linear":
        raise HwgenError(str(layer), f"activation {name!r}", "linear, relu, or softmax at the end")


def _coded_parts(layer: StoredLayer, report: Report) -> tuple[Coded, Coded | None]:
    """Kernel and bias of a layer."""
    if layer.kind == "QBatchNormalization":
        return _normalization(layer, report)
    if layer.kind == "QBatchNormDense":
        return _fused(layer, report)
    variables = layer.variables()
    kernel = _coded(_of(layer, "kq"), variables[0])
    used = layer.config.get("bias_axes") if "Einsum" in layer.kind else layer.config["use_bias"]
    return kernel, _coded(_of(layer, "bq"), variables[1]) if used else None


def _exact(bias: Coded | None, size: int) -> list[Fraction]:
    """Exact biases."""
    if bias is None:
        return [Fraction(0)] * size
    return [c * Fraction(2) ** -f for c, f in zip(*(b.tolist() for b in bias), strict=True)]


def _dense(layer: StoredLayer, kernel: Coded, bias: Coded | None, report: Report) -> Dense:
    codes, places = kernel
    if codes.ndim == 1:
        codes, places = np.diag(codes), np.diag(places)
    _say_weights(layer, codes, places, report)
    rows = [
        [Code(code, place) for code, place in zip(row, own, strict=True)]
        for row, own in zip(codes.T.tolist(), places.T.tolist(), strict=True)
    ]
    return Dense(name=layer.name, weights=rows, bias=_exact(bias, len(rows)))


def _coded(by: Quantizer, values: Array) -> Coded:
    return by.codes(values), by.spread(values.shape).fraction


def _fused(layer: StoredLayer, report: Report) -> tuple[Coded, Coded]:
    """Kernel and bias with the batch normalization in them, as HGQ2 fuses them."""
    variables = layer.variables()
    mean, variance = variables[-2:]
    gamma = variables[2] if layer.config["scale"] else np.float32(1)
    size = gamma / np.sqrt(variance + np.float32(layer.config["epsilon"]))
    kernel, bias = variables[0], variables[1]
    exact = bias - mean.astype(np.float64) @ kernel.astype(np.float64)
    by = _of(layer, "bq")
    _say_near(layer, by, exact, report)
    fused = _coded(_of(layer, "kq"), (size[:, None] * kernel).astype(np.float32))
    return fused, _coded(by, exact.astype(np.float32))


def _normalization(layer: StoredLayer, report: Report) -> tuple[Coded, Coded]:
    """Factors and offsets of a batch normalization by itself."""
    variables = iter(layer.variables())
    one = np.float32(1)
    gamma = next(variables) if layer.config["scale"] else one
    beta = next(variables) if layer.config["center"] else one  # so HGQ2 has it
    mean, variance = next(variables), next(variables)
    size = (gamma / np.sqrt(variance + np.float32(layer.config["epsilon"]))).astype(np.float32)
    offset = (beta - mean * size).astype(np.float32)
    by = _of(layer, "bq")
    _say_near(layer, by, offset, report)
    return _coded(_of(layer, "kq"), size), _coded(by, offset)


def _say_near(layer: StoredLayer, by: Quantizer, values: Array, report: Report) -> None:
    """Tell where 32-bit floats may round a bias to the other code."""
    scaled = np.ldexp(values.astype(np.float64), by.spread(values.shape).fraction.astype(np.int32))
    offset = 0.0 if by.mode in ("floor", "toward_zero") else 0.5
    away = np.abs(scaled - offset - np.rint(scaled - offset))
    near = int(np.count_nonzero(away < _NEAR * np.maximum(1.0, np.abs(scaled))))
    if near and np.any(values):
        report.note(str(layer), f"{near} biases lie within the error of 32-bit floats of a tie")


def _entry(
    path: Path, steps: list[Step], order: Array, options: ImportOptions, report: Report
) -> tuple[Format, list[Lane], list[Step]]:
    """The network's input, and the steps that are left of ``steps``."""
    first, given = steps[0], options.input_format
    if given is not None:
        lane = Lane(low=given.minimum, high=given.maximum, fraction=given.fraction_bits)
        return given, [lane] * order.size, steps
    if not isinstance(first, Quantizer):
        raise HwgenError(
            str(path), "an input that is not quantized", "--input-format, or enable_iq"
        )
    own, place = first.spread(order.shape), np.argsort(order.ravel())
    parts = (one.ravel()[place].tolist() for one in (own.low, own.high, own.fraction))
    triples = list(zip(*parts, strict=True))
    live = [triple for triple in triples if triple[:2] != (0, 0)]
    fraction = max((f for _, _, f in live), default=0)
    low = min((lo << (fraction - f) for lo, _, f in live), default=0)
    high = max((hi << (fraction - f) for _, hi, f in live), default=1)
    bits = signed_width(low, high) if low < 0 else high.bit_length()
    if bits > 16:
        allowed = "at most 16, or --input-format with a layer that rounds each input"
        raise HwgenError(first.who, f"inputs of {bits} bits at one step", allowed)
    number = Format(bits=bits, signed=low < 0, fraction_bits=fraction)
    lanes = [
        Lane(low=number.minimum, high=number.maximum, fraction=fraction, dead=lo == hi == 0)
        for lo, hi, _ in triples
    ]
    _say_input(first, triples, number, report)
    return number, lanes, steps[1:]


def _say_input(
    by: Quantizer, triples: list[tuple[int, int, int]], number: Format, report: Report
) -> None:
    own = {f for lo, hi, f in triples if (lo, hi) != (0, 0)}
    if len(own) > 1 or len({triple[:2] for triple in triples}) > 1:
        report.note(
            by.who,
            f"inputs have formats of their own and come in at one step, 2^-{number.fraction_bits}: "
            "give codes that are rounded as the model does, or --input-format, with which a layer "
            "rounds each",
        )
    if by.mode != "nearest":
        report.note(by.who, f"rounds {by.mode}; real data on a tie are rounded half to even here")
    if by.wraps:
        report.note(by.who, "wraps around; real data beyond the input's range are clipped here")


def _say_weights(layer: StoredLayer, codes: Array, places: Array, report: Report) -> None:
    """Tell what one step for all weights of a neuron costs."""
    own = [
        [Code(c, f).reduced() for c, f in zip(row, place, strict=True)]
        for row, place in zip(codes.T.tolist(), places.T.tolist(), strict=True)
    ]
    needed = sum(signed_width(c.value, c.value) for row in own for c in row if c.value)
    widest = 1
    for row in own:
        fraction = max((c.fraction for c in row if c.value), default=0)
        at = [c.at(fraction) for c in row]
        widest = max(widest, signed_width(min(at), max(at)))
    count, zeros = codes.size, int((codes == 0).sum())
    report.note(
        str(layer),
        f"weights of widths of their own, {needed:,} bits, {zeros} of {count} are 0; at one step "
        f"for each neuron they take {widest} bits each, {widest * count:,} where stored, and "
        "nothing more where hard-wired",
    )


def _say_formats(layers: list[dict[str, Any]], report: Report) -> None:
    for layer in layers:
        bits = (layer.get("output") or {}).get("bits")
        if isinstance(bits, list):
            report.note(
                layer["name"],
                f"outputs of {min(bits)} to {max(bits)} bits, each as wide as it needs, "
                f"{sum(bits)} bits",
            )
