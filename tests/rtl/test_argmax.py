"""Index of the largest value, in both architectures."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import signed
from amaranth.sim import Simulator

from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.argmax import SerialArgmax
from hwgen.rtl.tournament import ParallelArgmax
from hwgen.spec.arithmetic import Interval

RANGES: list[list[Interval]] = [
    [(0, 3)],
    [(0, 3), (0, 3)],
    [(-2, 1), (0, 3)],
    [(0, 1), (-2, -1), (-1, 0)],
    [(-1, 0), (0, 3), (-2, 1), (0, 0)],
    [(0, 1)] * 5,
    [(-1, 1), (0, 2), (-1, 0), (1, 2), (0, 1), (-2, -2), (0, 1)],
]


def vectors(ranges: list[Interval]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(low, high + 1) for low, high in ranges)))


def packed(vector: tuple[int, ...], ranges: list[Interval]) -> int:
    word = start = 0
    for value, interval in zip(vector, ranges, strict=True):
        width = shape_of(*interval).width
        word |= (value & ((1 << width) - 1)) << start
        start += width
    return word


@pytest.mark.parametrize("ranges", RANGES, ids=str)
def test_parallel(ranges: list[Interval]) -> None:
    top = ParallelArgmax(ranges, 0)
    assert top.stages == 0

    async def bench(ctx: object) -> None:
        for vector in vectors(ranges):
            ctx.set(top.x, packed(vector, ranges))
            assert ctx.get(top.y) == np.argmax(vector), vector

    simulator = Simulator(top)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("pipeline", [1, 2, 3])
@pytest.mark.parametrize("ranges", RANGES, ids=str)
def test_parallel_pipelined(ranges: list[Interval], pipeline: int) -> None:
    top = ParallelArgmax(ranges, pipeline)
    rounds = (len(ranges) - 1).bit_length()
    assert top.stages == max(1, -(-rounds // pipeline))
    results = []
    stream = vectors(ranges)

    async def bench(ctx: object) -> None:
        ctx.set(top.enable, 1)
        for vector in [*stream, *stream[: top.stages]]:
            ctx.set(top.x, packed(vector, ranges))
            await ctx.tick()
            results.append(ctx.get(top.y))

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    expected = [int(np.argmax(vector)) for vector in stream]
    assert results[top.stages - 1 :][: len(stream)] == expected


def test_serial() -> None:
    top = SerialArgmax(signed(3), 3)
    rng = np.random.default_rng(1)
    rows = [rng.integers(-4, 4, rng.integers(1, 8)).tolist() for _ in range(200)]
    rows += [[-4], [-4, -4], [3, 3, 3], [-4, 3, -4, 3]]

    async def bench(ctx: object) -> None:
        for row in rows:
            for tag, value in enumerate(row):
                ctx.set(top.take, 0)
                ctx.set(top.value, 3)
                ctx.set(top.first, 1)
                await ctx.tick()
                ctx.set(top.take, 1)
                ctx.set(top.first, tag == 0)
                ctx.set(top.value, value)
                ctx.set(top.tag, tag)
                await ctx.tick()
            assert ctx.get(top.o) == np.argmax(row), row

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
