"""TensorFlow Lite models of 8-bit integers as networks (docs/import.md).

Every step from sums or codes to codes is one function of integers that never falls, as the
reference kernels compute it; :mod:`hwgen.frontends.onnx.stepped` finds what gives the same.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen.frontends.onnx.context import Context
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.finish import Imported, ImportOptions, finished, refuse
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.quantizers import Quantizers
from hwgen.frontends.onnx.states import Class, Codes, Real, State, Sum
from hwgen.frontends.tflite.constants import Constants
from hwgen.frontends.tflite.file import Model, Operator, Tensor, load_model
from hwgen.frontends.tflite.kernels import table
from hwgen.frontends.tflite.reading import (
    RANGES,
    STATIC,
    Handler,
    Reading,
    bounded,
    channels_first,
    channels_last,
    quantized,
    weights_of,
    within,
)
from hwgen.frontends.tflite.windows import Windows
from hwgen.spec.arithmetic import Integers
from hwgen.support.errors import HwgenError

_SAME = ("DEQUANTIZE",)
_LAYOUT = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")
_MANY = 32


def import_tflite(path: Path, options: ImportOptions) -> Imported:
    """A TensorFlow Lite file as a network that computes the integers of the reference kernels.

    Raises
    ------
    HwgenError
        Unreadable, or operators that cannot be had, all of them named.
    """
    model = load_model(path)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        found = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise HwgenError(str(path), found, "one of each is needed")
    reader = _Reader(model, options)
    state = reader.walk()
    if reader.report.problems or state is None:
        refuse(path, reader.report)
        raise TypeError("refused")
    last = label(reader.reading.node(model.operators[-1]))
    imported = finished(path, state, options, reader.report, last)
    _say_thresholds(imported, options)
    return imported


def _say_thresholds(found: Imported, options: ImportOptions) -> None:
    """Tell where codes take thresholds, which is where kernels round twice, or have a table."""
    for layer in found.network.layers:
        steps = None if layer.output is None else layer.output.thresholds
        most = max(map(len, steps or [[]]))
        if most > _MANY:
            hint = (
                "" if options.single_rounding else "; --single-rounding may give a multiplication"
            )
            found.notes.append(f"{layer.name}: up to {most} thresholds for each neuron{hint}")


class _Reader:
    def __init__(self, model: Model, options: ImportOptions):
        self.report = Report()
        self._model = model
        self._max_weights = options.max_weights
        at = Context(
            constants={},
            quantizers=Quantizers({}, self.report, snap=False),
            report=self.report,
            snap=False,
            max_weights=options.max_weights,
        )
        self.reading = Reading(model=model, at=at, single=options.single_rounding)
        self._handlers: dict[str, Handler] = {
            "FULLY_CONNECTED": self._dense,
            "QUANTIZE": self._quantize,
            "RELU": lambda op, state: self._clipped(op, state, (0.0, np.inf)),
            "RELU6": lambda op, state: self._clipped(op, state, (0.0, 6.0)),
            "RELU_N1_TO_1": lambda op, state: self._clipped(op, state, (-1.0, 1.0)),
            "LEAKY_RELU": self._leaky,
            "LOGISTIC": lambda op, state: self._table(op, state, "sigmoid"),
            "TANH": lambda op, state: self._table(op, state, "tanh"),
            "SOFTMAX": self._scores,
            "LOG_SOFTMAX": self._scores,
            "ARG_MAX": self._class,
            "TRANSPOSE": self._transpose,
            **Windows(self.reading).handlers,
            **Constants(self.reading).handlers,
            **dict.fromkeys(_LAYOUT, self._layout),
            **dict.fromkeys(_SAME, lambda op, state: state),
        }

    def walk(self) -> State | None:
        """Go through the operators; the state of the output."""
        model = self._model
        entry = model.tensors[model.inputs[0]]
        states: dict[int, State] = {model.inputs[0]: self._start(entry)}
        for operator in model.operators:
            if operator.name in _SHAPES:  # of the samples' axis, which layouts keep
                continue
            computed = [number for number in operator.inputs if number in states]
            try:
                if operator.name not in self._handlers:
                    raise Refused(self._advice(operator))
                if len(computed) != 1 or len(operator.outputs) != 1:
                    raise Refused("joins or splits tensors; layers in one chain can be had")
                found = self._handlers[operator.name](operator, states[computed[0]])
                states[operator.outputs[0]] = found
            except Refused as refused:
                self.report.problem(self.reading.node(operator), str(refused))
                return None
        return states.get(model.outputs[0])

    def _advice(self, operator: Operator) -> str:
        kinds = {self._model.tensors[i].type for i in operator.inputs if i >= 0}
        if "FLOAT32" in kinds:
            return f"computes with floats; {STATIC}"
        return "an operator that is not supported (docs/import.md#tensorflow-lite has those)"

    def _start(self, entry: Tensor) -> State:
        features = int(np.prod(entry.shape[1:], dtype=object)) if entry.shape else 0
        if not 0 < features <= self._max_weights:
            raise HwgenError(f"input {entry.name!r}", f"shape {list(entry.shape)}", "known sizes")
        order = channels_first(np.arange(features).reshape(1, *entry.shape[1:]))
        if entry.type == "FLOAT32":
            return Real(order=order, type="FLOAT")
        source = Real(order=order, type=entry.type)
        node = Node(op="input", domain="", name=entry.name, inputs=(), outputs=())
        try:
            return self.reading.codes(node, entry, source, None)
        except Refused as refused:
            raise HwgenError(f"input {entry.name!r}", *_parts(str(refused))) from None

    # layout

    def _layout(self, operator: Operator, state: State) -> State:
        if isinstance(state, Class):
            return state
        shape = self.reading.output(operator).shape
        order = channels_last(state.order)
        if int(np.prod(shape[1:], dtype=object)) != order.size:
            raise Refused(f"a layout {list(shape)} of {order.size} values; fix the samples' axis")
        return replace(state, order=channels_first(order.reshape(1, *shape[1:])))

    def _transpose(self, operator: Operator, state: State) -> State:
        axes = self.reading.constant(operator.inputs[1], "INT32").values
        order = () if axes is None else tuple(int(axis) for axis in axes.ravel())
        if isinstance(state, Class):
            return state
        own = channels_last(state.order)
        if sorted(order) != list(range(own.ndim)) or order[0] != 0:
            raise Refused("moves the axis of the samples; it must stay the first")
        return replace(state, order=channels_first(np.transpose(own, order)))

    # operators

    def _dense(self, operator: Operator, state: State) -> State:
        weights = self._model.tensors[operator.inputs[1]]
        given = quantized(state)
        if weights.values is None or weights.type != "INT8" or weights.values.ndim != 2:
            raise Refused(f"weights of {weights.type}; {STATIC}")
        if operator.options.get("WeightsFormat", 0):
            raise Refused("shuffled weights; convert the model again")
        outputs, features = weights.values.shape
        if features != given.order.size:
            found = f"{features} inputs, but {given.order.size} values come in"
            raise Refused(f"{found}; flatten before it")
        if any(given.padding):
            raise Refused("reads a map that is padded; a convolution is needed behind the PAD")
        scales = np.broadcast_to(np.array(weights.scale, np.float64), (outputs,))
        zeros = np.broadcast_to(np.array(weights.zero_point or [0], np.int64), (outputs,))
        codes = weights.values.astype(np.int64) - zeros[:, None]
        added = np.zeros(outputs, np.int64)
        if operator.inputs[2:3] not in ([], [-1]):
            bias = self.reading.constant(operator.inputs[2], "INT32").values
            added = np.asarray(bias, np.int64).ravel()
        if added.size != outputs:
            raise Refused(f"{added.size} biases for {outputs} outputs; convert the model again")
        node = self.reading.node(operator)
        total = Sum(
            order=np.arange(outputs).reshape(1, outputs),
            node=node,
            x=given,
            weights=weights_of(codes[:, np.argsort(channels_last(given.order).ravel())], scales),
            gain=np.ones(outputs),
            u=added * scales * given.scale,
        )
        made = self.reading.codes(node, self.reading.output(operator), total, None)
        execute = self.reading.rescaled(made, len(weights.scale) == 1)
        return self.reading.clip(replace(made, execute=execute), operator)

    def _quantize(self, operator: Operator, state: State) -> State:
        tensor = self.reading.output(operator)
        if isinstance(state, Class):
            return state  # codes of scores are in their order
        if isinstance(state, Real):
            return self.reading.codes(self.reading.node(operator), tensor, state, None)
        codes = quantized(state)
        own = self.reading.codes(codes.node, tensor, codes.source, None)
        moved = own.low - own.zero_point, own.high - own.zero_point
        if own.scale == codes.scale and moved == (
            codes.low - codes.zero_point,
            codes.high - codes.zero_point,
        ):
            return codes
        return self._requantized(operator, codes, float(codes.scale) / own.scale)

    def _requantized(self, operator: Operator, state: State, factor: float) -> Codes:
        zero = self.reading.output(operator).zero_point[0]
        codes = self.reading.of_codes(
            operator, state, lambda v: self.reading.product(v, factor) + zero
        )
        return bounded(codes)

    def _clipped(self, operator: Operator, state: State, ends: tuple[float, float]) -> State:
        scale = quantized(state).scale
        factor = np.float32(scale) / np.float32(self.reading.output(operator).scale[0])
        return within(self._requantized(operator, state, float(factor)), ends)

    def _leaky(self, operator: Operator, state: State) -> State:
        tensor = self.reading.output(operator)
        scale, target = np.float32(quantized(state).scale), np.float32(tensor.scale[0])
        slope, zero = np.float32(operator.options.get("Alpha", 0.01)), tensor.zero_point[0]
        if slope <= 0:
            raise Refused(f"slope {slope:g}; a positive one can be had")
        factors = float(scale / target), float(scale * slope / target)

        def function(values: Integers) -> Integers:
            one, other = (self.reading.product(values, factor) for factor in factors)
            return np.where(values >= 0, one, other) + zero

        return bounded(self.reading.of_codes(operator, state, function))

    def _table(self, operator: Operator, state: State, name: str) -> State:
        given = quantized(state)
        tensor, zero = self.reading.output(operator), given.zero_point
        low = RANGES[tensor.type][0] if tensor.type in RANGES else 0
        own = (zero, tensor.zero_point[0])
        entries = table(low, (given.scale, tensor.scale[0]), own, name)

        def function(values: Integers) -> Integers:
            return np.asarray(entries[np.clip(values + zero - low, 0, 255)])

        return self.reading.of_codes(operator, state, function)

    def _scores(self, operator: Operator, state: State) -> State:
        given = quantized(state)
        self.report.note(
            label(self.reading.node(operator)),
            "left out: the largest output is the same before it, and results are those",
        )
        return Class(of=given, scores=True)

    def _class(self, operator: Operator, state: State) -> State:
        of = state.of if isinstance(state, Class) else state
        if isinstance(of, Real):
            raise Refused("reads the input; a dense layer is needed before it")
        return Class(of=of)


def _parts(text: str) -> tuple[str, str]:
    found, _, allowed = text.partition("; ")
    return found, allowed
