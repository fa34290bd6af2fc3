import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwgen.frontends.codesign.candidates import Candidate, Codes, envelope, spread, survivors
from hwgen.frontends.codesign.file import to_network
from hwgen.frontends.codesign.integers import IntegerLayer, IntegerNetwork
from hwgen.frontends.codesign.jitter import between, jittered
from hwgen.frontends.codesign.moves import alternatives, neuron_moves, weight_moves
from hwgen.frontends.codesign.polish import Sweep, polish
from hwgen.frontends.codesign.polishing import Polishing, polished
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.codesign.taps import Taps
from hwgen.frontends.codesign.trials import Trials
from hwgen.rtl.parallel.pricing import (
    PRICES,
    GraphPricing,
    digits,
    layer_area,
    neuron_area,
    reduced,
)
from hwgen.rtl.pricing import Neuron, interval
from hwgen.spec import golden
from hwgen.support.errors import HwgenError


def random_network(seed: int, sizes: tuple[int, ...] = (6, 5, 4, 3)) -> IntegerNetwork:
    rng = np.random.default_rng(seed)
    layers = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        last = index == len(sizes) - 2
        layers.append(
            IntegerLayer(
                rng.integers(-7, 8, (outputs, inputs)) * rng.integers(0, 2, (outputs, inputs)),
                rng.integers(-9, 20, outputs),
                None if last else rng.integers(0, 4, outputs),
                None if last else rng.integers(1, 5, outputs),
            )
        )
    return IntegerNetwork(layers, Taps.of(sizes[0], 4))


def trials_of(network: IntegerNetwork, codes: "Codes", smoothing: float = 0.0) -> Trials:
    return Trials(network, codes, smoothing, GraphPricing())


def random_codes(seed: int, samples: int = 200, features: int = 6, classes: int = 3) -> Codes:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 16, (samples, features))
    y = (x[:, 0] + x[:, 1] > 15).astype(np.int64) + (x[:, 2] > 10)
    return Codes(x=x, y=np.minimum(y, classes - 1))


def python_logits(network: IntegerNetwork, codes: Any) -> list[list[int]]:
    """The same in plain Python integers."""
    found = []
    for row in codes.tolist():
        values = row
        for layer in network.layers:
            sums = [
                int(b) + sum(int(w) * v for w, v in zip(weights, values, strict=True))
                for weights, b in zip(layer.weights, layer.biases, strict=True)
            ]
            rescales = [layer.rescale(j) for j in range(len(sums))]
            values = [
                s if r is None else min(max(s >> r[0], 0), 2 ** r[1] - 1)
                for s, r in zip(sums, rescales, strict=True)
            ]
        found.append(values)
    return found


class TestSilicon:
    def test_adders_of_two_words(self) -> None:
        assert reduced([(0, 4), (0, 4)], 0, 5) == (3, 1)

    def test_adders_of_words_apart(self) -> None:
        assert reduced([(0, 3), (3, 3)], 0, 6) == (0, 0)

    def test_a_constant_that_meets_one_bit_is_free(self) -> None:
        assert reduced([(0, 1)], 1, 2) == (0, 0)

    def test_a_constant_folds_into_half_adders(self) -> None:
        assert reduced([(0, 2), (0, 2)], 1, 3) == (1, 1)

    @pytest.mark.parametrize("seed", range(20))
    def test_full_adders_take_a_bit_each(self, seed: int) -> None:
        """Three bits in, two out: what is left is one bit for each column."""
        rng = np.random.default_rng(seed)
        words = [(int(s), int(b)) for s, b in zip(*rng.integers(1, 5, (2, 7)), strict=True)]
        high = sum(((1 << bits) - 1) << shift for shift, bits in words)
        full, _ = reduced(words, 0, high.bit_length())
        left = sum(bits for _, bits in words) - full
        lowest = min(shift for shift, _ in words)
        assert 0 <= left <= high.bit_length() - lowest

    @pytest.mark.parametrize("seed", range(10))
    def test_neuron_is_a_layer_of_its_own(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        weights = np.array([[1, 0, -3, 5, 12, -1]]) * rng.integers(0, 2, 6)
        tops, bias = [15, 7, 1, 3, 15, 15], int(rng.integers(-20, 20))
        alone = neuron_area(weights[0], bias, tops, (2, 3))
        shared = layer_area(weights, [bias], tops, [(2, 3)])
        assert shared <= alone + 1e-9

    def test_equal_neurons_share(self) -> None:
        weights = np.array([[3, 5, 1, 1]] * 4)
        tops = [15] * 4
        alone = 4 * neuron_area(weights[0], 0, tops, None)
        assert layer_area(weights, [0] * 4, tops, [None] * 4) < 0.7 * alone

    def test_neuron_that_never_fires_is_free(self) -> None:
        assert neuron_area(np.array([-1, -2]), 0, [15, 15], (0, 4)) == 0

    def test_narrower_inputs_cost_less(self) -> None:
        weights = np.array([3, -5, 7])
        assert neuron_area(weights, 0, [3] * 3, (1, 4)) < neuron_area(weights, 0, [15] * 3, (1, 4))

    @pytest.mark.parametrize("value", [*range(-40, 41), 1000])
    def test_digits(self, value: int) -> None:
        assert sum(sign << shift for shift, sign in digits(value)) == value

    def test_interval(self) -> None:
        assert interval(np.array([3, -2]), 1, [15, 7]) == (1 - 14, 1 + 45)


class TestIntegers:
    @pytest.mark.parametrize("seed", range(5))
    def test_logits_are_the_plain_integers(self, seed: int) -> None:
        network, codes = random_network(seed), random_codes(seed, 50)
        assert network.logits(codes.x).T.tolist() == python_logits(network, codes.x)

    @pytest.mark.parametrize("seed", range(10))
    def test_dropping_the_unused_changes_nothing(self, seed: int) -> None:
        network, codes = random_network(seed), random_codes(seed)
        network.layers[0].weights[2] = 0
        network.layers[1].weights[:, 3] = 0
        network.layers[1].biases[0] = -10_000
        before = network.logits(codes.x)
        network.drop_unused()
        assert network.layers[0].outputs <= 3
        np.testing.assert_array_equal(network.logits(codes.x), before)

    def test_nothing_left_is_still_a_network(self) -> None:
        network, codes = random_network(0, (6, 3, 3)), random_codes(0)
        network.layers[0].weights[:] = 0
        before = network.logits(codes.x)
        network.drop_unused()
        assert network.layers[0].outputs == 1
        np.testing.assert_array_equal(network.logits(codes.x), before)

    @pytest.mark.parametrize("seed", range(6))
    def test_tops_are_never_exceeded(self, seed: int) -> None:
        network, codes = random_network(seed), random_codes(seed, 2000)
        x = codes.x.T.astype(np.float32)
        for layer, tops in zip(network.layers, network.tops(), strict=True):
            assert (x.max(axis=1) <= tops).all()
            x = layer.fire(layer.accumulate(x))

    @pytest.mark.parametrize("seed", range(6))
    def test_network_file_has_the_same_integers(self, seed: int) -> None:
        network, codes = random_network(seed), random_codes(seed)
        file = to_network(network, "some", ("a", "b", "c"), "values")
        np.testing.assert_array_equal(golden.infer(file, codes.x), network.logits(codes.x).T)

    def test_network_file_of_one_width_is_version_1(self) -> None:
        network, codes = random_network(1), random_codes(1)
        for layer in network.layers[:-1]:
            layer.bits = np.full(layer.outputs, 3)
        file = to_network(network, "some")
        assert file.version == 1
        np.testing.assert_array_equal(golden.infer(file, codes.x), network.logits(codes.x).T)


class TestTrials:
    @pytest.mark.parametrize("seed", range(4))
    def test_a_trial_is_what_the_network_would_be(self, seed: int) -> None:
        codes, rng = random_codes(seed), np.random.default_rng(seed)
        trials = trials_of(random_network(seed), codes, 0.05)
        for _ in range(40):
            at = int(rng.integers(3))
            layer = trials.network.layers[at]
            j = int(rng.integers(layer.outputs))
            weights = layer.weights[j].copy()
            weights[rng.integers(len(weights))] = rng.integers(-8, 9)
            bias = int(layer.biases[j]) + int(rng.integers(-3, 4))
            neuron = Neuron(layer=at, index=j, weights=weights, bias=bias, rescale=layer.rescale(j))
            sums = weights.astype(np.float32) @ trials.values[at] + np.float32(bias)
            self.check(trials, neuron, sums, codes)

    @pytest.mark.parametrize("seed", range(4))
    def test_moves_of_neurons(self, seed: int) -> None:
        codes = random_codes(seed)
        for at in (0, 1):
            trials = trials_of(random_network(seed), codes)
            moves = list(neuron_moves(trials, at, 0))
            assert len(moves) >= 15
            for neuron in moves:
                fresh = trials_of(random_network(seed), codes)
                weights = neuron.weights.astype(np.float32)
                sums = weights @ fresh.values[at] + np.float32(neuron.bias)
                self.check(fresh, neuron, sums, codes)

    def test_turning_a_neuron_around_changes_no_decision(self) -> None:
        codes = random_codes(3)
        trials = trials_of(random_network(3), codes)
        before = trials.sums.copy()
        turned = next(
            one
            for one in neuron_moves(trials, 1, 1)
            if (one.weights == -trials.network.layers[1].weights[1]).all() and one.bias
        )
        weights = turned.weights.astype(np.float32)
        sums = weights @ trials.values[1] + np.float32(turned.bias)
        trials.take(turned, trials.trial(turned, sums), trials.pricing.dearer(turned)[1])
        np.testing.assert_array_equal(trials.network.logits(codes.x), before)

    @staticmethod
    def check(trials: Trials, neuron: Neuron, sums: Any, codes: Codes) -> None:
        before = trials.loss
        outcome = trials.trial(neuron, sums)
        trials.take(neuron, outcome, trials.pricing.dearer(neuron)[1])
        np.testing.assert_array_equal(trials.network.logits(codes.x), trials.sums)
        assert trials.loss - before == pytest.approx(outcome.change, abs=1e-5)
        for at, layer in enumerate(trials.network.layers[:-1]):
            np.testing.assert_array_equal(
                layer.fire(layer.accumulate(trials.values[at])), trials.values[at + 1]
            )

    def test_slopes_of_the_last_layer(self) -> None:
        codes = random_codes(5)
        trials = trials_of(random_network(5), codes, 0.1)
        first, _ = trials.slopes()[-1]
        layer = trials.network.layers[-1]
        for j, i in np.ndindex(layer.weights.shape):
            step = np.float32(1e-2)
            losses = []
            for sign in (1, -1):
                sums = trials.sums[j] + sign * step * trials.values[-1][i]
                neuron = Neuron(layer=2, index=j, weights=layer.weights[j], bias=0)
                losses.append(trials.trial(neuron, sums).change)
            slope = (losses[0] - losses[1]) / (2 * step)
            assert slope == pytest.approx(float(first[j, i]), abs=2e-3)


class TestPolish:
    def objective(self, trials: Trials, price: float) -> float:
        return trials.loss + price * trials.area

    def test_makes_it_better_and_is_exact(self) -> None:
        codes = random_codes(7, 400)
        trials = trials_of(random_network(7), codes, 0.02)
        rng, price = np.random.default_rng(0), 2e-4
        before = self.objective(trials, price)
        for _ in range(4):
            polish(trials, Sweep(price=price, tried=60), rng)
        assert self.objective(trials, price) < 0.8 * before
        np.testing.assert_array_equal(trials.network.logits(codes.x), trials.sums)

    def test_a_high_price_makes_it_small(self) -> None:
        codes = random_codes(7, 400)
        areas = []
        for price in (1e-5, 3e-3):
            task = self.task(codes, price)
            areas.append(polished(task)[0].area)
        assert areas[1] < 0.5 * areas[0]

    def test_same_seed_same_network(self) -> None:
        codes = random_codes(2)
        found = [polished(self.task(codes, 1e-4))[0] for _ in range(2)]
        for one, other in zip(*(c.network.layers for c in found), strict=True):
            assert one.weights.tolist() == other.weights.tolist()
            assert one.biases.tolist() == other.biases.tolist()

    def test_past_its_time_it_sweeps_once(self) -> None:
        found, cut = polished(replace(self.task(random_codes(2), 1e-4), until=0.0))
        assert cut
        assert found.area > 0

    def test_heat_takes_over_what_is_worse(self) -> None:
        codes = random_codes(2)
        rng = np.random.default_rng(0)
        cold = trials_of(random_network(2), codes)
        while polish(cold, Sweep(price=1e-4, tried=80), rng):
            pass
        assert polish(cold, Sweep(price=1e-4, tried=80, heat=20), rng)

    def test_moves_are_in_the_order_of_their_promise(self) -> None:
        codes = random_codes(2)
        moves = weight_moves(trials_of(random_network(2), codes), 1e-4, 500)
        expected = [move.expected for move in moves]
        assert expected == sorted(expected)
        assert expected[0] < 0

    def test_alternatives(self) -> None:
        assert {0, 2, 4, 7, 3, 12, 5} <= set(alternatives(6, 3))
        assert 6 not in alternatives(6, 3)

    @staticmethod
    def task(codes: Codes, price: float) -> Polishing:
        return Polishing(
            start=Candidate(network=random_network(7), price=price, smoothing=0.02),
            pricing=GraphPricing(),
            samples=codes,
            validation=codes,
            sweeps=3,
            tried=60,
            seed=(1, 2),
        )


class TestCandidates:
    def some(self, *figures: tuple[float, float]) -> list[Candidate]:
        network = random_network(0)
        return [
            Candidate(network=network, price=1e-4, loss=loss, area=area, validation_loss=loss)
            for area, loss in figures
        ]

    def test_envelope(self) -> None:
        found = envelope(self.some((300, 0.2), (100, 0.5), (200, 0.6), (400, 0.1), (400, 0.3)))
        assert [one.area for one in found] == [100, 300, 400]

    def test_spread_keeps_the_largest(self) -> None:
        found = spread(self.some(*((100 * 1.1**k, 1 / (k + 1)) for k in range(40))), 8)
        assert len(found) == 8
        assert found[-1].area == pytest.approx(100 * 1.1**39)

    def test_spread_of_few(self) -> None:
        assert len(spread(self.some((100, 0.5), (200, 0.4)), 8)) == 2

    def test_survivors_are_worth_most_at_their_price(self) -> None:
        found = survivors(self.some((100, 0.5), (1000, 0.1), (500, 0.45)), [1e-6, 1e-2], 1)
        assert [(one.area, one.price) for one in found] == [(1000, 1e-6), (100, 1e-2)]


class TestJitter:
    def test_copies_are_near(self) -> None:
        codes = random_codes(0, 100)
        codes.x[:, 3] = 7
        found = jittered(codes, 1.0, 1000, 15, 0)
        assert len(found.y) == 400
        np.testing.assert_array_equal(found.x[:100], codes.x)
        np.testing.assert_array_equal(found.y.reshape(4, 100), [codes.y] * 4)
        apart = found.x[100:] - np.tile(codes.x, (3, 1))
        assert 0.5 < apart.std() < 1.2
        assert not apart[:, 3].any()
        assert found.x.min() >= 0
        assert found.x.max() <= 15

    @pytest.mark.parametrize(("spread", "most"), [(0.0, 1000), (1.0, 199)])
    def test_none(self, spread: float, most: int) -> None:
        codes = random_codes(0, 100)
        assert jittered(codes, spread, most, 15, 0) is codes


class TestBetween:
    def test_points_lie_between_two_samples(self) -> None:
        codes = random_codes(0, 2)
        found = between(codes, 200, 0.5, 0.0, 15, np.random.default_rng(1))
        np.testing.assert_array_equal(found[:2], codes.x)
        ends = np.sort(codes.x, axis=0)
        assert ((found >= ends[0]) & (found <= ends[1])).all()
        near = np.abs(found[:, None] - codes.x[None]).sum(axis=2).min(axis=1)
        assert 0 < near.max() <= np.abs(codes.x[0] - codes.x[1]).sum() / 2 + codes.x.shape[1] / 2


class TestSettings:
    def test_ladder(self) -> None:
        ladder = Settings(cheap=1e-5, dear=1e-3, prices=3).ladder()
        assert ladder == pytest.approx([1e-5, 1e-4, 1e-3])

    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"hidden": ()}, "hidden: none, or one of more than 4 layers, topologies of 0 to 4"),
            ({"hidden": ((0,),)}, "hidden: a layer without neurons, at least 1 neuron"),
            ({"cheap": 1.0}, r"prices: 1.0 to 0.0004, 0 < lowest <= highest"),
            ({"jitter": 1.0}, "jitter: found 1.0, 0 to below 1"),
            ({"smoothings": ()}, r"smoothings: found \(\), shares of 0 to below 1"),
            ({"input_bits": 9}, "input_bits: found 9, 1 to 8"),
        ],
    )
    def test_refusals(self, keywords: dict[str, Any], message: str) -> None:
        with pytest.raises(HwgenError, match=message):
            Settings(**keywords)


def test_prices_are_those_of_adders() -> None:
    assert PRICES.full > 2 * PRICES.half > 2 * PRICES.clip
