"""What a search over integer networks must know of silicon: what a change of a neuron costs.

A network under search is layers of integers, whose hidden outputs are

    y_j = min(max(acc_j >> shift_j, 0), 2^bits_j - 1)        acc_j = bias_j + sum_i w_ji x_i

An architecture that can be searched for gives a :class:`Pricing`: it counts a network's area, says
what one changed neuron would add to it in some 100 us, and has :class:`Terms`, prices of what
training sees. Areas are in gate equivalents (of the smallest 2-input NAND), without padding of the
handshake that every network has alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.arithmetic import Integers

Floats = NDArray[np.float64]


class Layer(Protocol):
    """Weights [outputs, inputs], biases [outputs]; of hidden layers shifts and output bits."""

    weights: Integers
    biases: Integers
    shifts: Integers | None
    bits: Integers | None

    def rescale(self, j: int) -> tuple[int, int] | None:
        """Shift and output bits of neuron ``j``; None in the last layer."""


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """A neuron as it would be: row of weights, bias, rescale, and what reads it.

    ``outgoing`` and ``next_biases`` are None where the next layer stays as it is.
    """

    layer: int
    index: int
    weights: Integers
    bias: int
    rescale: tuple[int, int] | None = None
    outgoing: Integers | None = None
    next_biases: Integers | None = None

    def top(self, tops: Sequence[int]) -> int:
        """Largest output of a hidden neuron whose inputs lie in [0, top]."""
        if self.rescale is None:
            raise ValueError("the last layer hands on its accumulators")
        return largest(self.weights, self.bias, self.rescale, tops)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Prices of what training sees, in gate equivalents.

    Parameters
    ----------
    digit
        Of a signed digit of a weight, for each bit of its input.
    code
        Of a weight's bits as a word of a table.
    total
        Of a bit of a neuron's sum.
    output
        Of a bit of a hidden neuron's output.
    shared
        All weights of a layer have one fraction, and all of its outputs one width.
    """

    digit: float = 0.0
    code: float = 0.0
    total: float = 0.0
    output: float = 0.0
    shared: bool = False


class Pricing(ABC):
    """The area of one network, and of what could be made of it.

    Attributes
    ----------
    terms
        For training.
    drops
        Reading an input without its lowest bits costs nothing.
    """

    terms: Terms
    drops: bool = False

    @property
    def key(self) -> str:
        """What stands for its prices in the key of kept work."""
        return f"{type(self).__name__} {self.terms}"

    def refresh(self, layers: Sequence[Layer], tops: list[list[int]]) -> None:
        """Count anew; ``tops`` has the largest value of every input of every layer.

        Both are kept and looked at later: :meth:`take` comes before they change.
        """
        self._layers, self._tops = layers, tops
        self._count()

    @abstractmethod
    def _count(self) -> None:
        """Count ``_layers``."""

    @property
    @abstractmethod
    def area(self) -> float:
        """Of the network, as of the last :meth:`refresh`, without an argmax."""

    @abstractmethod
    def dearer(self, neuron: Neuron) -> tuple[float, Any]:
        """What ``neuron`` would add to the area, and what :meth:`take` wants to know of it.

        Of its layer and the next; what changes further on is seen by :meth:`refresh`.
        """

    @abstractmethod
    def take(self, neuron: Neuron, known: Any) -> None:
        """``neuron`` becomes part of the network; also its largest output in the tops."""

    @abstractmethod
    def weight_prices(self, layer: int, values: Sequence[int]) -> Floats:
        """About what a weight of each of ``values`` costs, to rank moves with."""

    def input_prices(self, layer: int) -> Floats | float:
        """What that is multiplied with, for each input of ``layer``."""
        return 1.0

    @abstractmethod
    def step(self, layer: int) -> float:
        """About what the smallest change of a weight costs."""

    @abstractmethod
    def argmax_area(self) -> float:
        """Of an argmax of the last sums, in gate equivalents."""


def interval(weights: Integers, bias: int, tops: Sequence[int]) -> tuple[int, int]:
    """Exact interval of an accumulator whose inputs lie in [0, top]."""
    reach = weights * np.asarray(tops, np.int64)
    return bias + int(np.minimum(reach, 0).sum()), bias + int(np.maximum(reach, 0).sum())


def largest(weights: Integers, bias: int, rescale: tuple[int, int], tops: Sequence[int]) -> int:
    """Largest output of a neuron whose inputs lie in [0, top]."""
    high = interval(weights, bias, tops)[1]
    return min(max(high, 0) >> rescale[0], (1 << rescale[1]) - 1)


class NeuronPricing(Pricing):
    """An area that is a sum over neurons, times how much their layer shares."""

    @abstractmethod
    def neuron(self, neuron: Neuron, tops: Sequence[int]) -> float:
        """Gate equivalents of ``neuron``, sharing nothing; its inputs lie in [0, top]."""

    @abstractmethod
    def whole(self, index: int, alone: Sequence[float]) -> float:
        """Gate equivalents of layer ``index``; ``alone`` has those of its neurons."""

    def _count(self) -> None:
        self.alone = [
            [self.neuron(self._own(at, j), tops) for j in range(len(layer.biases))]
            for at, (layer, tops) in enumerate(zip(self._layers, self._tops, strict=True))
        ]
        self.areas = [self.whole(at, parts) for at, parts in enumerate(self.alone)]
        self.sharing = [
            area / max(1e-9, sum(parts)) for area, parts in zip(self.areas, self.alone, strict=True)
        ]

    @property
    def area(self) -> float:
        """Of all layers."""
        return sum(self.areas)

    def dearer(self, neuron: Neuron) -> tuple[float, Any]:
        """Its own area, and that of those that read it."""
        at, j = neuron.layer, neuron.index
        own = self.neuron(neuron, self._tops[at])
        change = (own - self.alone[at][j]) * self.sharing[at]
        if neuron.rescale is None:
            return change, (own, 0, None)
        top, areas = self._next(neuron)
        change += (sum(areas) - sum(self.alone[at + 1])) * self.sharing[at + 1]
        return change, (own, top, areas)

    def take(self, neuron: Neuron, known: Any) -> None:
        """Remember the areas."""
        own, top, areas = known
        self.alone[neuron.layer][neuron.index] = own
        if areas is not None:
            self._tops[neuron.layer + 1][neuron.index] = top
            self.alone[neuron.layer + 1] = areas

    def _own(self, at: int, j: int) -> Neuron:
        layer = self._layers[at]
        return Neuron(
            layer=at,
            index=j,
            weights=layer.weights[j],
            bias=int(layer.biases[j]),
            rescale=layer.rescale(j),
        )

    def _next(self, neuron: Neuron) -> tuple[int, list[float]]:
        """Largest output of ``neuron``, and the areas of the neurons that read it."""
        at, j = neuron.layer + 1, neuron.index
        tops = [*self._tops[at]]
        tops[j] = neuron.top(self._tops[at - 1])
        areas = [*self.alone[at]]
        following = self._layers[at]
        outgoing = following.weights[:, j] if neuron.outgoing is None else neuron.outgoing
        biases = following.biases if neuron.next_biases is None else neuron.next_biases
        same = tops[j] == self._tops[at][j]
        if same and neuron.outgoing is None and neuron.next_biases is None:
            return tops[j], areas
        for k in range(len(areas)):
            before = following.weights[k, j]
            if biases[k] == following.biases[k] and outgoing[k] == before and (same or not before):
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
            areas[k] = self.neuron(reader, tops)
        return tops[j], areas
