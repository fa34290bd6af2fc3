"""One line for each neuron of a layer: the cheapest multiplications that give all their codes."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from hwgen.frontends import exact
from hwgen.frontends.exact import Line, LineRounding, Steps
from hwgen.spec.formats import signed_width

_HALF_COST = 4
"""Bits finer that are tried before a rounding that takes an adder of its own."""

_MORE_TRIES = 3
_STAIRS = 17
_SHARED = [(bits, finer) for bits in range(1, 15) for finer in range(6)]


def _tries() -> list[tuple[int, LineRounding]]:
    """Bits finer and roundings, the cheaper ones first."""
    roundings: tuple[LineRounding, ...] = ("floor", "half_even")
    pairs = [(finer, one) for finer in range(exact.MAX_FINER + 1) for one in roundings]
    return sorted(pairs, key=lambda pair: pair[0] + _HALF_COST * (pair[1] != "floor"))


_TRIES = _tries()


@dataclass(frozen=True, kw_only=True)
class Lines:
    """One line for each neuron."""

    lines: list[Line]
    finer: int
    rounding: LineRounding

    @property
    def digits(self) -> int:
        """Signed digits of all multipliers."""
        return sum(line.digits for line in self.lines)


def lines_for(
    staircases: list[Steps], ratios: list[Fraction], limits: tuple[int, int]
) -> Lines | None:
    """The cheapest lines of all neurons among the few with the least bits finer."""
    if max(len(one.at) for one in staircases) < _STAIRS and len(set(ratios)) == 1:
        common = _common(staircases, ratios[0], limits)
        if common is not None:
            return common
    order = list(range(len(staircases)))
    best: Lines | None = None
    left = _MORE_TRIES
    for finer, rounding in _TRIES:
        own = _each(staircases, ratios, limits, finer, rounding, order)
        if own is not None and (best is None or cost(own, staircases) < cost(best, staircases)):
            best = own
        left -= best is not None
        if not left or (best is not None and best.digits == len(staircases)):
            break
    return None if best is None else _shared(best, staircases, limits) or best


def _common(staircases: list[Steps], ratio: Fraction, limits: tuple[int, int]) -> Lines | None:
    """Lines of one multiplier and shift, of the fewest bits; None where 14 do not do it.

    For few codes, which hardware of one neuron looks up, whatever the multiplier; other hardware
    shares it.
    """
    start = math.frexp(float(ratio))[1]
    for bits, finer in sorted(_SHARED, key=sum):
        shift = bits - start + finer
        multiplier = round(ratio * Fraction(2) ** (shift - finer))
        lines = []
        for staircase in staircases:
            line = exact.with_multiplier(staircase, limits, multiplier, shift, finer)
            if line is None:
                break
            lines.append(line)
        if len(lines) == len(staircases):
            return Lines(lines=lines, finer=finer, rounding="floor")
    return None


def cost(own: Lines, staircases: list[Steps]) -> int:
    """Bits of the adders of all multiplications."""
    bits = 0
    for line, staircase in zip(own.lines, staircases, strict=True):
        width = signed_width(staircase.low, staircase.high) + own.finer
        adders = line.digits - 1 + (own.rounding != "floor" and line.multiplier > 1)
        bits += adders * (width + line.multiplier.bit_length() // 2)
    return bits


def _each(
    staircases: list[Steps],
    ratios: list[Fraction],
    limits: tuple[int, int],
    finer: int,
    rounding: LineRounding,
    order: list[int],
) -> Lines | None:
    """Lines of all neurons; a neuron that has none is tried first the next time."""
    found: dict[int, Line] = {}
    for j in order:
        line = exact.choose(staircases[j], limits, ratios[j], finer, rounding)
        if line is None:
            order.remove(j)
            order.insert(0, j)
            return None
        found[j] = line
    lines = [found[j] for j in range(len(found))]
    return Lines(lines=lines, finer=finer, rounding=rounding)


def _shared(own: Lines, staircases: list[Steps], limits: tuple[int, int]) -> Lines | None:
    """The lines with one multiplier for all neurons, if that costs few more digits."""
    tried = sorted({(one.digits, one.multiplier, one.shift) for one in own.lines})
    for digits, multiplier, shift in tried[:8]:
        if digits * len(staircases) > own.digits + len(staircases) // 2:
            break
        lines = []
        for staircase in staircases:
            line = exact.with_multiplier(
                staircase, limits, multiplier, shift, own.finer, own.rounding
            )
            if line is None:
                break
            lines.append(line)
        if len(lines) == len(staircases):
            return replace(own, lines=lines)
    return None
