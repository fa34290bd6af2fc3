"""Polishing: a search over the integers of a network for less loss and less silicon.

The objective is ``loss + price * area``: the mean cross entropy of the training samples, and gate
equivalents. A sweep tries single weights in the order of what their slopes promise, then biases,
then formats and signs of neurons; what makes the objective smaller is kept at once. With a
``heat`` above 0, so is what makes it a little worse, by chance (simulated annealing).

Everything is decided by the training samples and by the seed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.frontends.codesign.moves import WeightMove, neuron_moves, weight_moves
from hwgen.frontends.codesign.trials import Outcome, Trials
from hwgen.rtl.pricing import Neuron

_LOGIT_STEPS = tuple(sign * step for step in (1, 2, 4, 8) for sign in (1, -1))


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """How to sweep.

    Parameters
    ----------
    price
        What a gate equivalent is worth in units of the loss.
    heat
        Gate equivalents that a change may make things worse by, on average.
    tried
        Most moves of single weights that are tried.
    """

    price: float
    heat: float = 0.0
    tried: int = 300


def polish(trials: Trials, sweep: Sweep, rng: np.random.Generator) -> int:
    """Sweep once over a network; how many changes were taken over."""
    taken = _weights(trials, sweep, rng)
    last = len(trials.network.layers) - 1
    for j in range(trials.network.layers[last].outputs):
        taken += _last_bias(trials, j, sweep, rng)
    for layer in range(last):
        for j in rng.permutation(trials.network.layers[layer].outputs):
            taken += _neuron(trials, layer, int(j), sweep, rng)
    trials.refresh()
    return taken


def _accepts(change: float, sweep: Sweep, rng: np.random.Generator) -> bool:
    if not sweep.heat:
        return change < -1e-9
    return change < sweep.price * sweep.heat * rng.exponential()


def _weights(trials: Trials, sweep: Sweep, rng: np.random.Generator) -> int:
    moves = weight_moves(trials, sweep.price, 4 * sweep.tried)
    if sweep.heat:
        some = min(len(moves), 2 * sweep.tried)
        moves = [moves[k] for k in sorted(rng.permutation(some)[: sweep.tried])]
    changed: set[tuple[int, int, int]] = set()
    tried = taken = 0
    for move in moves:
        places = {(move.layer, move.output, tap) for tap, _ in move.changes}
        if places & changed:
            continue
        if tried == sweep.tried:
            break
        tried += 1
        change, neuron, outcome, known = _best(trials, move, sweep)
        if _accepts(change, sweep, rng):
            trials.take(neuron, outcome, known)
            changed |= places
            taken += 1
    return taken


def _best(trials: Trials, move: WeightMove, sweep: Sweep) -> tuple[float, Neuron, Outcome, Any]:
    """The better of the move alone, and with a bias that keeps the accumulator's mean."""
    layer = trials.network.layers[move.layer]
    weights = layer.weights[move.output].copy()
    moved, mean = trials.accumulators[move.layer][move.output].copy(), 0.0
    for tap, value in move.changes:
        step = value - int(weights[tap])
        weights[tap] = value
        moved += np.float32(step) * trials.values[move.layer][tap]
        mean += step * float(trials.means[move.layer][tap])
    steps = {0, -round(mean)} if layer.bits is not None else {0}
    found = []
    for by in sorted(steps):
        neuron = Neuron(
            layer=move.layer,
            index=move.output,
            weights=weights,
            bias=int(layer.biases[move.output]) + by,
            rescale=layer.rescale(move.output),
        )
        dearer, known = trials.pricing.dearer(neuron)
        outcome = trials.trial(neuron, moved + np.float32(by))
        found.append((outcome.change + sweep.price * dearer, neuron, outcome, known))
    return min(found, key=lambda one: one[0])


def _last_bias(trials: Trials, j: int, sweep: Sweep, rng: np.random.Generator) -> int:
    at, taken = len(trials.network.layers) - 1, 0
    layer = trials.network.layers[at]
    for step in _LOGIT_STEPS:
        neuron = Neuron(
            layer=at, index=j, weights=layer.weights[j], bias=int(layer.biases[j]) + step
        )
        dearer, known = trials.pricing.dearer(neuron)
        outcome = trials.trial(neuron, trials.sums[j] + np.float32(step))
        if _accepts(outcome.change + sweep.price * dearer, sweep, rng):
            trials.take(neuron, outcome, known)
            taken += 1
    return taken


def _neuron(trials: Trials, layer: int, j: int, sweep: Sweep, rng: np.random.Generator) -> int:
    """Take over the first change of a hidden neuron that is accepted."""
    own = trials.network.layers[layer]
    before = own.weights[j]
    for neuron in neuron_moves(trials, layer, j):
        if (neuron.weights == before).all():
            by = np.float32(neuron.bias - int(own.biases[j]))
            accumulator = trials.accumulators[layer][j] + by
        else:
            weights = neuron.weights.astype(np.float32)
            accumulator = weights @ trials.values[layer] + np.float32(neuron.bias)
        outcome = trials.trial(neuron, accumulator)
        if outcome.change > 4000 * sweep.price:
            continue
        dearer, known = trials.pricing.dearer(neuron)
        if _accepts(outcome.change + sweep.price * dearer, sweep, rng):
            trials.take(neuron, outcome, known)
            return 1
    return 0
