"""ROMs whose rows are gathered: every address of every cut, and bits that may be anything."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator, SimulatorContext

from hwgen.rtl.gathered import Content, Cut, gathered


def check(content: Content, cut: Cut | None = None) -> None:
    """The ROM's words, by simulation, are what the content says wherever that matters."""
    m = Module()
    address = Signal(content.address_bits)
    value = cut.build(m, "t", address) if cut else gathered(m, "t", address, content)
    word = Signal(content.bits.shape[1])
    m.d.comb += word.eq(value)

    async def bench(ctx: SimulatorContext) -> None:
        for place, (bits, cares) in enumerate(zip(content.bits, content.cares, strict=True)):
            ctx.set(address, place)
            found = ctx.get(word) >> np.arange(len(bits)) & 1
            assert (found[cares] == bits[cares]).all(), place

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def drawn(seed: int, address_bits: int, width: int) -> Content:
    """Bits of which some are seldom 1 and some seldom 0, and a quarter may be anything."""
    rng = np.random.default_rng(seed)
    shape = (1 << address_bits, width)
    return Content(rng.random(shape) < rng.random(width), rng.random(shape) < 0.75)


@pytest.mark.parametrize("low", range(4))
@pytest.mark.parametrize("high", range(3))
def test_every_cut(low: int, high: int) -> None:
    content = drawn(10 * low + high, 6, 3)
    check(content, Cut(content, low, high))


@pytest.mark.parametrize("address_bits", range(1, 8))
def test_chosen_cut(address_bits: int) -> None:
    check(drawn(address_bits, address_bits, 5))


def test_content_of_words() -> None:
    content = Content.of([5, None, -1], 3, free=[1])
    assert content.bits.tolist()[0] == [True, False, True]
    assert content.cares.tolist() == [
        [False, True, True],
        [False] * 3,
        [True] * 3,
        [False] * 3,
    ]
    assert content.bits.tolist()[2] == [True] * 3


def test_constant_outputs_take_no_logic() -> None:
    content = Content.of([2, None, 2, 2], 2)
    cut = Cut(content, 1, 0)
    assert cut.inverted == [False, True]
    assert cut.sets(0) == cut.sets(1) == {}


def test_rows_that_may_choose_join_others() -> None:
    """Row 1 has 1 at place 0 and anything at place 1; rows 0 and 2 have 1 at both."""
    content = Content.of([1, 1, 1, None, 1, 1, *[0] * 10], 1)
    assert Cut(content, 1, 0).sets(0) == {(0, 3): [0, 2, 1]}
