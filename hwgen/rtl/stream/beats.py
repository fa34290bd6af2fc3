"""When the positions of a map are there, and which windows they complete.

A frame is the beats of an input. All that a design does happens in clocks of a frame, counted from
its first beat while nothing waits; what goes on past its end happens while the next one enters.
"""

from dataclasses import dataclass
from itertools import pairwise

from hwgen.spec.maps import Window
from hwgen.support.errors import HwgenError


@dataclass(frozen=True, kw_only=True)
class Beats:
    """The clocks in which the positions of a map are there, row by row; all channels at once.

    Parameters
    ----------
    frame
        Clocks from one frame to the next.
    clocks
        Of each position, ascending; from the first to the last less than a frame.
    """

    frame: int
    clocks: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.clocks)

    def clock(self, position: int) -> int:
        """When ``position`` is there; those past the last are those of the frames that follow."""
        frames, within = divmod(position, len(self.clocks))
        return frames * self.frame + self.clocks[within]

    @property
    def gap(self) -> int:
        """The fewest clocks from a position to the next one, which may be of the next frame."""
        return min(self.clock(n + 1) - self.clock(n) for n in range(len(self)))

    def later(self, clocks: int) -> "Beats":
        """All of it so many clocks later."""
        return Beats(frame=self.frame, clocks=tuple(clock + clocks for clock in self.clocks))


def corners(window: Window, image: tuple[int, int]) -> list[int]:
    """The position of each window's bottom right corner, were rows to go on in one line.

    A corner in the padding is a position further on, past the last one even, when nothing that the
    window sees has left the line yet.
    """
    rows, columns = window.positions(image)
    (high, wide), (down, right) = window.kernel, window.stride
    top, left = window.padding[:2]
    return [
        (y * down + high - 1 - top) * image[1] + x * right + wide - 1 - left
        for y in range(rows)
        for x in range(columns)
    ]


def windows(reads: Beats, window: Window, image: tuple[int, int], where: str) -> Beats:
    """When windows that slide over a line of beats are complete.

    Raises
    ------
    HwgenError
        More windows than beats: about ``where``.
    """
    found = corners(window, image)
    rising = all(a < b for a, b in pairwise(found))
    if not rising or found[-1] - found[0] >= len(reads):
        rows, columns = window.positions(image)
        raise HwgenError(
            where,
            f"{rows} x {columns} windows on {image[0]} x {image[1]} positions",
            "a beat is needed for each of them: less padding or larger strides",
        )
    return Beats(frame=reads.frame, clocks=tuple(reads.clock(corner) for corner in found))
