"""Activations: what clips, bends and tabulates the tensor between two layers."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import cast

import numpy as np

from hwgen.frontends.onnx.clips import code_of
from hwgen.frontends.onnx.context import UNQUANTIZED_INPUT, Context, float_of
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.problems import Refused, label
from hwgen.frontends.onnx.states import (
    Class,
    Codes,
    Execute,
    Range,
    Real,
    State,
    Sum,
    clipped,
)
from hwgen.spec.activations import Tabled, activations
from hwgen.spec.arithmetic import Integers

Handler = Callable[[Node, State], State]
_MOST_OCTAVES = 11


class Functions:
    """Handlers of operators, by their names in :attr:`handlers`."""

    def __init__(self, at: Context):
        self.at = at
        self.handlers: dict[str, Handler] = {
            **{
                op: self._function(one)
                for one in activations()
                if isinstance(one, Tabled)
                for op in one.onnx
            },
            **dict.fromkeys(("HardTanh", "Hardtanh"), self._hard_tanh),
            **dict.fromkeys(("Softmax", "LogSoftmax"), self._scores),
            "Relu": lambda node, state: self._clip_to(node, state, 0.0, math.inf),
            "Clip": self._clip,
            "LeakyRelu": self._leaky,
            "PowerQuant": self._powers,
        }

    def _scores(self, node: Node, state: State) -> State:
        """A softmax keeps the order of what it reads, and is left out at the end of a model."""
        if isinstance(state, Real):
            raise Refused(UNQUANTIZED_INPUT)
        rank = state.order.ndim if isinstance(state, Codes | Sum) else 0
        axis = node.attributes.get("axis", -1)
        along = axis % rank if isinstance(axis, int) and -rank <= axis < rank else None
        if (
            isinstance(state, Class)
            or along is None
            or state.order.shape[along] != state.order.size
        ):
            raise Refused("along another axis than that of the outputs; take axis -1")
        self.at.report.note(
            label(node), "left out: the largest output is the same before it, and results are those"
        )
        return Class(of=state, scores=True)

    def _clip(self, node: Node, state: State) -> State:
        ends = [float_of(node, "min", -math.inf), float_of(node, "max", math.inf)]
        for position in (1, 2):
            if len(node.inputs) > position and node.inputs[position]:
                value = self.at.constant(node, position).value
                if value.size != 1:
                    raise Refused("several limits, one for the tensor can be had")
                ends[position - 1] = float(value.ravel()[0])
        return self._clip_to(node, state, *ends)

    def _hard_tanh(self, node: Node, state: State) -> State:
        return self._clip_to(
            node, state, float_of(node, "min_val", -1.0), float_of(node, "max_val", 1.0)
        )

    def _clip_to(self, node: Node, state: State, low: float, high: float) -> State:
        if not low <= high:
            raise Refused(f"a clip to {low:g}..{high:g}; the lower end must be the first")
        if isinstance(state, Real):
            return replace(state, clip=clipped(state.clip, low, high))
        if isinstance(state, Sum):
            relu = state.relu or (low == 0 and state.function is None)
            return replace(state, clip=clipped(state.clip, low, high), relu=relu)
        codes = cast(Codes, state)
        if codes.bipolar:
            return self._clip_to(node, self.at.identity(node, codes), low, high)
        if codes.add:
            return self._clip_to(node, self.at.identity(node, codes), low, high)
        try:
            limits = (code_of(codes, low), code_of(codes, high))
        except Refused:  # between two codes: a function of its own, before the next quantizer
            return self._clip_to(node, self.at.identity(node, codes), low, high)
        bottom, top = clipped((codes.low, codes.high), *limits)
        source = codes.source
        if isinstance(source, Sum) and source.function is None and low == 0 and not codes.raw:
            source = replace(source, relu=True)
        return replace(codes, low=int(bottom), high=int(top), source=source)

    def _leaky(self, node: Node, state: State) -> State:
        alpha = float_of(node, "alpha", 0.01)
        if alpha == 0.0:
            return self._clip_to(node, state, 0.0, math.inf)
        if not 0 < alpha <= 1:
            raise Refused(f"slope {alpha:g}, more than 0 and at most 1 can be had")
        alpha = float(self.at.quantizers.powers(node, np.array([alpha]), "slope")[0])
        total = self._inactive(node, state)
        low, high = total.clip
        slope = 1.0 if low >= 0 else alpha
        return replace(total, slope=slope, clip=(min(low, low * alpha), high))

    def _inactive(self, node: Node, state: State) -> Sum:
        """Sums that no activation has changed."""
        if isinstance(state, Real):
            raise Refused(UNQUANTIZED_INPUT)
        total = self.at.identity(node, state) if isinstance(state, Codes) else cast(Sum, state)
        if total.function is not None or total.slope != 1.0:
            raise Refused(
                "stands behind another activation, not quantized; add a quantizer between"
            )
        return total

    def _powers(self, node: Node, state: State) -> State:
        """Powers of two, as QKeras' quantizers to them: codes that leave others out."""
        total = self._inactive(node, state)
        low, high = (int(float_of(node, name, 0)) for name in ("low", "high"))
        signed = bool(node.attributes.get("signed", 0))
        if high - low > _MOST_OCTAVES:
            found = f"powers of two from 2^{low} to 2^{high}"
            raise Refused(f"{found}; at most {_MOST_OCTAVES} octaves, by fewer bits or max_value")
        size = 1 << (high - low)
        return Codes(
            order=total.order,
            source=total,
            node=node,
            scale=2.0**low,
            low=-size if signed else 1,
            high=size,
            declared=(high - low + 1 + signed, signed),
            execute=_power_of(total.clip, low, high, signed),
        )

    def _function(self, tabled: Tabled) -> Callable[[Node, State], State]:
        """What takes an operator that is this activation."""

        def take(node: Node, state: State) -> State:
            if isinstance(state, Real):
                raise Refused(UNQUANTIZED_INPUT)
            total = self.at.identity(node, state) if isinstance(state, Codes) else cast(Sum, state)
            if total.active:
                raise Refused(
                    "stands behind another activation, not quantized; add a quantizer between"
                )
            return replace(total, function=tabled.name)

        return take


def _power_of(clip: Range, low: int, high: int, signed: bool) -> Execute:
    """The nearest power of two by its exponent, in steps of ``2^low``; of 0 the smallest."""

    def execute(neuron: int, step: float, bias: Fraction) -> Callable[[Integers], Integers]:
        def compute(accumulators: Integers) -> Integers:
            real = np.clip(step * (accumulators + float(bias)), *clip)
            size = np.maximum(np.abs(real) if signed else real, 2.0 ** (low - 1))
            power = np.clip(np.rint(np.log2(size)), low, high).astype(np.int64)
            codes = np.left_shift(np.int64(1), power - low)
            return np.where((real < 0) & signed, -codes, codes)

        return compute

    return execute
