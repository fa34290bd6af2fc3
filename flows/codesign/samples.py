"""Samples of a co-design as codes of the network's input."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.frontends.codesign.candidates import Codes
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.train.samples import Part, load_samples
from hwgen.frontends.train.settings import DataTable
from hwgen.spec.data import quantize
from hwgen.spec.formats import Format


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Training, validation and test samples as codes of ``bits`` bits, and names of the classes.

    Of real values there are no names. ``raw`` has training and validation samples as they are in
    the source.
    """

    name: str
    train: Codes
    validation: Codes
    test: Codes
    labels: tuple[str, ...]
    bits: int
    raw: tuple[Floats, Floats]

    @property
    def outputs(self) -> int:
        """Sums of a network."""
        return max(1, len(self.labels))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Samples of the three parts."""
        return len(self.train.y), len(self.validation.y), len(self.test.y)

    def test_file(self) -> bytes:
        """The test samples as an ``.npz`` of codes, for ``hwgen predict`` and ``verify``."""
        stream = io.BytesIO()
        np.savez_compressed(stream, x=self.test.x, y=self.test.y)
        return stream.getvalue()


def load_task(table: DataTable, base: Path, seed: int, input_bits: int) -> Task:
    """Read, split, scale and quantize to unsigned codes of ``input_bits`` bits.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.frontends.train.samples.load_samples`.
    """
    samples = load_samples(table, seed, base, real=True)
    low, size = samples.low, samples.size
    target = Format(bits=input_bits, signed=False, fraction_bits=input_bits)

    def codes(part: Part) -> Codes:
        return Codes(x=quantize(part.x, target), y=part.y)

    return Task(
        name=Path(table.source).stem,
        train=codes(samples.train),
        validation=codes(samples.validation),
        test=codes(samples.test),
        labels=samples.labels,
        bits=input_bits,
        raw=(
            np.asarray(samples.train.x * size + low),
            np.asarray(samples.validation.x * size + low),
        ),
    )
