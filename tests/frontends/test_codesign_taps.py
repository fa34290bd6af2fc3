import itertools
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hwgen.flows.codesign.store import network_of, plain_network
from hwgen.frontends.codesign.file import to_network
from hwgen.frontends.codesign.integers import IntegerNetwork
from hwgen.frontends.codesign.moves import weight_moves
from hwgen.frontends.codesign.polish import Sweep, polish
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.codesign.taps import Taps
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.parallel.pricing import GraphPricing
from hwgen.spec import golden
from hwgen.support.errors import HwgenError
from tests.frontends.test_codesign import random_codes, random_network, trials_of


def tapped(seed: int, drops: tuple[int, ...] = (0, 1, 2)) -> IntegerNetwork:
    """A random network that reads its inputs with and without their low bits."""
    network, taps = random_network(seed, (6 * len(drops), 5, 3)), Taps.of(6, 4, drops)
    network.layers[0].weights[:, taps.sources == 2] = 0  # nobody reads feature 2
    return IntegerNetwork(network.layers, taps)


def test_taps_are_shifted_inputs() -> None:
    taps = Taps.of(2, 4, (0, 3))
    assert taps.read(np.array([[9, 7], [15, 8]])).tolist() == [[9, 7, 1, 0], [15, 8, 1, 1]]
    assert taps.tops == [15, 15, 1, 1]
    assert taps.others(1) == [3]


def test_no_tap_without_bits() -> None:
    assert Taps.of(3, 2, (0, 1, 2, 3)).drops.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("seed", range(6))
def test_reading_more_changes_nothing(seed: int) -> None:
    network, codes = random_network(seed, (6, 5, 3)), random_codes(seed)
    more = network.reading((0, 2))
    assert len(more.taps) == 12
    np.testing.assert_array_equal(more.logits(codes.x), network.logits(codes.x))


@pytest.mark.parametrize("seed", range(6))
def test_a_layer_of_shifts_is_the_same(seed: int) -> None:
    network, codes = tapped(seed), random_codes(seed)
    plain = network.without_taps()
    assert len(plain.layers) == 3
    np.testing.assert_array_equal(plain.logits(codes.x), network.logits(codes.x))
    areas = []
    for one in (plain, network):
        pricing = GraphPricing()
        pricing.refresh(one.layers, one.tops())
        areas.append(pricing.areas)
    assert areas[0] == pytest.approx([0, *areas[1]])


def test_no_layer_where_nothing_is_left_out() -> None:
    network, codes = tapped(0), random_codes(0)
    network.layers[0].weights[:, network.taps.drops > 0] = 0
    plain = network.without_taps()
    assert len(plain.layers) == 2
    np.testing.assert_array_equal(plain.logits(codes.x), network.logits(codes.x))


@pytest.mark.parametrize("seed", range(6))
def test_network_file_has_the_same_integers(seed: int) -> None:
    network, codes = tapped(seed), random_codes(seed)
    file = to_network(network, "some", ("a", "b", "c"), "values")
    assert [layer.name for layer in file.layers] == ["taps", "hidden1", "classes"]
    np.testing.assert_array_equal(golden.infer(file, codes.x), network.logits(codes.x).T)


def test_unused_inputs_are_those_of_no_tap() -> None:
    network = tapped(1)
    network.layers[0].weights[:] = 0
    network.layers[0].weights[0, [1, 9, 17]] = 1
    assert network.unused_inputs() == [0, 2, 4]


def test_memory_keeps_taps() -> None:
    network, codes = tapped(2, (0, 1)), random_codes(2)
    again = network_of(plain_network(network))
    np.testing.assert_array_equal(again.logits(codes.x), network.logits(codes.x))


def test_digits_move_to_other_taps_of_their_input() -> None:
    codes = random_codes(4)
    trials = trials_of(tapped(4), codes)
    before, taps = trials.network.layers[0].weights, trials.network.taps
    moved = [move for move in weight_moves(trials, 1e-4, 10_000) if len(move.changes) == 2]
    assert len(moved) > 20
    for move in moved:
        (one, left), (other, joined) = move.changes
        assert taps.sources[one] == taps.sources[other]
        weight = {tap: int(before[move.output, tap]) for tap in (one, other)}
        scale = {tap: 2.0 ** int(taps.drops[tap]) for tap in (one, other)}
        gone, come = weight[one] - left, joined - weight[other]
        assert gone * scale[other] == come * scale[one]


def test_polishing_leaves_bits_out_and_is_exact() -> None:
    codes = random_codes(7, 400)
    network = random_network(7, (6, 5, 3)).reading((0, 1, 2))
    trials, rng = trials_of(network, codes, 0.02), np.random.default_rng(0)
    for _ in range(4):
        polish(trials, Sweep(price=4e-4, tried=100), rng)
    np.testing.assert_array_equal(trials.network.logits(codes.x), trials.sums)
    assert trials.network.layers[0].weights[:, trials.network.taps.drops > 0].any()


def test_verilog_has_the_bits_of_the_taps(tmp_path: Path) -> None:
    network = tapped(3)
    made = generate(to_network(network, "some", None, "values"), Parallel(bare=True), tmp_path)
    tops = re.findall(r"^  wire (?:\[(\d+):0\] )?x_2_\d+;", Path(made.verilog).read_text(), re.M)
    widths = Counter(int(top or 0) + 1 for top in tops)
    used = (network.layers[0].weights != 0).any(axis=0)
    assert set(widths) == {2, 3, 4}
    assert widths <= Counter(network.taps.fractions[used].tolist())


@pytest.mark.parametrize("drops", [(1, 2), (0, -1)])
def test_drops_out_of_range(drops: tuple[int, ...]) -> None:
    with pytest.raises(HwgenError, match=r"drops: found \(.*\), 0 among numbers from 0"):
        Settings(drops=drops)


def test_every_feature_has_as_many_taps() -> None:
    taps = Taps.of(5, 4, (0, 1, 3))
    pairs = set(zip(taps.sources.tolist(), taps.drops.tolist(), strict=True))
    assert pairs == set(itertools.product(range(5), (0, 1, 3)))
