"""Many networks trained at once, each for a price of silicon of its own.

Tiny networks are small tensors: the first axis of every tensor is the member of the population, so
one step trains them all in little more than the time of one. Weights carry a trained fraction each,
outputs of hidden neurons a trained width each (0: the neuron is gone), and the loss is

    cross entropy + price * silicon

with ``price`` per gate equivalent; it rises over the first part of the run. Silicon is what an
architecture's :class:`hwgen.rtl.pricing.Terms` say: digits of weights times widths of their inputs,
weights as words of a table, widths of sums, widths of outputs.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hwgen.frontends.codesign.candidates import Candidate
from hwgen.frontends.codesign.integers import IntegerLayer, IntegerNetwork
from hwgen.frontends.codesign.rounding import RoundedRelu, RoundedWeight, digit_cost
from hwgen.frontends.codesign.settings import Training
from hwgen.frontends.codesign.taps import Taps
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.rtl.pricing import Terms
from hwgen.spec.arithmetic import Integers

Start = Sequence[tuple[Floats, Floats]]
"""Weights [outputs, inputs] and biases [outputs] of every layer to begin with."""

_FINEST, _COARSEST, _WIDEST = 7.0, -2.0, 6.0


@dataclass(frozen=True, kw_only=True)
class Member:
    """A network of the population.

    Parameters
    ----------
    hidden
        Widths of its hidden layers.
    price
        Of a gate equivalent.
    smoothing
        Share of every label that is spread over all classes.
    """

    hidden: tuple[int, ...]
    price: float
    smoothing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Real values are ``center + 2^exponent`` times what training sees."""

    center: float
    exponent: int

    @classmethod
    def of(cls, y: Floats) -> "Scaling":
        """For values like ``y`` [samples]."""
        spread = float(np.std(y))
        return cls(center=float(np.mean(y)), exponent=math.ceil(math.log2(spread or 1.0)))

    def applied(self, network: IntegerNetwork, last: Floats) -> IntegerNetwork:
        """``network`` whose sums are the values themselves; ``last`` are its last weights."""
        layer = network.layers[-1]
        place = np.argwhere(layer.weights)
        fraction = 0
        if len(place):
            at = tuple(place[0])
            inputs = network.taps.fractions if len(network.layers) == 1 else network.layers[-2].bits
            ratio = layer.weights[at] / last[at]
            fraction = round(math.log2(ratio)) + (0 if inputs is None else int(inputs[at[1]]))
        network.fraction = fraction - self.exponent
        center = np.rint(np.ldexp(self.center, network.fraction)).astype(np.int64)
        layer.biases = layer.biases + center
        return network


class Population:
    """Parameters of all members, padded to the widest.

    Parameters
    ----------
    members
        All with the same number of hidden layers.
    taps
        What their first layers read.
    terms
        What silicon costs.
    scaling
        What a sum of 1 stands for, where sums are real values; None: classes.
    """

    def __init__(
        self,
        members: Sequence[Member],
        taps: Taps,
        classes: int,
        seed: int,
        terms: Terms,
        scaling: Scaling | None = None,
    ):
        self.members = tuple(members)
        self.scaling = scaling
        self.taps = taps
        self.terms = terms
        depth = len(self.members[0].hidden)
        widest = [max(member.hidden[k] for member in self.members) for k in range(depth)]
        sizes = [len(taps), *widest, classes]
        generator = torch.Generator().manual_seed(seed)
        count = len(self.members)

        def uniform(*shape: int) -> Tensor:
            return 2 * torch.rand(*shape, generator=generator) - 1

        self.masks = [torch.ones(count, len(taps))]
        for k, width in enumerate(widest):
            own = torch.tensor([[member.hidden[k]] for member in self.members])
            self.masks.append((torch.arange(width)[None] < own).float())
        self.masks.append(torch.ones(count, classes))
        pairs = list(itertools.pairwise(sizes))
        gain = [1.0 if k < depth else 2.0 for k in range(len(pairs))]
        self.weights = [
            uniform(count, a, b) * (gain[k] * math.sqrt(3 / a)) * self._mask(k)
            for k, (a, b) in enumerate(pairs)
        ]
        self.biases = [
            0.1 + 0.1 * uniform(count, b) if k < depth else torch.zeros(count, b)
            for k, (_, b) in enumerate(pairs)
        ]
        alike = terms.shared
        self.fractions = [torch.full((count, 1, 1) if alike else (count, *ab), 4.0) for ab in pairs]
        self.bits = [torch.full((count, 1 if alike else width), 4.0) for width in widest]
        self.heats = torch.zeros(count)
        for tensor in self._tensors():
            tensor.requires_grad_(True)

    def _mask(self, k: int) -> Tensor:
        return self.masks[k][:, :, None] * self.masks[k + 1][:, None]

    def _tensors(self) -> list[Tensor]:
        return [*self.weights, *self.biases, *self.fractions, *self.bits, self.heats]

    def state(self) -> list[Tensor]:
        """All parameters, to be saved."""
        return [tensor.detach().clone() for tensor in self._tensors()]

    def restore(self, state: Sequence[Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        with torch.no_grad():
            for tensor, saved in zip(self._tensors(), state, strict=True):
                tensor.copy_(saved)

    def optimizer(self, training: Training) -> torch.optim.AdamW:
        """AdamW with a rate for values and one for widths."""
        groups = [
            {"params": self.weights, "lr": training.rate, "weight_decay": training.decay},
            {"params": self.biases, "lr": training.rate, "weight_decay": 0.0},
            {
                "params": [*self.fractions, *self.bits, self.heats],
                "lr": training.width_rate,
                "weight_decay": 0.0,
            },
        ]
        for group in groups:
            group["base"] = group["lr"]
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)

    def rounded(self) -> list[Tensor]:
        """The weights of all layers as they will be."""
        return [
            RoundedWeight.apply(weight, fraction.expand_as(weight)) * self._mask(k)
            for k, (weight, fraction) in enumerate(zip(self.weights, self.fractions, strict=True))
        ]

    def widths(self) -> list[Tensor]:
        """Output bits [members, neurons] of every hidden layer."""
        return [
            bits.expand(-1, weight.shape[2])
            for bits, weight in zip(self.bits, self.weights, strict=False)
        ]

    def logits(self, x: Tensor) -> Tensor:
        """Sums [members, samples, classes] of ``x`` [members, samples, features]."""
        weights = self.rounded()
        for k, bits in enumerate(self.widths()):
            sums = torch.baddbmm(self.biases[k][:, None], x, weights[k])
            x = RoundedRelu.apply(sums, bits[:, None])
        return torch.baddbmm(self.biases[-1][:, None], x, weights[-1])

    def costs(self) -> Tensor:
        """Gate equivalents [members], smooth."""
        terms = self.terms
        total = torch.zeros(len(self.members))
        inputs: Tensor = torch.tensor(self.taps.fractions).float()[None, :, None]
        for k, (weight, fraction) in enumerate(zip(self.weights, self.fractions, strict=True)):
            digits = digit_cost(weight, fraction) * self._mask(k)
            if terms.digit:
                total = total + terms.digit * (digits * inputs).sum((1, 2))
            if terms.code:
                total = total + terms.code * digits.sum((1, 2))
            if terms.total and not k:
                reach = weight.abs() * torch.exp2(fraction) * (torch.exp2(inputs) - 1)
                kept = torch.log2(1 + (reach * self._mask(k)).sum(1))
                total = total + terms.total * kept.sum(1)
            if k < len(self.bits):
                outputs = self.bits[k].clamp(min=0)
                total = total + terms.output * outputs.sum(1)
                inputs = outputs[:, :, None]
        return total

    def clamp(self) -> None:
        """Hold widths within what is useful."""
        with torch.no_grad():
            for fraction in self.fractions:
                fraction.clamp_(_COARSEST, _FINEST)
            for bits in self.bits:
                bits.clamp_(1 if self.terms.shared else 0, _WIDEST)

    def network(self, member: int) -> IntegerNetwork:
        """A member in integers."""
        with torch.no_grad():
            weights = [w[member].double().numpy().T for w in self.rounded()]
            biases = [b[member].double().numpy() for b in self.biases]
            bits = [torch.round(b[member]).long().numpy() for b in self.widths()]
        found = integers(weights, biases, bits, self.taps, self.terms.shared)
        return found if self.scaling is None else self.scaling.applied(found, weights[-1])

    def begin(self, start: Start) -> None:
        """All members start with these weights, whose hidden outputs are in [0, 1)."""
        with torch.no_grad():
            for k, (weights, biases) in enumerate(start):
                rows, columns = weights.shape
                self.weights[k][:, :columns, :rows] = torch.tensor(weights.T).float()
                self.biases[k][:, :rows] = torch.tensor(biases).float()


def population_of(
    candidates: Sequence[Candidate], seed: int, terms: Terms, scaling: Scaling | None = None
) -> Population:
    """A population that begins with ``candidates`` as they are, to train them further."""
    networks = [one.network for one in candidates]
    members = [
        Member(
            hidden=tuple(layer.outputs for layer in one.network.layers[:-1]),
            price=one.price,
            smoothing=one.smoothing,
        )
        for one in candidates
    ]
    classes = networks[0].layers[-1].outputs
    found = Population(members, networks[0].taps, classes, seed, terms, scaling)
    for index, network in enumerate(networks):
        _begin(found, index, network)
    return found


def _begin(population: Population, member: int, network: IntegerNetwork) -> None:
    fractions, scaling = network.taps.fractions, population.scaling
    with torch.no_grad():
        for k, layer in enumerate(network.layers):
            if layer.shifts is None or layer.bits is None:
                half = np.zeros(layer.outputs)
                if scaling is None or network.fraction is None:
                    own = np.full(layer.outputs, _last_scale(layer.weights, fractions))
                    population.heats[member] = math.log(4.0)
                else:
                    own = np.full(layer.outputs, network.fraction + scaling.exponent)
                    half = half + np.ldexp(scaling.center, network.fraction)
            else:
                own = layer.shifts + layer.bits
                half = np.exp2(layer.shifts - 1.0) - 0.5
            reals = np.ldexp(layer.weights.astype(float), fractions[None] - own[:, None])
            finest = np.vectorize(lambda w: _fraction(np.array([w])) if w else 99)(reals)
            usual = np.minimum(finest.min(axis=1, keepdims=True), 6)
            finest = np.clip(np.where(finest == 99, usual, finest), _COARSEST, _FINEST)
            rows, columns = reals.shape
            weights, widths = population.weights[k][member], population.fractions[k][member]
            weights.zero_()
            weights[:columns, :rows] = torch.tensor(reals.T)
            if population.terms.shared:
                widths.fill_(float(finest.max()))
            else:
                widths.zero_()
                widths[:columns, :rows] = torch.tensor(finest.T)
            population.biases[k][member].zero_()
            population.biases[k][member][:rows] = torch.tensor(np.ldexp(layer.biases - half, -own))
            if layer.bits is not None:
                if population.terms.shared:
                    population.bits[k][member].fill_(int(layer.bits.max()))
                else:
                    population.bits[k][member][:rows] = torch.tensor(layer.bits)
                fractions = layer.bits


def _last_scale(weights: Integers, fractions: Integers) -> int:
    """A power of two for the last sums that makes the largest weight about 1."""
    largest = np.ldexp(abs(weights).astype(float), fractions[None]).max()
    return max(0, math.ceil(math.log2(max(largest, 1.0))))


def integers(
    weights: list[Floats],
    biases: list[Floats],
    bits: list[Integers],
    taps: Taps,
    shared: bool = False,
) -> IntegerNetwork:
    """The network of weights [outputs, inputs] that are multiples of powers of two.

    A hidden output is in [0, 1) with as many fraction bits as ``bits`` says; so is a tap.
    ``shared``: all neurons of a layer get one shift.
    """
    layers = []
    fractions = taps.fractions
    for k, (real, bias) in enumerate(zip(weights, biases, strict=True)):
        reals = np.ldexp(real, -fractions[None])  # the weight of an input's integer
        if k == len(bits):
            fraction = max((_fraction(row) for row in reals), default=0)
            scaled = np.ldexp(reals, fraction)
            layers.append(IntegerLayer(_ints(scaled), _ints(np.ldexp(bias, fraction))))
            break
        own = [max(_fraction(row), int(b)) for row, b in zip(reals, bits[k], strict=True)]
        found = np.full(len(own), max(own)) if shared else np.array(own)
        shifts = found - bits[k]
        half = np.exp2(shifts - 1.0)  # floor(x + half) rounds, of any shift
        layers.append(
            IntegerLayer(
                _ints(np.ldexp(reals, found[:, None])),
                _ints(np.floor(np.ldexp(bias, found) + half)),
                shifts,
                bits[k].copy(),
            )
        )
        fractions = bits[k]
    return IntegerNetwork(layers, taps)


def _fraction(row: Floats) -> int:
    """Fewest fraction bits that write all of ``row``; may be negative."""
    fraction = -8
    while (np.ldexp(row, fraction) != np.rint(np.ldexp(row, fraction))).any():
        fraction += 1
    return fraction


def _ints(values: Floats) -> Integers:
    return np.rint(values).astype(np.int64)
