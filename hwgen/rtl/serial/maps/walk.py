"""Where the values of a window stand, and by how much that changes from one clock to the next."""

from collections.abc import Callable
from dataclasses import dataclass

from hwgen.rtl.serial.maps.stages import Stage

Place = Callable[[int, int, int, int, int], int]
"""A number for a row, a column, a turn, a window of the pool and a word; linear in each."""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """By how much a number changes at the end of each loop of a stage.

    Parameters
    ----------
    start
        In the first clock.
    word, window, turn
        From each word to the next, from each window of the pool to the next, from each turn.
    column, row
        From a result to the next one, and from the last of a row to the first of the next; the
        same for all, and empty where there is one alone.
    """

    start: int
    word: list[int]
    window: list[int]
    turn: list[int]
    column: list[int]
    row: list[int]

    @classmethod
    def of(cls, stage: Stage, place: Place) -> "Walk":
        """That of ``place``."""
        words, windows, turns = stage.words - 1, stage.pool.size - 1, stage.turns - 1
        last = turns, windows, words
        rows, columns = (count - 1 for count in stage.positions)
        return cls(
            start=place(0, 0, 0, 0, 0),
            word=[place(0, 0, 0, 0, w + 1) - place(0, 0, 0, 0, w) for w in range(words)],
            window=[place(0, 0, 0, w + 1, 0) - place(0, 0, 0, w, words) for w in range(windows)],
            turn=[place(0, 0, t + 1, 0, 0) - place(0, 0, t, windows, words) for t in range(turns)],
            column=[place(0, 1, 0, 0, 0) - place(0, 0, *last)] * min(columns, 1),
            row=[place(1, 0, 0, 0, 0) - place(0, columns, *last)] * min(rows, 1),
        )


def addresses(stage: Stage, *, last_first: bool = False) -> Walk:
    """The address of a value: position by position, all channels of one after the other.

    With ``last_first`` they are counted from the last value on.
    """
    columns, channels = stage.image[1], stage.channels
    own = channels // stage.groups

    def place(row: int, column: int, turn: int, window: int, word: int) -> int:
        y, x = _position(stage, row, column, window, word)
        group = turn // stage.turns_of_group
        found = (y * columns + x) * channels + group * own + word % own
        return stage.size - 1 - found if last_first else found

    return Walk.of(stage, place)


def heights(stage: Stage) -> Walk:
    """The row of a value, counted from the first row of padding."""
    return Walk.of(stage, lambda *at: _position(stage, at[0], at[1], *at[3:])[0] + stage.before[0])


def sides(stage: Stage) -> Walk:
    """The column of a value, counted from the first column of padding."""
    return Walk.of(stage, lambda *at: _position(stage, at[0], at[1], *at[3:])[1] + stage.before[1])


def _position(stage: Stage, row: int, column: int, window: int, word: int) -> tuple[int, int]:
    """Row and column in the map, which padding may lie around."""
    high, wide = divmod(word // (stage.channels // stage.groups), stage.window.kernel[1])
    below, beside = divmod(window, stage.pool.kernel[1])
    (down, right), (top, left) = stage.step, stage.before
    stride = stage.window.stride
    return (
        row * down + below * stride[0] + high - top,
        column * right + beside * stride[1] + wide - left,
    )
