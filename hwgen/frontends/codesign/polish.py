"""Polishing: a search over the integers of a network for less loss and less silicon.

The objective is ``loss + price * area``: the mean cross entropy of the training samples, and gate
equivalents. A sweep tries single weights in the order of what their slopes promise, then biases,
then formats and signs of neurons; what makes the objective smaller is kept at once. With a
``heat`` above 0, so is what makes it a little worse, by chance (simulated annealing).

Everything is decided by the training samples and by the seed.
"""

from dataclasses import dataclass

import numpy as np

from hwgen.frontends.codesign.moves import WeightMove, neuron_moves, weight_moves
from hwgen.frontends.codesign.trials import Neuron, Outcome, Trials

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
        change, area, neuron, outcome = _best(trials, move, sweep)
        if _accepts(change, sweep, rng):
            trials.take(neuron, outcome)
            trials.neuron_areas[move.layer][move.output] = area
            changed |= places
            taken += 1
    return taken


def _best(trials: Trials, move: WeightMove, sweep: Sweep) -> tuple[float, float, Neuron, Outcome]:
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
        area = trials.neuron_area(neuron)
        outcome = trials.trial(neuron, moved + np.float32(by))
        dearer = area - trials.neuron_areas[move.layer][move.output]
        change = outcome.change + sweep.price * dearer * trials.sharing[move.layer]
        found.append((change, area, neuron, outcome))
    return min(found, key=lambda one: one[0])


def _last_bias(trials: Trials, j: int, sweep: Sweep, rng: np.random.Generator) -> int:
    at, taken = len(trials.network.layers) - 1, 0
    layer = trials.network.layers[at]
    for step in _LOGIT_STEPS:
        neuron = Neuron(
            layer=at, index=j, weights=layer.weights[j], bias=int(layer.biases[j]) + step
        )
        area = trials.neuron_area(neuron)
        outcome = trials.trial(neuron, trials.sums[j] + np.float32(step))
        dearer = (area - trials.neuron_areas[at][j]) * trials.sharing[at]
        if _accepts(outcome.change + sweep.price * dearer, sweep, rng):
            trials.take(neuron, outcome)
            trials.neuron_areas[at][j] = area
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
        area = trials.neuron_area(neuron)
        dearer = (area - trials.neuron_areas[layer][j]) * trials.sharing[layer]
        tops, areas = _next(trials, neuron)
        dearer += (sum(areas) - sum(trials.neuron_areas[layer + 1])) * trials.sharing[layer + 1]
        if _accepts(outcome.change + sweep.price * dearer, sweep, rng):
            trials.take(neuron, outcome)
            trials.neuron_areas[layer][j] = area
            trials.tops[layer + 1][j] = tops
            trials.neuron_areas[layer + 1] = areas
            return 1
    return 0


def _next(trials: Trials, neuron: Neuron) -> tuple[int, list[float]]:
    """Largest output of ``neuron``, and the areas of the neurons that read it."""
    at, j = neuron.layer + 1, neuron.index
    following, tops = trials.network.layers[at], list(trials.tops[at])
    tops[j] = neuron.top(trials.tops[neuron.layer])
    areas = list(trials.neuron_areas[at])
    if tops[j] == trials.tops[at][j] and neuron.outgoing is None and neuron.next_biases is None:
        return tops[j], areas
    outgoing = following.weights[:, j] if neuron.outgoing is None else neuron.outgoing
    biases = following.biases if neuron.next_biases is None else neuron.next_biases
    for k in range(following.outputs):
        if not outgoing[k] and not following.weights[k, j] and biases is following.biases:
            continue
        weights = following.weights[k].copy()
        weights[j] = outgoing[k]
        reader = Neuron(
            layer=at,
            index=k,
            weights=weights,
            bias=int(biases[k]),
            rescale=following.rescale(k),
        )
        areas[k] = trials.neuron_area(reader, tops)
    return tops[j], areas
