"""Changes that may make a network cheaper or better: of one weight, or of one neuron's format."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from hwgen.frontends.codesign.integers import Singles
from hwgen.frontends.codesign.trials import Trials
from hwgen.rtl.adders.digits import signed_digits
from hwgen.rtl.pricing import Neuron
from hwgen.spec.arithmetic import Integers

MOST_BITS = 6
"""Widest output of a hidden neuron that is tried."""

_HIDDEN_DIGITS, _LAST_DIGITS = 6, 7

digits = lru_cache(maxsize=1 << 16)(signed_digits)
"""Signed digits of an integer, remembered."""


@dataclass(frozen=True, order=True)
class WeightMove:
    """Weights of neuron ``output`` of a layer become others; ``expected`` is the change of the
    objective by the slopes.

    Parameters
    ----------
    changes
        Inputs, and what their weights become.
    """

    expected: float
    layer: int
    output: int
    changes: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1 << 14)
def alternatives(weight: int, top_digit: int) -> tuple[int, ...]:
    """Values worth trying for a weight: a digit less, a digit more, twice, half, none."""
    found = {0, 2 * weight}
    found.update(weight - sign * (1 << shift) for shift, sign in digits(weight))
    for shift in range(top_digit + 1):
        found.update((weight + (1 << shift), weight - (1 << shift)))
    if not weight % 2:
        found.add(weight // 2)
    return tuple(sorted(v for v in found if v != weight and abs(v) < 2 << top_digit))


def weight_moves(trials: Trials, price: float, most: int) -> list[WeightMove]:
    """The ``most`` most promising moves of weights, the best first.

    Parameters
    ----------
    price
        What a gate equivalent is worth in units of the loss.
    """
    found: list[WeightMove] = []
    slopes = trials.slopes()
    for index in range(len(trials.network.layers)):
        found += _single_moves(trials, index, slopes[index], price, most)
    if trials.pricing.drops:
        found += _tap_moves(trials, slopes[0][0], price)
    return sorted(found)[:most]


def _single_moves(
    trials: Trials, layer: int, slopes: tuple[Singles, Singles], price: float, most: int
) -> list[WeightMove]:
    """Moves of one weight of ``layer``."""
    weights = trials.network.layers[layer].weights
    top_digit = _HIDDEN_DIGITS if layer + 1 < len(trials.network.layers) else _LAST_DIGITS
    pricing = trials.pricing
    limit = 8 * price * pricing.step(layer)
    rates = price * np.broadcast_to(pricing.input_prices(layer), weights.shape[1:])
    parts = []
    for weight in np.unique(weights).tolist():
        rows, columns = np.nonzero(weights == weight)
        values = np.array(alternatives(weight, top_digit))
        steps = values - weight
        prices = pricing.weight_prices(layer, [weight, *values.tolist()])
        dearer = prices[1:] - prices[0]
        expected = slopes[0][rows, columns][:, None] * steps
        expected = expected + slopes[1][rows, columns][:, None] / 2 * steps**2
        expected += rates[columns][:, None] * dearer
        one, other = np.nonzero(expected < limit)
        parts.append((expected[one, other], rows[one], columns[one], values[other]))
    expected, rows, columns, values = map(np.concatenate, zip(*parts, strict=True))
    best = np.argsort(expected, kind="stable")[:most].tolist()
    return [
        WeightMove(float(expected[k]), layer, int(rows[k]), ((int(columns[k]), int(values[k])),))
        for k in best
    ]


def _tap_moves(trials: Trials, slope: Singles, price: float) -> list[WeightMove]:
    """Digits of the first layer's weights that move to another tap of their input."""
    weights, taps = trials.network.layers[0].weights, trials.network.taps
    rate = price * trials.pricing.step(0)
    bits, drops = taps.fractions.tolist(), taps.drops.tolist()
    others = [taps.others(tap) for tap in range(len(taps))]
    found = []
    for j, tap in zip(*(place.tolist() for place in np.nonzero(weights)), strict=True):
        weight = int(weights[j, tap])
        for shift, sign in digits(weight):
            left = weight - (sign << shift)
            for other in others[tap]:
                place = shift + drops[other] - drops[tap]
                if place not in range(_HIDDEN_DIGITS + 2):
                    continue
                there = int(weights[j, other])
                joined = there + (sign << place)
                expected = (left - weight) * slope[j, tap] + (joined - there) * slope[j, other]
                dearer = (len(digits(left)) - len(digits(weight))) * bits[tap]
                dearer += (len(digits(joined)) - len(digits(there))) * bits[other]
                found.append(
                    WeightMove(
                        float(expected) + rate * dearer, 0, j, ((tap, left), (other, joined))
                    )
                )
    return found


def bias_steps(bias: int, shift: int) -> list[int]:
    """Changes of a hidden neuron's bias: by about a quarter to two of its output's steps."""
    unit = 1 << max(0, shift - 2)
    steps = {unit, 2 * unit, 4 * unit, 8 * unit, 1}
    if bias:
        steps.add(bias & -bias)
    return [sign * step for step in sorted(steps) for sign in (1, -1)]


def neuron_moves(trials: Trials, layer: int, j: int) -> Iterator[Neuron]:
    """Hidden neuron ``j`` of ``layer`` with another bias, format, gauge or sign, or without it."""
    own, following = trials.network.layers[layer], trials.network.layers[layer + 1]
    rescale = own.rescale(j)
    if rescale is None:
        return
    shift, bits = rescale
    outgoing = following.weights[:, j].copy()
    now = Neuron(
        layer=layer,
        index=j,
        weights=own.weights[j].copy(),
        bias=int(own.biases[j]),
        rescale=rescale,
    )
    for step in bias_steps(now.bias, shift):
        yield replace(now, bias=now.bias + step)
    yield from _formats(now, shift, bits, outgoing)
    if layer + 2 == len(trials.network.layers) and trials.network.fraction is None:
        yield from _gauges(now, outgoing)
    top = (1 << bits) - 1
    yield replace(
        now,
        weights=-now.weights,
        bias=((top + 1) << shift) - 1 - now.bias,
        outgoing=-outgoing,
        next_biases=following.biases + top * outgoing,
    )
    mean = np.rint(float(trials.values[layer + 1][j].mean()) * outgoing).astype(np.int64)
    gone = replace(now, weights=0 * now.weights, bias=0, outgoing=0 * outgoing)
    yield replace(gone, next_biases=following.biases + mean)


def _formats(now: Neuron, shift: int, bits: int, outgoing: Integers) -> Iterator[Neuron]:
    coarser = 2 * outgoing
    yield replace(now, rescale=(shift + 1, max(1, bits - 1)), outgoing=coarser)
    yield replace(now, rescale=(shift + 1, bits), outgoing=coarser)
    yield replace(now, rescale=(shift + 1, bits))
    if bits > 1:
        yield replace(now, rescale=(shift, bits - 1))
    if bits < MOST_BITS:
        yield replace(now, rescale=(shift, bits + 1))
    if not shift:
        return
    if not (outgoing % 2).any():
        yield replace(now, rescale=(shift - 1, bits), outgoing=outgoing // 2)
        if bits < MOST_BITS:
            yield replace(now, rescale=(shift - 1, bits + 1), outgoing=outgoing // 2)
    sign: Integers = np.sign(now.weights)
    size: Integers = np.abs(now.weights)
    for half in (size >> 1, (size + 1) >> 1):
        yield replace(now, weights=sign * half, bias=now.bias >> 1, rescale=(shift - 1, bits))


def _gauges(now: Neuron, outgoing: Integers) -> Iterator[Neuron]:
    """An argmax does not see what is added to all classes."""
    for step in (1, -1, 2, -2, 4, -4):
        yield replace(now, outgoing=outgoing + step)
    values, counts = np.unique(outgoing, return_counts=True)
    if values[counts.argmax()]:
        yield replace(now, outgoing=outgoing - values[counts.argmax()])
