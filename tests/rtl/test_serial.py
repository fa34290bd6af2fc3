"""The serial architecture: its schedule, its frames, its refusals."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Signal
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.rtl.generate import build
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.macs import _runs
from hwgen.rtl.serial.memory import LaneMemory, ShiftMemory
from hwgen.rtl.serial.schedule import Schedule, accumulating_cost, lanes, loading_cost
from hwgen.rtl.serial.top import SerialTop
from hwgen.rtl.serial.words import WordMemory, equals
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.networks import corner_and_random, dense, network, networks, rescale
from tests.rtl.test_architectures import CORNERS, STREAMED, check_top
from tests.streams import Streamed

TWO = STREAMED["values"]
KINDS = pytest.mark.parametrize("accumulating", [False, True], ids=["loading", "accumulating"])


STORAGE = pytest.mark.parametrize("still", [False, True], ids=["flip-flop", "latch"])


def check_kind(
    net: Network,
    macs: int,
    accumulating: bool,
    x: Any,
    stall: float,
    still: bool = True,
    **settings: Any,
) -> Streamed:
    """A serial design of either kind, with no more MACs than it has work for, computes ``x``."""
    macs = min(macs, max(layer.outputs for layer in net.layers))
    architecture = Serial(macs=macs)
    top = SerialTop(
        net,
        architecture.input_layout(net),
        architecture.output_layout(net),
        Schedule.of(net, macs, accumulating),
        still,
    )
    return check_top(net, top, architecture, x, stall, **settings)


@pytest.mark.parametrize(
    ("macs", "interval", "values", "argmax"),
    [
        # Inputs load in 4 clocks, layers 4-3 and 3-3 compute, and layer 1 settles for a clock.
        # 1: 4 + 3*4 + 1 + 3*3 = 26; values: 3*4 + 1 + 3 + 1; argmax: 26 - 4 + 2
        (1, 26, 17, 24),
        # 2: 4 + 3*2 + 1 + 3*2 = 17; values: 3*2 + 1 + 2 + 1; argmax: 17 - 4 + 2
        (2, 17, 10, 15),
        # 3: 4 + 3*2 + 1 + 3*1 = 14; values: 3*2 + 1 + 1 + 1; argmax: 14 - 4 + 2
        (3, 14, 9, 12),
    ],
)
def test_loading_schedule(macs: int, interval: int, values: int, argmax: int) -> None:
    schedule = Schedule.of(TWO, macs, accumulating=False)
    assert schedule.interval == interval
    assert (schedule.latency(False), schedule.latency(True)) == (values, argmax)


@pytest.mark.parametrize(
    ("macs", "interval", "values", "argmax"),
    [
        # A beat goes to 3 neurons, and layer 1 is 3-3.
        # 1: 4*3 + 3*3 = 21; values: 3 + 1; argmax: 21 - 12 + 2
        (1, 21, 4, 11),
        # 2: 4*2 + 3*2 = 14; values: 2 + 1; argmax: 14 - 8 + 2
        (2, 14, 3, 8),
        # 3: 4*1 + 3*1 = 7; values: 1 + 1; argmax: 7 - 4 + 2
        (3, 7, 2, 5),
    ],
)
def test_accumulating_schedule(macs: int, interval: int, values: int, argmax: int) -> None:
    schedule = Schedule.of(TWO, macs, accumulating=True)
    assert schedule.interval == interval
    assert (schedule.latency(False), schedule.latency(True)) == (values, argmax)


def test_accumulating_schedule_of_one_layer() -> None:
    schedule = Schedule(macs=2, fan_in=[9], outputs=[5], accumulating=True)
    assert (schedule.interval, schedule.latency(False), schedule.latency(True)) == (32, 1, 6)


def test_lanes() -> None:
    assert lanes(7, 3) == [range(3), range(3, 5), range(5, 7)]
    assert lanes(2, 3) == [range(1), range(1, 2), range(2, 2)]


def with_inputs(features: int, hidden: int) -> Network:
    first = dense([[1] * features] * hidden, output=rescale(4, False, 0))
    return network([first, dense([[1] * hidden])])


def test_the_smaller_kind_is_chosen() -> None:
    # 4-bit inputs and outputs; 3 accumulators of 5 + ceil(log2 features) bits.
    assert [n for n in range(2, 40) if Schedule.of(with_inputs(n, 3), 1).accumulating] == list(
        range(4, 40)
    )


@pytest.mark.parametrize("accumulating", [False, True])
def test_cost_counts_storage(accumulating: bool) -> None:
    net = with_inputs(16, 3)
    # Sums to 16 * 15 + 0 take 9 bits with their sign; three 4-bit results 0..15 sum to 45, 7 bits.
    if accumulating:
        assert accumulating_cost(net, 1) == 3 * 9 + 0.75 * 9 + 7
        assert accumulating_cost(net, 2) == 3 * 9 + 0.75 * 18 + 7
    else:
        assert loading_cost(net) == 16 * 4 + 3 * 4 + 9


@pytest.mark.parametrize("macs", [4, 1000])
def test_more_macs_than_neurons(macs: int) -> None:
    with pytest.raises(HwgenError, match=rf"^macs: found {macs}, at most 3 can be kept busy$"):
        build(TWO, Serial(macs=macs))


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


@KINDS
@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("macs", [1, 2, 3])
@pytest.mark.parametrize("name", STREAMED)
def test_bad_frames_give_nothing(name: str, macs: int, stall: float, accumulating: bool) -> None:
    net = STREAMED[name]
    x = corner_and_random(net, 3, 11)
    for length, last in FRAMES.values():
        before = beats(net, length, last)
        check_kind(net, macs, accumulating, x, stall, before=before)


@KINDS
def test_single_feature_frames(accumulating: bool) -> None:
    net = network([dense([[3], [-2], [1]])])
    for macs in (1, 2, 3):
        x = corner_and_random(net, 6, 12)
        check_kind(net, macs, accumulating, x, 0.0)
        check_kind(net, macs, accumulating, x, 0.0, before=[(3, False), (5, False)])


@KINDS
@pytest.mark.parametrize(
    ("outputs", "macs"), [(n, macs) for n in (1, 2, 3, 4, 5, 7) for macs in range(1, n + 1)]
)
def test_every_tail(outputs: int, macs: int, accumulating: bool) -> None:
    rng = np.random.default_rng(outputs)
    hidden = dense(rng.integers(-9, 9, (outputs, 3)).tolist(), output=rescale(4, False, -2))
    for output in ("values", "argmax"):
        one = network([dense(rng.integers(-9, 9, (outputs, 3)).tolist())], output=output)
        last = dense(rng.integers(-9, 9, (3, outputs)).tolist())
        for net in (one, network([hidden, last], output=output)):
            check_kind(net, macs, accumulating, corner_and_random(net, 4, 13), 0.0)


@KINDS
@pytest.mark.parametrize("macs", [1, 2, 3, 5])
def test_corners(macs: int, accumulating: bool) -> None:
    for name, net in CORNERS.items():
        x = corner_and_random(net, 6, 6)
        try:
            check_kind(net, macs, accumulating, x, 0.0, macs != 3)
            check_kind(net, macs, accumulating, x, 0.5, macs != 2)
        except AssertionError as error:
            raise AssertionError(name) from error


@KINDS
@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    net=networks(max_width=9, max_layers=4),
    macs=st.integers(1, 9),
    stall=st.sampled_from((0.0, 0.4)),
)
def test_random_networks(net: Network, macs: int, stall: float, accumulating: bool) -> None:
    check_kind(net, macs, accumulating, corner_and_random(net, 5, 21), stall)


@KINDS
@settings(max_examples=40, deadline=None, derandomize=True)
@given(net=networks(max_width=5), macs=st.integers(1, 4), clocks=st.integers(1, 60))
def test_reset_anywhere(net: Network, macs: int, clocks: int, accumulating: bool) -> None:
    check_kind(net, macs, accumulating, corner_and_random(net, 3, 22), 0.0, reset=clocks)


@KINDS
@pytest.mark.parametrize("macs", [1, 2, 3])
@pytest.mark.parametrize("name", STREAMED)
def test_held_for_long(name: str, macs: int, accumulating: bool) -> None:
    net = STREAMED[name]
    x = corner_and_random(net, 8, 23)
    streamed = check_kind(net, macs, accumulating, x, 0.0, deaf=200)
    # An index waits in its register while the next input is worked on.
    assert sum(clock < 200 for clock in streamed.taken) == (2 if net.output == "argmax" else 1)


def uneven() -> Network:
    """A hidden layer of accumulators of many widths, and a codebook without a zero behind it."""
    hidden = [[1, 0, 0], [100, 100, 3], [7, -7, 1], [1, 1, 0], [90, 0, 1], [2, 0, 0], [1, 0, 1]]
    second = [[i * j % 4 for i in range(7)] for j in range(1, 6)]
    book = {"weight_bits": 2, "codebook": [-3, 1, 2, 5], "codebook_bits": 4}
    return network(
        [
            dense(hidden, [1, 2, 3, -4, 5, 6, 7], output=rescale(5, True, -3)),
            dense(second, **book, output=rescale(5, True, -2)),
            dense([[1, -2, 3, -4, 5], [5, 4, 3, 2, 1]]),
        ]
    )


@STORAGE
@KINDS
@pytest.mark.parametrize("macs", range(1, 8))
def test_uneven_lanes(macs: int, accumulating: bool, still: bool) -> None:
    check_kind(uneven(), macs, accumulating, corner_and_random(uneven(), 8, 24), 0.0, still)


def test_runs_of_bits() -> None:
    assert _runs([7, 5, 4, 4, 2]) == [(0, 4, 5), (4, 5, 2), (5, 7, 1)]
    assert _runs([3, 3, 2]) == [(0, 3, 3)]


@pytest.mark.parametrize(
    ("accumulating", "part", "name", "fault"),
    [
        (True, "hwgen.rtl.serial.macs", "_runs", lambda widths: [(0, widths[0] - 1, len(widths))]),
        (True, "hwgen.rtl.serial.top", "widest_first", lambda net: net),
        (False, "hwgen.rtl.serial.memory.LaneMemory", "_rests", lambda *_: Const(0, 1)),
        (True, "hwgen.rtl.serial.memory.LaneMemory", "_rests", lambda *_: Const(0, 1)),
        (False, "hwgen.rtl.serial.sequencer.Sequencer", "settling", Const(0, 1)),
        (True, "hwgen.rtl.serial.sequencer.Sequencer", "settling", Const(0, 1)),
        (False, "hwgen.rtl.serial.words", "equals", lambda value, number, last: value == 0),
        (True, "hwgen.rtl.serial.words", "equals", lambda value, number, last: value == 0),
    ],
)
def test_seeded_fault(
    accumulating: bool, part: str, name: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = corner_and_random(uneven(), 10, 25)
    still = part.endswith("words")
    check_kind(uneven(), 2, accumulating, x, 0.0, still)
    monkeypatch.setattr(f"{part}.{name}", fault)
    with pytest.raises((AssertionError, ValueError)):
        check_kind(uneven(), 2, accumulating, x, 0.0, still)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(depths=st.lists(st.integers(1, 9), min_size=1, max_size=3), macs=st.integers(1, 4))
def test_lane_memory(depths: list[int], macs: int) -> None:
    memory = LaneMemory(8, depths, macs)

    async def bench(ctx: Any) -> None:
        for reader, depth in enumerate(depths):
            ctx.set(memory.reader, reader)
            ctx.set(memory.write, 1)
            for value in range(depth):
                ctx.set(memory.i, 10 * reader + value)
                await ctx.tick()
            ctx.set(memory.write, 0)
            ctx.set(memory.rotate, 1)
            words = -(-depth // macs)
            for word in [*range(words)] * 2:
                ctx.set(memory.last, word == words - 1)
                for i, lane in enumerate(lanes(depth, macs)):
                    if word < len(lane):
                        seen = ctx.get(getattr(memory, f"o{reader}_{i}"))
                        assert seen == 10 * reader + lane[word]
                await ctx.tick()
            ctx.set(memory.rotate, 0)

    simulator = Simulator(memory)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("words", "addresses"), [(1, 1), (5, 7), (8, 8), (11, 20)])
@pytest.mark.parametrize("macs", [1, 3])
def test_word_memory(words: int, addresses: int, macs: int) -> None:
    rng = np.random.default_rng(words)
    widths = rng.integers(1, 7, words).tolist()
    memory = WordMemory(widths, macs, signed=True, addresses=addresses)
    kept = [0] * words

    async def bench(ctx: Any) -> None:
        for place in [*range(words), *rng.integers(0, addresses, 60).tolist()]:
            write = bool(rng.integers(4))
            bits = widths[place] if place < words else max(widths)
            value = int(rng.integers(-(1 << (bits - 1)), 1 << (bits - 1)))
            ctx.set(memory.place, place)
            ctx.set(memory.write, write)
            ctx.set(memory.i, value)
            await ctx.tick()
            if write and place < words:
                kept[place] = value
            for k, word in enumerate(kept):
                ctx.set(memory.word, k // macs)
                seen = ctx.get(getattr(memory, f"o{k % macs}"))
                assert seen == word % (1 << max(widths))

    simulator = Simulator(memory)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("last", range(12))
def test_equals_by_few_bits(last: int) -> None:
    value = Signal(4)
    for number in range(last + 1):
        found = Signal()
        m = Module()
        m.d.comb += found.eq(equals(value, number, last))

        async def bench(ctx: Any, found: Signal = found, number: int = number) -> None:
            for other in range(last + 1):
                ctx.set(value, other)
                assert ctx.get(found) == (other == number)

        simulator = Simulator(m)
        simulator.add_testbench(bench)
        simulator.run()


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
