"""Real weights to integers, with the least error of the sums that they make.

What counts is not the error of a weight but that of its sum over the calibration inputs x::

    error_j = e_j H e_j^T      e_j = quantized - real weights of neuron j      H = mean(x^T x)

``nearest`` rounds each weight alone. ``compensated`` rounds the weights of a neuron one after the
other, and lets those that are left make up for the error of each::

    w_rest -= e_i / U_ii * U_i,rest      U^T U = H^-1, U upper triangular

([9] of docs/references.md). Inputs of the largest mean square go first.
"""

from dataclasses import dataclass

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.grids import Grid
from hwgen.frontends.quantize.settings import RoundingMethod
from hwgen.spec.arithmetic import Integers

_DAMPING = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What the weights of one group of a convolution see, or those of a dense layer.

    Parameters
    ----------
    moments
        H, [inputs, inputs]; regular.
    factor
        U.
    order
        Inputs in the order of their rounding; ``factor`` is in this order.
    """

    moments: Floats
    factor: Floats
    order: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What a layer's quantized weights are to come close to.

    Parameters
    ----------
    weights
        Reals [outputs, inputs].
    groups
        What the outputs see, as many of them for each group.
    """

    weights: Floats
    groups: tuple[Seen, ...]

    def errors(self, weights: Floats) -> Floats:
        """Mean squared error of each neuron's sum [outputs]."""
        difference = weights - self.weights
        return np.asarray(np.einsum("ji,ji->j", self.weighed(difference), difference))

    def weighed(self, values: Floats) -> Floats:
        """``values`` [..., outputs, inputs] times the moments of what each output sees."""
        own = len(self.weights) // len(self.groups)
        parts = [
            values[..., first * own : (first + 1) * own, :] @ group.moments
            for first, group in enumerate(self.groups)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)

    @property
    def importance(self) -> Floats:
        """Mean square of what each weight is multiplied by, [outputs, inputs]."""
        own = len(self.weights) // len(self.groups)
        return np.repeat([np.diag(group.moments) for group in self.groups], own, axis=0)


def aim(weights: Floats, real_x: Floats, x: Floats, centred: bool) -> Target:
    """The target of a layer that reads ``x`` where the float network reads ``real_x``.

    The float network's sums on its own inputs are what is aimed at: weights move by a damped least
    squares step towards what gives these sums from ``x``.

    Parameters
    ----------
    real_x, x
        What the sums of each group are made of, [groups, sums, inputs].
    centred
        Means do not count; the bias takes them up.
    """
    own = len(weights) // len(x)
    found = [
        _aimed(weights[first * own : (first + 1) * own], *both, centred)
        for first, both in enumerate(zip(real_x, x, strict=True))
    ]
    moved, groups = zip(*found, strict=True)
    return Target(weights=np.concatenate(moved), groups=groups)


def _aimed(weights: Floats, real_x: Floats, x: Floats, centred: bool) -> tuple[Floats, Seen]:
    """The weights of one group as they should be, and what they see."""
    if centred:
        real_x, x = real_x - real_x.mean(axis=0), x - x.mean(axis=0)
    plain = x.T @ x / len(x)
    damping = _DAMPING * float(np.mean(np.diag(plain))) or 1.0
    moments = plain + damping * np.eye(len(plain))
    moved = np.linalg.solve(moments, x.T @ ((real_x - x) @ weights.T) / len(x)).T
    order = np.argsort(-np.diag(moments), kind="stable")
    inverse = np.linalg.inv(moments[np.ix_(order, order)])
    factor = np.asarray(np.linalg.cholesky((inverse + inverse.T) / 2).T, np.float64)
    return weights + moved, Seen(moments=moments, factor=factor, order=order)


def round_weights(
    target: Target, wanted: Floats, fractions: Integers, grid: Grid, method: RoundingMethod
) -> Integers:
    """Integers [outputs, inputs] of the grid for the reals ``wanted``, at a fraction per output."""
    scaled = np.ldexp(wanted, fractions[:, None])
    if method == "nearest":
        return grid.snap(scaled)
    parts = np.split(scaled, len(target.groups))
    return np.concatenate(
        [_compensated(part, seen, grid) for part, seen in zip(parts, target.groups, strict=True)]
    )


def _compensated(scaled: Floats, seen: Seen, grid: Grid) -> Integers:
    """One weight of each neuron after the other, the rest making up for its error."""
    rest = scaled[:, seen.order]
    codes = np.zeros(rest.shape, np.int64)
    for i in range(rest.shape[1]):
        codes[:, i] = grid.snap(rest[:, i])
        step = (rest[:, i] - codes[:, i]) / seen.factor[i, i]
        rest[:, i + 1 :] -= np.outer(step, seen.factor[i, i + 1 :])
    back = np.empty_like(codes)
    back[:, seen.order] = codes
    return back
