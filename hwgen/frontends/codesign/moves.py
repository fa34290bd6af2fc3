"""Changes that may make a network cheaper or better: of one weight, or of one neuron's format."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from hwgen.frontends.codesign.silicon import digits
from hwgen.frontends.codesign.trials import Neuron, Trials
from hwgen.spec.arithmetic import Integers

MOST_BITS = 6
"""Widest output of a hidden neuron that is tried."""

_HIDDEN_DIGITS, _LAST_DIGITS = 6, 7
_FULL_ADDER = 5.0


@dataclass(frozen=True, order=True)
class WeightMove:
    """Weight ``(output, input)`` of a layer becomes ``value``; ``expected`` is the change of the
    objective by the slopes.
    """

    expected: float
    layer: int
    output: int
    input: int
    value: int


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


def weight_moves(trials: Trials, price: float) -> list[WeightMove]:
    """Moves of single weights, the most promising first.

    Parameters
    ----------
    price
        What a gate equivalent is worth in units of the loss.
    """
    found: list[WeightMove] = []
    layers, last = trials.network.layers, len(trials.network.layers) - 1
    for index, (layer, (first, second)) in enumerate(zip(layers, trials.slopes(), strict=True)):
        top_digit = _HIDDEN_DIGITS if index < last else _LAST_DIGITS
        adder = price * _FULL_ADDER * trials.sharing[index]
        rates = [adder * top.bit_length() for top in trials.tops[index]]
        for (j, i), weight in np.ndenumerate(layer.weights):
            before, slope, bend = len(digits(int(weight))), float(first[j, i]), second[j, i] / 2
            for value in alternatives(int(weight), top_digit):
                step = value - int(weight)
                expected = step * slope + step * step * float(bend)
                expected += (len(digits(value)) - before) * rates[i]
                if expected < 8 * adder:
                    found.append(WeightMove(expected, index, j, i, value))
    found.sort()
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
    if layer + 2 == len(trials.network.layers):
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
