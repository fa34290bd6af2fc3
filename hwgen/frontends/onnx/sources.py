"""What a layer reads: the network's input, or the codes of the layer before."""

import math
from dataclasses import dataclass

from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.ranges import fit_range
from hwgen.frontends.onnx.states import Codes, Real
from hwgen.spec.formats import Format

_FAR = 1 << 70
_NEAR = 1e-4


@dataclass(frozen=True, kw_only=True)
class Source:
    """The integers that a layer reads: their format in the file, and ``scale * (x + offset)``.

    Parameters
    ----------
    reach
        Smallest and largest that occur, where they are not those of the format.
    real, zero_point
        Of the network's input: what a step of real data is worth, and the code of 0.
    """

    format: Format
    scale: float
    offset: float
    reach: tuple[int, int] | None = None
    real: float | None = None
    zero_point: int = 0

    @property
    def ends(self) -> tuple[int, int]:
        """Smallest and largest integer that occurs."""
        return self.reach or (self.format.minimum, self.format.maximum)


def input_source(codes: Codes, report: Report) -> Source:
    """The network's input and what its codes mean.

    Raises
    ------
    Refused
        No format holds these codes, or real data would become other codes.
    """
    source = codes.source
    if not isinstance(source, Real):
        raise TypeError("the codes of an input are needed")
    gained = codes.scale * codes.gain
    added = codes.add / gained
    if codes.bipolar:
        return _signs_source(codes, gained, added)
    stored = source.type != "FLOAT"
    if not stored and codes.mode in ("half_up", "half_away", "half_toward_zero"):
        report.note(
            label(codes.node),
            "real data on a tie are rounded half to even, other than in the model",
        )
    elif not stored and codes.mode != "nearest":
        raise Refused("input data are rounded half to even; give input codes (--input-format)")
    zero = codes.zero_point
    for base in dict.fromkeys((zero, 0)):
        low, high = codes.low - base, codes.high - base
        fit = fit_range(low, high, (-_FAR, _FAR), codes.declared)
        if fit is not None and not (stored and base):
            break
    else:
        low, high = codes.low, codes.high
        base, fit = 0, fit_range(low, high, (low, high), codes.declared)
        if fit is None:
            raise Refused(f"input codes {low}..{high}, which no width holds")
        report.note(label(codes.node), f"input codes are {low}..{high}; others must not be given")
    real = codes.scale / source.gain
    step, moved = real, _moved(codes, zero, report)
    if codes.shifted and moved % 2 and moved != base:
        report.note(label(codes.node), "real data on a tie go to the other code, as moved by 1")
    fraction = label_of(real)
    number = Format(bits=fit.bits, signed=fit.signed, fraction_bits=fraction)
    return Source(
        format=number,
        scale=gained,
        offset=base - zero + added,
        reach=(low, high),
        real=None if step == 2.0**-fraction else step,
        zero_point=moved - base,
    )


def _moved(codes: Codes, zero: int, report: Report) -> int:
    """The zero point of real data, which contains what is added to them before they are codes."""
    source = codes.source
    if not isinstance(source, Real):
        raise TypeError("the codes of an input are needed")
    added = source.add / codes.scale
    if source.gain != 1.0 or source.add:
        report.note(
            label(codes.node),
            f"input data stand for {source.gain:g} x {source.add:+g}, which is in what codes mean",
        )
    if abs(added - round(added)) > _NEAR:
        report.note(
            label(codes.node),
            f"real data lie {added - round(added):+.3g} of a step beside the codes that they are "
            f"converted to; codes are round(({source.gain:g} x {source.add:+g}) / "
            f"{codes.scale:g}) {zero:+d}",
        )
    return zero + round(added)


def _signs_source(codes: Codes, scale: float, added: float) -> Source:
    """One bit for the sign: -1 or 0, with a step so small that real data become signs."""
    source = codes.source
    if isinstance(source, Real) and source.add:
        raise Refused("signs of input data that something is added to; quantize them before")
    number = Format(bits=1, signed=True, fraction_bits=64)
    return Source(format=number, scale=2 * scale, offset=0.5 + added / 2)


def label_of(scale: float) -> int:
    """The fraction bits nearest to a scale."""
    return min(max(round(-math.log2(scale)), -64), 64)
