"""Samples to train with: read or taken from scikit-learn, split by class, scaled."""

import csv
import io
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.samples import read_samples
from hwgen.frontends.train.settings import INSTALL, DataTable
from hwgen.spec import labels
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import MAX_CSV_BYTES
from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain

_FEWEST = 5
"""Samples of real values that each part needs."""

BUNDLED = ("digits", "breast_cancer", "wine", "iris")


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Reals [samples, features] as the network sees them, and class indices [samples]."""

    x: Floats
    y: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """The three parts of the data; ``labels`` are the classes as the source has them.

    Of real values there are none, and ``y`` has them as they are. ``low`` and ``size`` of the
    features, or of all, made 0..1 of the source's values.
    """

    train: Part
    validation: Part
    test: Part
    labels: tuple[str, ...]
    low: Floats = field(default_factory=lambda: np.zeros(1))
    size: Floats = field(default_factory=lambda: np.ones(1))

    @property
    def features(self) -> int:
        """Values in a sample."""
        return int(self.train.x.shape[1])


def load_samples(table: DataTable, seed: int, folder: Path, real: bool = False) -> Samples:
    """Read, split and scale; relative paths start at ``folder``.

    ``real``: ``y`` may have real values.

    Raises
    ------
    HwgenError
        An unknown set, an unreadable file, values that are not finite, too few samples.
    """
    x, classes_of = _laid_out(table, _read(table.source, folder, real))
    tested = None if table.test is None else _laid_out(table, _read(table.test, folder, real))
    if real and labels.is_regression(classes_of):
        return _of_values(table, x, classes_of, tested, seed)
    classes, y = np.unique(classes_of, return_inverse=True)
    rng = np.random.default_rng(seed)
    if tested is None:
        rest, held = _split(y, table.test_share, rng)
        test = Part(x=x[held], y=y[held])
        x, y = x[rest], y[rest]
    else:
        if tested[0].shape[1] != x.shape[1]:
            found = f"{tested[0].shape[1]} features"
            raise HwgenError(f"{table.test}: x", found, f"{x.shape[1]} as in {table.source}")
        unknown = np.setdiff1d(tested[1], classes)
        if unknown.size:
            raise HwgenError(f"{table.test}: y", f"class {unknown[0]}", "a class of the source")
        test = Part(x=tested[0], y=np.searchsorted(classes, tested[1]))
    rest, held = _split(y, table.validation_share, rng)
    low, size = _range(x[rest], table.scale)
    train, validation, test = (
        Part(x=_scaled(part_x, low, size, table.scale), y=part_y.astype(np.int64))
        for part_x, part_y in ((x[rest], y[rest]), (x[held], y[held]), (test.x, test.y))
    )
    for name, part in (("training", train), ("validation", validation), ("test", test)):
        if not len(part.y):
            raise HwgenError(table.source, f"no {name} samples", "more samples are needed")
    if len(classes) < 2:
        raise HwgenError(table.source, f"{len(classes)} class", "at least 2 are needed")
    if table.image is not None and table.image[0] * table.image[1] != x.shape[1]:
        raise HwgenError("data.image", f"{table.image}", f"rows x columns must be {x.shape[1]}")
    names = tuple(one if isinstance(one, str) else f"{one:g}" for one in classes.tolist())
    return Samples(train=train, validation=validation, test=test, labels=names, low=low, size=size)


def _laid_out(table: DataTable, samples: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Samples channel by channel, where the channels of a position stand together."""
    if not table.channels_last or table.shape is None:
        return samples
    x, (channels, *sizes) = samples[0], table.shape
    if math.prod(table.shape) != x.shape[1]:
        found = " x ".join(map(str, table.shape))
        raise HwgenError("data.shape", found, f"sizes of {x.shape[1]} values together")
    moved = np.moveaxis(x.reshape(len(x), *sizes, channels), -1, 1)
    return moved.reshape(len(x), -1), samples[1]


def _of_values(
    table: DataTable, x: Floats, y: Floats, tested: tuple[Floats, Floats] | None, seed: int
) -> Samples:
    """Split at random: real values are of no class."""
    order = np.random.default_rng(seed).permutation(len(y))
    held = round(table.test_share * len(y)) if tested is None else 0
    test = (x[order[:held]], y[order[:held]]) if tested is None else tested
    rest = order[held:]
    ends = round(table.validation_share * len(rest))
    low, size = _range(x[rest[ends:]], table.scale)
    parts = [(x[rest[ends:]], y[rest[ends:]]), (x[rest[:ends]], y[rest[:ends]]), test]
    if min(len(values) for _, values in parts) < _FEWEST:
        found = f"{', '.join(str(len(values)) for _, values in parts)} samples"
        raise HwgenError(table.source, found, f"{_FEWEST} to train, to validate and to test")
    train, validation, test_part = (
        Part(x=_scaled(part, low, size, table.scale), y=values.astype(np.float64))
        for part, values in parts
    )
    return Samples(
        train=train, validation=validation, test=test_part, labels=(), low=low, size=size
    )


def _read(source: str, folder: Path, real: bool = False) -> tuple[Floats, Floats]:
    if source in BUNDLED:
        x, y = _bundled(source)
    else:
        path = folder / source
        if path.suffix.lower() not in (".npz", ".csv"):
            names = ", ".join(BUNDLED)
            raise HwgenError(f"data.source: {source}", "unknown", f"{names}, .npz or .csv")
        x, classes = _headless(path) or read_samples(path)
        if classes is None:
            raise HwgenError(f"{path}: y", "none", "training needs a class for each sample")
        x, y = x.astype(np.float64), np.asarray(classes)
        source = str(path)
        if labels.is_regression(y) and not real:
            first = y[y != np.rint(y)][0]
            allowed = "classes: training is for them, regression is quantized (hwgen quantize)"
            raise HwgenError(f"{path}: y", f"found {first:g}", allowed)
        y = y if labels.is_text(y) else y.astype(np.float64)
    if x.ndim != 2 or not x.size or y.shape != (len(x),):
        raise HwgenError(f"{source}: x", f"shape {x.shape}", "samples x features are needed")
    if not np.isfinite(x).all() or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise HwgenError(source, "NaN or infinity", "every value must be finite")
    return x, y


def _bundled(name: str) -> tuple[Floats, Floats]:
    try:
        from sklearn import datasets
    except ImportError:
        raise HwgenError(f"data.source: {name}", "scikit-learn is not installed", INSTALL) from None
    bunch = getattr(datasets, f"load_{name}")()
    return np.asarray(bunch.data, np.float64), np.asarray(bunch.target, np.float64)


def _headless(path: Path) -> tuple[Floats, Floats] | None:
    """Samples of a ``.csv`` without a header, the class in its last column; None for others."""
    if path.suffix.lower() != ".csv":
        return None
    try:
        content = read_plain(path, "a data file is needed", MAX_CSV_BYTES)
        text = content.decode("utf-8-sig")
        first = next(csv.reader(text.splitlines()), [])
        [float(cell) for cell in first]
        if len(first) < 2:
            return None
        table = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    except (ValueError, csv.Error):
        return None  # what is wrong is said by the reader of files with a header
    return table[:, :-1], table[:, -1]


def _split(y: Integers, share: float, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Indices that stay, and those held out: ``share`` of each class."""
    held = np.zeros(len(y), bool)
    for each in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == each))
        held[members[: round(share * len(members))]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _range(x: Floats, scale: str) -> tuple[Floats, Floats]:
    axis = 0 if scale == "features" else None
    if not x.size or scale == "none":
        return np.zeros(1), np.ones(1)
    low, high = np.min(x, axis=axis), np.max(x, axis=axis)
    return np.asarray(low), np.where(high > low, high - low, 1.0)


def _scaled(x: Floats, low: Floats, size: Floats, scale: str) -> Floats:
    return x if scale == "none" else np.clip((x - low) / size, 0, 1)
