"""Data files: samples for inference and verification, as codes of a network's input format."""

import csv
import io
import math
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import open_plain

MAX_ARRAY_BYTES = 1 << 28
"""Most bytes of an ``.npz`` file, and of each array in it, packed or not."""

MAX_CSV_BYTES = 1 << 27
"""Most bytes of a ``.csv`` file."""

_ALLOWED = "an .npz or .csv file is needed"
_HEADERS = {  # how an .npy of each version says its shape
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_INT64 = 1 << 62
"""No format holds more than 32 bits: a code that is clipped to this is refused all the same."""

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
    path = Path(path)
    x, y = _read_csv(path) if path.suffix.lower() == ".csv" else _read_npz(path)
    features = network.input.features
    if x.ndim != 2 or x.shape[1] != features:
        shape = " x ".join(map(str, x.shape)) or "a single number"
        raise HwgenError(
            f"{path}: x", f"shape {shape}", f"samples x {features} features are needed"
        )
    return Data(x=_codes(path, x, network.input.format), y=_classes(path, y, x.shape[0], network))


def quantize(values: Integers, target: Format) -> Integers:
    """Codes of real ``values``: half to even, saturating; int64 in the shape of ``values``."""
    with np.errstate(over="ignore", under="ignore"):  # saturates, or is 0
        scaled = np.rint(np.ldexp(values.astype(np.float64), target.fraction_bits))
    return np.clip(scaled, target.minimum, target.maximum).astype(np.int64)


def _codes(path: Path, x: Integers, target: Format) -> Integers:
    if x.dtype.kind == "f":
        if not np.isfinite(x).all():
            sample, feature = np.argwhere(~np.isfinite(x))[0]
            raise HwgenError(
                f"{path}: x[{sample}][{feature}]",
                f"found {x[sample, feature]}",
                "every value must be finite",
            )
        return quantize(x, target)
    if x.dtype.kind not in "iub":
        raise HwgenError(f"{path}: x", f"type {x.dtype}", "integers or floats are needed")
    outside = (x < target.minimum) | (x > target.maximum)
    if outside.any():
        sample, feature = np.argwhere(outside)[0]
        raise HwgenError(
            f"{path}: x[{sample}][{feature}]",
            f"code {x[sample, feature]}",
            f"{target.minimum}..{target.maximum} in the input format",
        )
    return x.astype(np.int64)


def _classes(path: Path, y: Integers | None, samples: int, network: Network) -> Integers | None:
    if y is None:
        return None
    if y.shape != (samples,) or y.dtype.kind not in "iu":
        raise HwgenError(
            f"{path}: y", f"{y.dtype} of shape {y.shape}", f"{samples} class indices are needed"
        )
    classes = network.layers[-1].outputs
    if samples and network.output == "argmax" and (y.min() < 0 or y.max() >= classes):
        raise HwgenError(
            f"{path}: y", f"classes {y.min()}..{y.max()}", f"the network has 0..{classes - 1}"
        )
    return y.astype(np.int64)


def _read_npz(path: Path) -> tuple[Integers, Integers | None]:
    try:
        with open_plain(path, _ALLOWED, MAX_ARRAY_BYTES) as stream:
            if stream.read(6) == b"\x93NUMPY":
                raise HwgenError(str(path), "a single array", "an .npz with x is needed")
            with zipfile.ZipFile(stream) as archive:
                arrays = [name.removesuffix(".npy") for name in archive.namelist()]
                if "x" not in arrays:
                    names = ", ".join(arrays) or "nothing"
                    raise HwgenError(str(path), f"holds {names}", "an array named x is needed")
                x = _array(path, archive, "x")
                return x, _array(path, archive, "y") if "y" in arrays else None
    except _UNREADABLE:
        raise HwgenError(str(path), "not an .npz of plain numbers", _ALLOWED) from None


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> Integers:
    """An array of an ``.npz``, whose size is looked at before memory is taken for it."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        shape, _, dtype = _HEADERS[version](stream)
    size = math.prod(shape) * dtype.itemsize
    if max(size, info.file_size) > MAX_ARRAY_BYTES:
        found = f"{max(size, info.file_size):,} bytes"
        raise HwgenError(f"{path}: {name}", found, f"at most {MAX_ARRAY_BYTES:,}")
    if size > info.file_size:
        raise ValueError("more is declared than there is")
    with archive.open(info) as stream:
        found_array: Integers = np.lib.format.read_array(stream, allow_pickle=False)
    return found_array


def _read_csv(path: Path) -> tuple[Integers, Integers | None]:
    with open_plain(path, _ALLOWED, MAX_CSV_BYTES) as stream:
        rows = _rows(path, stream)
        _, header = next(rows, (0, []))
        if all(_is_number(cell) for cell in header):
            raise HwgenError(str(path), "no header line", "the first line names the columns")
        has_y = header[-1].strip() == "y"
        features = len(header) - has_y
        x, y = _Column(), _Column()
        samples = 0
        for number, row in rows:
            samples += 1
            if len(row) != len(header):
                raise HwgenError(
                    f"{path}: line {number}", f"{len(row)} cells", f"{len(header)} as in the header"
                )
            for place, cell in enumerate(row):
                if not _is_number(cell):
                    raise HwgenError(
                        f"{path}: line {number}, column {header[place]!r}",
                        f"found {cell!r}",
                        "a number is needed",
                    )
                (x if place < features else y).add(cell)
    return x.values.reshape(samples, features), y.values if has_y else None


def _rows(path: Path, stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the number of its line."""
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            for row in reader:
                if text.buffer.tell() > MAX_CSV_BYTES:
                    raise HwgenError(str(path), "too long", f"at most {MAX_CSV_BYTES:,} bytes")
                if row:
                    yield reader.line_num, row
        except UnicodeDecodeError:
            raise HwgenError(str(path), "not text", "a .csv with a header is needed") from None
        except csv.Error:  # its only complaint outside strict mode
            raise HwgenError(
                f"{path}: line {reader.line_num}",
                f"a cell of more than {csv.field_size_limit():,} characters",
                "numbers are shorter (is a quote left open?)",
            ) from None


class _Column:
    """Numbers of cells: codes as long as every one is an integer, real values from then on."""

    def __init__(self) -> None:
        self._codes: array[int] | None = array("q")
        self._reals: array[float] = array("d")

    def add(self, cell: str) -> None:
        """Take a cell that :func:`_is_number` takes."""
        self._reals.append(float(cell))
        if self._codes is not None:
            try:
                self._codes.append(min(max(int(cell), -_INT64), _INT64))
            except ValueError:
                self._codes = None

    @property
    def values(self) -> Integers:
        """Int64 or float64, one-dimensional."""
        return np.array(self._reals if self._codes is None else self._codes)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.isascii()
