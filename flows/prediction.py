"""Golden inference: what the hardware will say of data, and how often it is right."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.flows.results import html_line
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import Data
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a network hands out for some samples.

    Attributes
    ----------
    results
        Class indices [samples] of an ``argmax`` network, integers [samples, outputs] of a
        ``values`` network.
    accuracy
        Share of samples whose class is right (0..1); None without classes to compare.
    output
        The file that the results were written to, or None.
    """

    results: Integers
    accuracy: float | None = None
    output: Path | None = None

    def __len__(self) -> int:
        return len(self.results)

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen predict --json`` prints."""
        return {
            "samples": len(self.results),
            "accuracy": self.accuracy,
            "output": None if self.output is None else str(self.output),
        }

    def _repr_html_(self) -> str:
        right = "" if self.accuracy is None else f", accuracy {self.accuracy:.2%}"
        return html_line(f"{len(self.results):,} samples{right}")


def predict(network: Network, samples: Data, output: Path | None = None) -> Prediction:
    """Run the golden model on ``samples``, and write the results to the ``.npz`` ``output``.

    Raises
    ------
    HwgenError
        As of :func:`write_results`.
    """
    results = golden.predict(network, samples.x)
    if output is not None:
        write_results(results, output)
    accuracy = accuracy_of(network, results, samples)
    return Prediction(results=results, accuracy=accuracy, output=output)


def write_results(results: Integers, path: Path) -> None:
    """Write ``results`` as the array ``output`` of an ``.npz``.

    Raises
    ------
    HwgenError
        An integer does not fit 64 bits, or the file cannot be written.
    """
    if results.dtype == object:
        widest = max((signed_width(value, value) for value in results.ravel().tolist()), default=0)
        if widest > 64:
            raise HwgenError(str(path), f"integers of {widest} bits", "at most 64 go into an .npz")
    content = io.BytesIO()
    np.savez_compressed(content, output=results.astype(np.int64))
    write_atomic(path, content.getvalue())


def accuracy_of(network: Network, results: Integers, samples: Data) -> float | None:
    """Share of samples whose class is right; None without classes to compare."""
    if samples.y is None or network.output != "argmax" or not len(results):
        return None
    return float(np.mean(results == samples.y))
