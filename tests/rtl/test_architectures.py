"""Every architecture gives the golden model's numbers, in the clocks it states."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import Top, build
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.requantize import check_tables
from hwgen.rtl.serial import Serial
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.networks import corner_and_random, dense, network, networks, rescale
from tests.streams import Streamed

ARCHITECTURES = [
    Parallel(),
    Parallel(pipeline=1),
    Parallel(pipeline=2),
    Serial(macs=1),
    Serial(macs=2),
    Serial(macs=3),
    BitSerial(),
    BitSerial(digit=2),
    BitSerial(digit=3, stages=1),
]
FEW = [Parallel(), Parallel(pipeline=2), Serial(macs=2), BitSerial(), BitSerial(digit=5, stages=1)]


def expected(net: Network, x: np.ndarray) -> list[list[int]]:
    results = golden.predict(net, x)
    return results.reshape(len(x), -1).tolist()


def check_streams(
    net: Network, architecture: Architecture, x: np.ndarray, stall: float, **settings: Any
) -> Streamed:
    """``architecture``, with no more MACs than ``net`` has work for, computes ``x``."""
    widest = max(layer.outputs for layer in net.layers)
    if isinstance(architecture, Serial) and architecture.macs > widest:
        architecture = Serial(macs=widest)
    return check_top(net, build(net, architecture), architecture, x, stall, **settings)


def check_top(
    net: Network, top: Top, architecture: Architecture, x: np.ndarray, stall: float, **settings: Any
) -> Streamed:
    """``top``, a design of ``net`` in ``architecture``, computes ``x`` in the clocks it states."""
    layouts = architecture.input_layout(net), architecture.output_layout(net)
    limit = 100 + sum(settings.get(key) or 0 for key in ("deaf", "reset"))
    limit += 20 * (top.latency + top.interval * len(x) + sum(layout.beats for layout in layouts))
    streamed = Streamed(top, x, layouts, stall=stall, limit=limit, **settings)
    assert streamed.results == expected(net, x)
    if not stall and not settings:
        assert set(np.diff(streamed.taken)) <= {top.interval}
        assert set(np.subtract(streamed.given, streamed.taken)) == {top.latency}
    return streamed


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(net=networks(), stalled=st.booleans())
def test_random_networks(architecture: Architecture, net: Network, stalled: bool) -> None:
    check_streams(net, architecture, corner_and_random(net, 6, 1), 0.4 if stalled else 0.0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(net=networks(max_width=3, max_layers=2, wide=True), architecture=st.sampled_from(FEW))
def test_random_networks_past_64_bits(net: Network, architecture: Architecture) -> None:
    try:
        check_tables(net)
    except HwgenError:
        reject()
    check_streams(net, architecture, corner_and_random(net, 4, 3), 0.0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(net=networks(max_width=8))
def test_random_networks_bare(net: Network) -> None:
    check_bare(net, corner_and_random(net, 24, 2))


def check_bare(net: Network, x: np.ndarray) -> None:
    architecture = Parallel(bare=True)
    top = build(net, architecture)
    layouts = architecture.input_layout(net), architecture.output_layout(net)
    results: list[list[int]] = []
    simulator = Simulator(top)

    async def bench(ctx: Any) -> None:
        for vector in x:
            ctx.set(top.x, layouts[0].pack(vector)[0])
            await ctx.delay(1e-6)
            results.append(layouts[1].unpack([ctx.get(top.y)]))

    simulator.add_testbench(bench)
    simulator.run()
    assert results == expected(net, x)


def sized(weight_bits: list[int], activation_bits: list[int], output: str) -> Network:
    """Layers of these weight bits, between activations of these bits; every code can occur."""
    rng = np.random.default_rng(weight_bits + activation_bits)
    widths = (*(4, 3, 5)[: len(weight_bits)], 3)
    stack = []
    for i, bits in enumerate(weight_bits):
        weights = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (widths[i + 1], widths[i]))
        weights[0, :2] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        target = None
        if i + 1 < len(weight_bits):
            shift = bits // 2 + 1
            target = rescale(activation_bits[i + 1], i % 2 == 1, -shift, rounding="half_even")
        bias = rng.integers(-50, 50, widths[i + 1]).tolist()
        stack.append(dense(weights.tolist(), bias, weight_bits=bits, output=target))
    return network(
        stack, output=output, bits=activation_bits[0], signed=activation_bits[0] % 2 == 1
    )


WIDTHS = (2, 3, 4, 5, 6, 7, 8, 16)


@pytest.mark.parametrize("architecture", FEW, ids=str)
@pytest.mark.parametrize("bits", WIDTHS)
def test_widths(architecture: Architecture, bits: int) -> None:
    for net in (
        sized([bits, bits], [bits, bits], "values"),
        sized([bits, 4], [8, bits], "argmax"),
        sized([3, bits], [bits, 5], "values"),
    ):
        check_streams(net, architecture, corner_and_random(net, 8, bits), 0.0)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@pytest.mark.parametrize(
    ("weight_bits", "activation_bits"),
    [([2, 16, 3], [16, 2, 5]), ([16, 2, 8], [3, 16, 4]), ([5, 7, 6], [7, 6, 16])],
)
def test_widths_mixed_per_layer(
    architecture: Architecture, weight_bits: list[int], activation_bits: list[int]
) -> None:
    net = sized(weight_bits, activation_bits, "values")
    check_streams(net, architecture, corner_and_random(net, 8, 5), 0.0)


HIDDEN = rescale(4, False, -2)
WRAP = {"accumulator_bits": 6, "accumulator_overflow": "wrap"}
LEAKY = {"activation": "leaky_relu", "negative_shift": 3}
HUGE = {"weight_bits": 32}

CORNERS = {
    "one of everything": network([dense([[3]])]),
    "one input, argmax": network([dense([[3], [-2], [1]], [0, 4, 2])], output="argmax"),
    "one output, argmax": network([dense([[3, 1]])], output="argmax"),
    "two equal rows": network([dense([[1, 2], [1, 2], [2, 1]])], output="argmax"),
    "all-zero layer": network([dense([[0, 0], [0, 0]], [3, -4])]),
    "all-zero hidden layer": network(
        [dense([[1, 2]], output=HIDDEN), dense([[0], [0]], output=HIDDEN), dense([[2, 5]])]
    ),
    "zero outputs": network([dense([[0, 0], [0, 0]])], output="argmax"),
    "dead neurons": network(
        [
            dense([[1, 1], [-1, -1], [-9, 0]], [0, -1, -2], activation="relu", output=HIDDEN),
            dense([[1, 2, 3], [3, 2, 1]]),
        ],
    ),
    "1-bit signed": network(
        [
            dense([[-1, 0], [-1, -1]], weight_bits=1, output=rescale(1, True, 0)),
            dense([[-1, -1], [0, -1]], [1, -1], weight_bits=1),
        ],
        bits=1,
        signed=True,
    ),
    "1-bit unsigned": network(
        [dense([[-1, 1]], weight_bits=2, output=rescale(1, False, 0)), dense([[-2]])],
        bits=1,
    ),
    "unsigned with fraction": network(
        [
            dense([[5, -3], [7, 7]], weight_fraction_bits=3, output=rescale(5, False, 4)),
            dense([[1, -1]], weight_fraction_bits=6),
        ],
        fraction_bits=4,
    ),
    "intervals of width 1": network(
        [
            dense([[0, 0], [0, 0]], [15, 15], output=rescale(4, False, 0)),
            dense([[1, -1], [1, 1]], output=rescale(4, True, -2)),
            dense([[1, 1], [2, 3]]),
        ]
    ),
    "beyond 64 bits": network(
        [dense([[2**31 - 1, -(2**31)], [-(2**31), 5]], [2**62, -(2**62)], **HUGE)],
        bits=32,
    ),
    "beyond 64 bits, rescaled": network(
        [
            dense(
                [[2**31 - 1, -(2**31)], [-(2**31), 5]],
                [2**62, -(2**62)],
                **HUGE,
                output=rescale(8, True, -58, rounding="half_even"),
            ),
            dense([[3, -5]]),
        ],
        bits=32,
        signed=True,
    ),
    "constants that no bias can take": network(
        [
            dense([[0], [0], [1]], [15, 15, 0], output=rescale(4, False, 0)),
            dense([[1, 1, 1]], [2**63 - 1]),
        ]
    ),
    "constants that wrap": network(
        [
            dense([[0], [0], [1]], [15, 15, 0], output=rescale(4, False, 0)),
            dense([[100, -7, 1]], [2**31 - 1], accumulator_bits=32, accumulator_overflow="wrap"),
        ]
    ),
    "shift beyond the accumulator": network(
        [
            dense([[1, -1], [-1, 0]], output=rescale(3, True, -30, rounding="floor")),
            dense([[1, 2], [3, -4]], output=rescale(3, True, -30)),
        ]
    ),
    "left shift": network([dense([[1, -1], [-1, 0]], output=rescale(16, True, 9))]),
    "left shift out of the word": network(
        [
            dense([[1, -1]], output=rescale(4, True, 9, overflow="wrap")),
            dense([[3]], [1]),
        ]
    ),
    "codebook of zeros": network(
        [dense([[0, 1], [1, 0]], [4, -5], weight_bits=1, codebook=[0, 0], codebook_bits=4)]
    ),
    "codebook with negative codes": network(
        [
            dense(
                [[0, -1, 1], [-2, 3, 2]],
                weight_bits=2,
                codebook=[-7, 0, 100, 5],
                codebook_bits=8,
            )
        ]
    ),
    "wrap": network(
        [
            dense([[15, -15], [9, 9]], [31, -32], **WRAP, output=rescale(4, True, -1)),
            dense([[100, 100], [-100, 27]], **WRAP),
        ]
    ),
    "wrap, argmax": network([dense([[15, -15], [9, 9], [1, 0]], **WRAP)], output="argmax"),
    "wrap at 1 bit": network(
        [dense([[3, 5], [1, 1]], accumulator_bits=1, accumulator_overflow="wrap")]
    ),
    "wrap where nothing does": network(
        [dense([[1, 1]], **WRAP, output=rescale(3, True, -2, rounding="half_even"))]
    ),
    "wrap then leak": network([dense([[15, -15]], **WRAP, **LEAKY, output=rescale(5, True, -1))]),
    "wide wrap next to a narrow layer": network(
        [
            dense([[1, -1]], output=rescale(4, True, 0)),
            dense([[3], [-3]], accumulator_bits=40, accumulator_overflow="wrap"),
        ]
    ),
    "raw relu": network([dense([[1, -1], [-1, 1]], activation="relu")]),
    "raw leaky": network([dense([[1, -1], [-1, 1]], **LEAKY)]),
    "raw hard_tanh": network(
        [dense([[1, -1], [-1, 1]], activation="hard_tanh", weight_fraction_bits=[2, -1])]
    ),
    "raw of several fractions, argmax": network(
        [dense([[1, -1], [-1, 1], [1, 1]], weight_fraction_bits=[2, -1, 0])], output="argmax"
    ),
    "per-output shifts": network(
        [
            dense(
                [[5, -3], [7, 7], [-6, 1], [2, 3]],
                [1, 2, 3, 4],
                weight_fraction_bits=[3, 0, 1, 3],
                output=rescale(4, True, 0, rounding="half_even"),
            )
        ]
    ),
    "tables": network(
        [
            dense(
                [[5, -3], [-7, 2]],
                activation="sigmoid",
                weight_fraction_bits=[3, 4],
                output=rescale(6, False, 5),
            ),
            dense([[9, -9]], activation="tanh", weight_fraction_bits=3, output=rescale(6, True, 4)),
        ]
    ),
}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_corners(architecture: Architecture) -> None:
    for name, net in CORNERS.items():
        x = corner_and_random(net, 6, 6)
        try:
            check_streams(net, architecture, x, 0.0)
            check_streams(net, architecture, x, 0.5)
        except AssertionError as error:
            raise AssertionError(name) from error


@pytest.mark.parametrize("name", CORNERS)
def test_corners_bare(name: str) -> None:
    check_bare(CORNERS[name], corner_and_random(CORNERS[name], 30, 7))


STREAMED = {
    "values": sized([4, 4], [4, 4], "values"),
    "argmax": sized([4, 4], [4, 4], "argmax"),
    "one layer, values": sized([4], [4], "values"),
    "one layer, argmax": sized([4], [4], "argmax"),
}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@pytest.mark.parametrize("name", STREAMED)
def test_back_pressure_held_for_long(architecture: Architecture, name: str) -> None:
    net = STREAMED[name]
    streamed = check_streams(net, architecture, corner_and_random(net, 12, 8), 0.0, deaf=200)
    waited = sum(clock < 200 for clock in streamed.taken)
    if architecture.name != "serial":
        # As many as there are places on the way.
        assert waited == -(-streamed.latency // streamed.interval)
    else:
        # An index waits in its register while the next input is worked on.
        assert waited == (2 if net.output == "argmax" else 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@pytest.mark.parametrize("name", STREAMED)
def test_reset_in_mid_stream(architecture: Architecture, name: str) -> None:
    net = STREAMED[name]
    x = corner_and_random(net, 4, 9)
    for clocks in (1, 2, 4, 7) if architecture.name == "parallel" else (1, 6, 11, 17, 24, 30, 37):
        check_streams(net, architecture, x, 0.0, reset=clocks)


@pytest.mark.parametrize("pipeline", [1, 2, 3])
def test_bare_pipelined(pipeline: int) -> None:
    net = sized([4, 5], [4, 3], "values")
    architecture = Parallel(pipeline=pipeline, bare=True)
    top = build(net, architecture)
    layouts = architecture.input_layout(net), architecture.output_layout(net)
    x = corner_and_random(net, 12, 10)
    results: list[list[int]] = []

    async def bench(ctx: Any) -> None:
        for vector in [*x, *x[: top.latency]]:
            ctx.set(top.x, layouts[0].pack(vector)[0])
            await ctx.delay(5e-7)
            ctx.set(top.clk, 1)
            await ctx.delay(5e-7)
            results.append(layouts[1].unpack([ctx.get(top.y)]))
            ctx.set(top.clk, 0)

    simulator = Simulator(top)
    simulator.add_testbench(bench)
    simulator.run()
    assert results[top.latency - 1 :][: len(x)] == expected(net, x)
    assert top.interval == 1
