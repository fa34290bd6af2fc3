"""Serial designs over maps: the golden model's integers, in clocks and words that are stated."""

from typing import Any

import numpy as np
import pytest

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.generate import build, verilog_text
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.maps.schedule import MapSchedule
from hwgen.rtl.serial.maps.stages import Stage, stages_of
from hwgen.rtl.serial.maps.top import MapTop
from hwgen.rtl.serial.maps.walk import addresses, heights
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.convnets import random_network
from tests.networks import corner_and_random, dense, rescale
from tests.rtl.test_architectures import check_top
from tests.rtl.test_stream import NETWORKS as STREAMED
from tests.rtl.test_stream import OUTPUT, POOL, conv, mapped, some

NETWORKS = {
    **{name: net for name, net in STREAMED.items() if name != "one position"},
    "codebook, groups, a pool of a pool": mapped(
        [2, 6, 6],
        conv(
            np.random.default_rng(1).integers(0, 4, (6, 1, 2, 2)).tolist(),
            groups=2, weight_bits=2, codebook=[-7, -1, 2, 5], codebook_bits=4,
        ),
        {**POOL, "kernel": [2, 2], "stride": [2, 3]},
        {**POOL, "kernel": [2, 1], "stride": [1, 1], "padding": [1, 0, 0, 0]},
        dense(some(3, 24), [4, 0, -4], dropped_bits=[i % 3 for i in range(24)]),
        output="argmax",
    ),
    "widths and multipliers of channels": mapped(
        [1, 7],
        conv(some(5, 1, 3), output={**rescale(3, True, 0), "bits": [3, 4, 2, 3, 3],
             "fraction_bits": [0, 1, 2, 0, 1]}),
        conv(some(4, 5, 2), output={**OUTPUT, "multiplier": [3, 5, 7, 5], "shift": [5, 6, 6, 5]}),
    ),
}  # fmt: skip
"""Of every kind of layer."""

FRAMED = ["signal, strides", "without padding", "depthwise, a map handed on"]


def check(net: Network, architecture: Architecture, stall: float = 0.0, **settings: Any) -> None:
    x = corner_and_random(net, 2, 1)[-3:]
    check_top(net, build(net, architecture), architecture, x, stall, **settings)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    choices = Serial.choices(NETWORKS[name])
    check(NETWORKS[name], choices[-1])
    check(NETWORKS[name], Serial(macs=min(2, len(choices)), storage="flip-flop"), stall=0.4)


def test_random_networks() -> None:
    rng, refused = np.random.default_rng(3), 0
    for number in range(8):
        net = random_network(rng, most=3)
        choices = Serial.choices(net)
        try:
            choices[0].check(net)
        except HwgenError:
            refused += 1
            continue
        check(net, choices[int(rng.integers(len(choices)))], stall=0.3 * (number % 2))
    assert refused <= 3


@pytest.mark.parametrize("name", FRAMED)
def test_deaf_sink_and_resets(name: str) -> None:
    net, architecture = NETWORKS[name], Serial(macs=2)
    interval = architecture.cycles(net).interval
    check(net, architecture, deaf=2 * interval, reset=interval // 2)


@pytest.mark.parametrize("name", FRAMED)
def test_frames_that_end_early_or_late_give_nothing(name: str) -> None:
    net, beats = NETWORKS[name], NETWORKS[name].input.features
    early = [(n % 8, n == beats - 2) for n in range(beats - 1)]
    late = [(n % 8, False) for n in range(beats)]
    check(net, Serial(macs=2), before=[(5, False), (3, True), *early, *late])


@pytest.mark.parametrize("name", NETWORKS)
def test_pace(name: str) -> None:
    """Between neighbours that do not stall, as slow ones, and as the design itself says."""
    schedule = MapSchedule.of(NETWORKS[name], 1)
    argmax = NETWORKS[name].output == "argmax"
    assert schedule.paced(argmax, 1, 1) == schedule.interval
    beats = schedule.stages[0].size
    assert schedule.paced(argmax, 100, 1) >= max(schedule.interval, 100 * beats)
    assert sum(schedule.beats()) == beats


def test_rows_that_are_kept() -> None:
    """A window's rows but one, and its columns, of the input; with a pool, what that one sees."""
    kept = {
        "padded": (3 * 6 + 4) * 2,
        "without padding": 2 * 4 + 3,
        "signal, strides": (3 + 2) * 3,
        "depthwise, a map handed on": 24,  # its results leave before the input has ended
        "mean": (1 * 4 + 2) * 2,
        "rows left over": 5 + 2,
        "windows that overlap": (2 * 5 + 3) * 2,
    }
    for name, values in kept.items():
        assert MapSchedule.of(NETWORKS[name], 1).kept == values, name
    top = build(NETWORKS["padded"], Serial())
    assert isinstance(top, MapTop)
    assert verilog_text(top, "top", NETWORKS["padded"], Serial())
    # rows of 4 bits, a map of 3x3 positions and 3 channels of 3 bits, and one of 4 channels
    assert top.stored_bits == 44 * 4 + 27 * 3 + 0
    assert [stage.index for stage in stages_of(NETWORKS["padded"], 1)] == [0, 2, 3]


def _brute(stage: Stage) -> tuple[list[int], list[int]]:
    """Addresses and rows of all values in the order in which they are read."""
    rows, columns = stage.positions
    sizes = (rows, columns, stage.turns, stage.pool.size, stage.words)
    own = stage.channels // stage.groups
    found, heights_found = [], []
    for row, column, turn, window, word in np.ndindex(*sizes):
        below, beside = divmod(window, stage.pool.kernel[1])
        place, channel = divmod(word, own)
        high, wide = divmod(place, stage.window.kernel[1])
        y, x = (
            ((at * pool.stride[axis] + within - pool.padding[axis]) * own_window.stride[axis])
            + inside
            - own_window.padding[axis]
            for axis, at, within, inside, pool, own_window in (
                (0, row, below, high, stage.pool, stage.window),
                (1, column, beside, wide, stage.pool, stage.window),
            )
        )
        first = turn // stage.turns_of_group * own
        found.append((y * stage.image[1] + x) * stage.channels + first + channel)
        heights_found.append(y + stage.before[0])
    return found, heights_found


@pytest.mark.parametrize("name", NETWORKS)
def test_walks_are_the_places_of_windows(name: str) -> None:
    for stage in stages_of(NETWORKS[name], 2):
        for walk, wanted in zip((addresses(stage), heights(stage)), _brute(stage), strict=True):
            rows, columns = stage.positions
            now, found = walk.start, []
            for row, column, turn, window, word in np.ndindex(
                rows, columns, stage.turns, stage.pool.size, stage.words
            ):
                found.append(now)
                if word < stage.words - 1:
                    now += walk.word[word]
                elif window < stage.pool.size - 1:
                    now += walk.window[window]
                elif turn < stage.turns - 1:
                    now += walk.turn[turn]
                elif column < columns - 1:
                    now += walk.column[0]
                elif row < rows - 1:
                    now += walk.row[0]
            assert found == wanted


@pytest.mark.parametrize(
    ("net", "macs", "message"),
    [
        (NETWORKS["padded"], 5, "macs: found 5, at most 4 can be kept busy"),
        (
            mapped([2, 4, 3], conv(some(4, 1, 2, 3), groups=2), output="argmax"),
            1,
            r"layers\[0\]: argmax over a map of 3 positions, values, or a layer that hands on one "
            "position",
        ),
    ],
)
def test_refusals(net: Network, macs: int, message: str) -> None:
    with pytest.raises(HwgenError, match=f"^{message}$"):
        build(net, Serial(macs=macs))
