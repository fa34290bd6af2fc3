"""Streams: the golden model's integers, in the clocks and with the storage that are stated."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hwgen.rtl.decode import decoded, distinguishing
from hwgen.rtl.generate import build, verilog_text
from hwgen.rtl.stream import Stream
from hwgen.rtl.stream.beats import corners
from hwgen.rtl.stream.pace import paced
from hwgen.rtl.stream.schedule import Schedule
from hwgen.rtl.stream.top import StreamTop
from hwgen.spec import golden
from hwgen.spec.data import quantize
from hwgen.spec.maps import Window
from hwgen.spec.network import Network, load_network, parse_network
from hwgen.support.errors import HwgenError
from tests.convnets import random_network
from tests.networks import corner_and_random, dense, network, rescale
from tests.rtl.test_architectures import check_top

ROOT = Path(__file__).resolve().parents[2]
FAST = Stream(effort="low")
OUTPUT = rescale(3, False, 0)
POOL = {"kind": "max_pool", "name": "pool"}


def conv(weights: Any, **settings: Any) -> dict[str, Any]:
    kind = "conv2d" if isinstance(weights[0][0][0], list) else "conv1d"
    own = {"activation": "relu", "output": {**OUTPUT, "shift": 3}}
    return {**dense(weights), "kind": kind, **own, **settings}


def mapped(shape: list[int], *layers: dict[str, Any], output: str = "values") -> Network:
    source = {"features": math.prod(shape), "bits": 4, "signed": False, "fraction_bits": 0}
    content = {"format": "hwgen-network", "version": 2, "name": "map", "output": output}
    return parse_network({**content, "input": {**source, "shape": shape}, "layers": list(layers)})


def some(*shape: int) -> list[Any]:
    values: list[Any] = np.random.default_rng(sum(shape)).integers(-4, 4, shape).tolist()
    return values


NETWORKS = {
    "padded": mapped(
        [2, 6, 6],
        conv(some(3, 2, 3, 3), padding=[1, 1, 1, 1]),
        {**POOL, "kernel": [2, 2]},
        conv(some(4, 3, 3, 3), padding=[1, 1, 1, 1]),
        dense(some(3, 36), [4, 0, -4]),
        output="argmax",
    ),
    "without padding": mapped(
        [1, 5, 4], conv(some(2, 1, 3, 3)), dense(some(3, 12), [4, 0, -4]), output="argmax"
    ),
    "signal, strides": mapped(
        [3, 9],
        conv(some(4, 3, 3), stride=2, padding=[1, 1]),
        {**POOL, "kernel": 2},
        dense(some(2, 8)),
    ),
    "depthwise, a map handed on": mapped(
        [2, 4, 3], conv(some(4, 1, 2, 3), groups=2, padding=[0, 1, 1, 1])
    ),
    "one position": mapped([4, 1], dense(some(3, 4)), output="argmax"),
    "mean": mapped(
        [2, 4, 4],
        conv(some(3, 2, 2, 2)),
        {"kind": "global_average_pool", "name": "mean", "output": rescale(5, False, 3)},
        dense(some(3, 3)),
        output="argmax",
    ),
    "rows left over": mapped([1, 5, 5], {**POOL, "kernel": [2, 2]}, dense(some(2, 4))),
    "windows that overlap": mapped(
        [2, 5, 5],
        {**POOL, "kernel": [3, 3], "stride": [2, 2], "padding": [1, 1, 1, 1]},
        {"kind": "average_pool", "name": "mean", "kernel": [2, 2], "stride": [1, 1],
         "output": rescale(4, False, 2)},
        dense(some(2, 8)),
    ),
}  # fmt: skip


def check(net: Network, architecture: Stream = FAST, stall: float = 0.0, **settings: Any) -> None:
    x = corner_and_random(net, 5, 1)
    check_top(net, build(net, architecture), architecture, x, stall, **settings)


@pytest.mark.parametrize("registers", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, registers: bool) -> None:
    architecture = Stream(effort="low", registers=registers)
    check(NETWORKS[name], architecture)
    check(NETWORKS[name], architecture, stall=0.5)


@pytest.mark.parametrize("name", ["padded", "mean", "depthwise, a map handed on"])
def test_a_channel_to_a_beat(name: str) -> None:
    """With all of a position's channels before its clock; frames that end anywhere give nothing."""
    net, architecture = NETWORKS[name], Stream(effort="low", beat="channel")
    interval, beats = architecture.cycles(net).interval, net.input.features
    assert interval == beats == 2 * FAST.cycles(net).interval
    check(net, architecture)
    check(net, architecture, stall=0.5, reset=interval - 1)
    if net.layers[-1].kind == "dense":
        early = [(n % 8, n == beats - 2) for n in range(beats - 1)]
        check(net, architecture, before=[(5, False), (3, True), (2, False), (1, True), *early])


@pytest.mark.parametrize("name", ["padded", "without padding", "depthwise, a map handed on"])
def test_deaf_sink_and_resets(name: str) -> None:
    net = NETWORKS[name]
    interval = FAST.cycles(net).interval
    check(net, deaf=5 * interval)
    for clocks in (1, interval - 1, interval, 2 * interval + 3):
        check(net, reset=clocks)


def test_random_networks() -> None:
    rng, refused = np.random.default_rng(1), 0
    for _ in range(12):
        net = random_network(rng)
        architecture = Stream(effort="low", registers=bool(rng.integers(2)))
        try:
            architecture.check(net)
        except HwgenError:
            refused += 1
            continue
        check(net, architecture, stall=float(rng.choice([0.0, 0.4])))
    assert refused <= 6


@pytest.mark.parametrize("name", ["padded", "without padding"])
def test_frames_that_end_early_or_late_give_nothing(name: str) -> None:
    net = NETWORKS[name]
    frame = FAST.cycles(net).interval
    check(net, before=[(5, False), (9, False), (3, True)])
    check(net, before=[(n % 8, False) for n in range(frame)])


def test_the_example() -> None:
    """What docs/stream.md says of it."""
    net = load_network(ROOT / "examples/digits-conv.json")
    samples = np.load(ROOT / "examples/digits-test.npz")
    right = golden.predict(net, quantize(samples["x"], net.input.format)) == samples["y"]
    assert (int(right.sum()), len(right), net.weight_count) == (526, 540, 1386)
    cycles = FAST.cycles(net)
    assert (cycles.latency, cycles.interval) == (2, 64)
    assert FAST.estimated_area(net.layers, net.input.format) == pytest.approx(40_002, rel=0.05)


def test_the_last_result_comes_by_itself() -> None:
    net = NETWORKS["padded"]
    top = build(net, FAST)
    assert top.latency > 2 + 6
    check_top(net, top, FAST, corner_and_random(net, 2, 1)[:1], 0.0)


def test_line_buffers() -> None:
    """Rows of the map but one of the window's, and its registers; pools keep a line of results."""
    cases = {
        "padded": [(2 * 6 + 2) * 2 * 4, (3 + 1) * 3 * 3, (2 * 3 + 2) * 3 * 3, None],
        "signal, strides": [2 * 3 * 4, 4 * 3, None],
        "depthwise, a map handed on": [(1 * 3 + 2) * 2 * 4],
        "windows that overlap": [(2 * 5 + 2) * 2 * 4, (1 * 3 + 1) * 2 * 4, None],
    }
    for name, wanted in cases.items():
        top = build(NETWORKS[name], FAST)
        assert isinstance(top, StreamTop)
        text = verilog_text(top, "top", NETWORKS[name], FAST)
        for index, bits in enumerate(wanted):
            if bits is not None:
                assert top.stored_bits[index] == bits, (name, index)
                assert _register_bits(text, index) == bits, (name, index)


def _register_bits(text: str, index: int) -> int:
    """Bits of the registers that modules of a layer assign at clock edges."""
    total = 0
    for body in re.findall(rf"^module \w+_layer{index}_\w+ \((.*?)^endmodule", text, re.M | re.S):
        clocked = set(re.findall(r"^ *(\w+) <= ", body, re.M))
        for high, name in re.findall(r"reg(?: signed)? (?:\[(\d+):0\] )?(\w+)", body):
            total += int(high or 0) + 1 if name in clocked else 0
    return total


def test_corners_are_where_windows_end() -> None:
    window = Window(kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1))
    assert corners(window, (2, 4)) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert corners(Window(kernel=(2, 2), stride=(2, 2)), (5, 5)) == [6, 8, 16, 18]


def test_schedule_of_a_padded_image() -> None:
    schedule = Schedule.of(NETWORKS["padded"], False)
    assert [stage.style for stage in schedule.stages] == ["window", "fold", "window", "sums"]
    assert schedule.stages[0].gives.clocks == tuple(range(7, 43))
    assert schedule.frame == 36
    assert Schedule.of(NETWORKS["without padding"], False).latency == 1
    later = Schedule.of(NETWORKS["without padding"], True)
    assert later.latency == 2


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            network([dense([[1, 2]])]),
            r"input\.shape: none, \[channels, height, width\] or \[channels, length\]: a beat is a "
            r"position of a map",
        ),
        (
            mapped([1, 4], conv([[[1, 2, 3]]], padding=[2, 2])),
            r"layers\[0\]\.padding: 1 x 6 windows on 1 x 4 positions, a beat is needed for each of "
            r"them: less padding or larger strides",
        ),
        (
            mapped([1, 4], conv([[[1, 2, 3]]]), output="argmax"),
            r"output: argmax over 2 positions of a map, a dense layer or a global pool must be "
            r"last",
        ),
    ],
)
def test_refused(net: Network, message: str) -> None:
    with pytest.raises(HwgenError, match=f"^{message}$"):
        FAST.check(net)


def test_slow_neighbours() -> None:
    schedule = Schedule.of(NETWORKS["padded"], False)
    assert paced(schedule, 1, 1) == 36
    assert paced(schedule, 3, 1) == 108
    assert paced(schedule, 1, 50) == 50
    maps = Schedule.of(NETWORKS["depthwise, a map handed on"], False)
    assert paced(maps, 1, 4) == 12 * 4


def test_decoded_bits_are_those_of_the_table() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        width = int(rng.integers(1, 6))
        values = rng.integers(-1, 2, 1 << width).tolist()
        cares = {n: bool(value) for n, value in enumerate(values) if value >= 0}
        m, counter, out = Module(), Signal(width), Signal()
        m.d.comb += out.eq(decoded(m, "bit", counter, cares))
        found: dict[int, bool] = {}

        async def bench(
            ctx: Any, counter: Signal = counter, out: Signal = out, found: Any = found
        ) -> None:
            for n in range(1 << len(counter)):
                ctx.set(counter, n)
                found[n] = bool(ctx.get(out))

        simulator = Simulator(m)
        simulator.add_testbench(bench)
        simulator.run()
        assert {n: found[n] for n in cares} == cares


def test_distinguishing_bits() -> None:
    assert distinguishing([0b000, 0b110], 3) == [2]
    assert distinguishing([5], 3) == []
    assert distinguishing([0, 1, 2, 3], 4) == [0, 1]
