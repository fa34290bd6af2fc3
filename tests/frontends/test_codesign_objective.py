"""What sums are worth: real values, and labels that are shares of classes."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen.frontends.codesign.candidates import Candidate, Codes
from hwgen.frontends.codesign.file import to_network
from hwgen.frontends.codesign.integers import IntegerNetwork
from hwgen.frontends.codesign.objective import Values
from hwgen.frontends.codesign.polishing import Polishing, polished
from hwgen.frontends.codesign.trials import Trials
from hwgen.rtl.parallel.pricing import GraphPricing
from hwgen.rtl.pricing import Neuron
from hwgen.spec import golden
from tests.frontends.test_codesign import random_codes, random_network


class TestRealValues:
    def regression(self, seed: int, fraction: int) -> tuple[IntegerNetwork, Codes]:
        network, codes = random_network(seed, (6, 5, 1)), random_codes(seed, 300)
        network.fraction = fraction
        y = 100 + codes.x[:, 0] * codes.x[:, 1] / 8 - codes.x[:, 3] / 3
        network.layers[-1].biases += 100 << fraction
        return network, Codes(x=codes.x, y=y)

    def test_polishing_comes_nearer(self) -> None:
        network, codes = self.regression(3, 2)
        start = Candidate(network=network, price=1e-5)
        task = Polishing(
            start=start, pricing=GraphPricing(), samples=codes, validation=codes,
            sweeps=4, tried=80, seed=(0,),
        )  # fmt: skip
        found, _ = polished(task)
        before = Values(codes, 2).judged(network, codes)
        assert found.validation > before[0] + 0.1
        assert found.loss == pytest.approx(found.validation_loss, abs=1e-5)
        errors = found.network.logits(codes.x)[0] / 4 - codes.y
        assert found.validation == pytest.approx(1 - errors.var() / codes.y.var(), abs=0.05)

    def test_slopes_are_those_of_the_loss(self) -> None:
        network, codes = self.regression(1, 1)
        trials = Trials(network, codes, 0.0, GraphPricing())
        (first, second) = trials.slopes()[-1]
        layer = trials.network.layers[-1]
        for i in range(layer.weights.shape[1]):
            changes = []
            for sign in (1, -1):
                sums = trials.sums[0] + sign * np.float32(1e-2) * trials.values[-1][i]
                neuron = Neuron(layer=1, index=0, weights=layer.weights[0], bias=0)
                changes.append(trials.trial(neuron, sums).change)
            slope = (changes[0] - changes[1]) / 2e-2
            assert slope == pytest.approx(float(first[0, i]), rel=0.02, abs=2e-3)
            assert second[0, i] >= 0

    def test_the_file_has_the_values_themselves(self) -> None:
        network, codes = self.regression(2, 3)
        file = to_network(network, "some", None, "values")
        last = file.dense(1)
        unit = last.accumulator_fraction(file.source(1).fraction)[0]
        assert unit == 3
        found = golden.infer(file, codes.x)[:, 0] / 2**unit
        np.testing.assert_array_equal(found, network.logits(codes.x)[0] / 8)


def test_soft_labels_of_classes_are_the_classes() -> None:
    codes = random_codes(4)
    soft = replace(codes, soft=np.eye(3)[codes.y])
    plain, other = (Trials(random_network(4), one, 0.1, GraphPricing()) for one in (codes, soft))
    assert plain.loss == pytest.approx(other.loss, rel=1e-5)
    for one, two in zip(plain.slopes(), other.slopes(), strict=True):
        np.testing.assert_allclose(one[0], two[0], atol=1e-5)
    rows = np.array([3, 5, 90])
    for trials in (plain, other):
        assert trials.objective.losses(trials.sums[:, rows], rows) == pytest.approx(
            trials.losses[rows], rel=1e-4
        )
