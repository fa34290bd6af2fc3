"""Samples as users have them: arrays, or the name of a data file."""

from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from hwgen.spec.data import Data, array_of, as_data, load_data, read_arrays
from hwgen.spec.network import Network

Samples = ArrayLike | str | Path
"""Reals or integer codes [samples, features], or a ``.npz`` or ``.csv`` that holds them."""


def samples_of(network: Network, x: Samples, y: ArrayLike | None = None) -> Data:
    """``x`` as codes of ``network``'s input format, ``y`` as classes or targets.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.spec.data.load_data`.
    """
    if isinstance(x, str | Path):
        return load_data(Path(x), network)
    return as_data(array_of(x, "x"), None if y is None else array_of(y, "y"), network)


def arrays_of(x: Samples, y: ArrayLike | None) -> tuple[Any, Any | None]:
    """``x`` and ``y`` as numpy arrays, read from a file where ``x`` is the name of one.

    Raises
    ------
    HwgenError
        The file cannot be read, or they are no arrays of numbers.
    """
    if isinstance(x, str | Path):
        return read_arrays(Path(x))
    return array_of(x, "x"), None if y is None else array_of(y, "y")
