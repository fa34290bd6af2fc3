"""Prices of changes: what a pricing says of a change is what counting anew says."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest

from hwgen.frontends.codesign.candidates import Codes
from hwgen.frontends.codesign.integers import IntegerLayer, IntegerNetwork
from hwgen.frontends.codesign.polish import Sweep, polish
from hwgen.frontends.codesign.taps import Taps
from hwgen.frontends.codesign.trials import Trials
from hwgen.rtl.architectures import families
from hwgen.rtl.pricing import Neuron, NeuronPricing, Pricing
from hwgen.rtl.serial.pricing import SerialPricing
from hwgen.spec.arithmetic import Integers

SEARCHED = [name for name, one in families().items() if one().pricing(6.0, None) is not None]


def pricing_of(name: str) -> Pricing:
    found = families()[name]().pricing(6.0, None)
    assert found is not None
    return found


def network(seed: int, sizes: tuple[int, ...] = (7, 6, 4)) -> IntegerNetwork:
    rng = np.random.default_rng(seed)
    layers = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        last = index == len(sizes) - 2
        weights = rng.integers(-6, 7, (outputs, inputs)) * rng.integers(0, 2, (outputs, inputs))
        rescale: tuple[Integers | None, ...] = (None, None)
        if not last:
            rescale = rng.integers(0, 4, outputs), rng.integers(1, 5, outputs)
        layers.append(IntegerLayer(weights, rng.integers(-9, 20, outputs), *rescale))
    return IntegerNetwork(layers, Taps.of(sizes[0], 4))


def counted(name: str, found: IntegerNetwork) -> Pricing:
    pricing = pricing_of(name)
    pricing.refresh(found.layers, found.tops())
    return pricing


def changes(found: IntegerNetwork, rng: np.random.Generator) -> Any:
    for _ in range(30):
        at = int(rng.integers(len(found.layers)))
        layer = found.layers[at]
        j = int(rng.integers(layer.outputs))
        weights = layer.weights[j].copy()
        weights[rng.integers(len(weights))] = rng.integers(-9, 10)
        rescale, more = layer.rescale(j), {}
        if rescale is not None and rng.integers(2):
            following = found.layers[at + 1]
            rescale = int(rng.integers(4)), int(rng.integers(1, 5))
            more = {
                "outgoing": following.weights[:, j] * int(rng.integers(3)),
                "next_biases": following.biases + int(rng.integers(-3, 4)),
            }
            weights = weights * int(rng.integers(2))
        bias = int(layer.biases[j]) + int(rng.integers(-5, 6))
        yield Neuron(layer=at, index=j, weights=weights, bias=bias, rescale=rescale, **more)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SEARCHED)
def test_changes_add_up_to_what_is_counted_anew(name: str, seed: int) -> None:
    found, rng = network(seed), np.random.default_rng(seed)
    codes = Codes(x=rng.integers(0, 16, (20, 7)), y=rng.integers(0, 4, 20))
    trials = Trials(found, codes, 0.0, pricing_of(name))
    for neuron in changes(trials.network, rng):
        dearer, known = trials.pricing.dearer(neuron)
        before = trials.pricing.area
        were = copy.deepcopy(getattr(trials.pricing, "alone", []))
        sums = neuron.weights.astype(np.float32) @ trials.values[neuron.layer]
        outcome = trials.trial(neuron, sums + np.float32(neuron.bias))
        trials.take(neuron, outcome, known)
        fresh = counted(name, trials.network)
        assert trials.pricing._tops == fresh._tops
        if isinstance(fresh, NeuronPricing):
            assert trials.pricing.alone == fresh.alone
            shared = zip(trials.pricing.sharing, fresh.alone, were, strict=True)
            assert dearer == pytest.approx(sum(s * (sum(a) - sum(b)) for s, a, b in shared))
        else:
            assert trials.pricing.area - before == pytest.approx(dearer)
            assert trials.pricing.area == pytest.approx(fresh.area)


@pytest.mark.parametrize("name", SEARCHED)
def test_a_copy_counts_for_itself(name: str) -> None:
    one = counted(name, network(0))
    before, other = one.area, copy.copy(one)
    other.refresh(network(1, (7, 2, 4)).layers, network(1, (7, 2, 4)).tops())
    assert other.area < before == one.area


@pytest.mark.parametrize("name", SEARCHED)
def test_moves_are_ranked_by_prices(name: str) -> None:
    pricing = counted(name, network(3))
    none, one, many = pricing.weight_prices(0, [0, 1, 187])
    assert none < one < many
    assert pricing.step(0) > 0
    assert pricing.argmax_area() > 0


def test_words_of_few_values_are_cheap() -> None:
    few, many = network(0, (16, 8, 4)), network(0, (16, 8, 4))
    few.layers[0].weights = np.sign(few.layers[0].weights)
    pricings = [SerialPricing(1, 6.0, False) for _ in range(2)]
    for pricing, found in zip(pricings, (few, many), strict=True):
        pricing.refresh(found.layers, found.tops())
    bits, kept, products, shifts, index = zip(*(one.counted for one in pricings), strict=True)
    assert bits[0] < 0.8 * bits[1]
    assert kept[0] < kept[1]
    assert products[0] <= products[1]
    assert shifts == (3, 3)
    assert index[0] <= index[1]


def test_a_neuron_that_is_gone_costs_nothing() -> None:
    found = network(2, (6, 5, 3))
    found.drop_unused()
    pricing = counted("serial", found)
    following = found.layers[1]
    gone = Neuron(
        layer=0, index=1, weights=0 * found.layers[0].weights[1], bias=0,
        rescale=found.layers[0].rescale(1), outgoing=0 * following.weights[:, 1],
    )  # fmt: skip
    dearer, _ = pricing.dearer(gone)
    left = found.copy()
    left.layers[0].weights[1], left.layers[1].weights[:, 1] = 0, 0
    left.drop_unused()
    before = pricing.area
    pricing.refresh(left.layers, left.tops())
    assert before + dearer == pytest.approx(pricing.area, rel=0.02)


@pytest.mark.parametrize("name", SEARCHED)
def test_polishing_under_each_price(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 16, (300, 7))
    codes = Codes(x=x, y=(x[:, 0] + x[:, 1] > 15) + 2 * (x[:, 2] > 10))
    trials, price = Trials(network(7), codes, 0.02, pricing_of(name)), 2e-4
    before = trials.loss + price * trials.area
    for _ in range(3):
        polish(trials, Sweep(price=price, tried=60), rng)
    assert trials.loss + price * trials.area < 0.9 * before
    assert counted(name, trials.network).area == pytest.approx(trials.area)
    np.testing.assert_array_equal(trials.network.logits(x), trials.sums)
