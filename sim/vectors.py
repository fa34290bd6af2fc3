"""Stimuli for a network: corners first, then the user's data, then random vectors."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

_SEARCH_BUDGET = 500_000_000
"""Multiplications that the search for deep corners may spend: about two seconds of numpy."""

_SEARCH_MOST = 4 * _SEARCH_BUDGET
"""Multiplications beyond which not even one neuron is searched for."""

_SEARCH_STARTS = 3


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """Input codes and what the golden model makes of them.

    Parameters
    ----------
    x
        Input codes, int64 [vectors, features].
    expected
        Results, integers [vectors, elements]; one element, the index, for ``argmax``.
    origins
        How many of the vectors are ``corners``, ``data`` and ``random``, in this order.
    """

    x: Integers
    expected: Integers
    origins: dict[str, int]

    def __len__(self) -> int:
        return len(self.x)


def make_vectors(
    network: Network, *, count: int, seed: int, data: Integers | None = None
) -> Vectors:
    """``count`` vectors besides all of ``data``; the same ones for the same arguments.

    At most half of the ``count`` are corners (:func:`corners`, most telling first); then come the
    rows of ``data`` [samples, features], then random ones.

    Raises
    ------
    HwgenError
        ``count`` is below 1, or ``data`` holds no codes of the network's input format.
    """
    if count < 1:
        raise HwgenError("vectors", f"found {count}", "at least 1 vector")
    corner = corners(network, limit=max(1, count // 2))
    parts = {"corners": corner}
    if data is not None:
        parts["data"] = _checked(network, data)
    parts["random"] = random_vectors(network, count=count - len(corner), seed=seed)
    x = np.concatenate([part.astype(np.int64) for part in parts.values()])
    return Vectors(
        x=x,
        expected=expected_results(network, x),
        origins={name: len(part) for name, part in parts.items()},
    )


def expected_results(network: Network, x: Integers) -> Integers:
    """The golden model's results for ``x`` as integers [vectors, elements]."""
    results = golden.predict(network, x)
    return results[:, None] if results.ndim == 1 else results


def corners(network: Network, *, limit: int) -> Integers:
    """At most ``limit`` distinct corner vectors, int64 [vectors, features].

    In this order: all-min, all-max, zero where the format holds it; for every neuron of the first
    layer the two vectors that drive its accumulator to the ends of its interval; the same for
    deeper layers as far as a coordinate ascent gets; checkerboards; one feature at the maximum or
    the minimum with the others at zero.
    """
    chosen: dict[bytes, Integers] = {}
    for family in (_uniform, _first_layer_ends, _deep_ends, _checkerboards, _one_hot):
        for vector in family(network):
            if len(chosen) >= limit:
                return np.stack(list(chosen.values()))
            chosen.setdefault(vector.tobytes(), vector)
    return np.stack(list(chosen.values()))


def random_vectors(network: Network, *, count: int, seed: int) -> Integers:
    """``count`` vectors, int64 [count, features].

    In turn uniform, sparse (most features at the value nearest zero) and near the extremes.
    """
    target, rng = network.input.format, np.random.default_rng(seed)
    shape = (count, network.input.features)
    uniform = rng.integers(target.minimum, target.maximum, shape, endpoint=True)
    sparse = np.where(
        rng.random(shape) < rng.random((count, 1)) / 2, uniform, _nearest_zero(network)
    )
    step = rng.integers(0, min(2, target.maximum - target.minimum), shape, endpoint=True)
    extreme = np.where(rng.random(shape) < 0.5, target.minimum + step, target.maximum - step)
    kind = np.arange(count)[:, None] % 3
    return np.select([kind == 0, kind == 1], [uniform, sparse], extreme).astype(np.int64)


def _checked(network: Network, data: Integers) -> Integers:
    target, features = network.input.format, network.input.features
    if data.ndim != 2 or data.shape[1] != features or data.dtype.kind not in "iu":
        shape = " x ".join(map(str, data.shape)) or "a single number"
        raise HwgenError("data", f"{data.dtype}, {shape}", f"integer codes, samples x {features}")
    if data.size and (data.min() < target.minimum or data.max() > target.maximum):
        raise HwgenError(
            "data",
            f"codes {data.min()}..{data.max()}",
            f"{target.minimum}..{target.maximum} in the input format",
        )
    return data


def _nearest_zero(network: Network) -> int:
    target = network.input.format
    return max(target.minimum, min(target.maximum, 0))


def _uniform(network: Network) -> Iterable[Integers]:
    target = network.input.format
    for value in (target.minimum, target.maximum, _nearest_zero(network)):
        yield np.full(network.input.features, value, np.int64)


def _checkerboards(network: Network) -> Iterable[Integers]:
    target, position = network.input.format, np.arange(network.input.features)
    for period in (1, 2, 8):
        odd = position // period % 2 == 1
        yield np.where(odd, target.maximum, target.minimum).astype(np.int64)
        yield np.where(odd, target.minimum, target.maximum).astype(np.int64)


def _one_hot(network: Network) -> Iterable[Integers]:
    target, zero = network.input.format, _nearest_zero(network)
    for feature in range(network.input.features):
        for value in (target.maximum, target.minimum):
            vector = np.full(network.input.features, zero, np.int64)
            vector[feature] = value
            yield vector


def _first_layer_ends(network: Network) -> Iterable[Integers]:
    target = network.input.format
    first = network.layers[0]
    for index in range(first.outputs):
        read = first.reads(index)
        rising = np.zeros(first.inputs, bool)
        rising[list(read)] = [weight > 0 for weight in read.values()]
        yield np.where(rising, target.maximum, target.minimum).astype(np.int64)
        yield np.where(rising, target.minimum, target.maximum).astype(np.int64)


def _deep_ends(network: Network) -> Iterable[Integers]:
    for layer in range(1, len(network.layers)):
        yield from _ascend(network, layer)


def _ascend(network: Network, layer: int) -> list[Integers]:
    """Inputs that drive the accumulators of ``layer`` far up and far down, one of each per neuron.

    Coordinate ascent over the features, every neuron, direction and start at once: each feature in
    turn goes to whichever of its two ends is better. Deterministic; neurons are left out from the
    end where the budget does not reach.
    """
    target, features = network.input.format, network.input.features
    products = sum(one.outputs * one.fan_in for one in network.layers)
    each = 2 * features * products * _SEARCH_STARTS
    if each > _SEARCH_MOST:
        return []
    neurons = min(network.layers[layer].outputs, max(1, _SEARCH_BUDGET // (2 * each)))
    neuron = np.tile(np.arange(neurons).repeat(2), _SEARCH_STARTS)
    sign = np.where(np.arange(neuron.size) % 2 == 0, 1, -1)
    rows = np.arange(neuron.size)

    def score(x: Integers) -> Integers:
        sums: Integers = golden.trace(network, x)[layer].accumulators[rows, neuron] * sign
        return sums

    ends = np.array([target.minimum, target.maximum])
    x = np.random.default_rng(layer).choice(ends, (neuron.size, features)).astype(np.int64)
    x[: 2 * neurons] = target.minimum
    best = score(x)
    for feature in range(features):
        other = x.copy()
        other[:, feature] = np.where(x[:, feature] == target.minimum, *ends[::-1])
        flipped = score(other)
        better = flipped > best
        x[better], best = other[better], np.where(better, flipped, best)
    by_start = best.reshape(_SEARCH_STARTS, -1)
    winner = by_start.argmax(axis=0)
    return list(x.reshape(_SEARCH_STARTS, -1, features)[winner, np.arange(winner.size)])
