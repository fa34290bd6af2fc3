"""Convolutions and pools of TensorFlow Lite, read as those of ONNX with kernels' own rounding."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.frontends.onnx import windows as onnx
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.problems import Refused
from hwgen.frontends.onnx.states import Class, Codes, Execute, Real, State, Sum
from hwgen.frontends.tflite.file import Operator
from hwgen.frontends.tflite.kernels import multiplier_of, scaled
from hwgen.frontends.tflite.reading import Function, Handler, Reading, quantized, weights_of
from hwgen.spec.arithmetic import Integers

_LOWEST = {True: -128, False: 0}
_PADDING = {0: "SAME_UPPER", 1: "VALID"}


class Windows:
    """Handlers of operators, by their names in :attr:`handlers`."""

    def __init__(self, reading: Reading):
        self._reading = reading
        self._onnx = onnx.Windows(reading.at).handlers
        self.handlers: dict[str, Handler] = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "MAX_POOL_2D": self._largest,
            "AVERAGE_POOL_2D": self._average,
            "MEAN": self._mean,
            "PAD": self._pad,
        }

    def _convolution(self, operator: Operator, state: State) -> State:
        weights = self._reading.constant(operator.inputs[1], "INT8")
        _, rows, columns, own = _four(weights.shape)
        channels = quantized(state).order.shape[1]
        codes = np.moveaxis(np.asarray(weights.values), -1, 1)
        return self._summed(operator, state, codes, [rows, columns], max(1, channels // own))

    def _depthwise(self, operator: Operator, state: State) -> State:
        weights = self._reading.constant(operator.inputs[1], "INT8")
        _, rows, columns, outputs = _four(weights.shape)
        codes = np.moveaxis(np.asarray(weights.values), -1, 0).reshape(outputs, 1, rows, columns)
        channels = quantized(state).order.shape[1]
        return self._summed(operator, state, codes, [rows, columns], channels)

    def _summed(
        self, operator: Operator, state: State, codes: object, kernel: list[int], groups: int
    ) -> State:
        """The codes of a convolution with weights [outputs, channels of a group, *kernel]."""
        reading, given = self._reading, quantized(state)
        whole = np.asarray(codes, np.int64)
        tensor = reading.model.tensors[operator.inputs[1]]
        outputs = len(whole)
        scales = np.broadcast_to(np.array(tensor.scale, np.float64), (outputs,))
        zeros = np.broadcast_to(np.array(tensor.zero_point or [0], np.int64), (outputs,))
        node = reading.node(operator, "Conv", group=groups, **self._window(operator, kernel))
        weights = weights_of(whole - zeros[:, None, None, None], scales)
        reading.at.constants[node.inputs[1]] = weights
        total = self._slid("Conv", node, given)
        if not isinstance(total, Sum):
            raise TypeError("a convolution is a sum")
        added = np.zeros(outputs, np.int64)
        if operator.inputs[2:3] not in ([], [-1]):
            bias = reading.constant(operator.inputs[2], "INT32")
            added = np.asarray(bias.values, np.int64).ravel()
        total = replace(total, u=added * scales * given.scale)
        made = reading.codes(node, reading.output(operator), total, None)
        return reading.clip(replace(made, execute=reading.rescaled(made, False)), operator)

    def _slid(self, op: str, node: Node, codes: Codes) -> State:
        """``op`` of ONNX on a map, or on the signal that a map of one row or column is."""
        flat = _signal(node, codes)
        if flat is None:
            return self._onnx[op](node, codes)
        axis, kernel, node, signal = flat
        weights = self._reading.at.constants.get(node.inputs[1])
        if op == "Conv" and weights is not None:
            own = weights.mapped(lambda a: a.reshape(*a.shape[:2], kernel))
            self._reading.at.constants[node.inputs[1]] = own
        found = self._onnx[op](node, signal)
        if isinstance(found, Class):
            raise TypeError("a map is needed")
        return replace(found, order=np.expand_dims(found.order, 2 + axis))

    def _window(self, operator: Operator, kernel: list[int]) -> dict[str, list[int] | str]:
        options = operator.options
        return {
            "kernel_shape": kernel,
            "strides": [options.get("StrideH", 1), options.get("StrideW", 1)],
            "dilations": [options.get("DilationHFactor", 1), options.get("DilationWFactor", 1)],
            "auto_pad": _PADDING.get(options.get("Padding", 0), "VALID"),
        }

    def _pool(self, operator: Operator) -> dict[str, list[int] | str]:
        options = operator.options
        return self._window(operator, [options["FilterHeight"], options["FilterWidth"]])

    def _largest(self, operator: Operator, state: State) -> State:
        codes = self._alike(operator, quantized(state))
        node = self._reading.node(operator, "MaxPool", **self._pool(operator))
        found = self._slid("MaxPool", node, codes)
        if not isinstance(found, Codes):
            raise TypeError("a pool of codes gives codes")
        return self._reading.clip(found, operator)

    def _average(self, operator: Operator, state: State) -> State:
        given = self._alike(operator, quantized(state))
        node = self._reading.node(operator, "AveragePool", **self._pool(operator))
        total = self._slid("AveragePool", node, given)
        if not isinstance(total, Sum) or total.slide is None:
            raise TypeError("a mean is a sum")
        made = self._reading.codes(node, self._reading.output(operator), total, None)
        execute = _averaged(made, math.prod(total.slide.kernel))
        return self._reading.clip(replace(made, execute=execute), operator)

    def _alike(self, operator: Operator, codes: Codes) -> Codes:
        """``codes``, whose scale and zero point are those of what comes out."""
        made = self._reading.codes(codes.node, self._reading.output(operator), codes.source, None)
        own, given = (one.zero_point - _LOWEST[one.declared[1]] for one in (made, codes))
        if made.scale != codes.scale or own != given:
            raise Refused("to another scale than its input's; convert the model again")
        return codes

    def _mean(self, operator: Operator, state: State) -> State:
        """The mean over all positions, as of a global average pool."""
        given, tensor = quantized(state), self._reading.output(operator)
        values = self._reading.model.tensors[operator.inputs[1]].values
        rank = given.order.ndim
        axes = set() if values is None else {int(axis) % rank for axis in values.ravel()}
        if axes != set(range(1, rank - 1)):
            raise Refused("a mean over other axes than all positions of a map; take those")
        node = self._reading.node(operator, "GlobalAveragePool")
        total = self._onnx["GlobalAveragePool"](node, given)
        if not isinstance(total, Sum) or total.slide is None:
            raise TypeError("a mean is a sum")
        made = self._reading.codes(node, tensor, total, None)
        factor = given.scale / made.scale
        made = replace(made, execute=self._reduced(made, factor, math.prod(total.slide.kernel)))
        if operator.options.get("KeepDims", 0):
            return made
        return replace(made, order=made.order.reshape(1, -1))

    def _reduced(self, codes: Codes, factor: float, count: int) -> Execute:
        """From sums to codes of means: the count is divided into the factor's multiplier."""
        multiplier, shift = multiplier_of(factor)
        more = min(count.bit_length() - 1, 32, 31 + shift)
        own = (multiplier << more) // count, shift - more
        single = self._reading.single

        def execute(neuron: int, step: float, bias: Fraction) -> Function:
            added = round(bias)

            def compute(sums: Integers) -> Integers:
                whole = scaled(sums + added, *own, single) + codes.zero_point
                return np.asarray(np.clip(whole, codes.low, codes.high))

            return compute

        return execute

    def _pad(self, operator: Operator, state: State) -> State:
        sizes = self._reading.constant(operator.inputs[1], "INT32").values
        pairs = np.asarray(sizes).reshape(-1, 2)
        order = [0, len(pairs) - 1, *range(1, len(pairs) - 1)]  # channels before positions
        pads = [int(pairs[axis][end]) for end in (0, 1) for axis in order]
        node = self._reading.node(operator, "Pad", pads=pads)
        return self._onnx["Pad"](
            replace(node, inputs=("",)), self._alike(operator, quantized(state))
        )


def _signal(node: Node, codes: Codes) -> tuple[int, int, Node, Codes] | None:
    """The axis of a map that has one place, the kernel along the other, and both without it."""
    own = codes.source.slide if isinstance(codes.source, Sum) else None
    if codes.order.ndim != 4 or (own is not None and len(own.kernel) > 1):
        return None
    keys = ("kernel_shape", "strides", "dilations")
    listed = {key: list(node.attributes[key]) for key in keys}  # type: ignore[arg-type]
    for axis in (0, 1):
        around = codes.padding[axis::2] if codes.padding else ()
        if codes.order.shape[2 + axis] == 1 == listed["kernel_shape"][axis] and not any(around):
            kept = {key: [value[1 - axis]] for key, value in listed.items()}
            order = codes.order.squeeze(2 + axis)
            source = codes.source
            if isinstance(source, Real):
                source = replace(source, order=order)
            signal = replace(
                codes, order=order, source=source, padding=codes.padding[1 - axis :: 2]
            )
            made = replace(node, attributes={**node.attributes, **kept})
            return axis, kept["kernel_shape"][0], made, signal
    return None


def _four(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 4:
        raise Refused(f"weights of shape {list(shape)}, four axes are needed")
    return shape


def _averaged(codes: Codes, count: int) -> Execute:
    """From sums to codes of means, of which half is rounded away from the code 0."""

    def execute(neuron: int, step: float, bias: Fraction) -> Function:
        added = round(bias) + count * codes.zero_point

        def compute(sums: Integers) -> Integers:
            whole = sums + added
            size = (np.abs(whole) + count // 2) // count
            return np.asarray(np.clip(np.sign(whole) * size, codes.low, codes.high))

        return compute

    return execute
