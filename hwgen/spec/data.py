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
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from hwgen.spec import labels
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.spec.network import InputFormat, Network
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
    targets
        Of a ``values`` network, the reals that its outputs should be, float64 [samples, outputs];
        None where they are not known.
    """

    x: Integers
    y: Integers | None
    targets: Integers | None = None


def load_data(path: Path, network: Network) -> Data:
    """Read an ``.npz`` (arrays ``x`` and, where known, ``y``) or a ``.csv`` with a header.

    A floating ``x`` holds real values and is quantized (half to even, saturate); an integer ``x``
    holds codes. A ``.csv`` column counts as ``y`` if it is the last and is called ``y``, ``class``
    or ``label``; its features are codes if every one of them is an integer. ``y`` may hold the
    network's labels instead of indices and, of a ``values`` network, real targets.

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

    Samples of a network that reads a map may have its shape, too.

    ``prefix`` stands before what is refused.

    Raises
    ------
    HwgenError
        As of :func:`load_data`.
    """
    features, shape = network.input.features, network.input.shape
    if shape is not None and x.ndim > 2 and list(x.shape[1:]) == shape:
        x = x.reshape(len(x), features)
    if x.ndim != 2 or x.shape[1] != features:
        found = " x ".join(map(str, x.shape)) or "a single number"
        allowed = f"samples x {features} features are needed"
        raise HwgenError(f"{prefix}x", f"shape {found}", allowed)
    codes = _codes(prefix, x, network.input)
    targets = None if y is None else _targets(prefix, y, x.shape[0], network)
    if targets is not None and y is not None and y.dtype.kind == "f":
        y = None
    return Data(x=codes, y=_classes(prefix, y, x.shape[0], network), targets=targets)


def quantize(
    values: Integers, target: Format, *, scale: float | None = None, zero_point: int = 0
) -> Integers:
    """Codes of real ``values``: half to even, saturating; int64 in the shape of ``values``.

    A step is worth ``scale``, or ``2^-fraction_bits`` without one; 0 has the code ``zero_point``.
    """
    reals = values.astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):  # saturates, or is 0
        steps = np.ldexp(reals, target.fraction_bits) if scale is None else reals / scale
    rounded = np.rint(steps) + zero_point
    codes: Integers = np.clip(rounded, target.minimum, target.maximum).astype(np.int64)
    return codes


def _codes(prefix: str, x: Integers, source: InputFormat) -> Integers:
    target = source.format
    if x.dtype.kind == "f":
        if not np.isfinite(x).all():
            sample, feature = np.argwhere(~np.isfinite(x))[0]
            raise HwgenError(
                f"{prefix}x[{sample}][{feature}]",
                f"found {x[sample, feature]}",
                "every value must be finite",
            )
        return quantize(x, target, scale=source.scale, zero_point=source.zero_point)
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
    if labels.is_text(y) and y.shape == (samples,):
        y = labels.indices(y, network.labels, prefix)
    if labels.is_regression(y) and network.output == "argmax":
        raise HwgenError(f"{prefix}y", "real values", "the network hands out classes")
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


def _targets(prefix: str, y: Integers, samples: int, network: Network) -> Integers | None:
    """Real targets of a network that hands out values; None where ``y`` holds none."""
    outputs = network.layers[-1].outputs
    shapes = [(samples, outputs), *([(samples,)] if outputs == 1 else [])]
    if network.output != "values" or y.dtype.kind not in "fiu" or y.shape not in shapes:
        return None
    if not np.isfinite(y).all():
        raise HwgenError(f"{prefix}y", "NaN or infinity", "every value must be finite")
    return y.astype(np.float64).reshape(samples, outputs)


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
        if all(map(_is_number, header)) or (len(header) > 1 and _is_unnamed(header)):
            raise HwgenError(str(path), "no header line", "the first line names the columns")
        has_y = labels.is_label_column(header[-1])
        features = len(header) - has_y
        x, y = _Column(), labels.LabelColumn(_Column())
        samples = 0
        for number, row in rows:
            samples += 1
            if len(row) != len(header):
                raise HwgenError(
                    f"{path}: line {number}", f"{len(row)} cells", f"{len(header)} as in the header"
                )
            for place, cell in enumerate(row):
                if place == features:
                    y.add(cell, _is_number(cell))
                    continue
                if not _is_number(cell):
                    raise HwgenError(
                        f"{path}: line {number}, column {header[place]!r}",
                        f"found {cell!r}",
                        "a number is needed",
                    )
                x.add(cell)
    return x.values.reshape(samples, features), y.values if has_y else None


def _is_unnamed(first: list[str]) -> bool:
    """Whether a first line is a sample with the name of its class, and no header."""
    return all(map(_is_number, first[:-1])) and not labels.is_label_column(first[-1])


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


def array_of(values: ArrayLike, name: str) -> Any:
    """``values`` as a numpy array; a tensor is taken off its device.

    Raises
    ------
    HwgenError
        They are ragged, or objects.
    """
    for step in ("detach", "cpu"):
        values = getattr(values, step, lambda v=values: v)()
    try:
        array = np.asarray(values)
    except ValueError:
        raise HwgenError(name, "rows of different lengths", "an array is needed") from None
    if array.dtype.kind == "O" and not all(isinstance(one, str) for one in array.ravel()):
        raise HwgenError(name, "objects", "an array of numbers is needed")
    return array.astype(str) if array.dtype.kind == "O" else array


def reals(values: ArrayLike) -> Any:
    """Weights as float64, taken as :func:`array_of` takes them."""
    return np.asarray(array_of(values, "weights"), np.float64)
