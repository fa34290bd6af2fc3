"""One thing changed in a design over maps: the golden model's integers, or its clocks, show it."""

from dataclasses import replace

import pytest

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.generate import build
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.maps.schedule import MapSchedule
from hwgen.rtl.serial.maps.stages import Stage, stages_of
from hwgen.rtl.serial.maps.walk import Walk, addresses, heights
from hwgen.rtl.stream import Stream
from hwgen.rtl.stream.schedule import Schedule
from hwgen.rtl.stream.top import StreamTop
from hwgen.rtl.top import Top
from hwgen.spec.network import Network
from tests.networks import corner_and_random, dense, rescale
from tests.rtl.test_architectures import check_top
from tests.rtl.test_stream import POOL, conv, mapped, some

NET = mapped(
    [1, 4, 4],
    conv(some(2, 1, 3, 3), padding=[1, 1, 1, 1], output=rescale(4, False, 0, shift=2)),
    {**POOL, "kernel": [2, 2]},
    dense(some(3, 8), [4, 0, -4]),
)
PLAIN = mapped(
    [1, 3, 4],
    conv([[[[3, 1], [2, 4]]]], output=rescale(6, False, 0, shift=1)),
    dense([[1, 2, 3, 4, 5, 6]]),
)
STREAM, SERIAL = Stream(effort="low"), Serial(macs=2)
TABLES = [
    (index, name)
    for index, stage in enumerate(Schedule.of(NET, False).stages)
    for name in stage.tables
]
STAGES = stages_of(NET, 2)
STEPS = [
    (index, loop)
    for index, stage in enumerate(STAGES)
    for loop in ("word", "window", "turn", "column", "row")
    if getattr(addresses(stage), loop)
]


def check(net: Network, top: Top, architecture: Architecture) -> None:
    check_top(net, top, architecture, corner_and_random(net, 6, 1)[-6:], 0.0)


def caught(top: Top, architecture: Architecture) -> None:
    with pytest.raises(AssertionError):
        check(NET, top, architecture)


@pytest.mark.parametrize("architecture", [STREAM, SERIAL], ids=str)
def test_right_design_passes(architecture: Architecture) -> None:
    check(NET, build(NET, architecture), architecture)


@pytest.mark.parametrize(("index", "name"), TABLES)
def test_a_control_signal(index: int, name: str) -> None:
    """A control signal of a stream is wrong in the clocks in which it matters."""
    top = build(NET, STREAM)
    assert isinstance(top, StreamTop)
    tables = top._schedule.stages[index].tables
    tables[name] = {clock: not value for clock, value in tables[name].items()}
    caught(top, STREAM)


@pytest.mark.parametrize(("index", "loop"), STEPS)
def test_a_step_to_another_place(index: int, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A serial design reads a value beside the one it should, at the end of a loop."""

    def beside(stage: Stage, *, last_first: bool = False) -> Walk:
        walk = addresses(stage, last_first=last_first)
        if stage != STAGES[index]:
            return walk
        first, *others = getattr(walk, loop)
        return replace(walk, **{loop: [first + 1, *others]})

    monkeypatch.setattr("hwgen.rtl.serial.maps.top.addresses", beside)
    caught(build(NET, SERIAL), SERIAL)


def test_padding_a_row_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def lower(stage: Stage) -> Walk:
        walk = heights(stage)
        return replace(walk, start=walk.start + 1)

    monkeypatch.setattr("hwgen.rtl.serial.maps.top.heights", lower)
    caught(build(NET, SERIAL), SERIAL)


@pytest.mark.parametrize("name", ["beats_to_first", "beats_to_column", "beats_to_row", "kept"])
def test_a_value_too_few(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A serial design takes one beat too few before a result, or keeps one value too few."""
    right = getattr(MapSchedule.of(PLAIN, 1), name)
    check(PLAIN, build(PLAIN, Serial()), Serial())
    monkeypatch.setattr(MapSchedule, name, right - 1)
    with pytest.raises(AssertionError):
        check(PLAIN, build(PLAIN, Serial()), Serial())


@pytest.mark.parametrize("architecture", [STREAM, SERIAL], ids=str)
@pytest.mark.parametrize("name", ["latency", "interval"])
def test_wrong_cycles(name: str, architecture: Architecture) -> None:
    top = build(NET, architecture)
    setattr(top, name, getattr(top, name) + 1)
    caught(top, architecture)
