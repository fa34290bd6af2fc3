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
class Target:
    """What a layer's quantized weights are to come close to.

    Parameters
    ----------
    weights
        Reals [outputs, inputs].
    moments
        H, [inputs, inputs]; regular.
    factor
        U.
    order
        Inputs in the order of their rounding; ``factor`` is in this order.
    """

    weights: Floats
    moments: Floats
    factor: Floats
    order: Integers

    def errors(self, weights: Floats) -> Floats:
        """Mean squared error of each neuron's sum [outputs]."""
        difference = weights - self.weights
        return np.asarray(np.einsum("ji,ji->j", difference @ self.moments, difference))


def aim(weights: Floats, real_x: Floats, x: Floats, centred: bool) -> Target:
    """The target of a layer that reads ``x`` where the float network reads ``real_x``.

    The float network's sums on its own inputs are what is aimed at: weights move by a damped least
    squares step towards what gives these sums from ``x``.

    Parameters
    ----------
    centred
        Means do not count; the bias takes them up.
    """
    if centred:
        real_x, x = real_x - real_x.mean(axis=0), x - x.mean(axis=0)
    plain = x.T @ x / len(x)
    damping = _DAMPING * float(np.mean(np.diag(plain))) or 1.0
    moments = plain + damping * np.eye(len(plain))
    moved = np.linalg.solve(moments, x.T @ ((real_x - x) @ weights.T) / len(x)).T
    order = np.argsort(-np.diag(moments), kind="stable")
    inverse = np.linalg.inv(moments[np.ix_(order, order)])
    factor = np.asarray(np.linalg.cholesky((inverse + inverse.T) / 2).T, np.float64)
    return Target(weights=weights + moved, moments=moments, factor=factor, order=order)


def round_weights(
    target: Target, wanted: Floats, fractions: Integers, grid: Grid, method: RoundingMethod
) -> Integers:
    """Integers [outputs, inputs] of the grid for the reals ``wanted``, at a fraction per output."""
    scaled = np.ldexp(wanted, fractions[:, None])
    if method == "nearest":
        return grid.snap(scaled)
    rest = scaled[:, target.order]
    codes = np.zeros(rest.shape, np.int64)
    for i in range(rest.shape[1]):
        codes[:, i] = grid.snap(rest[:, i])
        step = (rest[:, i] - codes[:, i]) / target.factor[i, i]
        rest[:, i + 1 :] -= np.outer(step, target.factor[i, i + 1 :])
    back = np.empty_like(codes)
    back[:, target.order] = codes
    return back
