"""The serial architecture: its schedule, its frames, its refusals."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwgen.errors import HwgenError
from hwgen.generate import build
from hwgen.interface import Architecture
from hwgen.network import Network
from hwgen.serial import Schedule, ShiftMemory
from tests.networks import corner_and_random, dense, network
from tests.test_architectures import STREAMED, check_streams

TWO = STREAMED["values"]


@pytest.mark.parametrize(
    ("macs", "interval", "values", "argmax"),
    [
        # Layers 4-3 and 3-3. Latency counts from the last beat, which is step 4 of layer 0.
        # 1: 3 * (4+1) + 3 * (3+1) = 27; values: 27 - 12 + 3 - 4 + 1; argmax: 27 - 4 - 1 + 1 + 1
        (1, 27, 15, 24),
        # 2: 2 * (4+2) + 2 * (3+2) = 22; values: 22 - 10 + 3 - 4 + 1; argmax: 22 - 4 - 2 + 1 + 1
        (2, 22, 12, 18),
        # 3: (4+3) + (3+3) = 13; values: 13 - 6 + 3 - 4 + 1; argmax: 13 - 4 - 3 + 3 + 1
        (3, 13, 7, 10),
    ],
)
def test_schedule(macs: int, interval: int, values: int, argmax: int) -> None:
    schedule = Schedule.of(TWO, macs)
    assert schedule.interval == interval
    assert (schedule.latency(False), schedule.latency(True)) == (values, argmax)


def test_groups() -> None:
    schedule = Schedule(macs=4, fan_in=[3, 9], outputs=[9, 4])
    assert (schedule.groups, schedule.tails) == ([3, 1], [1, 4])


@pytest.mark.parametrize("macs", [4, 1000])
def test_more_macs_than_neurons(macs: int) -> None:
    with pytest.raises(HwgenError, match=rf"^--macs: found {macs}, at most 3 can be kept busy$"):
        build(TWO, Architecture(name="serial", macs=macs))


def beats(net: Network, length: int, last: list[int]) -> list[tuple[int, bool]]:
    """``length`` beats with tlast at the positions ``last``."""
    rng = np.random.default_rng(length)
    limit = 1 << net.input.bits
    return [(int(rng.integers(limit)), position in last) for position in range(length)]


FRAMES = {
    "early by one": (3, [2]),
    "only one beat": (1, [0]),
    "two short ones": (5, [1, 4]),
    "late by one": (5, [4]),
    "late by three": (7, [6]),
    "missing, then short": (6, [5]),
    "never": (4, []),
    "never, twice": (8, []),
    "early, early, late": (3 + 1 + 5, [2, 3, 8]),
}


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("macs", [1, 2, 3])
@pytest.mark.parametrize("name", STREAMED)
def test_bad_frames_give_nothing(name: str, macs: int, stall: float) -> None:
    net = STREAMED[name]
    x = corner_and_random(net, 3, 11)
    for length, last in FRAMES.values():
        before = beats(net, length, last)
        check_streams(net, Architecture(name="serial", macs=macs), x, stall, before=before)


def test_single_feature_frames() -> None:
    net = network([dense([[3], [-2], [1]])])
    for macs in (1, 2, 3):
        architecture = Architecture(name="serial", macs=macs)
        check_streams(net, architecture, corner_and_random(net, 6, 12), 0.0)
        before = [(3, False), (5, False)]
        check_streams(net, architecture, corner_and_random(net, 6, 12), 0.0, before=before)


@pytest.mark.parametrize(
    ("outputs", "macs"), [(n, macs) for n in (1, 2, 3, 4, 5, 7) for macs in range(1, n + 1)]
)
def test_every_tail(outputs: int, macs: int) -> None:
    rng = np.random.default_rng(outputs)
    for output in ("values", "argmax"):
        net = network([dense(rng.integers(-9, 9, (outputs, 3)).tolist())], output=output)
        architecture = Architecture(name="serial", macs=macs)
        check_streams(net, architecture, corner_and_random(net, 4, 13), 0.0)


def test_shift_memory() -> None:
    memory = ShiftMemory(4, {1, 3})
    rng = np.random.default_rng(2)
    history = [0, 0, 0]

    async def bench(ctx: Any) -> None:
        for _ in range(60):
            value, shift = int(rng.integers(16)), bool(rng.integers(2))
            ctx.set(memory.i, value)
            ctx.set(memory.shift, shift)
            await ctx.tick()
            if shift:
                history.insert(0, value)
            assert (ctx.get(memory.o1), ctx.get(memory.o3)) == (history[0], history[2])

    simulator = Simulator(memory)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
