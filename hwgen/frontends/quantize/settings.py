"""What a user decides about a quantization."""

import re
from dataclasses import dataclass
from typing import Literal

from hwgen.frontends.quantize.scales import Criterion
from hwgen.rtl.architectures import DEFAULT, family
from hwgen.spec.formats import Format
from hwgen.support.errors import HwgenError

Codebook = Literal["kmeans", "csd"]
RoundingMethod = Literal["nearest", "compensated"]
Minimize = Literal["memory", "multiplications", "area"]
Widths = int | tuple[int, ...]

MINIMIZE: tuple[Minimize, ...] = ("memory", "multiplications", "area")
BASELINE_BITS = 32
"""A width for baselines only."""

_FORMAT = re.compile(r"([su])(\d{1,2})\.(-?\d{1,2})")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to quantize. The same settings, model and data give the same network.

    Parameters
    ----------
    weight_bits
        Width of the weights: one for all layers, or one for each. None: 8, or 4 with a codebook;
        with ``accumulator_bits`` or ``budget`` at most 8. Where widths are searched for, a given
        width is the most that is tried.
    activation_bits
        Width of what each layer but the last hands on, likewise; None: 8.
    input_bits
        Width of the network's input; None: as ``activation_bits`` (8 if these are a list).
    input_format
        The whole input format; ``input_bits`` is not looked at then.
    per_output
        A scale for each output of a layer. The last layer has one for all, so that its integers
        can be compared.
    criterion, percentile
        How fraction bits are chosen, see :func:`hwgen.frontends.quantize.scales.choose_fraction`.
    rounding
        ``"nearest"``, or ``"compensated"``: each weight's error is made up for by the weights of
        its neuron that are still to be rounded.
    bias_correction
        Biases take up the mean error of the sums.
    equalize
        Move powers of two between the weights of one layer and the next. None: where that lowers
        the error on the calibration data.
    codebook
        Weights index a table of ``2^weight_bits`` values: the best (``"kmeans"``), or drawn to few
        nonzero signed digits (``"csd"``).
    codebook_bits
        Width of the values in the table.
    accumulator_bits
        No accumulator is wider.
    budget
        Search for the smallest widths whose relative loss of accuracy is at most this (0..1).
    minimize, area_of
        What the search makes small; an area is that of one architecture.
    validation_share
        Share of the samples that is held out to measure on.
    seed
        Decides the split into calibration and validation samples.
    """

    weight_bits: Widths | None = None
    activation_bits: Widths | None = None
    input_bits: int | None = None
    input_format: Format | None = None
    per_output: bool = False
    criterion: Criterion = "mse"
    percentile: float = 99.9
    rounding: RoundingMethod = "compensated"
    bias_correction: bool = True
    equalize: bool | None = None
    codebook: Codebook | None = None
    codebook_bits: int = 8
    accumulator_bits: int | None = None
    budget: float | None = None
    minimize: Minimize = "multiplications"
    area_of: str = DEFAULT.name
    validation_share: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_widths()
        family(self.area_of)
        if not 50 < self.percentile <= 100:
            raise HwgenError("percentile", str(self.percentile), "more than 50, at most 100")
        if self.budget is not None and not 0 <= self.budget < 1:
            raise HwgenError("budget", f"{self.budget:.4g}", "at least 0, less than 1 (100%)")
        if not 0 < self.validation_share < 1:
            raise HwgenError("validation share", str(self.validation_share), "between 0 and 1")
        if self.accumulator_bits is not None and not 2 <= self.accumulator_bits <= 64:
            raise HwgenError("accumulator bits", str(self.accumulator_bits), "2..64")

    def _check_widths(self) -> None:
        top = 8 if self.codebook else 16
        for name, widths, allowed in (
            ("weight bits", self.weight_bits, (1, top)),
            ("activation bits", self.activation_bits, (1, 16)),
            ("input bits", self.input_bits, (1, 16)),
            ("codebook bits", self.codebook_bits, (2, 16)),
        ):
            for bits in widths if isinstance(widths, tuple) else (widths,):
                if bits == BASELINE_BITS and allowed == (1, 16):
                    continue
                if bits is not None and not allowed[0] <= bits <= allowed[1]:
                    raise HwgenError(name, str(bits), f"{allowed[0]}..{allowed[1]}")

    def weight_widths(self, layers: int) -> tuple[int, ...]:
        """Width of the weights of each layer."""
        default = 4 if self.codebook else 8
        return _spread(self.weight_bits, default, layers, "weight bits", "layer")

    def activation_widths(self, layers: int) -> tuple[int, ...]:
        """Width of what each layer but the last hands on."""
        return _spread(self.activation_bits, 8, layers - 1, "activation bits", "hidden layer")

    @property
    def input_width(self) -> int:
        """Width of the input where no format is given."""
        if self.input_bits is not None:
            return self.input_bits
        return self.activation_bits if isinstance(self.activation_bits, int) else 8


def parse_format(text: str) -> Format:
    """``u4.4`` or ``s8.-2``: signed or unsigned, bits, fraction bits.

    Raises
    ------
    HwgenError
        Anything else.
    """
    found = _FORMAT.fullmatch(text.strip())
    if not found or not 1 <= int(found[2]) <= 16 or not -40 <= int(found[3]) <= 40:
        raise HwgenError(
            "input format", repr(text), "u or s, 1..16 bits, a point, fraction bits: u4.4, s8.-2"
        )
    return Format(bits=int(found[2]), signed=found[1] == "s", fraction_bits=int(found[3]))


def _spread(widths: Widths | None, default: int, count: int, what: str, of: str) -> tuple[int, ...]:
    if not isinstance(widths, tuple):
        return (default if widths is None else widths,) * count
    if len(widths) != count:
        raise HwgenError(what, f"{len(widths)} values", f"one, or {count}, one for each {of}")
    return widths
