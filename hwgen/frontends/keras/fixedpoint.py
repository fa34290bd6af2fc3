"""HGQ2's fixed-point quantizers: each element may have a sign, a width and a point of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.frontends.exact import Mode
from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.support.errors import HwgenError

_MODES: dict[str, Mode] = {
    "TRN": "floor",
    "RND": "half_up",
    "RND_CONV": "nearest",
    "TRN_ZERO": "toward_zero",
    "RND_ZERO": "half_toward_zero",
    "RND_INF": "half_away",
}
_STORED = {("kif", True): "fki", ("kif", False): "ifk", ("kbi", True): "bki", ("kbi", False): "bik"}
"""Order of a quantizer's arrays, by type and whether it wraps: what is trained comes first."""

_OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantizer:
    """``overflow(round(x * 2^fraction))`` of each element.

    Parameters
    ----------
    who
        For messages.
    low, high
        Smallest and largest code of each element; both 0 where it is always 0.
    fraction
        Fraction bits of each element, int64 as the others.
    wraps
        Codes beyond these wrap around; else they are clipped.
    rounds_only
        Codes are neither clipped nor wrapped, as HGQ2 does with some weights.
    """

    who: str
    low: Array
    high: Array
    fraction: Array
    mode: Mode
    wraps: bool = False
    rounds_only: bool = False

    def spread(self, shape: tuple[int, ...]) -> "Quantizer":
        """The same with one element for each of a tensor."""
        low, high, fraction = (
            np.broadcast_to(one.reshape(one.shape[-len(shape) :]), shape)
            for one in (self.low, self.high, self.fraction)
        )
        return Quantizer(
            who=self.who,
            low=low,
            high=high,
            fraction=fraction,
            mode=self.mode,
            wraps=self.wraps,
            rounds_only=self.rounds_only,
        )

    def codes(self, values: Array) -> Array:
        """Codes of 32-bit floats, as HGQ2 computes them in such floats."""
        own = self.spread(values.shape)
        scaled = np.ldexp(values.astype(np.float32), own.fraction.astype(np.int32))
        whole = np.asarray(_ROUND[self.mode](scaled), np.float32).astype(np.float64)
        if self.rounds_only:
            return whole.astype(np.int64)
        if not self.wraps:
            return np.clip(whole, own.low, own.high).astype(np.int64)
        size = (own.high - own.low + 1).astype(np.float64)
        return (np.mod(whole - own.low, size) + own.low).astype(np.int64)


_HALF = np.float32(0.5)
_ROUND: dict[Mode, Any] = {
    "floor": np.floor,
    "half_up": lambda v: np.floor(v + _HALF),
    "nearest": np.rint,
    "toward_zero": np.trunc,
    "half_toward_zero": lambda v: -np.floor(-np.abs(v) + _HALF) * np.sign(v),
    "half_away": lambda v: np.floor(np.abs(v) + _HALF) * np.sign(v),
}


def quantizer(layer: StoredLayer, part: str, place: str) -> Quantizer:
    """The quantizer ``part`` (``iq``, ``kq``, ``bq``, ``oq``) of a layer, as the file has it.

    ``place`` is where the file holds its arrays.

    Raises
    ------
    HwgenError
        Another than a fixed-point quantizer, or parts that cannot be had.
    """
    who = f"{layer}: {part}"
    described = layer.config["config" if part == "quantizer" else f"{part}_conf"]["config"]
    kind = str(described["q_type"])
    if kind not in ("kif", "kbi"):
        raise HwgenError(who, f"a quantizer of type {kind!r}", "kif or kbi")
    for key in ("scaler", "affine"):
        if described.get(key) is not None:
            raise HwgenError(who, f"{key} {described[key]}", "null; put it into the weights")
    mode = str(described["round_mode"]).upper().removeprefix("S_")
    overflow = str(described["overflow_mode"]).upper()
    if mode not in _MODES or overflow not in _OVERFLOWS:
        listed = f"{', '.join(_MODES)} with {', '.join(_OVERFLOWS)}"
        raise HwgenError(who, f"{mode} with {overflow}", listed)
    found = {
        letter: np.rint(layer.arrays[f"{place}vars/{index}"]).astype(np.int64)
        for index, letter in enumerate(_STORED[kind, overflow == "WRAP"])
    }
    keep, whole = found["k"], found["i"]
    fraction = found["f"] if kind == "kif" else found["b"] - whole
    low, high = _ends(keep, whole, fraction, overflow == "SAT_SYM")
    weight, free = bool(described.get("is_weight")), layer.config.get("trainable", True)
    return Quantizer(
        who=who,
        low=low,
        high=high,
        fraction=np.where(keep + whole + fraction > 0, fraction, 0),
        mode=_MODES[mode],
        wraps=overflow == "WRAP",
        rounds_only=(overflow == "WRAP" and weight and free and (kind == "kif" or mode == "RND")),
    )


def _ends(keep: Array, whole: Array, fraction: Array, symmetric: bool) -> tuple[Array, Array]:
    """Smallest and largest code of each element; elements of no bits are 0."""
    bits = np.maximum(whole, -fraction) + fraction
    if bits.max(initial=0) > 62:
        raise HwgenError("model", f"a quantizer of {int(bits.max())} bits", "at most 62")
    size = np.left_shift(np.int64(1), bits)
    none = keep + whole + fraction <= 0
    low = np.where(none, 0, -keep * (size - symmetric))
    return low, np.where(none, 0, size - 1)
