"""A network of integers that a search can change: relu layers, and a last layer of plain sums.

    acc_j = bias_j + sum_i w_ji x_i
    y_j   = min(max(acc_j >> shift_j, 0), 2^bits_j - 1)       of every layer but the last

Unlike a network file, every neuron has its own shift and width, and weights have no format: they
are as wide as their values. :meth:`IntegerNetwork.to_network` writes the file.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.frontends.codesign.taps import Taps
from hwgen.rtl.pricing import largest
from hwgen.spec.arithmetic import Integers

Singles = NDArray[np.float32]
"""Integers in float32, exact below 2^24: what matrix products are fast with."""


@dataclass(eq=False)
class IntegerLayer:
    """A dense layer.

    Parameters
    ----------
    weights
        Integers [outputs, inputs].
    biases
        Integers [outputs].
    shifts, bits
        Rescale shift (0 or more) and unsigned output width of each neuron; None in the last layer.
    """

    weights: Integers
    biases: Integers
    shifts: Integers | None = None
    bits: Integers | None = None

    def copy(self) -> "IntegerLayer":
        """A layer of its own arrays."""
        found = (self.weights, self.biases, self.shifts, self.bits)
        return IntegerLayer(*(None if one is None else one.copy() for one in found))  # type: ignore[arg-type]

    @property
    def outputs(self) -> int:
        """Neurons."""
        return len(self.biases)

    def rescale(self, j: int) -> tuple[int, int] | None:
        """Shift and output bits of neuron ``j``."""
        if self.shifts is None or self.bits is None:
            return None
        return int(self.shifts[j]), int(self.bits[j])

    def top(self, j: int, tops: list[int]) -> int:
        """Largest output of neuron ``j`` whose inputs lie in [0, top]."""
        rescale = self.rescale(j)
        if rescale is None:
            raise ValueError("the last layer hands on its accumulators")
        return largest(self.weights[j], int(self.biases[j]), rescale, tops)

    def fire(self, accumulators: Singles) -> Singles:
        """Outputs of accumulators [outputs, samples], all integers in float32."""
        if self.shifts is None or self.bits is None:
            return accumulators
        return fire(accumulators, self.shifts[:, None], self.bits[:, None])

    def accumulate(self, x: Singles) -> Singles:
        """Accumulators [outputs, samples] of inputs [inputs, samples]; exact below 2^24."""
        product = self.weights.astype(np.float32) @ x
        return np.asarray(product + self.biases.astype(np.float32)[:, None], np.float32)


def fire(accumulators: Singles, shift: Integers | int, bits: Integers | int) -> Singles:
    """Relu, rescale and saturation of accumulators that are integers in float32."""
    scaled = np.floor(accumulators * np.exp2(-np.asarray(shift, np.float32)))
    top = np.exp2(np.asarray(bits, np.float32)) - np.float32(1)
    return np.asarray(np.clip(scaled, 0, top), np.float32)


@dataclass(eq=False)
class IntegerNetwork:
    """Layers, and what the first of them reads.

    ``fraction`` are the fraction bits of the last sums where they stand for real values; None where
    the largest says the class.
    """

    layers: list[IntegerLayer]
    taps: Taps
    fraction: int | None = None

    def copy(self) -> "IntegerNetwork":
        """A network of its own arrays."""
        return IntegerNetwork([layer.copy() for layer in self.layers], self.taps, self.fraction)

    def reading(self, drops: tuple[int, ...]) -> "IntegerNetwork":
        """The same network, which could read every input with each of ``drops``."""
        taps = Taps.of(self.taps.features, self.taps.bits, drops)
        first = self.layers[0].copy()
        weights = np.zeros((first.outputs, len(taps)), np.int64)
        for column, (source, drop) in enumerate(zip(taps.sources, taps.drops, strict=True)):
            same = (self.taps.sources == source) & (self.taps.drops == drop)
            weights[:, column] = first.weights[:, same].sum(axis=1)
        first.weights = weights
        own = [first, *(layer.copy() for layer in self.layers[1:])]
        return IntegerNetwork(own, taps, self.fraction)

    def without_taps(self) -> "IntegerNetwork":
        """The same network, reading its inputs as they are.

        Where it leaves low bits of them out, a layer of neurons that read one input each and shift
        it right comes first.
        """
        taps, first = self.taps, self.layers[0].copy()
        plain = Taps.of(taps.features, taps.bits)
        read = (first.weights != 0).any(axis=0)
        ahead, used = [], taps.chosen(read)
        if used.drops.any():
            one = used.sources[:, None] == np.arange(taps.features)
            nothing = np.zeros(len(used), np.int64)
            shifts, bits = used.drops, used.fractions
            ahead = [IntegerLayer(one.astype(np.int64), nothing, shifts, bits)]
            first.weights = first.weights[:, read]
        else:
            first.weights = self.reading((0,)).layers[0].weights
        own = [*ahead, first, *(one.copy() for one in self.layers[1:])]
        return IntegerNetwork(own, plain, self.fraction)

    def logits(self, codes: Integers) -> Singles:
        """Sums of the last layer [classes, samples] for input codes [samples, features]."""
        x: Singles = np.ascontiguousarray(self.taps.read(codes).T, np.float32)
        for layer in self.layers[:-1]:
            x = layer.fire(layer.accumulate(x))
        return self.layers[-1].accumulate(x)

    def accuracy(self, codes: Integers, y: Integers) -> float:
        """Share of samples whose largest sum is their class's; ties go to the lowest index."""
        return float((self.logits(codes).argmax(axis=0) == y).mean())

    def unread_bits(self) -> list[int]:
        """Of each feature, how many of its lowest bits no weight reads; all, where none does."""
        read = (self.layers[0].weights != 0).any(axis=0)
        found = np.full(self.taps.features, self.taps.bits)
        np.minimum.at(found, self.taps.sources[read], self.taps.drops[read])
        return [int(one) for one in found]

    def unused_inputs(self) -> list[int]:
        """Features that no weight reads."""
        read = self.taps.sources[(self.layers[0].weights != 0).any(axis=0)]
        return sorted(set(range(self.taps.features)) - set(read.tolist()))

    def tops(self) -> list[list[int]]:
        """Largest value of every input of every layer."""
        found = [self.taps.tops]
        for layer in self.layers[:-1]:
            found.append([layer.top(j, found[-1]) for j in range(layer.outputs)])
        return found

    def drop_unused(self) -> None:
        """Fold neurons that cannot change into the next biases, and drop those nobody reads."""
        for index, layer in enumerate(self.layers[:-1]):
            following, tops = self.layers[index + 1], self.tops()[index + 1]
            if layer.shifts is None or layer.bits is None:
                continue
            fixed = (layer.weights == 0).all(axis=1) | (np.array(tops) == 0)
            for j in np.flatnonzero(fixed):
                following.biases = following.biases + tops[j] * following.weights[:, j]
                following.weights[:, j] = 0
            kept = (following.weights != 0).any(axis=0)
            kept[0] |= not kept.any()
            self.layers[index] = IntegerLayer(
                layer.weights[kept], layer.biases[kept], layer.shifts[kept], layer.bits[kept]
            )
            following.weights = following.weights[:, kept]
