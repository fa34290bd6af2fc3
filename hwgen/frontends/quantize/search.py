"""The smallest widths within a budget of accuracy.

After Goyal et al. ([3] of docs/references.md): one bit less at a time, fraction bits that follow or
stay (its (BW-1, F-1) and (BW-1, F), here steps around the fraction that fits the narrower width),
a probe past a failure, and a look at the neighbourhood in the end. Different from it:

- Every width of the network competes for each bit: the step is taken that saves the most cost for
  the error that it adds. The paper goes through weights, biases and activations, layer by layer,
  with a fixed share of the budget for each.
- A step is within the budget if the loss is on the held-out samples, on the calibration samples and
  on mixtures of samples alike; which step to take is decided by the error of the outputs, which is
  smooth where accuracy comes in steps of a sample. Test data are never looked at.
- Losses are those of the integers that the hardware computes, accumulators and biases included.
- What follows a relu is unsigned.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hwgen.frontends.quantize.builder import WidthPlan
from hwgen.frontends.quantize.scoring import Score, Scorer
from hwgen.support.errors import HwgenError

Cost = Callable[[WidthPlan], float]
Say = Callable[[str], None]

LEAST_WEIGHT, LEAST_ACTIVATION = 2, 1
_STEPS = (0, -1, 1)
_ROUNDS = 400
_SMALL = 1e-4
_NOTHING = Score(error=math.inf, loss=math.inf)


@dataclass(frozen=True, kw_only=True)
class Space:
    """Which widths may change.

    Parameters
    ----------
    input_width
        Whether the width of the input may.
    most
        The most that is tried where the budget does not allow the start.
    """

    input_width: bool
    most: WidthPlan


@dataclass(frozen=True, kw_only=True)
class Found:
    """The plan that a search ended with."""

    plan: WidthPlan
    score: Score
    cost: float


class Search:
    """One search.

    Parameters
    ----------
    budget
        Most relative loss of accuracy, 0..1.
    """

    def __init__(self, scorer: Scorer, cost: Cost, space: Space, budget: float, say: Say):
        self._scorer = scorer
        self._cost = cost
        self._space = space
        self._budget = budget
        self._say = say
        self._refused: set[WidthPlan] = set()

    def run(self, start: WidthPlan) -> Found:
        """The plan of least cost that is found within the budget.

        Raises
        ------
        HwgenError
            The budget is not kept at the widest formats.
        """
        plan = self._descend(self._affordable(start))
        for _ in range(_ROUNDS):
            better = self._exchange(plan)
            if better is None:
                break
            plan = self._descend(better)
        return Found(plan=plan, score=self._scorer(plan), cost=self._cost(plan))

    def _affordable(self, start: WidthPlan) -> WidthPlan:
        """``start``, or the widest plan, or one of fewer bits that an accumulator has room for."""
        tried = [start, self._space.most]
        tried += [_at_most(start, bits, self._space.input_width) for bits in range(7, 0, -1)]
        for plan in tried:
            if self._within(plan):
                return plan
        loss = min(self._score(plan).loss for plan in tried)
        if loss == math.inf:
            self._scorer(tried[-1])  # refuses
        raise HwgenError(
            f"budget {self._budget:.4g}",
            f"a relative loss of {loss:.2%} at best",
            "a larger budget or wider limits are needed",
        )

    def _within(self, plan: WidthPlan) -> bool:
        return self._score(plan).loss <= self._budget

    def _score(self, plan: WidthPlan) -> Score:
        """The losses of a plan; infinite where an accumulator is too narrow for it."""
        if plan in self._refused:
            return _NOTHING
        try:
            return self._scorer(plan)
        except HwgenError:
            self._refused.add(plan)
            return _NOTHING

    def _descend(self, plan: WidthPlan) -> WidthPlan:
        """Take bits away, the best first, until none can go."""
        while True:
            cost, error = self._cost(plan), self._scorer(plan).error
            best, gain = None, 0.0
            for candidate in self._narrower(plan):
                saved = 1 - self._cost(candidate) / cost
                if saved > 0 and self._within(candidate):
                    added = max(self._scorer(candidate).error - error, _SMALL)
                    if best is None or saved / added > gain:
                        best, gain = candidate, saved / added
            if best is None:
                return plan
            plan = best
            self._tell(plan)

    def _narrower(self, plan: WidthPlan) -> Iterator[WidthPlan]:
        """Plans with one or (the probe) two bits less in one place."""
        for bits in (1, 2):
            for move in self._moves(plan, -bits):
                yield from move

    def _exchange(self, plan: WidthPlan) -> WidthPlan | None:
        """The cheapest plan within the budget that gives a bit and takes others, or None.

        Taken are one bit in each of two places, or up to two in one.
        """
        found, least = None, self._cost(plan) * (1 - 1e-9)
        for candidate in self._neighbours(plan):
            cost = self._cost(candidate)
            if cost < least and self._within(candidate):
                found, least = candidate, cost
        if found is not None:
            self._tell(found)
        return found

    def _neighbours(self, plan: WidthPlan) -> Iterator[WidthPlan]:
        seen: set[WidthPlan] = set()
        for wider in self._moves(plan, 1):
            for given in wider[:1]:
                for narrower in (*self._moves(given, -1), *self._moves(given, -2)):
                    for candidate in narrower:
                        if candidate not in seen:
                            seen.add(candidate)
                            yield candidate

    def _moves(self, plan: WidthPlan, bits: int) -> list[list[WidthPlan]]:
        """For each place, the plans with ``bits`` more there, one for each step of the fraction."""
        moves = []
        if self._space.input_width:
            width = plan.input_bits + bits
            if LEAST_ACTIVATION <= width <= self._space.most.input_bits:
                moves.append([replace(plan, input_bits=width, input_step=step) for step in _STEPS])
        for index, layer in enumerate(plan.layers):
            most = self._space.most.layers[index]
            width = layer.weight_bits + bits
            if LEAST_WEIGHT <= width <= most.weight_bits:
                moves.append(
                    [
                        plan.with_layer(index, replace(layer, weight_bits=width, weight_step=step))
                        for step in _STEPS
                    ]
                )
            width = layer.output_bits + bits
            if index < len(plan.layers) - 1 and LEAST_ACTIVATION <= width <= most.output_bits:
                moves.append(
                    [
                        plan.with_layer(index, replace(layer, output_bits=width, output_step=step))
                        for step in _STEPS
                    ]
                )
        return moves

    def _tell(self, plan: WidthPlan) -> None:
        self._say(f"{described(plan)}, {self._scorer.evaluations} plans")


def described(plan: WidthPlan) -> str:
    """``input 3, weights 3 4, activations 4``."""
    hidden = [layer.output_bits for layer in plan.layers[:-1]]
    weights = " ".join(str(layer.weight_bits) for layer in plan.layers)
    tail = f", activations {' '.join(map(str, hidden))}" if hidden else ""
    return f"input {plan.input_bits}, weights {weights}{tail}"


def _at_most(plan: WidthPlan, bits: int, input_width: bool) -> WidthPlan:
    """``plan`` with no more than ``bits`` for the activations."""
    layers = tuple(
        replace(layer, output_bits=min(bits, layer.output_bits)) for layer in plan.layers
    )
    width = min(bits, plan.input_bits) if input_width else plan.input_bits
    return WidthPlan(input_bits=width, layers=layers)
