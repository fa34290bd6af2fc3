"""The requantizer in Amaranth simulation, for every accumulator of small intervals."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, Value, signed
from amaranth.sim import Simulator

from hwgen.rtl.requantize import MAX_TABLE, Requantizer, check_tables, clip, requantizers, shape_of
from hwgen.support.errors import HwgenError
from tests.networks import ACTIVATIONS, dense, network, rescale

INTERVALS = ((-21, 18), (0, 26), (-13, -2), (5, 5), (-1, 0))
SHIFTS = (-3, 0, 1, 3, 7)


def check(units: list[Requantizer]) -> None:
    """Each of ``units`` computes what the golden model does over its whole interval."""
    m = Module()
    accumulator = Signal(signed(12))
    outputs: list[Value] = []
    for i, unit in enumerate(units):
        outputs.append(unit.build(m, f"u{i}", accumulator + unit.offset))
    values = range(
        min(unit.accumulator[0] for unit in units), max(unit.accumulator[1] for unit in units) + 1
    )
    seen: list[list[int]] = [[] for _ in units]

    async def bench(ctx: object) -> None:
        for value in values:
            ctx.set(accumulator, value)
            for unit, output, results in zip(units, outputs, seen, strict=True):
                if unit.accumulator[0] <= value <= unit.accumulator[1]:
                    results.append(ctx.get(output))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    for unit, results in zip(units, seen, strict=True):
        low, high = unit.accumulator
        expected = unit.compute(np.arange(low, high + 1).astype(object)).tolist()
        assert results == expected, unit
        assert unit.interval[0] <= min(expected)
        assert max(expected) <= unit.interval[1]
        if unit.rescale.target is None or unit.rescale.overflow == "saturate":
            assert unit.interval == (min(expected), max(expected)), unit


def unit(
    activation: str, shift: int, interval: tuple[int, int], wraps: bool, output: dict | None
) -> Requantizer:
    settings: dict = {"activation": activation}
    if activation == "leaky_relu":
        settings["negative_shift"] = 2
    if wraps:
        settings |= {"accumulator_bits": 12, "accumulator_overflow": "wrap"}
    fraction = shift + (output["fraction_bits"] if output else 0)
    layer = network([dense([[1]], output=output, **settings)]).layers[0]
    return Requantizer(rescale=layer.rescales(fraction)[0], accumulator=interval)


@pytest.mark.parametrize("rounding", ["floor", "half_up", "half_even"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_accumulator(activation: str, rounding: str) -> None:
    check(
        [
            unit(
                activation,
                shift,
                interval,
                wraps,
                rescale(3, is_signed, 2, rounding=rounding, overflow=overflow),
            )
            for is_signed, overflow, shift, interval, wraps in itertools.product(
                (False, True),
                ("saturate", "wrap"),
                SHIFTS,
                INTERVALS,
                (False, True) if rounding != "floor" else (False,),
            )
        ]
    )


@pytest.mark.parametrize("bits", [1, 2, 16, 32])
def test_output_widths(bits: int) -> None:
    check(
        [
            unit(
                activation,
                shift,
                interval,
                False,
                rescale(bits, is_signed, 2, rounding=rounding, overflow=overflow),
            )
            for activation, rounding, is_signed, overflow, shift, interval in itertools.product(
                ACTIVATIONS,
                ("half_up", "half_even"),
                (False, True),
                ("saturate", "wrap"),
                (-1, 1),
                ((-21, 18), (-1, 0)),
            )
        ]
    )


@pytest.mark.parametrize("activation", ["none", "relu", "leaky_relu", "hard_tanh"])
def test_raw_accumulators(activation: str) -> None:
    check(
        [
            unit(activation, shift, interval, wraps, None)
            for shift, interval, wraps in itertools.product((-1, 0, 3), INTERVALS, (False, True))
        ]
    )


@pytest.mark.parametrize("rounding", ["floor", "half_up", "half_even"])
def test_shift_far_beyond_the_accumulator(rounding: str) -> None:
    check(
        [
            unit(activation, shift, (-21, 18), wraps, rescale(4, True, 2, rounding=rounding))
            for activation in ACTIVATIONS
            for shift in (12, 64, 130, -64)
            for wraps in (False, True)
        ]
    )


@pytest.mark.parametrize("negative_shift", [0, 1, 5, 6, 64])
def test_leaky_relu_shifts(negative_shift: int) -> None:
    layer = dense(
        [[1]],
        activation="leaky_relu",
        negative_shift=negative_shift,
        output=rescale(5, True, 0, rounding="half_even"),
    )
    net = network([layer])
    check(
        [
            Requantizer(rescale=net.layers[0].rescales(fraction)[0], accumulator=(-40, 37))
            for fraction in (0, 1, 2)
        ]
    )


def test_offset_is_half_of_the_last_kept_bit() -> None:
    output = rescale(4, True, 0)
    assert unit("none", 3, (-9, 9), False, output).offset == 4
    assert unit("none", 0, (-9, 9), False, output).offset == 0
    assert unit("none", 3, (-9, 9), False, {**output, "rounding": "floor"}).offset == 0
    for added in (
        unit("none", 3, (-9, 9), True, output),
        unit("leaky_relu", 3, (-9, 9), False, output),
    ):
        assert (added.offset, added.adds) == (0, True)


def test_requantizers_of_a_layer() -> None:
    layer = dense([[2], [-3]], [1, 0], weight_fraction_bits=[1, 2], output=rescale(4, True, 0))
    units = requantizers(network([layer]), 0, [(0, 15)])
    assert [(u.rescale.fraction, u.accumulator) for u in units] == [(1, (1, 31)), (2, (-45, 0))]


def test_requantizers_of_wrapping_accumulators() -> None:
    settings = {"accumulator_bits": 6, "accumulator_overflow": "wrap"}
    layer = dense([[2], [-3]], **settings, output=rescale(4, True, 0))
    units = requantizers(network([layer]), 0, [(0, 15)])
    assert [u.accumulator for u in units] == [(0, 30), (-32, 31)]


def test_table_too_large() -> None:
    layer = dense([[1]], activation="tanh", output=rescale(16, True, 14))
    with pytest.raises(
        HwgenError,
        match=r"^layers\[0\]\.output\.fraction_bits: a tanh table of 262,144 entries, "
        r"at most 16,384 go into hardware$",
    ):
        check_tables(network([layer]))
    assert MAX_TABLE == 16_384


def test_shape_of() -> None:
    assert shape_of(0, 0).width == 1
    assert (shape_of(-1, 0).width, shape_of(-1, 0).signed) == (1, True)
    assert (shape_of(0, 7).width, shape_of(0, 7).signed) == (3, False)
    assert (shape_of(-5, 7).width, shape_of(-5, 7).signed) == (4, True)


def test_clip_every_bound() -> None:
    cases = [
        (interval, (low, high))
        for interval in ((-9, 9), (0, 12), (-7, -2), (4, 6))
        for low in range(-9, 10)
        for high in range(low, 10)
    ]
    m = Module()
    value = Signal(signed(5))
    results = []
    for i, (interval, bounds) in enumerate(cases):
        source = Signal(shape_of(*interval), name=f"source{i}")
        m.d.comb += source.eq(value)
        results.append(clip(m, f"clip{i}", source, interval, bounds))

    async def bench(ctx: object) -> None:
        for v in range(-9, 13):
            ctx.set(value, v)
            for ((low, high), bounds), result in zip(cases, results, strict=True):
                if low <= v <= high:
                    assert ctx.get(result) == min(max(v, bounds[0]), bounds[1])

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
