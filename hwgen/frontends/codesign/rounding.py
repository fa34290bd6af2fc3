"""Quantizers whose widths are trained, as torch functions.

Rounding passes the gradient of its value on unchanged. A width gets the gradient of the error that
it leaves: of an error ``e`` that is in proportion to ``2^-f``, de/df = -ln(2) e (C. Sun and others,
Gradient-based Automatic Mixed Precision Quantization, arXiv 2405.00645).
"""

import math
from typing import Any

import torch
from torch import Tensor

_LN2 = math.log(2)


class RoundedWeight(torch.autograd.Function):
    """``weight`` as a multiple of 2^-round(fraction), elementwise."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, fraction: Tensor) -> Tensor:
        """The rounded weight."""
        steps = torch.exp2(torch.round(fraction))
        rounded = torch.round(weight * steps) / steps
        ctx.save_for_backward(weight - rounded)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and fraction."""
        (error,) = ctx.saved_tensors
        return gradients[0], gradients[0] * error * _LN2


class RoundedRelu(torch.autograd.Function):
    """``sums`` [members, samples, neurons] clipped to [0, 1 - 2^-bits] and rounded to 2^-bits.

    ``bits`` is [members, 1, neurons].
    """

    @staticmethod
    def forward(ctx: Any, sums: Tensor, bits: Tensor) -> Tensor:
        """The rounded outputs."""
        steps = torch.exp2(torch.round(bits))
        rounded = torch.round(sums * steps).clamp(min=0)
        rounded = torch.minimum(rounded, steps - 1) / steps
        inside = (sums > 0) & (sums < 1 - 0.5 / steps)
        above = (sums > 0).to(sums.dtype) / steps
        ctx.save_for_backward(inside, torch.where(inside, sums - rounded, above))
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of sums and bits."""
        inside, error = ctx.saved_tensors
        gradient = gradients[0]
        return gradient * inside, (gradient * error).sum(1, keepdim=True) * _LN2


def digit_cost(weight: Tensor, fraction: Tensor) -> Tensor:
    """About the signed digits of a rounded weight, smooth in both; 0 where it rounds to 0."""
    size = weight.abs() * torch.exp2(fraction)
    alive = torch.round(weight.abs() * torch.exp2(torch.round(fraction))) >= 1
    many = 1 + 0.6 * torch.log2((1 + size).clamp(min=2) / 2)
    return torch.where(size < 1, torch.log2(1 + size), many) * alive
