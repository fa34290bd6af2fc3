"""Data files: samples for inference and verification, as codes of a network's input format."""

import csv
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

_UNREADABLE = (
    *(ValueError, EOFError, AttributeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, RuntimeError),  # the last: encrypted, unknown compression
)


@dataclass(frozen=True, kw_only=True)
class Data:
    """Samples of one file.

    Parameters
    ----------
    x
        Input codes, int64 [samples, features].
    y
        Class indices, int64 [samples], or None where the file has none.
    """

    x: Integers
    y: Integers | None


def load_data(path: Path, network: Network) -> Data:
    """Read an ``.npz`` (arrays ``x`` and, where known, ``y``) or a ``.csv`` with a header.

    A floating ``x`` holds real values and is quantized (half to even, saturate); an integer ``x``
    holds codes. A ``.csv`` column counts as ``y`` if it is the last and bears that name; its
    features are codes if every one of them is an integer.

    Raises
    ------
    HwgenError
        Unreadable, not numbers, NaN or infinite, wrong number of features, a code outside the
        input format, a class index outside the network's outputs.
    """
    x, y = read_arrays(path)
    return as_data(x, y, network, f"{path}: ")


def read_arrays(path: Path) -> tuple[Integers, Integers | None]:
    """``x`` and, where the file has it, ``y`` as they stand in an ``.npz`` or ``.csv``.

    Raises
    ------
    HwgenError
        Unreadable, or a ``.csv`` with cells that are no numbers.
    """
    path = Path(path)
    return _read_csv(path) if path.suffix.lower() == ".csv" else _read_npz(path)


def as_data(x: Integers, y: Integers | None, network: Network, prefix: str = "") -> Data:
    """Arrays as samples of ``network``: reals [samples, features] are quantized, codes checked.

    ``prefix`` stands before what is refused.

    Raises
    ------
    HwgenError
        As of :func:`load_data`.
    """
    features = network.input.features
    if x.ndim != 2 or x.shape[1] != features:
        shape = " x ".join(map(str, x.shape)) or "a single number"
        raise HwgenError(
            f"{prefix}x", f"shape {shape}", f"samples x {features} features are needed"
        )
    codes = _codes(prefix, x, network.input.format)
    return Data(x=codes, y=_classes(prefix, y, x.shape[0], network))


def quantize(values: Integers, target: Format) -> Integers:
    """Codes of real ``values``: half to even, saturating; int64 in the shape of ``values``."""
    with np.errstate(over="ignore", under="ignore"):  # saturates, or is 0
        scaled = np.rint(np.ldexp(values.astype(np.float64), target.fraction_bits))
    return np.clip(scaled, target.minimum, target.maximum).astype(np.int64)


def _codes(prefix: str, x: Integers, target: Format) -> Integers:
    if x.dtype.kind == "f":
        if not np.isfinite(x).all():
            sample, feature = np.argwhere(~np.isfinite(x))[0]
            raise HwgenError(
                f"{prefix}x[{sample}][{feature}]",
                f"found {x[sample, feature]}",
                "every value must be finite",
            )
        return quantize(x, target)
    if x.dtype.kind not in "iub":
        raise HwgenError(f"{prefix}x", f"type {x.dtype}", "integers or floats are needed")
    outside = (x < target.minimum) | (x > target.maximum)
    if outside.any():
        sample, feature = np.argwhere(outside)[0]
        raise HwgenError(
            f"{prefix}x[{sample}][{feature}]",
            f"code {x[sample, feature]}",
            f"{target.minimum}..{target.maximum} in the input format",
        )
    return x.astype(np.int64)


def _classes(prefix: str, y: Integers | None, samples: int, network: Network) -> Integers | None:
    if y is None:
        return None
    if y.shape != (samples,) or y.dtype.kind not in "iu":
        raise HwgenError(
            f"{prefix}y", f"{y.dtype} of shape {y.shape}", f"{samples} class indices are needed"
        )
    classes = network.layers[-1].outputs
    if samples and network.output == "argmax" and (y.min() < 0 or y.max() >= classes):
        raise HwgenError(
            f"{prefix}y", f"classes {y.min()}..{y.max()}", f"the network has 0..{classes - 1}"
        )
    return y.astype(np.int64)


def _read_npz(path: Path) -> tuple[Integers, Integers | None]:
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise HwgenError(str(path), "a single array", "an .npz with x is needed")
            with archive:
                if "x" not in archive:
                    names = ", ".join(archive.files) or "nothing"
                    raise HwgenError(str(path), f"holds {names}", "an array named x is needed")
                return archive["x"], archive.get("y")
    except OSError as error:
        reason = error.strerror or "not a data file"
        raise HwgenError(str(path), reason, "an .npz or .csv file is needed") from None
    except _UNREADABLE:
        raise HwgenError(
            str(path), "not an .npz of plain numbers", "an .npz or .csv file is needed"
        ) from None


def _read_csv(path: Path) -> tuple[Integers, Integers | None]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise HwgenError(str(path), reason, "an .npz or .csv file is needed") from None
    except UnicodeDecodeError:
        raise HwgenError(str(path), "not text", "a .csv with a header is needed") from None
    except csv.Error:  # its only complaint outside strict mode
        limit = f"{csv.field_size_limit():,} characters"
        raise HwgenError(
            f"{path}: line {reader.line_num}",
            f"a cell of more than {limit}",
            "numbers are shorter (is a quote left open?)",
        ) from None
    if not rows or all(_is_number(cell) for cell in rows[0][1]):
        raise HwgenError(str(path), "no header line", "the first line names the columns")
    (_, header), *body = rows
    for number, row in body:
        if len(row) != len(header):
            raise HwgenError(
                f"{path}: line {number}", f"{len(row)} cells", f"{len(header)} as in the header"
            )
        for name, cell in zip(header, row, strict=True):
            if not _is_number(cell):
                raise HwgenError(
                    f"{path}: line {number}, column {name!r}",
                    f"found {cell!r}",
                    "a number is needed",
                )
    has_y = header[-1].strip() == "y"
    x = _numbers([row[:-1] if has_y else row for _, row in body], len(header) - has_y)
    return x, _numbers([[row[-1]] for _, row in body], 1)[:, 0] if has_y else None


def _numbers(rows: list[list[str]], columns: int) -> Integers:
    """An int64 array if every cell is an integer, else float64; [rows, columns]."""
    try:
        codes = [[int(cell) for cell in row] for row in rows]
    except ValueError:
        values = [[float(cell) for cell in row] for row in rows]
        return np.array(values, np.float64).reshape(len(rows), columns)
    # No format holds more than 32 bits: what is clipped here is refused as a code all the same.
    limit = 1 << 62
    bounded = np.clip(np.array(codes, object), -limit, limit)
    return np.array(bounded, np.int64).reshape(len(rows), columns)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
