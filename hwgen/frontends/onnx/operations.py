"""What each operator does to the tensor between two layers (:mod:`hwgen.frontends.onnx.states`)."""

from dataclasses import replace

import numpy as np

from hwgen.frontends.onnx.affine import Affine
from hwgen.frontends.onnx.clips import clip_codes, requantized_codes
from hwgen.frontends.onnx.constants import LAYOUT, integers_of, laid_out
from hwgen.frontends.onnx.context import (
    UNQUANTIZED,
    UNQUANTIZED_INPUT,
    Context,
    float_of,
    per_neuron,
)
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.functions import Functions, Handler
from hwgen.frontends.onnx.problems import Refused, label
from hwgen.frontends.onnx.quantizers import Constant, Quantizer, dyadic
from hwgen.frontends.onnx.states import Class, Codes, Real, State, Sum
from hwgen.frontends.onnx.windows import Windows

_QUANTIZING = ("Quant", "IntQuant", "QuantizeLinear", "DequantizeLinear")
_ON_SCORES = (*_QUANTIZING, "ArgMax", "TopK")
_ON_INTEGERS = ("Identity", "Clip", "DequantizeLinear", "ArgMax", "TopK", "MaxPool")


class Operations:
    """Turns the state of a node's input into that of its output."""

    def __init__(self, at: Context):
        self.at = at
        self._affine = Affine(at)
        self._handlers: dict[str, Handler] = {
            **dict.fromkeys(
                ("Quant", "IntQuant", "BipolarQuant", "QuantizeLinear"), self._quantize
            ),
            **dict.fromkeys(("Gemm", "MatMul"), self._dense),
            **dict.fromkeys(("ArgMax", "TopK"), self._class),
            **dict.fromkeys(("Identity", "Dropout", "Cast"), self._same),
            **dict.fromkeys(LAYOUT, self._layout),
            "DequantizeLinear": self._dequantize,
            **self._affine.handlers,
            **Windows(at).handlers,
            **Functions(at).handlers,
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
        if isinstance(state, Class):
            allowed = (*LAYOUT, "Identity", "Cast", *(_ON_SCORES * state.scores))
            if node.op not in allowed:
                what = "scores that are left out" if state.scores else "the index of the largest"
                raise Refused(f"reads {what}; end the model before it")
        raw = (isinstance(state, Codes) and state.raw) or _stored(state)
        if raw and node.op not in (*LAYOUT, *_ON_INTEGERS):
            raise Refused("reads integers: a DequantizeLinear is needed between")
        if isinstance(state, Class) and node.op in _QUANTIZING:
            return state  # codes of scores are in their order
        return self._handlers[node.op](node, state)

    def check(self, node: Node) -> None:
        """Say what is wrong with a node by itself, where what it reads is not known."""
        if node.op in ("Quant", "IntQuant", "BipolarQuant", "QuantizeLinear", "DequantizeLinear"):
            self.at.quantizers.read(node, "INT8")
        if node.op in ("Gemm", "MatMul"):
            self._weights(node)

    # quantizers

    def _quantize(self, node: Node, state: State) -> State:
        by = self._one(node, "")
        if isinstance(state, Codes):
            plain = not (by.bipolar or state.bipolar or state.add)
            stored = node.op == "QuantizeLinear"
            same = by.zero_point == state.zero_point and by.scale == state.scale * state.gain
            merged = requantized_codes(state, by) if plain and (same or not stored) else None
            if merged is not None and stored:
                merged = replace(merged, raw=True)
            if merged is not None:
                return merged
            state = self.at.identity(node, state)
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
            raise Refused("reads no integers; a QuantizeLinear is needed before it")
        by = self._one(node, "INT8" if state.declared[1] else "UINT8")
        moved = (state.zero_point - int(by.zero_point)) * float(by.scale)
        return replace(state, raw=False, gain=float(by.scale) / state.scale, add=moved)

    def _one(self, node: Node, kind: str) -> Quantizer:
        """A quantizer with one scale and one zero point."""
        by = self.at.quantizers.read(node, kind)
        if by is None:
            raise Refused("")
        scale, zero_point = self.at.quantizers.powers(node, by.scale), by.zero_point
        if np.unique(scale).size > 1 or np.unique(zero_point).size > 1:
            raise Refused("several scales or zero points on an activation, one can be had")
        return replace(by, scale=scale.ravel()[0], zero_point=zero_point.ravel()[0])

    # layers

    def _dense(self, node: Node, state: State) -> State:
        weights = self._weights(node)
        if isinstance(state, Real):
            raise Refused(UNQUANTIZED_INPUT)
        if not isinstance(state, Codes):
            raise Refused(UNQUANTIZED)
        if weights is None:
            raise Refused("")
        if any(state.padding):
            raise Refused("reads a map that is padded; a convolution is needed behind the Pad")
        features = state.order.size
        if state.order.shape[-1] != features or state.order.ndim > 3:
            raise Refused(f"reads a tensor of shape {list(state.order.shape)}; Flatten is needed")
        if weights.value.shape[1] != features:
            raise Refused(f"{weights.value.shape[1]} inputs, but {features} values come in")
        back = np.argsort(state.order.ravel())
        outputs = weights.value.shape[0]
        order = np.arange(outputs).reshape(*state.order.shape[:-1], outputs)
        alpha = float_of(node, "alpha", 1.0)
        total = Sum(
            order=order,
            node=node,
            x=state,
            weights=weights.mapped(lambda array: array[:, back]),
            gain=np.ones(outputs),
            u=np.zeros(outputs),
        )
        if alpha != 1.0:
            total = self._affine.scaled(node, total, np.full(outputs, alpha))
        if node.op == "Gemm" and len(node.inputs) > 2 and node.inputs[2]:
            bias = self.at.constant(node, 2).value * float_of(node, "beta", 1.0)
            total = replace(total, u=total.u + per_neuron(bias, order))
        return total

    def _weights(self, node: Node) -> Constant | None:
        """Quantized weights [outputs, inputs], or None where they were reported."""
        if len(node.inputs) < 2 or node.inputs[1] not in self.at.constants:
            raise Refused(
                "weights that are computed, or stand on the left; constants on the right can be had"
            )
        weights = self.at.constants[node.inputs[1]]
        if weights.value.ndim != 2 or not weights.value.size:
            raise Refused(f"weights of shape {list(weights.value.shape)}; two axes can be had")
        if weights.value.size > self.at.max_weights:
            raise Refused(
                f"{weights.value.size:,} weights, at most {self.at.max_weights:,} (max_weights)"
            )
        if node.attributes.get("transA", 0):
            raise Refused("transA; data that are not transposed can be had")
        if weights.codes is None:
            found = dyadic(weights.value)
            if found is None:
                raise Refused("weights are not quantized (hwgen quantize does that)")
            bits = found.by.bits if found.by else 0
            self.at.report.note(label(node), f"weights without a quantizer fit {bits} bits exactly")
            weights = found
        if node.op == "MatMul" or not node.attributes.get("transB", 0):
            weights = weights.mapped(np.transpose)
        if weights.scale is not None and (weights.scale != weights.scale[:, :1]).any():
            raise Refused("weights with a scale for each input; one for each output can be had")
        before = len(self.at.report.problems)
        weights = self.at.quantizers.weights(weights.node or node, weights)
        return weights if len(self.at.report.problems) == before else None

    # layout, and the end

    def _same(self, node: Node, state: State) -> State:
        mode = node.op == "Dropout" and len(node.inputs) > 2 and bool(node.inputs[2])
        if mode and self.at.constant(node, 2).value.any():
            raise Refused("training_mode; export the model as it evaluates (model.eval())")
        if (
            node.op == "Cast"
            and not isinstance(state, Class)
            and node.attributes.get("to") not in (1, 11)
        ):
            raise Refused("casts to something other than FLOAT or DOUBLE; a quantizer rounds")
        return state

    def _layout(self, node: Node, state: State) -> State:
        if isinstance(state, Class):
            return state
        order = laid_out(node, state.order, self.at.constants)
        if order.ndim > 1 and order.shape[0] != 1:
            raise Refused("moves the axis of the samples; it must stay the first")
        return replace(state, order=order)

    def _class(self, node: Node, state: State) -> State:
        if isinstance(state, Real):
            raise Refused(UNQUANTIZED_INPUT)
        if isinstance(state, Class):
            state = state.of
        codes = state
        axis = node.attributes.get("axis", 0 if node.op == "ArgMax" else -1)
        rank = codes.order.ndim
        along = axis % rank if isinstance(axis, int) and -rank <= axis < rank else None
        if along is None or codes.order.shape[along] != codes.order.size:
            raise Refused("along another axis than that of the outputs; take axis -1")
        if node.attributes.get("select_last_index", 0):
            raise Refused("select_last_index; ties go to the lowest index")
        if node.op == "TopK":
            count = integers_of(self.at.constant(node, 1).value)
            if count != [1] or not node.attributes.get("largest", 1):
                raise Refused("other than the one largest; k = 1 can be had")
        return Class(of=codes)


def _stored(state: State) -> bool:
    return isinstance(state, Real) and state.type != "FLOAT"
