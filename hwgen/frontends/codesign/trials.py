"""What a change of one neuron does to the loss, exactly, in about as long as it takes to say it.

:class:`Trials` keeps the integers of a network on all samples. A trial computes the neuron anew
and goes on only with the samples where its output is another; taking it over costs no more.
The loss is an :class:`hwgen.frontends.codesign.objective.Objective`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.frontends.codesign.candidates import Codes
from hwgen.frontends.codesign.integers import IntegerNetwork, Singles, fire
from hwgen.frontends.codesign.objective import objective_of
from hwgen.rtl.pricing import Neuron, Pricing
from hwgen.spec.arithmetic import Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a trial found: change of the loss, and the values that would be."""

    change: float
    rows: Integers
    accumulator: Singles
    output: Singles | None
    deeper: list[tuple[int, Singles, Singles]]
    sums: Singles
    losses: Singles


class Trials:
    """A network on samples.

    Parameters
    ----------
    network
        Changed in place by :meth:`take`.
    codes
        Samples, and what the network should say of them.
    smoothing
        Share of every label that is spread over all classes.
    pricing
        What silicon costs.
    """

    def __init__(
        self,
        network: IntegerNetwork,
        codes: Codes,
        smoothing: float,
        pricing: Pricing,
    ):
        self.network = network
        self.objective = objective_of(network, codes, smoothing)
        self.pricing = pricing
        self._x = np.ascontiguousarray(network.taps.read(codes.x).T, np.float32)
        self._every = np.arange(len(codes.y))
        self.refresh()

    def refresh(self) -> None:
        """Drop what is unused, compute everything anew, and fit what sums are compared with."""
        self.network.drop_unused()
        self.values, self.accumulators = [self._x], []
        for layer in self.network.layers:
            self.accumulators.append(layer.accumulate(self.values[-1]))
            self.values.append(layer.fire(self.accumulators[-1]))
        self.values.pop()
        self.means = [values.mean(axis=1) for values in self.values]
        self.pricing.refresh(self.network.layers, self.network.tops())
        self.losses = self.objective.fit(self.sums)
        self._sum = float(self.losses.sum(dtype=np.float64))

    @property
    def area(self) -> float:
        """Gate equivalents, as of the last :meth:`refresh`."""
        return self.pricing.area

    @property
    def sums(self) -> Singles:
        """Sums of the last layer [classes, samples]."""
        return self.accumulators[-1]

    def trial(self, neuron: Neuron, accumulator: Singles) -> Outcome:
        """The network with ``neuron``, whose accumulator would be ``accumulator`` [samples]."""
        at, j = neuron.layer, neuron.index
        if neuron.rescale is None:
            rows = np.flatnonzero(accumulator != self.sums[j])
            sums = self.sums.take(rows, 1)
            sums[j] = accumulator[rows]
            return self._outcome(rows, accumulator, None, [], sums)
        output = fire(accumulator, *neuron.rescale)
        following = self.network.layers[at + 1]
        before, weights = (
            self.values[at + 1][j],
            following.weights[:, j].astype(np.float32)[:, None],
        )
        if neuron.outgoing is None and neuron.next_biases is None:
            change = output - before
            rows = np.flatnonzero(change)
            reached = self.accumulators[at + 1].take(rows, 1)
            reached += weights * change[rows]
        else:
            rows = self._every
            outgoing = following.weights[:, j] if neuron.outgoing is None else neuron.outgoing
            reached = self.accumulators[at + 1] - weights * before
            reached += outgoing.astype(np.float32)[:, None] * output
            if neuron.next_biases is not None:
                shift = neuron.next_biases - following.biases
                reached += shift.astype(np.float32)[:, None]
        deeper = []
        for index in range(at + 1, len(self.network.layers) - 1):
            values = self.network.layers[index].fire(reached)
            deeper.append((index, reached, values))
            reached = self.network.layers[index + 1].accumulate(values)
        return self._outcome(rows, accumulator, output, deeper, reached)

    def take(self, neuron: Neuron, outcome: Outcome, known: Any) -> None:
        """Make ``neuron`` part of the network; ``known`` is what its price came with."""
        self.pricing.take(neuron, known)
        at, j, rows = neuron.layer, neuron.index, outcome.rows
        layer = self.network.layers[at]
        layer.weights[j], layer.biases[j] = neuron.weights, neuron.bias
        if neuron.rescale is not None and layer.shifts is not None and layer.bits is not None:
            layer.shifts[j], layer.bits[j] = neuron.rescale
            following = self.network.layers[at + 1]
            if neuron.outgoing is not None:
                following.weights[:, j] = neuron.outgoing
            if neuron.next_biases is not None:
                following.biases = neuron.next_biases.copy()
            self.accumulators[at][j] = outcome.accumulator
            self.values[at + 1][j] = outcome.output
        for index, reached, values in outcome.deeper:
            self.accumulators[index][:, rows] = reached
            self.values[index + 1][:, rows] = values
        self.sums[:, rows] = outcome.sums
        self.losses[rows] = outcome.losses
        self._sum = float(self.losses.sum(dtype=np.float64))

    def slopes(self) -> list[tuple[Singles, Singles]]:
        """For each layer, first and (diagonal) second derivative of the loss by each weight.

        The step of a rescale counts as a straight line, as in training.
        """
        first, second = self.objective.slopes(self.sums)
        found = []
        for index in range(len(self.network.layers) - 1, -1, -1):
            values = self.values[index]
            found.append((first @ values.T, second @ (values * values).T))
            if not index:
                break
            below, weights = self.network.layers[index - 1], self.network.layers[index].weights
            if below.shifts is None or below.bits is None:
                raise ValueError("only the last layer hands on its accumulators")
            top = (np.exp2(below.bits) - 1)[:, None]
            moves = (self.accumulators[index - 1] > 0) & (values < top)
            slope = moves * np.exp2(-below.shifts.astype(np.float32))[:, None]
            first = (weights.T.astype(np.float32) @ first) * slope
            second = ((weights.T.astype(np.float32) ** 2) @ second) * slope * slope
        return found[::-1]

    def _outcome(
        self,
        rows: Integers,
        accumulator: Singles,
        output: Singles | None,
        deeper: list[tuple[int, Singles, Singles]],
        sums: Singles,
    ) -> Outcome:
        losses = self.objective.losses(sums, rows)
        more = losses.sum(dtype=np.float64) - self.losses[rows].sum(dtype=np.float64)
        return Outcome(
            change=self._total(self._sum + float(more)) - self.loss,
            rows=rows,
            accumulator=accumulator,
            output=output,
            deeper=deeper,
            sums=sums,
            losses=losses,
        )

    @property
    def loss(self) -> float:
        """Of all samples."""
        return self._total(self._sum)

    def _total(self, of: float) -> float:
        return self.objective.total(of / len(self._every))
