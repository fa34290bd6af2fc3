"""How often a stream takes an input when its neighbours are slow."""

from hwgen.rtl.stream.schedule import Schedule

_FRAMES = 24
"""Frames after which each takes as long as the one before."""


def paced(schedule: Schedule, source: int, sink: int) -> int:
    """Clocks from one input to the next in the long run.

    Beats of the input come at least ``source`` clocks apart, those of a result leave at least
    ``sink`` apart.
    """
    frame = schedule.frame
    if len(schedule.results) == 1:
        return max(schedule.interval * source, schedule.interval, sink)
    emits = {clock + n * frame for n in range(_FRAMES) for clock in schedule.results}
    now = taken = given = 0
    ended: list[int] = []
    for clock in range(_FRAMES * frame):
        for _ in range(schedule.parts):
            now = taken = max(now + 1, taken + source)
        if clock in emits:
            now = max(now, given)
            given = max(now + 1, given + sink)
            taken = now
        if clock % frame == frame - 1:
            ended.append(now)
    return ended[-1] - ended[-2]
