"""What a change of a network costs in a serial design.

Silicon is the information in the ROM (codes by their frequencies, biases), bits of storage as
:mod:`hwgen.rtl.serial.schedule` counts them, bit products of the multipliers, requantizers where
neurons of a layer differ in their shift, and what every design has. So what pays is few words of
few values, few and narrow accumulators, narrow inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hwgen.rtl.pricing import Floats, Neuron, Pricing, Terms
from hwgen.spec.arithmetic import Integers

_SIZES = np.arange(1, 1 << 15, dtype=float)
_INFORMATION = np.concatenate([[0.0], _SIZES * np.log2(_SIZES)])
_HALF = 1 << 10
"""Weights up to this size are told apart."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Gate equivalents of a bit of information in the ROM, of a bit of storage, of a bit product,
    of a further shift in a layer, of a bit that an argmax keeps, and of all the rest.

    ``storage`` and ``index`` are over the area of a flip-flop.
    """

    rom: float
    storage: float
    product: float
    shift: float
    index: float
    rest: float


MOVING = Prices(rom=0.33, storage=1.14, product=16.1, shift=12.0, index=0.58, rest=158.0)
STILL = Prices(rom=0.355, storage=0.68, product=21.6, shift=12.0, index=1.49, rest=121.0)
"""Of words that move on in flip-flops, and of words that stand still in latches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """What counts of a layer: how often each weight is there, bits of its biases, the rest of its
    neurons."""

    codes: Integers
    biases: int
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    shifts: tuple[int, ...]
    outputs: int

    @property
    def widths(self) -> list[int]:
        """Bits of the accumulators of neurons that are there."""
        return [
            max(high.bit_length(), (-1 - low).bit_length()) + 1
            for low, high in zip(self.lows, self.highs, strict=True)
            if low or high
        ] or [1]

    @property
    def kinds(self) -> int:
        """Different shifts of neurons that are there."""
        there = [bool(low or high) for low, high in zip(self.lows, self.highs, strict=True)]
        return len({shift for shift, own in zip(self.shifts, there, strict=False) if own})

    @property
    def information(self) -> float:
        """Bits of the codes and biases."""
        counts = np.minimum(self.codes, len(_INFORMATION) - 1)
        total = int(self.codes.sum())
        codes = total * np.log2(total) - _INFORMATION[counts].sum() if total else 0.0
        return float(codes) + self.biases

    @property
    def weight_bits(self) -> int:
        """Width of the multiplier's weight."""
        found = np.flatnonzero(self.codes) - _HALF
        if not len(found):
            return 1
        low, high = int(found[0]), int(found[-1])
        return max(high.bit_length(), (-1 - low).bit_length() if low < 0 else 0) + 1


class SerialPricing(Pricing):
    """The whole network, counted again for each change from what is known of its layers.

    Parameters
    ----------
    flip_flop
        Area of a flip-flop in gate equivalents.
    still
        Words of storage stand still, in latches.
    """

    def __init__(self, macs: int, flip_flop: float, still: bool):
        prices = STILL if still else MOVING
        self._macs, self._flip_flop, self._prices = macs, flip_flop, prices
        self.terms = Terms(
            code=1.6 * prices.rom, total=prices.storage * flip_flop, output=8.0, shared=True
        )

    def _count(self) -> None:
        self._parts = [
            self._part(layer.weights, layer.biases, tops, layer.shifts)
            for layer, tops in zip(self._layers, self._tops, strict=True)
        ]
        self._ends = [max(tops) for tops in self._tops]
        self._area = self._whole(self._parts, self._ends)

    @property
    def area(self) -> float:
        """Of the whole design."""
        return self._area

    def _part(
        self, weights: Integers, biases: Integers, tops: Sequence[int], shifts: Integers | None
    ) -> _Part:
        read = weights[:, np.asarray(tops) > 0]
        reach = read * np.asarray([top for top in tops if top], np.int64)
        lows = biases + np.minimum(reach, 0).sum(axis=1)
        highs = biases + np.maximum(reach, 0).sum(axis=1)
        if shifts is not None:
            there = (weights != 0).any(axis=1)
            lows, highs, biases, read = lows * there, highs * there, biases[there], read[there]
        return _Part(
            codes=_histogram(read),
            biases=sum(_bias_bits(bias) for bias in biases.tolist()),
            lows=tuple(lows.tolist()),
            highs=tuple(highs.tolist()),
            shifts=() if shifts is None else tuple(shifts.tolist()),
            outputs=len(lows),
        )

    def _whole(self, parts: Sequence[_Part], ends: Sequence[int]) -> float:
        prices = self._prices
        each = prices.rom, prices.storage * self._flip_flop, prices.product, prices.shift
        counted = self._counted(parts, ends)
        return float(np.dot(each, counted)) + prices.rest

    def _counted(self, parts: Sequence[_Part], ends: Sequence[int]) -> tuple[float, ...]:
        """Bits of information, of storage, of products; further shifts."""
        sources = [max(1, end.bit_length()) for end in ends]
        products = max(part.weight_bits * width for part, width in zip(parts, sources, strict=True))
        return (
            sum(part.information for part in parts),
            self._storage(parts, sources),
            self._macs * products,
            sum(max(0, part.kinds - 1) for part in parts),
        )

    @property
    def counted(self) -> tuple[float, ...]:
        """What prices are for: bits of information, of storage, of products, further shifts, bits
        of an argmax."""
        last = self._parts[-1]
        kept = max(last.widths) + (last.outputs - 1).bit_length()
        return (*self._counted(self._parts, self._ends), kept)

    def _storage(self, parts: Sequence[_Part], sources: Sequence[int]) -> float:
        """Bits that are kept: of inputs, or of the sums of a first layer that accumulates."""
        widths = [part.widths for part in parts]
        depths = [len(self._tops[0]), *(len(one) for one in widths[:-1])]

        def memories(first: int) -> int:
            both = [range(first + parity, len(parts), 2) for parity in (0, 1)]
            return sum(
                max(depths[at] for at in one) * max(sources[at] for at in one)
                for one in both
                if one
            )

        loading = memories(0) + max(map(max, widths))
        banks = min(self._macs, len(widths[0]))
        accumulating = 0.75 * banks * max(widths[0])
        if len(parts) == 1:
            accumulating += len(widths[0]) * max(widths[0])
        else:
            accumulating += sum(widths[0]) + memories(2) + max(map(max, widths[1:]))
        return min(loading, accumulating)

    def dearer(self, neuron: Neuron) -> tuple[float, Any]:
        """The whole network with it, less what it is now."""
        at, j = neuron.layer, neuron.index
        parts, ends = [*self._parts], [*self._ends]
        parts[at] = self._with(neuron)
        top = -1
        if neuron.rescale is not None:
            tops = [*self._tops[at + 1]]
            top = tops[j] = neuron.top(self._tops[at])
            if top != self._tops[at + 1][j] or neuron.outgoing is not None:
                following = self._layers[at + 1]
                weights, biases = following.weights, following.biases
                if neuron.outgoing is not None:
                    weights = weights.copy()
                    weights[:, j] = neuron.outgoing
                if neuron.next_biases is not None:
                    biases = neuron.next_biases
                parts[at + 1] = self._part(weights, biases, tops, following.shifts)
                ends[at + 1] = max(tops)
        area = self._whole(parts, ends)
        return area - self._area, (parts, ends, area, top)

    def take(self, neuron: Neuron, known: Any) -> None:
        """Remember its numbers."""
        self._parts, self._ends, self._area, top = known
        if top >= 0:
            self._tops[neuron.layer + 1][neuron.index] = top

    def _with(self, neuron: Neuron) -> _Part:
        """The layer of ``neuron`` with it."""
        at, j = neuron.layer, neuron.index
        part, layer, tops = self._parts[at], self._layers[at], np.asarray(self._tops[at])
        read = tops > 0
        there = neuron.rescale is None or bool(neuron.weights.any())
        was = neuron.rescale is None or bool(layer.weights[j].any())
        codes = part.codes
        if was:
            codes = codes - _histogram(layer.weights[j][read])
        if there:
            codes = codes + _histogram(neuron.weights[read])
        reach = neuron.weights * tops
        low = neuron.bias + int(np.minimum(reach, 0).sum()) if there else 0
        high = neuron.bias + int(np.maximum(reach, 0).sum()) if there else 0
        before = _bias_bits(int(layer.biases[j])) if was else 0
        return replace(
            part,
            codes=codes,
            biases=part.biases - before + (_bias_bits(neuron.bias) if there else 0),
            lows=(*part.lows[:j], low, *part.lows[j + 1 :]),
            highs=(*part.highs[:j], high, *part.highs[j + 1 :]),
            shifts=part.shifts
            if neuron.rescale is None
            else (*part.shifts[:j], neuron.rescale[0], *part.shifts[j + 1 :]),
        )

    def weight_prices(self, layer: int, values: Sequence[int]) -> Floats:
        """Bits that tell it from the others, and a little for its share of a sum's width."""
        codes = self._parts[layer].codes
        counts = codes[np.clip(np.asarray(values) + _HALF, 0, 2 * _HALF - 1)]
        bits = np.log2((int(codes.sum()) + 1) / (counts + 0.5))
        return np.asarray(self._prices.rom * (bits + 0.2 * np.abs(np.asarray(values))))

    def step(self, layer: int) -> float:
        """A few bits of the ROM."""
        return 4 * self._prices.rom

    def argmax_area(self) -> float:
        """The largest sum so far, and whose it is."""
        return self._prices.index * self._flip_flop * self.counted[-1]


def _histogram(weights: Integers) -> Integers:
    places = np.clip(weights.ravel() + _HALF, 0, 2 * _HALF - 1)
    return np.bincount(places, minlength=2 * _HALF)


def _bias_bits(bias: int) -> int:
    return abs(bias).bit_length() + 1
