"""The numbers of a bit-serial design, and networks that reach into its corners."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.bitserial.neuron import Recurrence
from hwgen.rtl.bitserial.schedule import Schedule, sources
from hwgen.rtl.bitserial.sharing import share
from hwgen.rtl.generate import generate
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.networks import corner_and_random, dense, network, rescale
from tests.rtl.test_architectures import check_streams


def chain(bits: list[int], outputs: int = 2, **settings: Any) -> Network:
    """Layers between activations of these widths, the input's first; the last hands on sums."""
    rng = np.random.default_rng(bits)
    layers = []
    for position in range(len(bits)):
        weights = rng.integers(-5, 6, (outputs, outputs)).tolist()
        following = bits[position + 1 : position + 2]
        output = rescale(following[0], False, 0) if following else None
        shift = {"weight_fraction_bits": 3} if position == 0 else {}
        layers.append(dense(weights, [7, -9][:outputs], output=output, **shift))
    return network(layers, bits=bits[0], **settings)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    weights=st.lists(st.integers(-9, 9), min_size=1, max_size=5),
    constant=st.integers(-500, 500),
    digit=st.integers(1, 4),
    digits=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_recurrence_is_the_sum(
    weights: list[int], constant: int, digit: int, digits: int, seed: int
) -> None:
    top = (1 << digit) - 1
    ends = sum(min(0, w) for w in weights) * top, sum(max(0, w) for w in weights) * top
    own = Recurrence.of(constant, [ends] * digits, digit)
    rng = np.random.default_rng(seed)
    for x in rng.integers(0, top + 1, (20, digits, len(weights))).tolist():
        value, final = own.start, 0
        for t, row in enumerate(x):
            late = own.late if t == digits - 1 else 0
            total = value + late + sum(w * v for w, v in zip(weights, row, strict=True))
            final += (total & top) << (t * digit)
            value = total >> digit
            assert 0 <= value + own.center < 1 << own.width
        wanted = constant + sum(
            w * v << (t * digit)
            for t, row in enumerate(x)
            for w, v in zip(weights, row, strict=True)
        )
        assert (value << (digit * digits)) + final == wanted


def test_a_large_bias_makes_no_wide_accumulator() -> None:
    small, large = (Recurrence.of(constant, [(-8, 7)] * 4, 1) for constant in (0, 100))
    assert large.width <= small.width + 1
    assert large.late


@pytest.mark.parametrize(("bits", "width"), [(1, 1), (3, 1), (3, 2), (5, 3)])
def test_shared_sums_are_the_product(bits: int, width: int) -> None:
    rng = np.random.default_rng(bits)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (12, 16))
    graph = share(weights.tolist(), [width] * 16)
    x = rng.integers(0, 1 << width, 16).tolist()
    nodes = list(x)
    for terms in [*graph.nodes, *graph.sums]:
        nodes.append(sum((-1 if t.negative else 1) * (nodes[t.node] << t.shift) for t in terms))
    assert nodes[len(nodes) - len(weights) :] == (weights @ x).tolist()


def test_sharing_saves() -> None:
    rows = [[1, -1, 1, 0, 3], [1, -1, 1, 5, 0], [-2, 2, -2, 0, 0]]
    graph = share(rows, [1] * 5)
    assert [len(terms) for terms in graph.nodes if len(terms) > 1] == [3]


@pytest.mark.parametrize(
    ("bits", "digit", "stages", "offsets", "frame", "groups"),
    [
        ([4, 4, 4], 1, 0, [0, 0, 0], 4, 3),
        ([8, 4, 4], 1, 0, [0, 0, 4], 8, 2),
        ([8, 4, 4], 1, 1, [0, 8, 12], 16, 1),
        ([4, 4, 4], 1, 2, [0, 4, 0], 8, 2),
        ([5, 8, 2], 3, 0, [0, 0, 0], 2, 3),
        ([4, 4], 4, 0, [0, 0], 1, 2),
    ],
)
def test_schedule(
    bits: list[int], digit: int, stages: int, offsets: list[int], frame: int, groups: int
) -> None:
    net = chain(bits)
    schedule = Schedule.of(net, digit, stages)
    assert (schedule.offsets, schedule.frame, schedule.groups) == (offsets, frame, groups)
    assert schedule.latency == groups * frame - schedule.digits[0] + 1
    assert BitSerial(digit=digit, stages=stages).cycles(net).interval == frame
    check_streams(net, BitSerial(digit=digit, stages=stages), corner_and_random(net, 8, 1), 0.0)


def test_each_way_to_read() -> None:
    """A layer behind others that is held, that stores, and that gets digits."""
    rough = rescale(8, False, -1)
    fine = [dense([[3, 1], [-2, 5]], output=rough)] * 2
    kept = network([*fine, dense([[1, -2]])], bits=8)
    plain = chain([4, 6, 3])
    assert _reads(plain, 1, 1) == ["held", "held", "held"]
    assert "stored" in _reads(plain, 1, 0)
    assert "digits" in _reads(kept, 1, 0)
    for net in (plain, kept):
        for stages in (0, 1, 2):
            check_streams(net, BitSerial(stages=stages), corner_and_random(net, 8, 2), 0.3)


def _reads(net: Network, digit: int, stages: int) -> list[str]:
    schedule = Schedule.of(net, digit, stages)
    return [schedule.reads(net, index) for index in range(len(sources(net)))]


CORNERS = {
    "one neuron": network([dense([[3]])], bits=1),
    "one bit": network([dense([[1, -1], [1, 1]], output=rescale(1, False, 0)), dense([[1, -1]])],
                       bits=1),
    "signed input": network([dense([[3, -5, 7]])], bits=5, signed=True),
    "16 bits": network([dense([[1, -2], [3, 4]], output=rescale(16, True, -1)), dense([[5, -6]])],
                       bits=16, signed=True),
    "tie": network([dense([[3, 1]], output=rescale(4, True, 0, rounding="half_even"),
                          weight_fraction_bits=2)], bits=4, signed=True),
    "tie past the digits": network([dense([[3, 9]], weight_fraction_bits=5,
                                          output=rescale(4, True, 0, rounding="half_even"))],
                                   bits=3),
    "shift past the sum": network([dense([[1, 0], [-1, 0]], [-2, 1],
                                         output=rescale(4, True, -8, rounding="floor")),
                                   dense([[3, -1]])], bits=6),
    "dropped bits": network([dense([[3, -5], [7, 2]], dropped_bits=[[0, 2], [1, 0]])],
                            bits=4, signed=True),
    "multiplier": network([dense([[3, -5]], output={**rescale(4, True, 0), "multiplier": 6,
                                                    "shift": 4})], bits=4, signed=True),
    "wraps": network([dense([[7, 9]], accumulator_bits=5, accumulator_overflow="wrap")], bits=4),
    "large bias": network([dense([[1, 1], [1, -1]], [3000, -3000])], bits=4),
    "no weights": network([dense([[0, 0], [1, 0]], [5, -1])], bits=4),
    "codebook": network([dense([[0, 1], [2, 3]], weight_bits=2, codebook=[-7, -1, 1, 6],
                               codebook_bits=8)], bits=4),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("digit", [1, 2, 5])
def test_corner(name: str, digit: int, tmp_path: Path) -> None:
    net = CORNERS[name]
    check_streams(net, BitSerial(digit=digit), corner_and_random(net, 24, 3), 0.0)
    assert generate(net, BitSerial(digit=digit), tmp_path).interval_cycles


def test_result_waits_and_nothing_is_lost() -> None:
    net = chain([4, 4, 4])
    x = corner_and_random(net, 6, 4)
    check_streams(net, BitSerial(), x, 0.0, deaf=40)
    check_streams(net, BitSerial(), x, 0.5, reset=7)


def test_digit_out_of_range() -> None:
    with pytest.raises(HwgenError, match=r"^digit: found 0, 1\.\.32 bits$"):
        BitSerial(digit=0)


def test_choices_reach_every_interval() -> None:
    net = chain([4, 4, 4, 4])
    widths = [max(high.bit_length() for _, high in source) for source in sources(net)]
    intervals = {(one.digit, one.stages): one.cycles(net).interval
                 for one in BitSerial.choices(net) if isinstance(one, BitSerial)}  # fmt: skip
    assert len(set(intervals.values())) == len(intervals)
    assert {1, max(widths), sum(widths)} <= set(intervals.values())


def test_estimate_grows_with_the_digit() -> None:
    net = chain([8, 8, 8], outputs=2)
    areas = [
        BitSerial(digit=digit, stages=1).estimated_area(net.layers, net.input.format)
        for digit in (1, 2, 4)
    ]
    assert all(first < second for first, second in pairwise(areas))
