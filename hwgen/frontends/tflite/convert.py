"""TensorFlow Lite models of 8-bit integers as networks (docs/import.md).

Every step from sums or codes to codes is one function of integers that never falls, as the
reference kernels compute it; :mod:`hwgen.frontends.onnx.stepped` finds what gives the same.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.frontends.onnx.context import Context
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.finish import Imported, ImportOptions, finished, refuse
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.quantizers import Constant, Quantizer, Quantizers
from hwgen.frontends.onnx.states import Class, Codes, Execute, Real, State, Sum
from hwgen.frontends.tflite.file import Model, Operator, Tensor, load_model
from hwgen.frontends.tflite.kernels import multiplied, table
from hwgen.spec.arithmetic import Integers
from hwgen.support.errors import HwgenError

_RANGES = {"INT8": (-128, 127), "UINT8": (0, 255)}
_SAME = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE")
_CLIPS = {0: None, 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
_MANY = 32
_STATIC = (
    "set converter.representative_dataset and target_spec.supported_ops = "
    "[OpsSet.TFLITE_BUILTINS_INT8], and convert again"
)


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
    last = label(_node(model, model.operators[-1]))
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


def _node(model: Model, operator: Operator) -> Node:
    name = model.tensors[operator.outputs[0]].name if operator.outputs else ""
    return Node(op=operator.name, domain="", name=name, inputs=(), outputs=())


class _Reader:
    def __init__(self, model: Model, options: ImportOptions):
        self.report = Report()
        self._model = model
        self._max_weights = options.max_weights
        self._single = options.single_rounding
        self._at = Context(
            constants={},
            quantizers=Quantizers({}, self.report, snap=False),
            report=self.report,
            snap=False,
            max_weights=options.max_weights,
        )
        self._handlers: dict[str, Callable[[Operator, State], State]] = {
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
            **dict.fromkeys(_SAME, lambda op, state: state),
        }

    def walk(self) -> State | None:
        """Go through the operators; the state of the output."""
        model = self._model
        entry = model.tensors[model.inputs[0]]
        states: dict[int, State] = {model.inputs[0]: self._start(entry)}
        for operator in model.operators:
            node = _node(model, operator)
            computed = [number for number in operator.inputs if number in states]
            try:
                if operator.name not in self._handlers:
                    raise Refused(self._advice(operator))
                if len(computed) != 1 or len(operator.outputs) != 1:
                    raise Refused("joins or splits tensors; layers in one chain can be had")
                found = self._handlers[operator.name](operator, states[computed[0]])
                states[operator.outputs[0]] = found
            except Refused as refused:
                self.report.problem(node, str(refused))
                return None
        return states.get(model.outputs[0])

    def _advice(self, operator: Operator) -> str:
        kinds = {self._model.tensors[i].type for i in operator.inputs if i >= 0}
        if "FLOAT32" in kinds:
            return f"computes with floats; {_STATIC}"
        return "an operator that is not supported (docs/import.md#tensorflow-lite has those)"

    def _start(self, entry: Tensor) -> State:
        features = int(np.prod(entry.shape[1:], dtype=object)) if entry.shape else 0
        if not 0 < features <= self._max_weights:
            raise HwgenError(f"input {entry.name!r}", f"shape {list(entry.shape)}", "known sizes")
        order = np.arange(features).reshape(1, features)
        if entry.type == "FLOAT32":
            return Real(order=order, type="FLOAT")
        source = Real(order=order, type=entry.type)
        node = Node(op="input", domain="", name=entry.name, inputs=(), outputs=())
        return self._codes(node, entry, source, None)

    def _codes(
        self, node: Node, tensor: Tensor, source: Real | Sum, execute: Execute | None
    ) -> Codes:
        """What an 8-bit tensor stands for."""
        if tensor.type not in _RANGES or len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
            raise Refused(f"a tensor of {tensor.type} with {len(tensor.scale)} scales; {_STATIC}")
        if not 0 < tensor.scale[0] < np.inf:
            raise Refused(f"scale {tensor.scale[0]:g}; convert the model again")
        low, high = _RANGES[tensor.type]
        return Codes(
            order=source.order,
            source=source,
            node=node,
            scale=tensor.scale[0],
            low=low,
            high=high,
            declared=(8, low < 0),
            zero_point=tensor.zero_point[0],
            mode="half_away",
            execute=execute,
        )

    # operators

    def _output(self, operator: Operator) -> Tensor:
        return self._model.tensors[operator.outputs[0]]

    def _of_codes(self, operator: Operator, state: State, function: Any) -> Codes:
        """Codes that are a function of codes less their zero point."""
        if not isinstance(state, Codes):
            raise Refused(f"reads values that are not quantized; {_STATIC}")
        node = _node(self._model, operator)
        total = self._at.identity(node, state)

        def execute(step: float, bias: Fraction) -> Callable[[Integers], Integers]:
            return lambda codes: function(codes + round(bias))

        return self._codes(node, self._output(operator), total, execute)

    def _dense(self, operator: Operator, state: State) -> State:
        tensors = self._model.tensors
        weights = tensors[operator.inputs[1]]
        bias = tensors[operator.inputs[2]] if operator.inputs[2:3] not in ([], [-1]) else None
        if not isinstance(state, Codes):
            raise Refused(f"reads values that are not quantized; {_STATIC}")
        if weights.values is None or weights.type != "INT8" or weights.values.ndim != 2:
            raise Refused(f"weights of {weights.type}; {_STATIC}")
        if operator.options.get("WeightsFormat", 0):
            raise Refused("shuffled weights; convert the model again")
        outputs, features = weights.values.shape
        if features != state.order.size:
            raise Refused(f"{features} inputs, but {state.order.size} values come in")
        scales = np.broadcast_to(np.array(weights.scale, np.float64), (outputs,))
        zeros = np.broadcast_to(np.array(weights.zero_point or [0], np.int64), (outputs,))
        codes = weights.values.astype(np.int64) - zeros[:, None]
        added = np.zeros(outputs, np.int64)
        if bias is not None:
            if bias.values is None or bias.type != "INT32" or bias.values.size != outputs:
                raise Refused(f"biases of {bias.type}; {_STATIC}")
            added = bias.values.astype(np.int64).ravel()
        node = _node(self._model, operator)
        total = Sum(
            order=np.arange(outputs).reshape(1, outputs),
            node=node,
            x=state,
            weights=_weights(codes[:, np.argsort(state.order.ravel())], scales),
            gain=np.ones(outputs),
            u=added * scales * state.scale,
        )
        tensor = self._output(operator)
        made = self._codes(node, tensor, total, None)
        execute = _rescaled(made, len(weights.scale) == 1, self._single)
        return self._clip(replace(made, execute=execute), operator)

    def _clip(self, codes: Codes, operator: Operator) -> Codes:
        """``codes`` within the range of the activation that is fused into an operator."""
        kind = operator.options.get("FusedActivationFunction", 0)
        if kind not in _CLIPS:
            raise Refused(f"fused activation {kind}; put it into an operator of its own")
        ends = _CLIPS[kind]
        return codes if ends is None else _within(codes, ends)

    def _quantize(self, operator: Operator, state: State) -> State:
        tensor = self._output(operator)
        if isinstance(state, Class):
            return state  # codes of scores are in their order
        if isinstance(state, Real):
            return self._codes(_node(self._model, operator), tensor, state, None)
        if isinstance(state, Codes):
            own = self._codes(state.node, tensor, state.source, None)
            moved = own.low - own.zero_point, own.high - own.zero_point
            if own.scale == state.scale and moved == (
                state.low - state.zero_point,
                state.high - state.zero_point,
            ):
                return state
            return self._requantized(operator, state, float(state.scale) / own.scale)
        raise Refused(f"reads values that are not quantized; {_STATIC}")

    def _requantized(self, operator: Operator, state: State, factor: float) -> Codes:
        zero = self._output(operator).zero_point[0]
        codes = self._of_codes(
            operator, state, lambda v: multiplied(v, factor, self._single) + zero
        )
        return _bounded(codes)

    def _clipped(self, operator: Operator, state: State, ends: tuple[float, float]) -> State:
        if not isinstance(state, Codes):
            raise Refused(f"reads values that are not quantized; {_STATIC}")
        factor = np.float32(state.scale) / np.float32(self._output(operator).scale[0])
        return _within(self._requantized(operator, state, float(factor)), ends)

    def _leaky(self, operator: Operator, state: State) -> State:
        if not isinstance(state, Codes):
            raise Refused(f"reads values that are not quantized; {_STATIC}")
        tensor = self._output(operator)
        scale, target = np.float32(state.scale), np.float32(tensor.scale[0])
        slope, zero = np.float32(operator.options.get("Alpha", 0.01)), tensor.zero_point[0]
        if slope <= 0:
            raise Refused(f"slope {slope:g}; a positive one can be had")
        factors = float(scale / target), float(scale * slope / target)

        def function(values: Integers) -> Integers:
            one, other = (multiplied(values, factor, self._single) for factor in factors)
            return np.where(values >= 0, one, other) + zero

        return _bounded(self._of_codes(operator, state, function))

    def _table(self, operator: Operator, state: State, name: str) -> State:
        if not isinstance(state, Codes):
            raise Refused(f"reads values that are not quantized; {_STATIC}")
        tensor, zero = self._output(operator), state.zero_point
        low = _RANGES[tensor.type][0] if tensor.type in _RANGES else 0
        own = (zero, tensor.zero_point[0])
        entries = table(low, (state.scale, tensor.scale[0]), own, name)

        def function(values: Integers) -> Integers:
            return np.asarray(entries[np.clip(values + zero - low, 0, 255)])

        return self._of_codes(operator, state, function)

    def _scores(self, operator: Operator, state: State) -> State:
        if not isinstance(state, Codes):
            raise Refused(f"reads values that are not quantized; {_STATIC}")
        self.report.note(
            label(_node(self._model, operator)),
            "left out: the largest output is the same before it, and results are those",
        )
        return Class(of=state, scores=True)

    def _class(self, operator: Operator, state: State) -> State:
        of = state.of if isinstance(state, Class) else state
        if isinstance(of, Real):
            raise Refused("reads the input; a dense layer is needed before it")
        return Class(of=of)


def _weights(codes: Any, scales: Any) -> Constant:
    spread = np.broadcast_to(scales[:, None], codes.shape)
    by = Quantizer(scale=spread, zero_point=np.zeros(()), low=-128, high=127, bits=8)
    return Constant(
        value=codes * spread,
        codes=codes,
        scale=spread,
        zero_point=np.zeros(codes.shape),
        real=codes * spread,
        by=by,
    )


def _rescaled(codes: Codes, one: bool, single: bool) -> Execute:
    """From sums to codes; the factor of ``one`` scale of weights is a product of 32-bit floats."""

    def execute(step: float, bias: Fraction) -> Callable[[Integers], Integers]:
        product = float(np.float32(step)) if one else step
        factor, added = product / codes.scale, round(bias)

        def compute(sums: Integers) -> Integers:
            whole = multiplied(sums + added, factor, single) + codes.zero_point
            return np.asarray(np.clip(whole, codes.low, codes.high))

        return compute

    return execute


def _bounded(codes: Codes) -> Codes:
    """``codes`` whose function is clipped to their range."""
    execute = codes.execute
    if execute is None:
        raise TypeError("codes of a function are needed")

    def clipped(step: float, bias: Fraction) -> Callable[[Integers], Integers]:
        function = execute(step, bias)
        return lambda values: np.clip(function(values), codes.low, codes.high)

    return replace(codes, execute=clipped)


def _within(codes: Codes, ends: tuple[float, float]) -> Codes:
    """``codes`` clipped to those of real values, as kernels find them."""
    scale, zero = np.float32(codes.scale), codes.zero_point
    low, high = (
        end if np.isinf(end) else zero + int(np.floor(np.abs(np.float32(end) / scale) + 0.5)) * sign
        for end, sign in zip(ends, (-1, 1), strict=True)
    )
    clipped = replace(codes, low=max(codes.low, int(low)), high=int(min(codes.high, high)))
    if codes.execute is None:
        return clipped
    execute = codes.execute

    def within(step: float, bias: Fraction) -> Callable[[Integers], Integers]:
        function = execute(step, bias)
        return lambda values: np.clip(function(values), clipped.low, clipped.high)

    return replace(clipped, execute=within)
