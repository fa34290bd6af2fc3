"""Every architecture gives the golden model's numbers, in the clocks it states."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen import golden
from hwgen.generate import build
from hwgen.interface import Architecture, input_layout, output_layout
from hwgen.network import Network
from tests.networks import corner_and_random, networks
from tests.streams import Streamed

ARCHITECTURES = [
    Architecture(name="parallel"),
    Architecture(name="parallel", pipeline=1),
    Architecture(name="parallel", pipeline=2),
    Architecture(name="serial", macs=1),
    Architecture(name="serial", macs=2),
    Architecture(name="serial", macs=3),
]


def expected(net: Network, x: np.ndarray) -> list[list[int]]:
    results = golden.predict(net, x)
    return results.reshape(len(x), -1).tolist()


def check_streams(net: Network, architecture: Architecture, x: np.ndarray, stall: float) -> None:
    top = build(net, architecture)
    layouts = input_layout(net, architecture), output_layout(net, architecture)
    limit = 100 + 20 * (
        top.latency + top.interval * len(x) + sum(layout.beats for layout in layouts)
    )
    streamed = Streamed(top, x, layouts, stall=stall, limit=limit)
    assert streamed.results == expected(net, x)
    if not stall:
        assert set(np.diff(streamed.taken)) <= {top.interval}
        assert set(np.subtract(streamed.given, streamed.taken)) == {top.latency}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(net=networks(), stalled=st.booleans())
def test_random_networks(architecture: Architecture, net: Network, stalled: bool) -> None:
    if architecture.macs > max(layer.outputs for layer in net.layers):
        architecture = Architecture(name="serial", macs=1)
    check_streams(net, architecture, corner_and_random(net, 6, 1), 0.4 if stalled else 0.0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(net=networks(max_width=8))
def test_random_networks_bare(net: Network) -> None:
    check_bare(net, corner_and_random(net, 24, 2))


def check_bare(net: Network, x: np.ndarray) -> None:
    architecture = Architecture(bare=True)
    top = build(net, architecture)
    layouts = input_layout(net, architecture), output_layout(net, architecture)
    results: list[list[int]] = []
    simulator = Simulator(top)

    async def bench(ctx: object) -> None:
        for vector in x:
            ctx.set(top.x, layouts[0].pack(vector)[0])
            await ctx.delay(1e-6)
            results.append(layouts[1].unpack([ctx.get(top.y)]))

    simulator.add_testbench(bench)
    simulator.run()
    assert results == expected(net, x)
