"""Factors, sums with constants and batch normalization between two layers."""

import math
from dataclasses import replace
from typing import cast

import numpy as np

from hwgen.frontends.onnx.context import Context, float_of, per_sum, placed
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.functions import Handler
from hwgen.frontends.onnx.problems import Refused, label
from hwgen.frontends.onnx.quantizers import Array, nearest_power, powers_of_two, requantized
from hwgen.frontends.onnx.states import EVERYTHING, Codes, Real, State, Sum

_NEAR = 1e-6


class Affine:
    """Handlers of operators, by their names in :attr:`handlers`."""

    def __init__(self, at: Context):
        self.at = at
        self.handlers: dict[str, Handler] = {
            **dict.fromkeys(("Add", "Sub"), self._add),
            **dict.fromkeys(("Mul", "Div"), self._multiply),
            "BatchNormalization": self._batch_norm,
            "Neg": lambda node, state: self._multiplied(node, state, np.array(-1.0)),
        }

    def scaled(self, node: Node, total: Sum, factors: Array) -> Sum:
        """``total`` times a factor for each neuron."""
        return self._scaled(node, total, factors)

    def _add(self, node: Node, state: State) -> State:
        first = node.inputs[0] in self.at.constants
        value = self.at.constant(node, 0 if first else 1).value.astype(np.float64)
        if node.op == "Sub" and not first:
            value = -value
        if node.op == "Sub" and first:
            state = self._multiplied(node, state, np.array(-1.0))
        return self._added(node, state, value)

    def _added(self, node: Node, state: State, value: Array) -> State:
        if isinstance(state, Real):
            if value.size != 1:
                return self._left_out(node, state)
            added = float(value.ravel()[0])
            low, high = state.clip
            return replace(state, add=state.add + added, clip=(low + added, high + added))
        if isinstance(state, Codes):
            if value.size == 1:
                return replace(state, add=state.add + float(value.ravel()[0]))
            state = self.at.identity(node, state)
        total = cast(Sum, state)
        if total.active:
            raise Refused(
                "adds behind an activation that is not quantized; a quantizer is needed between"
            )
        return replace(total, u=total.u + per_sum(value, total))

    def _multiply(self, node: Node, state: State) -> State:
        first = node.inputs[0] in self.at.constants
        value = self.at.constant(node, 0 if first else 1).value.astype(np.float64)
        if node.op == "Div":
            if first:
                raise Refused("divides by a computed tensor; only constants can divide")
            with np.errstate(all="ignore"):
                value = 1.0 / value
        return self._multiplied(node, state, value)

    def _multiplied(self, node: Node, state: State, value: Array) -> State:
        """``state`` times one factor, or one for each feature."""
        if isinstance(state, Sum):
            return self._scaled(node, state, per_sum(value, state))
        one = value.size == 1 and np.isfinite(value).all() and bool((value > 0).all())
        if isinstance(state, Codes):
            if not one:
                total = self.at.identity(node, state)
                return self._scaled(node, total, per_sum(value, total))
            factor = float(self.at.quantizers.powers(node, value, "factor").ravel()[0])
            return replace(state, gain=state.gain * factor, add=state.add * factor)
        real = cast(Real, state)
        if not one and (value.size == 1 or not np.isfinite(value).all()):
            raise Refused("multiplies the input by what is not positive; do that to the data")
        if not one:
            return self._left_out(node, real)
        factor = float(self.at.quantizers.powers(node, value, "factor").ravel()[0])
        low, high = real.clip
        return replace(
            real,
            gain=real.gain * factor,
            add=real.add * factor,
            clip=(low * factor, high * factor),
        )

    def _left_out(self, node: Node, state: Real) -> Real:
        """A normalization of each feature of the input by its own, which is left to the data."""
        if state.clip != EVERYTHING or state.gain != 1.0 or state.add:
            raise Refused(
                "factors of single features of the input behind others; do it to the data"
            )
        self.at.report.note(
            label(node), "left out: give the network input data that it has been applied to"
        )
        return state

    def _batch_norm(self, node: Node, state: State) -> State:
        scale, shift, mean, variance = (
            self.at.constant(node, i).value.astype(np.float64) for i in range(1, 5)
        )
        if node.attributes.get("training_mode", 0):
            raise Refused("training_mode; export the model as it evaluates (model.eval())")
        if isinstance(state, Codes):
            state = self.at.identity(node, state)
        if isinstance(state, Real):
            return self._left_out(node, state)
        if not isinstance(state, Sum) or state.active:
            raise Refused(
                "stands behind an activation that is not quantized; put it before the activation, "
                "or a quantizer between"
            )
        with np.errstate(all="ignore"):
            gain = scale / np.sqrt(variance + float_of(node, "epsilon", 1e-5))
        sizes = {one.size for one in (scale, shift, mean, variance)}
        order = state.order
        if state.slide is not None:  # one value for each channel
            order = order.reshape(*order.shape[:2], -1)[:, :, 0] // (order.size // len(state.u))
        if sizes != {len(state.u)} or order.shape[1:2] != (len(state.u),):
            raise Refused(
                "of another size than the layer before it; its axis must be that of channels"
            )
        order = order.ravel()
        centred = replace(state, u=state.u - placed(mean, order))
        scaled = self._scaled(node, centred, placed(gain, order))
        return replace(scaled, u=scaled.u + placed(shift, order))

    def _scaled(self, node: Node, total: Sum, factors: Array) -> Sum:
        """``total`` times a factor for each neuron."""
        if not np.isfinite(factors).all():
            raise Refused("a factor that is not finite; train or export the model anew")
        if total.pools and (factors < 0).any():
            raise Refused("a factor below 0 behind a MaxPool; a quantizer is needed between")
        even = np.unique(factors).size == 1 and factors[0] > 0
        through = all(end in (0.0, math.inf, -math.inf) for end in total.clip) and factors.min() > 0
        if total.function or (total.active and not even and not through):
            raise Refused("stands behind an activation that is not quantized; quantize it before")
        exact = np.sign(factors) * nearest_power(np.where(factors == 0, 1, np.abs(factors)))
        factors = np.where(np.abs(factors - exact) <= _NEAR * np.abs(exact), exact, factors)
        size = np.where(factors == 0, 1, np.abs(factors))
        if self.at.snap and not total.active and not powers_of_two(size):
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
        self.at.report.note(
            label(node),
            f"factors of {int(odd.sum())} neurons are taken into the weights of "
            f"{label(total.node)}, which are quantized anew and change by up to {change:.3g}",
        )
        return replace(total, weights=moved), np.where(odd, 1.0, size)
