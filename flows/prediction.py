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
from hwgen.spec.models import each
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
    mean_absolute_error, r2
        Of the outputs as reals against targets: the error in their unit, and the share of their
        variance that is explained (1 at best); None without targets.
    output
        The file that the results were written to, or None.
    """

    results: Integers
    accuracy: float | None = None
    mean_absolute_error: float | None = None
    r2: float | None = None
    output: Path | None = None

    def __len__(self) -> int:
        return len(self.results)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Integers:
        return np.array(self.results, dtype=dtype, copy=copy)

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen predict --json`` prints."""
        errors = {"mean_absolute_error": self.mean_absolute_error, "r2": self.r2}
        return {
            "samples": len(self.results),
            "accuracy": self.accuracy,
            **{name: value for name, value in errors.items() if value is not None},
            "output": None if self.output is None else str(self.output),
        }

    def summary(self) -> list[str]:
        """How many samples and how good the results are, in lines."""
        lines = [f"{len(self.results):,} samples"]
        if self.accuracy is not None:
            lines.append(f"accuracy {self.accuracy:.2%}")
        if self.mean_absolute_error is not None:
            r2 = "" if self.r2 is None else f", R2 {self.r2:.4f}"
            lines.append(f"mean absolute error {self.mean_absolute_error:.4g}{r2}")
        return lines

    def _repr_html_(self) -> str:
        return html_line(", ".join(self.summary()))


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
    error, r2 = _errors(network, results, samples.targets)
    return Prediction(
        results=results,
        accuracy=accuracy_of(network, results, samples),
        mean_absolute_error=error,
        r2=r2,
        output=output,
    )


def real_outputs(network: Network, results: Integers) -> Integers:
    """What the integers [samples, outputs] of a ``values`` network stand for, float64."""
    last = len(network.layers) - 1
    layer = network.layers[last]
    formats = layer.output_formats()
    if formats is not None:
        fractions = [one.fraction_bits for one in formats]
    else:
        fractions = layer.accumulator_fraction(network.input_format(last).fraction_bits)
    steps = np.exp2(-np.array(fractions, np.float64))
    if layer.output is not None and layer.output.scale is not None:
        steps = np.array(each(layer.output.scale, layer.outputs))
    reals: Integers = results.astype(np.float64) * steps
    return reals


def _errors(
    network: Network, results: Integers, targets: Integers | None
) -> tuple[float | None, float | None]:
    """Mean absolute error and R2; None without targets, or where these do not vary."""
    if targets is None or not len(targets):
        return None, None
    error = real_outputs(network, results) - targets
    spread = float(((targets - targets.mean(axis=0)) ** 2).sum())
    r2 = 1 - float((error**2).sum()) / spread if spread > 0 else None
    return float(np.abs(error).mean()), r2


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
