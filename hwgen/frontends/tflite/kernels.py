"""The integer arithmetic of TensorFlow Lite's reference kernels for 8-bit tensors.

A real factor is a 31-bit multiplier and a shift. A product is rounded to its high half, and then
the shift rounds once more (Jacob et al., "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", 2018, and gemmlowp's fixed point).
"""

import math
from collections.abc import Callable

import numpy as np

from hwgen.spec.arithmetic import Integers

Transform = Callable[[Integers], Integers]


def multiplier_of(factor: float) -> tuple[int, int]:
    """The multiplier, 2^30..2^31 - 1 or 0, and the left shift of a positive real factor."""
    mantissa, shift = math.frexp(factor)
    whole = math.floor(mantissa * (1 << 31) + 0.5)
    if whole == 1 << 31:
        whole, shift = whole // 2, shift + 1
    return (0, 0) if shift < -31 else (whole, shift)


def multiplied(values: Integers, factor: float, single: bool = False) -> Integers:
    """``values`` times a factor, with both roundings, or a ``single`` one; int64."""
    return scaled(values, *multiplier_of(factor), single)


def scaled(values: Integers, multiplier: int, shift: int, single: bool = False) -> Integers:
    """``values`` times ``multiplier * 2^(shift - 31)``, as :func:`multiplied` rounds."""
    if single:  # as a TensorFlow Lite that is built with TFLITE_SINGLE_ROUNDING
        total = 31 - shift
        return np.asarray((values * np.int64(multiplier) + (1 << (total - 1))) >> total)
    product = (values << max(shift, 0)) * np.int64(multiplier)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    right = max(-shift, 0)
    if not right:
        return np.asarray(high)
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return np.asarray((high >> right) + ((high & mask) > threshold))


def table(low: int, scales: tuple[float, float], zeros: tuple[int, int], function: str) -> Integers:
    """Codes of a sigmoid or tanh for the codes ``low``..``low + 255``, from 32-bit floats."""
    codes = np.arange(low, low + 256)
    real = np.float32(scales[0]) * (codes - zeros[0]).astype(np.float32)
    with np.errstate(over="ignore"):
        one = np.float32(1)
        y = np.tanh(real) if function == "tanh" else one / (one + np.exp(-real))
    scaled = y.astype(np.float32) * (one / np.float32(scales[1]))
    away = np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))
    return np.asarray(np.clip(away.astype(np.int64) + zeros[1], low, low + 255))
