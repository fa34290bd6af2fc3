"""Sums and products of 8-bit codes with constants, as the reference kernels compute them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.frontends.onnx.context import per_sum
from hwgen.frontends.onnx.problems import Refused
from hwgen.frontends.onnx.quantizers import Array
from hwgen.frontends.onnx.states import Execute, State, Sum
from hwgen.frontends.tflite.file import Operator
from hwgen.frontends.tflite.reading import (
    STATIC,
    Function,
    Handler,
    IndexedFunction,
    Reading,
    bounded,
    channels_first,
    quantized,
)
from hwgen.spec.arithmetic import Integers

_FINER = 20
"""Bits that operands of sums are shifted left by before they are brought to one scale."""


class Constants:
    """Handlers of operators, by their names in :attr:`handlers`."""

    def __init__(self, reading: Reading):
        self._reading = reading
        self.handlers: dict[str, Handler] = {
            "ADD": lambda operator, state: self._added(operator, state, 1),
            "SUB": lambda operator, state: self._added(operator, state, -1),
            "MUL": self._multiplied,
        }

    def _operand(self, operator: Operator, total: Sum) -> tuple[Array, float, bool]:
        """The constant's codes less its zero point, for each sum, its scale, and if it is first."""
        tensors = self._reading.model.tensors
        if len(operator.inputs) != 2:
            raise Refused("other than two operands; convert the model again")
        first = tensors[operator.inputs[0]].values is not None
        tensor = tensors[operator.inputs[0 if first else 1]]
        if tensor.values is None or tensor.type not in ("INT8", "UINT8") or len(tensor.scale) != 1:
            raise Refused(f"a constant of {tensor.type} with {len(tensor.scale)} scales; {STATIC}")
        codes = tensor.values.astype(np.int64) - tensor.zero_point[0]
        rank = total.order.ndim
        shaped = codes.reshape([1] * (rank - codes.ndim) + list(codes.shape))
        own = np.rint(per_sum(channels_first(shaped), total)).astype(np.int64)
        return own, tensor.scale[0], first

    def _added(self, operator: Operator, state: State, sign: int) -> State:
        """``state`` plus or minus a constant; both at twice the larger scale, then rescaled."""
        reading, given = self._reading, quantized(state)
        node, tensor = reading.node(operator), reading.output(operator)
        total = reading.at.identity(node, given)
        constant, scale, first = self._operand(operator, total)
        own, other = (1, sign) if not first else (sign, 1)
        most = float(2 * np.float32(max(given.scale, scale)))
        others = reading.product(constant << _FINER, scale / most) * other

        def function(neuron: int, values: Integers) -> Integers:
            mine = reading.product(values << _FINER, given.scale / most) * own
            factor = most / ((1 << _FINER) * float(tensor.scale[0]))
            return reading.product(mine + others[neuron], factor) + tensor.zero_point[0]

        falls = np.full(len(constant), own)
        made = reading.codes(node, tensor, _signed(total, falls), _each(function, falls))
        return reading.clip(bounded(made), operator)

    def _multiplied(self, operator: Operator, state: State) -> State:
        reading, given = self._reading, quantized(state)
        node, tensor = reading.node(operator), reading.output(operator)
        total = reading.at.identity(node, given)
        constant, scale, _ = self._operand(operator, total)
        factor = float(np.float32(given.scale) * np.float32(scale) / np.float32(tensor.scale[0]))

        def function(neuron: int, values: Integers) -> Integers:
            whole = reading.product(values * constant[neuron], factor)
            return whole + tensor.zero_point[0]

        signs = np.where(constant < 0, -1, 1)
        made = reading.codes(node, tensor, _signed(total, signs), _each(function, signs))
        return reading.clip(bounded(made), operator)


def _signed(total: Sum, signs: Array) -> Sum:
    """``total`` with the sign of each neuron's function, which then never falls."""
    return replace(total, gain=signs.astype(np.float64))


def _each(function: IndexedFunction, signs: Array) -> Execute:
    def execute(neuron: int, step: float, bias: Fraction) -> Function:
        sign, added = int(signs[neuron]), round(bias)
        return lambda sums: function(neuron, sign * (sums + added))

    return execute
