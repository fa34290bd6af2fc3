"""What each operator does to the tensor between two layers (:mod:`hwgen.frontends.onnx.states`)."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np

from hwgen.frontends.onnx.clips import clip_codes, code_of, requantized_codes
from hwgen.frontends.onnx.constants import LAYOUT, integers_of, laid_out
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.quantizers import (
    Array,
    Constant,
    Quantizer,
    Quantizers,
    dyadic,
    nearest_power,
    powers_of_two,
    requantized,
)
from hwgen.frontends.onnx.states import Class, Codes, Real, State, Sum, clipped
from hwgen.spec.activations import Tabled, activations

_ON_INTEGERS = ("Identity", "Clip", "DequantizeLinear", "ArgMax", "TopK")
_NEAR = 1e-6
_UNQUANTIZED = "reads values that are not quantized: a quantizer is needed before it"
_UNQUANTIZED_INPUT = (
    "reads the model's input, which is not quantized: a quantizer or --input-format is needed"
)


class Operations:
    """Turns the state of a node's input into that of its output.

    Parameters
    ----------
    constants
        Every constant tensor of the graph.
    snap
        Whether scales and gains are moved to powers of two.
    max_weights
        Most weights of one layer.
    """

    def __init__(
        self,
        constants: dict[str, Constant],
        quantizers: Quantizers,
        report: Report,
        snap: bool,
        max_weights: int,
    ):
        self._constants = constants
        self._quantizers = quantizers
        self._report = report
        self._snap = snap
        self._max_weights = max_weights
        self._handlers: dict[str, Callable[[Node, State], State]] = {
            **dict.fromkeys(
                ("Quant", "IntQuant", "BipolarQuant", "QuantizeLinear"), self._quantize
            ),
            **dict.fromkeys(("Gemm", "MatMul"), self._dense),
            **dict.fromkeys(("Add", "Sub"), self._add),
            **dict.fromkeys(("Mul", "Div"), self._multiply),
            **dict.fromkeys(("HardTanh", "Hardtanh"), self._hard_tanh),
            **{
                op: self._function(one)
                for one in activations()
                if isinstance(one, Tabled)
                for op in one.onnx
            },
            **dict.fromkeys(("ArgMax", "TopK"), self._class),
            **dict.fromkeys(("Identity", "Dropout", "Cast"), self._same),
            **dict.fromkeys(LAYOUT, self._layout),
            "DequantizeLinear": self._dequantize,
            "BatchNormalization": self._batch_norm,
            "Relu": lambda node, state: self._clip_to(node, state, 0.0, math.inf),
            "Clip": self._clip,
            "LeakyRelu": self._leaky,
        }

    @property
    def supported(self) -> tuple[str, ...]:
        """Operators that are imported."""
        return tuple(self._handlers)

    def apply(self, node: Node, state: State) -> State:
        """The state behind ``node``.

        Raises
        ------
        Refused
            It cannot be imported where it stands.
        """
        if isinstance(state, Class) and node.op not in (*LAYOUT, "Identity", "Cast"):
            raise Refused("reads the index of the largest output")
        raw = (isinstance(state, Codes) and state.raw) or _stored(state)
        if raw and node.op not in (*LAYOUT, *_ON_INTEGERS):
            raise Refused("reads integers: a DequantizeLinear is needed between")
        return self._handlers[node.op](node, state)

    def check(self, node: Node) -> None:
        """Say what is wrong with a node by itself, where what it reads is not known."""
        if node.op in ("Quant", "IntQuant", "BipolarQuant", "QuantizeLinear", "DequantizeLinear"):
            by = self._quantizers.read(node, "INT8")
            if by is not None:
                self._quantizers.powers(node, by.scale)
        if node.op in ("Gemm", "MatMul"):
            self._weights(node)

    # quantizers

    def _quantize(self, node: Node, state: State) -> State:
        by = self._one(node, "")
        if isinstance(state, Codes):
            merged = None if by.bipolar or state.bipolar else requantized_codes(state, by)
            if merged is not None:
                return merged
            state = self._identity(node, state)
        if isinstance(state, Class):
            raise TypeError("refused before")
        low, high = clip_codes(state.clip, by)
        signed = by.low < 0
        return Codes(
            order=state.order,
            source=state,
            node=node,
            scale=float(by.scale),
            low=low,
            high=high,
            declared=(by.bits, signed),
            zero_point=int(by.zero_point),
            mode=by.mode,
            shifted=by.shifted,
            bipolar=by.bipolar,
            raw=node.op == "QuantizeLinear",
        )

    def _dequantize(self, node: Node, state: State) -> State:
        if isinstance(state, Real):
            by = self._one(node, state.type)
            return Codes(
                order=state.order,
                source=state,
                node=node,
                scale=float(by.scale),
                low=by.low,
                high=by.high,
                declared=(by.bits, by.low < 0),
                zero_point=int(by.zero_point),
            )
        if not isinstance(state, Codes) or not state.raw:
            raise Refused("reads no integers")
        by = self._one(node, "INT8" if state.declared[1] else "UINT8")
        if int(by.zero_point) != state.zero_point:
            raise Refused("another zero point than that of its QuantizeLinear")
        return replace(state, raw=False, gain=state.gain * float(by.scale) / state.scale)

    def _one(self, node: Node, kind: str) -> Quantizer:
        """A quantizer with one scale and one zero point."""
        by = self._quantizers.read(node, kind)
        if by is None:
            raise Refused("")
        scale, zero_point = self._quantizers.powers(node, by.scale), by.zero_point
        if np.unique(scale).size > 1 or np.unique(zero_point).size > 1:
            raise Refused("several scales or zero points on an activation, one can be had")
        return replace(by, scale=scale.ravel()[0], zero_point=zero_point.ravel()[0])

    # layers

    def _dense(self, node: Node, state: State) -> State:
        weights = self._weights(node)
        if isinstance(state, Real):
            raise Refused(_UNQUANTIZED_INPUT)
        if not isinstance(state, Codes):
            raise Refused(_UNQUANTIZED)
        if weights is None:
            raise Refused("")
        features = state.order.size
        if state.order.shape[-1] != features or state.order.ndim > 3:
            raise Refused(f"reads a tensor of shape {list(state.order.shape)}; Flatten is needed")
        if weights.value.shape[1] != features:
            raise Refused(f"{weights.value.shape[1]} inputs, but {features} values come in")
        back = np.argsort(state.order.ravel())
        outputs = weights.value.shape[0]
        order = np.arange(outputs).reshape(*state.order.shape[:-1], outputs)
        alpha = _float(node, "alpha", 1.0)
        total = Sum(
            order=order,
            node=node,
            x=state,
            weights=weights.mapped(lambda array: array[:, back]),
            gain=np.ones(outputs),
            u=np.zeros(outputs),
        )
        if alpha != 1.0:
            total = self._scaled(node, total, np.full(outputs, alpha))
        if node.op == "Gemm" and len(node.inputs) > 2 and node.inputs[2]:
            bias = self._constant(node, 2).value * _float(node, "beta", 1.0)
            total = replace(total, u=total.u + _per_neuron(bias, order))
        return total

    def _weights(self, node: Node) -> Constant | None:
        """Quantized weights [outputs, inputs], or None where they were reported."""
        if len(node.inputs) < 2 or node.inputs[1] not in self._constants:
            raise Refused("weights that are computed, or stand on the left")
        weights = self._constants[node.inputs[1]]
        if weights.value.ndim != 2 or not weights.value.size:
            raise Refused(f"weights of shape {list(weights.value.shape)}")
        if weights.value.size > self._max_weights:
            raise Refused(
                f"{weights.value.size:,} weights, at most {self._max_weights:,} (--max-weights)"
            )
        if node.attributes.get("transA", 0):
            raise Refused("transA")
        if weights.codes is None:
            found = dyadic(weights.value)
            if found is None:
                raise Refused("weights are not quantized (hwgen quantize does that)")
            bits = found.by.bits if found.by else 0
            self._report.note(label(node), f"weights without a quantizer fit {bits} bits exactly")
            weights = found
        if node.op == "MatMul" or not node.attributes.get("transB", 0):
            weights = weights.mapped(np.transpose)
        if weights.scale is not None and (weights.scale != weights.scale[:, :1]).any():
            raise Refused("weights with a scale for each input; one for each output can be had")
        before = len(self._report.problems)
        weights = self._quantizers.weights(weights.node or node, weights)
        return weights if len(self._report.problems) == before else None

    def _identity(self, node: Node, codes: Codes) -> Sum:
        """A layer that hands on ``codes``, for an activation of its own."""
        size = codes.order.size
        if size * size > self._max_weights:
            raise Refused(f"needs a layer of its own, of {size * size:,} weights (--max-weights)")
        by = Quantizer(scale=np.ones(()), zero_point=np.zeros(()), low=-2, high=1, bits=2)
        eye = np.eye(size, dtype=np.int64)
        weights = Constant(
            value=eye.astype(np.float64),
            codes=eye,
            scale=np.ones((size, size)),
            zero_point=np.zeros((size, size)),
            real=eye.astype(np.float64),
            by=by,
        )
        return Sum(
            order=codes.order,
            node=node,
            x=codes,
            weights=weights,
            gain=np.ones(size),
            u=np.zeros(size),
            identity=True,
        )

    def _add(self, node: Node, state: State) -> State:
        first = node.inputs[0] in self._constants
        value = self._constant(node, 0 if first else 1).value.astype(np.float64)
        if not isinstance(state, Sum) or state.active:
            raise Refused("adds to something other than the sums of a Gemm or MatMul")
        added = _per_neuron(value, state.order)
        if node.op == "Add":
            return replace(state, u=state.u + added)
        if first:
            return replace(state, gain=-state.gain, u=added - state.u)
        return replace(state, u=state.u - added)

    def _multiply(self, node: Node, state: State) -> State:
        first = node.inputs[0] in self._constants
        value = self._constant(node, 0 if first else 1).value.astype(np.float64)
        if node.op == "Div":
            if first:
                raise Refused("divides by a computed tensor")
            with np.errstate(all="ignore"):
                value = 1.0 / value
        if isinstance(state, Sum):
            return self._scaled(node, state, _per_neuron(value, state.order))
        return self._gained(node, cast(Real | Codes, state), value)

    def _gained(self, node: Node, state: Real | Codes, value: Array) -> State:
        """A factor on quantized values or on the input."""
        if value.size != 1 or not (np.isfinite(value).all() and (value > 0).all()):
            raise Refused("a factor other than one positive power of two")
        factor = float(self._quantizers.powers(node, value, "factor").ravel()[0])
        if isinstance(state, Codes):
            return replace(state, gain=state.gain * factor)
        low, high = state.clip
        return replace(state, gain=state.gain * factor, clip=(low * factor, high * factor))

    def _batch_norm(self, node: Node, state: State) -> State:
        scale, shift, mean, variance = (
            self._constant(node, i).value.astype(np.float64) for i in range(1, 5)
        )
        if node.attributes.get("training_mode", 0):
            raise Refused("training_mode")
        if not isinstance(state, Sum) or state.active:
            raise Refused("stands elsewhere than between a Gemm or MatMul and its activation")
        with np.errstate(all="ignore"):
            gain = scale / np.sqrt(variance + _float(node, "epsilon", 1e-5))
        sizes = {one.size for one in (scale, shift, mean, variance)}
        if sizes != {state.order.size} or state.order.shape[1:2] != (state.order.size,):
            raise Refused("of another size than the layer before it")
        order = state.order.ravel()
        centred = replace(state, u=state.u - _placed(mean, order))
        scaled = self._scaled(node, centred, _placed(gain, order))
        return replace(scaled, u=scaled.u + _placed(shift, order))

    def _scaled(self, node: Node, total: Sum, factors: Array) -> Sum:
        """``total`` times a factor for each neuron."""
        if not np.isfinite(factors).all():
            raise Refused("a factor that is not finite")
        even = np.unique(factors).size == 1 and factors[0] > 0
        if total.function or (total.active and not even):
            raise Refused("stands behind an activation that is not quantized")
        exact = np.sign(factors) * nearest_power(np.where(factors == 0, 1, np.abs(factors)))
        factors = np.where(np.abs(factors - exact) <= _NEAR * np.abs(exact), exact, factors)
        size = np.where(factors == 0, 1, np.abs(factors))
        if not powers_of_two(size):
            if total.active or not self._snap:
                worst = size[np.frexp(size)[0] != 0.5]
                raise Refused(
                    f"factor {worst[0]:.6g} of {worst.size} neurons, no power of two"
                    + ("" if total.active else " (--snap-scales)")
                )
            total, size = self._absorbed(node, total, size)
        codes = total.weights.codes
        kept = np.where(factors == 0, 0, 1)
        if codes is None:
            raise TypeError("quantized weights are needed")
        factor = abs(float(factors[0])) if even else 1.0
        return replace(
            total,
            weights=replace(total.weights, codes=codes * kept[:, None]),
            gain=total.gain * np.where(factors < 0, -size, size),
            u=total.u * factors,
            clip=(total.clip[0] * factor, total.clip[1] * factor),
        )

    def _absorbed(self, node: Node, total: Sum, size: Array) -> tuple[Sum, Array]:
        """Factors that are no powers of two are taken into the weights, quantized anew."""
        weights = total.weights
        if weights.real is None or weights.scale is None or weights.codes is None:
            raise TypeError("quantized weights are needed")
        odd = np.frexp(size)[0] != 0.5
        factor = np.where(odd, size, 1.0)[:, None]
        moved = requantized(weights, weights.real * factor, nearest_power(weights.scale * factor))
        change = float(np.abs(moved.value - weights.codes * weights.scale * factor).max())
        self._report.note(
            label(node),
            f"factors of {int(odd.sum())} neurons are taken into the weights of "
            f"{label(total.node)}, which are quantized anew and change by up to {change:.3g}",
        )
        return replace(total, weights=moved), np.where(odd, 1.0, size)

    # activations

    def _clip(self, node: Node, state: State) -> State:
        ends = [_float(node, "min", -math.inf), _float(node, "max", math.inf)]
        for position in (1, 2):
            if len(node.inputs) > position and node.inputs[position]:
                value = self._constant(node, position).value
                if value.size != 1:
                    raise Refused("several limits, one can be had")
                ends[position - 1] = float(value.ravel()[0])
        return self._clip_to(node, state, *ends)

    def _hard_tanh(self, node: Node, state: State) -> State:
        return self._clip_to(
            node, state, _float(node, "min_val", -1.0), _float(node, "max_val", 1.0)
        )

    def _clip_to(self, node: Node, state: State, low: float, high: float) -> State:
        if not low <= high:
            raise Refused(f"a clip to {low:g}..{high:g}")
        if isinstance(state, Real):
            return replace(state, clip=clipped(state.clip, low, high))
        if isinstance(state, Sum):
            relu = state.relu or (low == 0 and state.function is None)
            return replace(state, clip=clipped(state.clip, low, high), relu=relu)
        codes = cast(Codes, state)
        if codes.bipolar:
            raise Refused("clips signs")
        limits = (code_of(codes, low), code_of(codes, high))
        bottom, top = clipped((codes.low, codes.high), *limits)
        source = codes.source
        if isinstance(source, Sum) and source.function is None and low == 0 and not codes.raw:
            source = replace(source, relu=True)
        return replace(codes, low=int(bottom), high=int(top), source=source)

    def _leaky(self, node: Node, state: State) -> State:
        alpha = _float(node, "alpha", 0.01)
        if alpha == 0.0:
            return self._clip_to(node, state, 0.0, math.inf)
        if not 0 < alpha <= 1:
            raise Refused(f"slope {alpha:g}, more than 0 and at most 1 can be had")
        alpha = float(self._quantizers.powers(node, np.array([alpha]), "slope")[0])
        if isinstance(state, Real):
            raise Refused(_UNQUANTIZED_INPUT)
        total = self._identity(node, state) if isinstance(state, Codes) else cast(Sum, state)
        if total.function is not None or total.slope != 1.0:
            raise Refused("stands behind another activation that is not quantized")
        low, high = total.clip
        slope = 1.0 if low >= 0 else alpha
        return replace(total, slope=slope, clip=(min(low, low * alpha), high))

    def _function(self, tabled: Tabled) -> Callable[[Node, State], State]:
        """What takes an operator that is this activation."""

        def take(node: Node, state: State) -> State:
            if isinstance(state, Real):
                raise Refused(_UNQUANTIZED_INPUT)
            total = self._identity(node, state) if isinstance(state, Codes) else cast(Sum, state)
            if total.active:
                raise Refused("stands behind another activation that is not quantized")
            return replace(total, function=tabled.name)

        return take

    # layout, and the end

    def _same(self, node: Node, state: State) -> State:
        mode = node.op == "Dropout" and len(node.inputs) > 2 and bool(node.inputs[2])
        if mode and self._constant(node, 2).value.any():
            raise Refused("training_mode")
        if (
            node.op == "Cast"
            and not isinstance(state, Class)
            and node.attributes.get("to") not in (1, 11)
        ):
            raise Refused("casts to something other than FLOAT or DOUBLE")
        return state

    def _layout(self, node: Node, state: State) -> State:
        if isinstance(state, Class):
            return state
        order = laid_out(node, state.order, self._constants)
        if order.ndim > 1 and order.shape[0] != 1:
            raise Refused("moves the axis of the samples")
        return replace(state, order=order)

    def _class(self, node: Node, state: State) -> State:
        if isinstance(state, Real):
            raise Refused(_UNQUANTIZED_INPUT)
        codes = cast(Codes | Sum, state)
        axis = node.attributes.get("axis", 0 if node.op == "ArgMax" else -1)
        rank = codes.order.ndim
        along = axis % rank if isinstance(axis, int) and -rank <= axis < rank else None
        if along is None or codes.order.shape[along] != codes.order.size:
            raise Refused("along another axis than that of the outputs")
        if node.attributes.get("select_last_index", 0):
            raise Refused("select_last_index; ties go to the lowest index")
        if node.op == "TopK":
            count = integers_of(self._constant(node, 1).value)
            if count != [1] or not node.attributes.get("largest", 1):
                raise Refused("other than the one largest")
        return Class(of=codes)

    def _constant(self, node: Node, position: int) -> Constant:
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name not in self._constants:
            raise Refused(f"input {position} is no constant")
        constant = self._constants[name]
        if constant.value.dtype.kind == "f" and not np.isfinite(constant.value).all():
            raise Refused("values that are not finite")
        return constant


def _stored(state: State) -> bool:
    return isinstance(state, Real) and state.type != "FLOAT"


def _per_neuron(value: Array, order: Array) -> Array:
    """A constant that is broadcast against a tensor of layout ``order``, one value per neuron."""
    try:
        spread = np.broadcast_to(value.astype(np.float64), order.shape)
    except ValueError:
        raise Refused(
            f"a constant of shape {list(value.shape)} for a tensor of {list(order.shape)}"
        ) from None
    return _placed(spread.ravel(), order.ravel())


def _placed(values: Array, order: Array) -> Array:
    placed = np.empty(order.size)
    placed[order] = values.ravel()
    return placed


def _float(node: Node, name: str, default: float) -> float:
    value = node.attributes.get(name, default)
    return float(value) if isinstance(value, int | float) else default
