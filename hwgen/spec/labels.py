"""What samples are labelled with: class indices, names of classes, or real targets."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from hwgen.spec.arithmetic import Integers
from hwgen.support.errors import HwgenError

COLUMNS = ("y", "class", "label")
"""Names of a last column that holds labels, in any case."""


def is_label_column(name: str) -> bool:
    """Whether a column of this name holds labels."""
    return name.strip().lower() in COLUMNS


def is_text(y: Integers) -> bool:
    """Whether labels are names."""
    return y.dtype.kind in "US"


def is_regression(y: Integers) -> bool:
    """Whether labels are real targets: floats of which one is no whole number."""
    return bool(y.dtype.kind == "f" and (y != np.rint(y)).any())


def indices(y: Integers, labels: Sequence[str] | None, prefix: str = "") -> Integers:
    """Names of classes [samples] as their places in ``labels``, int64 [samples].

    ``prefix`` stands before what is refused.

    Raises
    ------
    HwgenError
        There are no labels, or a name is none of them.
    """
    if labels is None:
        found = f"found {str(y.ravel()[0])!r}" if y.size else "text"
        raise HwgenError(f"{prefix}y", found, "class indices, as the network has no labels")
    places = {name: place for place, name in reversed(list(enumerate(labels)))}
    for sample, name in enumerate(y.tolist()):
        if name.strip() not in places:
            listed = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
            raise HwgenError(f"{prefix}y[{sample}]", f"found {name!r}", f"one of {listed}")
    return np.array([places[name.strip()] for name in y.tolist()], np.int64)


def sorted_labels(y: Integers) -> tuple[str, ...]:
    """The names in ``y``, each once, sorted."""
    return tuple(sorted({name.strip() for name in y.tolist()}))


class _Numbers(Protocol):
    """Gathers numbers from cells."""

    def add(self, cell: str) -> None:
        """Take a number."""

    @property
    def values(self) -> Integers:
        """Int64 or float64, one-dimensional."""


class LabelColumn:
    """Labels of cells: numbers, gathered by ``numbers``, as long as all are; names from then on."""

    def __init__(self, numbers: _Numbers):
        self._numbers, self._cells = numbers, list[str]()
        self._text = False

    def add(self, cell: str, is_number: bool) -> None:
        """Take a cell."""
        self._cells.append(cell)
        self._text = self._text or not is_number
        if not self._text:
            self._numbers.add(cell)

    @property
    def values(self) -> Integers:
        """Int64, float64 or text, one-dimensional."""
        return np.array(self._cells, np.str_) if self._text else self._numbers.values
