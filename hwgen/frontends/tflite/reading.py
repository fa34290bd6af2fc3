"""What the operators of a TensorFlow Lite model share: its tensors, and codes as functions.

Maps are kept channel by channel, as networks have them; a tensor of the file has its channels last.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.frontends.onnx.context import Context
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.problems import Refused
from hwgen.frontends.onnx.quantizers import Array, Constant, Quantizer
from hwgen.frontends.onnx.states import Class, Codes, Execute, Real, State, Sum
from hwgen.frontends.tflite.file import Model, Operator, Tensor
from hwgen.frontends.tflite.kernels import multiplied
from hwgen.spec.arithmetic import Integers

RANGES = {"INT8": (-128, 127), "UINT8": (0, 255)}
STATIC = (
    "set converter.representative_dataset and target_spec.supported_ops = "
    "[OpsSet.TFLITE_BUILTINS_INT8], and convert again"
)
_CLIPS = {0: None, 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}

IndexedFunction = Callable[[int, Integers], Integers]
Handler = Callable[[Operator, State], State]
Function = Callable[[Integers], Integers]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A model while it is walked.

    Parameters
    ----------
    single
        Products are rounded once.
    """

    model: Model
    at: Context
    single: bool

    def node(self, operator: Operator, op: str = "", **attributes: list[int] | str | int) -> Node:
        """The operator for messages, and as one of ONNX where there is such a one."""
        name = self.model.tensors[operator.outputs[0]].name if operator.outputs else ""
        return Node(
            op=op or operator.name,
            domain="",
            name=name,
            inputs=("", name),
            outputs=(),
            attributes=dict(attributes),
        )

    def output(self, operator: Operator) -> Tensor:
        """What an operator gives."""
        return self.model.tensors[operator.outputs[0]]

    def product(self, values: Integers, factor: float) -> Integers:
        """``values`` times a factor, as kernels compute it."""
        return multiplied(values, factor, self.single)

    def codes(
        self, node: Node, tensor: Tensor, source: Real | Sum, execute: Execute | None
    ) -> Codes:
        """What an 8-bit tensor stands for."""
        if tensor.type == "INT16":
            raise Refused(f"activations of 16 bits, 8 can be had; {STATIC}")
        if tensor.type not in RANGES or len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
            raise Refused(f"a tensor of {tensor.type} with {len(tensor.scale)} scales; {STATIC}")
        if not 0 < tensor.scale[0] < np.inf:
            raise Refused(f"scale {tensor.scale[0]:g}; convert the model again")
        low, high = RANGES[tensor.type]
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

    def of_codes(self, operator: Operator, state: State, function: Function) -> Codes:
        """Codes that are a function of codes less their zero point."""
        node, state = self.node(operator), quantized(state)
        total = self.at.identity(node, state)

        def execute(neuron: int, step: float, bias: Fraction) -> Function:
            return lambda codes: function(codes + round(bias))

        return self.codes(node, self.output(operator), total, execute)

    def clip(self, codes: Codes, operator: Operator) -> Codes:
        """``codes`` within the range of the activation that is fused into an operator."""
        kind = operator.options.get("FusedActivationFunction", 0)
        if kind not in _CLIPS:
            raise Refused(f"fused activation {kind}; put it into an operator of its own")
        ends = _CLIPS[kind]
        return codes if ends is None else within(codes, ends)

    def constant(self, number: int, bits: str) -> Tensor:
        """A constant tensor of this type."""
        tensor = self.model.tensors[number]
        if tensor.values is None or tensor.type != bits:
            raise Refused(f"constants of {tensor.type}; {STATIC}")
        return tensor

    def rescaled(self, codes: Codes, one: bool) -> Execute:
        """From sums to codes; the factor of ``one`` scale is a product of 32-bit floats."""

        def execute(neuron: int, step: float, bias: Fraction) -> Function:
            product = float(np.float32(step)) if one else step
            factor, added = product / codes.scale, round(bias)

            def compute(sums: Integers) -> Integers:
                whole = self.product(sums + added, factor) + codes.zero_point
                return np.asarray(np.clip(whole, codes.low, codes.high))

            return compute

        return execute


def quantized(state: State) -> Codes:
    """Codes, which is what all operators read."""
    if isinstance(state, Class):
        raise Refused("reads scores that are left out; end the model before it")
    if not isinstance(state, Codes):
        raise Refused(f"reads values that are not quantized; {STATIC}")
    return state


def weights_of(codes: Array, scales: Array) -> Constant:
    """8-bit weights [outputs, ...], of a scale for each output."""
    spread = np.broadcast_to(scales.reshape(-1, *[1] * (codes.ndim - 1)), codes.shape)
    by = Quantizer(scale=spread, zero_point=np.zeros(()), low=-128, high=127, bits=8)
    return Constant(
        value=codes * spread,
        codes=codes,
        scale=spread,
        zero_point=np.zeros(codes.shape),
        real=codes * spread,
        by=by,
    )


def bounded(codes: Codes) -> Codes:
    """``codes`` whose function is clipped to their range."""
    execute = codes.execute
    if execute is None:
        raise TypeError("codes of a function are needed")

    def clipped(neuron: int, step: float, bias: Fraction) -> Function:
        function = execute(neuron, step, bias)
        return lambda values: np.clip(function(values), codes.low, codes.high)

    return replace(codes, execute=clipped)


def within(codes: Codes, ends: tuple[float, float]) -> Codes:
    """``codes`` clipped to those of real values, as kernels find them."""
    scale, zero = np.float32(codes.scale), codes.zero_point
    low, high = (
        end if np.isinf(end) else zero + int(np.floor(np.abs(np.float32(end) / scale) + 0.5)) * sign
        for end, sign in zip(ends, (-1, 1), strict=True)
    )
    clipped = replace(codes, low=max(codes.low, int(low)), high=int(min(codes.high, high)))
    return clipped if codes.execute is None else bounded(clipped)


def channels_last(order: Array) -> Array:
    """The layout of a tensor of the file."""
    return np.moveaxis(order, 1, -1) if order.ndim > 2 else order


def channels_first(order: Array) -> Array:
    """A layout of the file, channel by channel."""
    return np.moveaxis(order, -1, 1) if order.ndim > 2 else order
