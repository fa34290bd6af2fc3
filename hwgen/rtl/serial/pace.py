"""How often a serial design takes a vector when its neighbours are slow."""

from enum import Flag, auto

from hwgen.rtl.serial.schedule import Schedule


class _Step(Flag):
    """What a clock of an inference waits for, or does."""

    NOTHING = 0
    WAIT = auto()
    """The index of the inference before must have been taken."""
    VALUE = auto()
    """A beat of the result is handed on."""
    INDEX = auto()
    """The index is known; it is handed on from the next clock on."""
    NEED = auto()
    """A beat of the input must be there."""
    TAKE = auto()
    """A beat of the input is taken."""


def paced(schedule: Schedule, argmax: bool, source: int, sink: int) -> int:
    """Clocks from one vector to the next in the long run.

    Beats of the input come at least ``source`` clocks apart, those of a result leave at least
    ``sink`` apart.
    """
    steps = _steps(schedule, argmax)
    now = taken = given = 0
    loaded: list[int] = []
    for _ in range(4):
        for step in steps:
            now += 1
            if _Step.WAIT in step:
                now = max(now, given)
            if _Step.VALUE in step:
                given = now = max(now, given + sink)
            if _Step.INDEX in step:
                given = max(now + 1, given + sink)
            if _Step.NEED in step:
                now = max(now, taken + source)
            if _Step.TAKE in step:
                taken = now
        loaded.append(taken)
    return loaded[-1] - loaded[-2]


def _steps(schedule: Schedule, argmax: bool) -> list[_Step]:
    """Each clock of an inference that nothing holds up.

    A result that a layer computes is handed on in the clock after its turn; the last one in the
    first clock of the next inference.
    """
    steps: list[_Step] = []
    turns = schedule.phases[-1].turns
    results = [_Step.NOTHING if argmax else _Step.VALUE] * turns
    if argmax:
        results[0] |= _Step.WAIT
        results[-1] |= _Step.INDEX
    ready = _Step.NOTHING
    for number, phase in enumerate(schedule.phases):
        ends = number == len(schedule.phases) - 1
        if number in schedule.settling:
            steps.append(_Step.NOTHING)
        for turn in range(phase.turns):
            clocks = [_Step.NOTHING] * phase.words
            if number == 0:
                clocks[0] |= _Step.NEED
                clocks[-1] |= _Step.TAKE
            elif ends and schedule.drains:
                clocks[0] |= results[turn]
            clocks[0] |= ready
            ready = results[turn] if ends and not schedule.drains else _Step.NOTHING
            steps += clocks
    steps[0] |= ready
    return steps
