from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hwgen.flows.codesign.store import Store  # noqa: E402
from hwgen.frontends.codesign.candidates import Candidate, Codes  # noqa: E402
from hwgen.frontends.codesign.integers import IntegerNetwork  # noqa: E402
from hwgen.frontends.codesign.population import (  # noqa: E402
    Member,
    Population,
    population_of,
)
from hwgen.frontends.codesign.reference import float_accuracy  # noqa: E402
from hwgen.frontends.codesign.rounding import (  # noqa: E402
    RoundedRelu,
    RoundedWeight,
    digit_cost,
)
from hwgen.frontends.codesign.search import Clock, Nothing, search  # noqa: E402
from hwgen.frontends.codesign.settings import Settings, Training  # noqa: E402
from hwgen.frontends.codesign.taps import Taps  # noqa: E402
from hwgen.frontends.codesign.teacher import Teachers  # noqa: E402
from hwgen.frontends.codesign.training import one_thread, train  # noqa: E402
from hwgen.rtl.parallel.pricing import GraphPricing  # noqa: E402
from hwgen.rtl.pricing import Terms  # noqa: E402
from tests.frontends.test_codesign import random_codes, random_network  # noqa: E402

SMALL = Settings(
    jitter=0.0, teachers=0,
    hidden=((5,),), smoothings=(0.02,), prices=2, cheap=1e-4, dear=2e-3, steps=250,
    later_steps=50, rounds=1, kept=1, sweeps=2, tried=40,
)  # fmt: skip


def area(network: IntegerNetwork) -> float:
    pricing = GraphPricing()
    pricing.refresh(network.layers, network.tops())
    return pricing.area


def trained(
    hidden: tuple[int, ...], steps: int = 120, terms: Terms = GraphPricing.terms
) -> Population:
    codes = random_codes(1)
    members = [Member(hidden=hidden, price=price) for price in (1e-5, 1e-3)]
    population = Population(members, Taps.of(6, 4), 3, 0, terms)
    with one_thread():
        train(
            population, codes, Training(steps=steps, batch=64), seed=0,
            watch=lambda step, state: None,
        )  # fmt: skip
    return population


def test_weights_are_rounded_to_their_fraction() -> None:
    weight, fraction = torch.tensor([0.3, -0.77, 0.1]), torch.tensor([2.0, 3.4, 1.0])
    assert RoundedWeight.apply(weight, fraction).tolist() == [0.25, -0.75, 0.0]


def test_width_of_a_weight_gets_the_gradient_of_its_error() -> None:
    weight = torch.tensor([0.3], requires_grad=True)
    fraction = torch.tensor([2.0], requires_grad=True)
    RoundedWeight.apply(weight, fraction).sum().backward()
    assert weight.grad.tolist() == [1.0]
    assert float(fraction.grad) == pytest.approx(0.05 * np.log(2))


def test_relu_clips_and_rounds() -> None:
    sums = torch.tensor([[[-0.5], [0.3], [0.9], [7.0]]])
    found = RoundedRelu.apply(sums, torch.tensor([[[2.0]]]))
    assert found.flatten().tolist() == [0.0, 0.25, 0.75, 0.75]


def test_relu_of_no_bits_is_nothing() -> None:
    assert RoundedRelu.apply(torch.ones(1, 3, 1), torch.zeros(1, 1, 1)).abs().sum() == 0


def test_cost_grows_with_digits_and_ends_with_the_weight() -> None:
    fractions = torch.tensor([3.0, 3.0, 3.0, 3.0])
    costs = digit_cost(torch.tensor([0.01, 0.125, 0.375, 0.875]), fractions).tolist()
    assert costs[0] == 0
    assert costs[1] == pytest.approx(1)
    assert costs == sorted(costs)


SHARED = Terms(code=0.5, total=5.0, output=8.0, shared=True)
EACH = GraphPricing.terms


@pytest.mark.parametrize(
    ("hidden", "terms"), [((5,), EACH), ((5, 4), EACH), ((), EACH), ((5, 4), SHARED)]
)
def test_integers_decide_as_the_population(hidden: tuple[int, ...], terms: Terms) -> None:
    population, codes = trained(hidden, terms=terms), random_codes(4, 500)
    x = torch.tensor(codes.x / 16).float().expand(2, -1, -1)
    with torch.no_grad():
        sums = population.logits(x).numpy()
    for member in range(2):
        network = population.network(member)
        same = network.logits(codes.x).argmax(axis=0) == sums[member].argmax(axis=1)
        assert same.mean() > 0.97


def test_a_higher_price_is_a_smaller_network() -> None:
    population = trained((5,), 400)
    areas = [area(population.network(member)) for member in range(2)]
    assert areas[1] < areas[0]


@pytest.mark.parametrize(
    ("sizes", "terms"), [((6, 5, 3), EACH), ((6, 5, 4, 3), EACH), ((6, 5, 3), SHARED)]
)
def test_networks_become_a_population_again(sizes: tuple[int, ...], terms: Terms) -> None:
    networks = [random_network(seed, sizes) for seed in (0, 1)]
    for layer in networks[0].layers[:-1] + networks[1].layers[:-1]:
        if terms.shared and layer.shifts is not None and layer.bits is not None:
            layer.shifts[:], layer.bits[:] = 2, 3
    population, codes = (
        population_of([Candidate(network=one, price=1e-4) for one in networks], 0, terms),
        random_codes(4, 500),
    )
    for member, network in enumerate(networks):
        again = population.network(member)
        decided = network.logits(codes.x).argmax(axis=0)
        assert (again.logits(codes.x).argmax(axis=0) == decided).mean() > 0.97


def run(memory: Any, say: Callable[[str], None] = lambda text: None, **more: Any) -> Any:
    codes = random_codes(0, 300)
    with one_thread():
        return search(
            SMALL, codes, random_codes(9), 3, GraphPricing(),
            clock=Clock(more.pop("seconds", None)), memory=memory, say=say, **more,
        )  # fmt: skip


def plain(found: list[Candidate]) -> list[Any]:
    return [
        (one.price, one.loss, one.area, [layer.weights.tolist() for layer in one.network.layers])
        for one in found
    ]


def test_teachers_know_what_they_learned() -> None:
    codes, others = random_codes(0, 300), random_codes(1, 300)
    with one_thread():
        teachers = Teachers(codes, 3, top=15, noise=0.0, count=2, seed=0)
    found = teachers.labelled(others.x)
    assert found.soft is not None
    np.testing.assert_allclose(found.soft.sum(axis=1), 1, rtol=1e-5)
    assert (found.y == others.y).mean() > 0.9


@pytest.mark.parametrize("right", [False, True])
def test_validation_decides_between_labels_and_teachers(
    right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Teachers that are wrong are not listened to; those that are right are, where labels lie."""

    def labelled(teachers: Any, codes: Any) -> Codes:
        y = (codes[:, 0] + codes[:, 1] > 15).astype(int) + (codes[:, 2] > 10)
        y = y if right else 2 - y
        return Codes(x=codes, y=y, soft=np.eye(3)[y])

    monkeypatch.setattr(Teachers, "__init__", lambda *args, **kwargs: None)
    monkeypatch.setattr(Teachers, "labelled", labelled)
    codes, said = random_codes(0, 300), []
    y = np.random.default_rng(3).permutation(codes.y) if right else codes.y
    with one_thread():
        search(
            replace(SMALL, teachers=1, taught=600), Codes(x=codes.x, y=y), random_codes(9), 3,
            GraphPricing(), clock=Clock(None), memory=Nothing(), say=said.append,
        )  # fmt: skip
    assert [("by float networks" in line) for line in said if "training 1" in line] == [right]


def test_search_goes_on_where_it_was(tmp_path: Any) -> None:
    whole = run(Nothing())
    assert len(whole) == 6
    store, said = Store(tmp_path), []

    class Killed(Exception):
        pass

    def stop(text: str) -> None:
        said.append(text)
        if text.startswith("round 0, network 1"):
            raise Killed

    with pytest.raises(Killed):
        run(store, stop)
    said.clear()
    assert plain(run(store, said.append)) == plain(whole)
    assert not [text for text in said if text.startswith(("training 0", "round 0"))]
    said.clear()
    assert plain(run(store, said.append)) == plain(whole)
    assert said == []


def test_search_out_of_time_gives_networks() -> None:
    found = run(Nothing(), seconds=0.0)
    assert len(found) == 2
    assert all(one.area > 0 for one in found)


def test_damaged_memory_is_absent(tmp_path: Any) -> None:
    store = Store(tmp_path)
    candidate = Candidate(network=random_network(0), price=1e-4)
    store.put("round 0, network 0", vars(candidate))
    assert store.get("round 0, network 0")["price"] == 1e-4
    (tmp_path / "round-0-network-0.json").write_text("{")
    assert store.get("round 0, network 0") is None
    (tmp_path / "training-0.pt").write_bytes(b"no")
    assert store.get("training 0") is None


def test_float_network_learns() -> None:
    codes = random_codes(0, 400)
    with one_thread():
        validation, test = float_accuracy(
            codes, random_codes(1), random_codes(2), 3, input_bits=4, seed=0
        )
    assert min(validation, test) > 0.9


def test_a_study_takes_the_smallest_that_is_good_enough(tmp_path: Any) -> None:
    from types import SimpleNamespace

    from hwgen.flows.study.codesigned import Searched, smallest
    from hwgen.frontends.train.samples import Part, Samples

    codes = random_codes(0, 300)
    part = Part(x=codes.x / 16, y=codes.y)
    samples = Samples(train=part, validation=part, test=part, labels=("a", "b", "c"))
    model = SimpleNamespace(predict=lambda x: codes.y)
    searched = Searched(samples, SMALL, tmp_path, lambda text: None)
    areas = []
    for loss in (0.0, 0.99):
        network = searched.network(model, loss, "some")
        areas.append(sum(np.count_nonzero(layer.weight_values) for layer in network.layers))
    assert areas[1] <= areas[0]
    found = run(Nothing())
    assert smallest(found, 0.0).area == min(one.area for one in found)
    assert smallest(found, 1.1).validation == max(one.validation for one in found)
