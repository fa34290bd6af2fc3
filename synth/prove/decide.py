"""Whether two lists of literals are equal for all inputs: tried out, or decided by ABC."""

import importlib.util
import math
import os
import random
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hwgen.support.errors import HwgenError
from hwgen.support.process import run_group
from hwgen.support.temporary import temporary_folder
from hwgen.synth.prove.aig import FALSE, TRUE, Aig, column, every_lane

_ALL_LANES = 1 << 30
"""Values up to which every combination of inputs is tried: combinations times nodes."""

_RANDOM_LANES = 2048
_ROUNDS = (
    (0.3, "&r a.aig; &cec -C 2000 b.aig"),
    (0.5, "&r a.aig; &cec -C 200000 b.aig"),
    (1.0, "cec -n -C 100000000 -T {seconds} a.aig b.aig"),
)
"""Commands, and the share of the time that is left for each."""


@dataclass(frozen=True)
class Answer:
    """``equal`` is None where undecided, with the ``limit`` that was hit.

    ``example`` gives values to inputs, by literal, for which pair number ``pair`` differs.
    """

    equal: bool | None
    example: dict[int, int] | None = None
    pair: int = -1
    limit: str = ""


class Decider:
    """Decides until a point in time.

    Parameters
    ----------
    deadline
        As of :func:`time.monotonic`.
    """

    def __init__(self, deadline: float):
        self.deadline = deadline

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(self.deadline - time.monotonic(), 0.0)

    def within(self, seconds: float) -> "Decider":
        """One that has only so many seconds of the time that is left."""
        return Decider(min(self.deadline, time.monotonic() + seconds))

    def equal(self, aig: Aig, pairs: Sequence[tuple[int, int]], given: int = TRUE) -> Answer:
        """Whether the literals of every pair are equal wherever ``given`` is true."""
        places = [i for i, (a, b) in enumerate(pairs) if a != b]
        if not places or given == FALSE:
            return Answer(True)
        differing = [aig.both(given, aig.differ(*pairs[i])) for i in places]
        inputs = aig.support(differing)
        exhaustive = len(aig.cone(differing)) << min(len(inputs), 40) <= _ALL_LANES
        found = _tried(aig, differing, inputs, exhaustive)
        if found is not None:
            return Answer(False, found[0], places[found[1]])
        if exhaustive:
            return Answer(True)
        left = [aig.both(given, pairs[i][0]) for i in places]
        right = [aig.both(given, pairs[i][1]) for i in places]
        answer = _ask(aig, left, right, self.deadline)
        return replace(answer, pair=places[answer.pair] if answer.example else -1)


def _ask(aig: Aig, left: list[int], right: list[int], end: float) -> Answer:
    """The same of two lists, by ABC."""
    inputs = aig.support([*left, *right])
    with temporary_folder("prove") as name:
        folder = Path(name)
        (folder / "a.aig").write_bytes(aig.aiger(inputs, left))
        (folder / "b.aig").write_bytes(aig.aiger(inputs, right))
        for share, command in _ROUNDS:
            seconds = share * (end - time.monotonic())
            text = _run_abc(command, folder, seconds) if seconds > 0.1 else ""
            if "Networks are equivalent" in text:
                return Answer(True)
            if "NOT EQUIVALENT" in text:
                return _example(aig, left, right, inputs, text)
    return Answer(None, limit="the time limit")


def _tried(
    aig: Aig, differing: list[int], inputs: list[int], exhaustive: bool
) -> tuple[dict[int, int], int] | None:
    """Values for which one of ``differing`` is true, among all or some random ones."""
    if exhaustive:
        values, lanes = every_lane(inputs), 1 << len(inputs)
    else:
        generator, lanes = random.Random(len(inputs)), _RANDOM_LANES
        values = {literal: generator.getrandbits(lanes) for literal in inputs}
    simulated = aig.simulate(values, lanes, differing)
    for place, literal in enumerate(differing):
        hits = column(simulated, literal, lanes)
        if hits:
            lane = (hits & -hits).bit_length() - 1
            return {literal: value >> lane & 1 for literal, value in values.items()}, place
    return None


def _example(aig: Aig, left: list[int], right: list[int], inputs: list[int], text: str) -> Answer:
    """What ABC found, checked."""
    values = None
    if found := re.search(r"INPUT: \w+ = \d+'h([0-9A-Fa-f]+)\.", text):
        number = int(found[1], 16)
        values = {literal: number >> i & 1 for i, literal in enumerate(inputs)}
    elif pattern := re.search(r"Input pattern:(.*)", text):
        values = {
            inputs[int(place)]: int(bit) for place, bit in re.findall(r"pi(\d+)=([01])", pattern[1])
        }
    if values is not None:
        simulated = aig.simulate(values, 1, [*left, *right])
        for place, (a, b) in enumerate(zip(left, right, strict=True)):
            if column(simulated, a, 1) != column(simulated, b, 1):
                return Answer(False, values, place)
    raise HwgenError("ABC", "its counterexample does not hold", "a bug; the log tells more")


@cache
def find_abc() -> str:
    """The program ABC: that of pyosys, or on PATH.

    Raises
    ------
    HwgenError
        There is none.
    """
    package = importlib.util.find_spec("pyosys")
    for folder in package.submodule_search_locations or () if package else ():
        program = Path(folder) / "yosys-abc"
        if os.access(program, os.X_OK):
            return str(program)
    for name in ("yosys-abc", "abc"):
        if program_on_path := shutil.which(name):
            return program_on_path
    raise HwgenError("ABC", "not installed", "pip install pyosys, or put a yosys-abc on PATH")


def _run_abc(command: str, folder: Path, seconds: float) -> str:
    """What ABC prints; that it ran out of time shows in that it decides nothing."""
    log, end = folder / "abc.log", time.monotonic() + seconds
    log.write_bytes(b"")
    program = [find_abc(), "-c", command.format(seconds=min(math.ceil(seconds), 1_000_000))]
    try:
        run_group(program, what="ABC", cwd=folder, env=os.environ, log=log, timeout=seconds)
    except HwgenError:
        if time.monotonic() < end:
            raise
    return log.read_text("utf-8", "replace")
