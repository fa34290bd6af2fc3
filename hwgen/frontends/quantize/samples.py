"""Data files for a network that does not exist yet (docs/command-line.md has the conventions)."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.scales import real
from hwgen.frontends.quantize.settings import Settings
from hwgen.spec import data
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format, signed_width
from hwgen.support.errors import HwgenError

_WIDEST = 16


def read_samples(path: Path) -> tuple[Integers, Integers | None]:
    """``x`` and, where the file has it, ``y``; as they stand in an ``.npz`` or ``.csv``.

    Raises
    ------
    HwgenError
        Unreadable, or not numbers.
    """
    x, y = data.read_arrays(path)
    if x.dtype.kind not in "iubf":
        raise HwgenError(f"{path}: x", f"type {x.dtype}", "integers or floats are needed")
    return x, y


def as_reals(name: object, x: Integers, settings: Settings) -> tuple[Floats, Settings]:
    """Real values of ``x``; integers are codes, and decide the input format where none is given.

    ``name`` is the file's, for refusals, or ``""``.

    Without a format they stand for themselves: no fraction bits, and as many bits as they need.
    """
    where = f"{name}: x" if name else "x"
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):  # beyond a double is infinite, and refused as that
            return x.astype(np.float64), settings
    if settings.input_format is None:
        settings = replace(settings, input_format=_format_of(where, x))
    target = settings.input_format
    if target is None:  # given or found above
        raise HwgenError(where, "no format", "one is needed (input_format)")
    low, high = _ends(x)
    if low < target.minimum or high > target.maximum:
        raise HwgenError(
            where,
            f"codes {low}..{high}",
            f"{target.minimum}..{target.maximum} in the input format {target}",
        )
    return real(x.astype(np.int64), target.fraction_bits), settings


def _format_of(where: str, x: Integers) -> Format:
    low, high = _ends(x)
    bits = signed_width(low, high) if low < 0 else max(1, high.bit_length())
    if bits > _WIDEST:
        raise HwgenError(
            where,
            f"integers {low}..{high}",
            f"at most {_WIDEST} bits as codes (real values need a decimal point)",
        )
    return Format(bits=bits, signed=low < 0, fraction_bits=0)


def _ends(x: Integers) -> tuple[int, int]:
    return (int(x.min()), int(x.max())) if x.size else (0, 0)
