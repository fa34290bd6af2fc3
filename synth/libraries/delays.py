"""Delays of a cell, as tables. Times in ns, loads in pF."""

import bisect
import itertools
from dataclasses import dataclass
from typing import Literal

Sense = Literal["positive", "negative", "both"]


@dataclass(frozen=True)
class DelayTable:
    """Values over two axes: input slew and load, or data slew and clock slew.

    Raises
    ------
    ValueError
        An axis is empty or does not rise, or the number of values does not fit.
    """

    rows: tuple[float, ...]
    cols: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        for axis in (self.rows, self.cols):
            if not axis or any(b <= a for a, b in itertools.pairwise(axis)):
                raise ValueError("an index that does not rise")
        if len(self.values) != len(self.rows) or {len(r) for r in self.values} != {len(self.cols)}:
            raise ValueError("a table whose values do not fit its indices")

    def at(self, row: float, col: float) -> float:
        """Bilinear interpolation; beyond the axes, on either side, the slope at the end goes on."""
        i, u = _place(self.rows, row)
        j, v = _place(self.cols, col)
        low = self.values[i]
        high = self.values[i + 1] if u else low
        first = low[j] + u * (high[j] - low[j])
        if not v:
            return first
        return first + v * (low[j + 1] + u * (high[j + 1] - low[j + 1]) - first)


def _place(axis: tuple[float, ...], value: float) -> tuple[int, float]:
    """Index of the interval and the fraction in it; below 0 or above 1 beyond the axis."""
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(bisect.bisect_right(axis, value) - 1, 0), len(axis) - 2)
    return i, (value - axis[i]) / (axis[i + 1] - axis[i])


@dataclass(frozen=True)
class Arc:
    """One timing arc.

    Attributes
    ----------
    source, target
        Pin names. For a constraint ``source`` is the clock and ``target`` the data pin.
    kind
        ``combinational``, ``rising_edge``, ``falling_edge`` (clock to output),
        ``setup_rising`` or ``setup_falling``.
    sense
        How the target follows the source.
    rise, fall
        Delay to a rising or falling target; for setup the time needed. ``None`` where absent.
    rise_slew, fall_slew
        Slew of the target.
    """

    source: str
    target: str
    kind: str
    sense: Sense
    rise: DelayTable | None = None
    fall: DelayTable | None = None
    rise_slew: DelayTable | None = None
    fall_slew: DelayTable | None = None

    @property
    def clocked(self) -> bool:
        """From a clock to an output."""
        return self.kind in ("rising_edge", "falling_edge")
