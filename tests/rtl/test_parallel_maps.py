"""Convolution and pooling unrolled: the golden model's numbers, stages, sharing, limits."""

import numpy as np
import pytest
from amaranth.back import rtlil

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import build
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.parallel.pool import ParallelMaxPool
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.convnets import random_network
from tests.networks import corner_and_random, dense, rescale
from tests.rtl.test_architectures import check_streams
from tests.spec.test_maps import conv, mapped


@pytest.mark.parametrize("pipeline", [0, 1, 2])
def test_random_maps(pipeline: int) -> None:
    rng = np.random.default_rng(20 + pipeline)
    for seed in range(6):
        net = random_network(rng)
        check_streams(net, Parallel(pipeline=pipeline), corner_and_random(net, 12, seed), 0.3)


def pooled(kernel: int, stride: int, size: int = 6) -> Network:
    pool = {"kind": "max_pool", "name": "p", "kernel": [kernel] * 2, "stride": [stride] * 2}
    return mapped([1, size, size], pool, signed=True)


def made(net: Network, pipeline: int = 0) -> ParallelMaxPool:
    part = ParallelMaxPool(net, 0, [(-8, 7)] * net.input.features, pipeline)
    rtlil.convert(part, name="pool", emit_src=False)
    return part


@pytest.mark.parametrize("pipeline", [0, 1, 2, 3])
def test_max_pool_in_stages(pipeline: int) -> None:
    """4 x 4 values are 4 rounds of comparison."""
    net = pooled(4, 2)
    assert made(net, pipeline).stages == (0, 4, 2, 2)[pipeline]
    check_streams(net, Parallel(pipeline=pipeline), corner_and_random(net, 20, 1), 0.2)


def comparators(net: Network) -> int:
    return len(made(net)._largest) - net.input.features


def test_overlapping_windows_share() -> None:
    """Rows of 3 x 3 windows, one step apart: each row's tree is that of three windows."""
    assert comparators(pooled(2, 2)) == 9 * 3
    # in each of 6 rows 4 pairs, each of which begins a triple; then the same in 4 columns
    assert comparators(pooled(3, 1)) == 6 * (4 + 4) + 4 * (4 + 4)


def test_latency_counts_all_layers() -> None:
    net = mapped(
        [1, 4, 4],
        conv([[[[1, 2], [3, 1]]]], output=rescale(4, False, 2), activation="relu"),
        {"kind": "max_pool", "name": "p", "kernel": [3, 3]},
        dense([[3], [1]]),
        output="argmax",
    )
    check_streams(net, Parallel(pipeline=1), corner_and_random(net, 30, 1), 0.3)
    check_streams(net, Parallel(), corner_and_random(net, 30, 1), 0.3)


def refused(net: Network, architecture: Architecture) -> str:
    with pytest.raises(HwgenError) as error:
        build(net, architecture)
    return str(error.value)


def test_too_many_windows_are_refused() -> None:
    net = mapped([3, 32, 32], conv(np.full((8, 3, 5, 5), 5).tolist(), padding=[2] * 4))
    assert refused(net, Parallel()) == (
        "layers[0]: 1,228,800 additions with every window unrolled, about 59.0 mm2, "
        "at most 30,000; other architectures use a window many times"
    )


def test_other_architectures_say_what_they_take() -> None:
    net = pooled(2, 2)
    assert refused(net, BitSerial()) == ("layers[0].kind: found 'max_pool', bit-serial has dense")
