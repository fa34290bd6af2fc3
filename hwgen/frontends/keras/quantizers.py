"""QKeras' quantizers as files describe them, and what those of weights compute."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.support.errors import HwgenError

_EPSILON = np.float32(1e-7)
_ARGUMENTS = {
    "quantized_bits": ("bits", "integer", "symmetric", "keep_negative", "alpha"),
    "quantized_relu": ("bits", "integer", "use_sigmoid", "negative_slope"),
    "quantized_tanh": ("bits", "use_stochastic_rounding", "symmetric", "use_real_tanh"),
    "quantized_sigmoid": ("bits", "symmetric", "use_real_sigmoid"),
    "quantized_po2": ("bits", "max_value"),
    "quantized_relu_po2": ("bits", "max_value", "negative_slope"),
    "binary": ("use_01", "alpha"),
    "ternary": ("alpha", "threshold"),
    "stochastic_binary": ("alpha",),
    "stochastic_ternary": ("alpha", "threshold"),
}
_PLAIN = {"stochastic_binary": "binary", "stochastic_ternary": "ternary"}


@dataclass(frozen=True, kw_only=True)
class Described:
    """A quantizer and its settings; what is missing has QKeras' default."""

    who: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """A setting."""
        return self.settings.get(name, default)

    def check(self, name: str, only: Any) -> None:
        """Refuse another value of a setting than the one that is read."""
        found = self.settings.get(name, only)
        if found != only:
            raise HwgenError(self.who, f"{self.kind} with {name} {found!r}", f"{name} {only!r}")

    @property
    def bits(self) -> int:
        """Its width."""
        return self._whole("bits", 8, 1, 32)

    @property
    def integer(self) -> int:
        """Bits before the point, the sign not counted."""
        return self._whole("integer", 0, -32, 32)

    def _whole(self, name: str, default: int, low: int, high: int) -> int:
        found = self.settings.get(name, default)
        if not isinstance(found, int | float) or found != int(found) or not low <= found <= high:
            raise HwgenError(self.who, f"{name} {found!r}", f"an integer of {low}..{high}")
        return int(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """Quantized values: integers of ``bits`` bits times ``scale``; bits 0: any values."""

    values: Array
    scale: Array
    bits: int


def described(layer: StoredLayer, given: Any) -> Described:
    """A quantizer from ``"quantized_relu(4, 1)"`` or from Keras' description.

    Raises
    ------
    HwgenError
        It is neither.
    """
    who = str(layer)
    if isinstance(given, dict):
        kind = str(given.get("class_name", "")).rpartition(">")[2]
        settings = dict(given.get("config") or {})
    else:
        kind, settings = _called(who, str(given))
    return Described(who=who, kind=_PLAIN.get(kind, kind), settings=settings)


def _called(who: str, text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of a quantizer that is written as a call; nothing is evaluated."""
    try:
        call = ast.parse(text, mode="eval").body
        if isinstance(call, ast.Name):
            return call.id, {}
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        names = _ARGUMENTS.get(call.func.id, ())
        settings = {
            name: ast.literal_eval(value) for name, value in zip(names, call.args, strict=False)
        }
        named = {str(key.arg): ast.literal_eval(key.value) for key in call.keywords}
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        raise HwgenError(who, f"quantizer {text!r}", "a quantizer of QKeras") from None
    return call.func.id, {**settings, **named}


def kernel(layer: StoredLayer, part: str, values: Array) -> Weights:
    """Weights or biases as QKeras quantizes them.

    Raises
    ------
    HwgenError
        A quantizer that is not read.
    """
    given = layer.config.get(part)
    values = values.astype(np.float32)
    if given is None:
        return Weights(values=values.astype(np.float64), scale=np.ones(1), bits=0)
    by = described(layer, given)
    if by.kind not in _KERNELS:
        known = ", ".join(_KERNELS)
        raise HwgenError(str(layer), f"{part} {by.kind}", f"one of {known}")
    by.check("qnoise_factor", 1.0)
    by.check("scale_axis", None)
    return _KERNELS[by.kind](by, values, part in _TRAINED)


def _bits(by: Described, x: Array, is_kernel: bool) -> Weights:
    alpha, keep = by.get("alpha"), bool(by.get("keep_negative", True))
    symmetric = bool(by.get("symmetric", 0))
    if alpha is None and is_kernel:  # as QKeras' dense layer sets it
        alpha = "auto_po2"
    unsigned = by.bits - keep
    if isinstance(alpha, str):
        whole = np.float32(2.0**by.integer)
        codes, scale = _scaled(by, x / whole, alpha)
        return _weights(codes, scale * whole, by.bits)
    factor = np.float32(1.0 if alpha is None else 0) + (0 if alpha is None else _numbers(by, alpha))
    if not unsigned:
        codes = np.where(x >= 0, 1, -1 if keep else 0)
        return _weights(codes, factor, 2)
    size = 2.0**unsigned
    step = np.float32(2.0 ** (by.integer - unsigned))
    codes = np.clip(np.rint(x / step), keep * (-size + symmetric), size - 1)
    return _weights(codes, factor * step, by.bits + (not keep))


def _scaled(by: Described, x: Array, alpha: str) -> tuple[Array, Array]:
    """Codes and scale for each output, which ``alpha`` says to find from the weights."""
    if alpha not in ("auto", "auto_po2"):
        raise HwgenError(by.who, f"alpha {alpha!r}", "auto, auto_po2, a number or null")
    most = np.float32(2 ** (by.bits - 1) - 1)
    axis = tuple(range(x.ndim - 1)) if x.ndim > 1 else 0
    scale = np.max(np.abs(x), axis=axis, keepdims=True) * np.float32(2) / (most * np.float32(2))
    if alpha == "auto":
        return _clipped(x, scale, most), scale
    scale = _power(scale)
    codes = _clipped(x, scale, most)
    for _ in range(5):
        codes = _clipped(x, scale, most)
        scale = _fitted(x, codes, True)
    return codes, scale


def _clipped(x: Array, scale: Array, most: Any) -> Array:
    with np.errstate(all="ignore"):
        size = np.floor(np.abs(x) / scale + np.float32(0.5))
    return np.asarray(np.sign(x) * np.where(size < most, size, most))


def _power(scale: Array) -> Array:
    found = np.rint(np.log(scale + _EPSILON) / np.float32(np.log(2.0)))
    return np.asarray(np.exp2(found), np.float32)


def _fitted(x: Array, codes: Array, power: bool) -> Array:
    """The scale of least squares for each output."""
    q = codes.astype(np.float32)
    if x.ndim > 1:
        axis = tuple(range(x.ndim - 1))
        qx, qq = np.mean(x * q, axis=axis, keepdims=True), np.mean(q * q, axis=axis, keepdims=True)
    else:
        qx, qq = x * q, q * q
    scale = np.asarray(qx / (qq + _EPSILON), np.float32)
    return _power(scale) if power else scale


def _binary(by: Described, x: Array, is_kernel: bool) -> Weights:
    by.check("use_01", False)
    codes = np.where(x >= 0, 1, -1)
    alpha = by.get("alpha")
    if alpha is None and is_kernel:
        alpha = "auto_po2"
    if isinstance(alpha, str):
        return _weights(codes, _fitted(x, codes, alpha == "auto_po2"), 2)
    return _weights(codes, np.float32(1) if alpha is None else _numbers(by, alpha), 2)


def _ternary(by: Described, x: Array, is_kernel: bool) -> Weights:
    alpha = by.get("alpha")
    if alpha is None and is_kernel:
        alpha = "auto_po2"
    if not isinstance(alpha, str):
        limit = by.get("threshold")
        limit = np.float32(0.33 if limit is None else limit)
        codes = np.where(np.abs(x) >= limit, np.sign(x), 0)
        return _weights(codes, np.float32(1) if alpha is None else _numbers(by, alpha), 2)
    axis = tuple(range(x.ndim - 1)) if x.ndim > 1 else None
    scale = np.float32(2) * np.max(np.abs(x), axis=axis, keepdims=True) / np.float32(3)
    scale = _power(scale) if alpha == "auto_po2" else scale
    codes = np.zeros_like(x)
    for _ in range(int(by.get("number_of_unrolls", 5))):
        rounded = scale * np.rint(x / scale)
        codes = np.where(np.abs(rounded) >= scale / np.float32(2), np.sign(x), 0)
        scale = _fitted(x, codes, alpha == "auto_po2")
    return _weights(codes, scale, 2)


def exponents(by: Described) -> tuple[int, int]:
    """Smallest and largest exponent of a quantizer to powers of two."""
    by.check("log2_rounding", "rnd")
    by.check("use_stochastic_rounding", False)
    limit = by.get("max_value")
    own = by.bits - (by.kind == "quantized_po2") - (limit is None or limit > 1)
    high = 2**own - 1
    return -(2**own), 2 * (high // 2) if by.get("quadratic_approximation", False) else high


def _po2(by: Described, x: Array, _: bool) -> Weights:
    """Powers of two, which are integers at one step wherever they fit."""
    by.check("negative_slope", 0)
    limit, (low, high) = by.get("max_value"), exponents(by)
    signs = np.where(x >= 0, 1.0, -1.0)
    if by.kind == "quantized_relu_po2":
        x, signs = np.maximum(x, 0), np.ones(x.shape)
    twice = 2 if by.get("quadratic_approximation", False) else 1
    size = np.where(np.abs(x) < _EPSILON, _EPSILON, np.abs(x))
    size = size if limit is None else np.minimum(size, np.float32(limit))
    size = np.sqrt(size) if twice == 2 else size
    power = twice * np.clip(np.rint(np.log(size) / np.float32(np.log(2.0))), low, high)
    power = np.where(np.abs(x) < _EPSILON, low, power)
    values = signs * np.exp2(power.astype(np.float64))
    return Weights(values=values, scale=np.ones(1), bits=0)


def _numbers(by: Described, alpha: Any) -> Array:
    found = np.asarray(alpha, np.float32) if isinstance(alpha, int | float | list) else None
    if found is None or not np.isfinite(found).all() or (found <= 0).any():
        raise HwgenError(by.who, f"alpha {alpha!r}", "auto, auto_po2, a positive number or null")
    return found


def _weights(codes: Array, scale: Any, bits: int) -> Weights:
    steps = np.broadcast_to(np.asarray(scale, np.float64), codes.shape)
    steps = np.where(steps > 0, steps, 1.0)  # of outputs whose weights all are 0
    bits = max(bits, 2)
    return Weights(values=codes.astype(np.float64) * steps, scale=steps, bits=bits)


_TRAINED = ("kernel_quantizer", "depthwise_quantizer", "gamma_quantizer", "variance_quantizer")
"""Parts whose ``alpha`` QKeras' layers set, where it is null."""

_KERNELS: dict[str, Callable[[Described, Array, bool], Weights]] = {
    "quantized_bits": _bits,
    "quantized_po2": _po2,
    "quantized_relu_po2": _po2,
    "binary": _binary,
    "ternary": _ternary,
}
