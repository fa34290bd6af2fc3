"""The networks that are trained: a float one, and one that computes as the hardware will.

The forward pass of :class:`Quantized` gives what the integers give, exactly (sums of small integers
are exact in floats); the backward pass takes rounding for the identity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from hwgen.frontends.train.maps import Conv
from hwgen.spec.formats import Format


def _through(real: Tensor, rounded: Tensor) -> Tensor:
    """``rounded``, with the gradient of ``real``."""
    return real + (rounded - real).detach()


def most_codes(source: Format, accumulator_bits: int | None) -> float | None:
    """A2Q's bound on ``sum abs(w)`` of a neuron that reads ``source``."""
    if accumulator_bits is None:
        return None
    top: float = 2.0 ** (accumulator_bits - 1) - 1
    return top * 2.0 ** (source.signed - source.bits)


def rounded(scaled: Tensor, bits: int, most: float | None) -> Tensor:
    """Codes [outputs, inputs] of ``scaled``, magnitudes of a row adding up to at most ``most``."""
    limit = 2.0 ** (bits - 1)
    if most is None:
        scaled = scaled.clamp(-limit, limit - 1)
        return _through(scaled, torch.round(scaled))
    norms = scaled.abs().sum(dim=1, keepdim=True).clamp(min=1e-9)
    scaled = (scaled * (most / norms).clamp(max=1)).clamp(-limit, limit - 1)
    return _through(scaled, torch.trunc(scaled))


class Perceptron(nn.Module):
    """Dense layers with relu between them; ``sizes`` from the input to the classes.

    Before them may be convolutions, whose weights are kept as rows, one for each output channel;
    ``sizes`` then begin behind them. Values are flat between layers.
    """

    def __init__(self, sizes: Sequence[int], generator: torch.Generator, maps: Sequence[Conv] = ()):
        super().__init__()
        self.maps = tuple(maps)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        shapes = [(conv.fan_in, conv.outputs) for conv in self.maps] + list(pairwise(sizes))
        for inputs, outputs in shapes:
            weight = torch.randn(outputs, inputs, generator=generator) * (2 / inputs) ** 0.5
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(outputs)))

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's sums."""
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = self.summed(index, self.pooled(index, x.relu()) if index else x, weight, bias)
        return x

    def sums(self, x: Tensor) -> list[Tensor]:
        """Every layer's sums."""
        found = []
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = self.summed(index, self.pooled(index, x.relu()) if index else x, weight, bias)
            found.append(x)
        return found

    def summed(self, index: int, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Sums of layer ``index``; as one product of matrices, whose order does not matter."""
        if index >= len(self.maps):
            return nn.functional.linear(x, weight, bias)
        conv = self.maps[index]
        seen = nn.functional.unfold(
            x.reshape(-1, *conv.source), conv.kernel, padding=conv.padding, stride=conv.stride
        )
        groups = conv.groups
        rows = seen.reshape(len(seen), groups, conv.fan_in, -1)
        sums = weight.reshape(groups, -1, conv.fan_in) @ rows
        by_channel = sums.reshape(len(seen), conv.outputs, -1) + bias[:, None]
        return by_channel.flatten(1)

    def pooled(self, index: int, x: Tensor) -> Tensor:
        """What layer ``index`` reads of the values of the layer before."""
        if index > len(self.maps):
            return x
        conv = self.maps[index - 1]
        if conv.pool is None:
            return x
        values = x.reshape(-1, *conv.plane)
        pool = nn.functional.avg_pool2d if conv.mean else nn.functional.max_pool2d
        return pool(values, conv.pool).flatten(1)


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Number formats of a student.

    Parameters
    ----------
    activations
        The input's and each hidden layer's.
    weight_bits
        Of each layer.
    weight_fractions
        Of each layer, one for all neurons or one for each.
    means
        Behind a pool that averages, by the layer before it.
    """

    activations: tuple[Format, ...]
    weight_bits: tuple[int, ...]
    weight_fractions: tuple[tuple[int, ...], ...]
    means: Mapping[int, Format] = field(default_factory=dict)

    def read(self, index: int) -> Format:
        """What layer ``index`` reads."""
        return self.means.get(index - 1, self.activations[index])


class Quantized(Perceptron):
    """A :class:`Perceptron` in integers under power-of-two scales.

    Sums are rescaled by ``floor``: the half that would round them is learned with the biases, and
    costs nothing in hardware.

    Parameters
    ----------
    accumulator_bits
        Holds ``sum abs(w)`` of each neuron to A2Q's bound: weights are scaled down to it and cut
        towards zero. Biases are held to what is left of the exact interval.
    """

    def __init__(self, start: Perceptron, formats: Formats, accumulator_bits: int | None):
        dense, rows = start.weights[len(start.maps) :], [len(bias) for bias in start.biases]
        sizes = [int(dense[0].shape[1]), *rows[len(start.maps) :]]
        super().__init__(sizes, torch.Generator(), start.maps)
        self.formats, self.accumulator_bits = formats, accumulator_bits
        self._steps = [
            torch.tensor([2.0**-fraction for fraction in fractions])[:, None].expand(count, 1)
            for fractions, count in zip(formats.weight_fractions, rows, strict=True)
        ]
        self.load_state_dict(start.state_dict())
        with torch.no_grad():
            for bias, target in zip(self.biases, formats.activations[1:], strict=False):
                bias += 2.0 ** -(target.fraction_bits + 1)

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's sums, as the hardware has them."""
        x = self._entered(x)
        for index in range(len(self.weights)):
            weight, bias = self.layer(index)
            x = self.pooled(index, x) if index else x
            if index - 1 in self.formats.means:
                x = self._handed_on(x, self.formats.means[index - 1])
            x = self.summed(index, x, weight, bias)
            if index + 1 < len(self.weights):
                x = self._handed_on(x, self.formats.activations[index + 1])
        return x

    def _entered(self, x: Tensor) -> Tensor:
        target = self.formats.activations[0]
        scaled = torch.round(x * 2.0**target.fraction_bits)
        return scaled.clamp(target.minimum, target.maximum) * 2.0**-target.fraction_bits

    def _handed_on(self, sums: Tensor, target: Format) -> Tensor:
        scaled = (sums * 2.0**target.fraction_bits).clamp(0, target.maximum)
        return _through(scaled, scaled.floor()) * 2.0**-target.fraction_bits

    def layer(self, index: int) -> tuple[Tensor, Tensor]:
        """Weights and biases of a layer, as reals that are codes times their scale."""
        codes = self._codes(index)
        step = self._steps[index]
        source = self.formats.read(index)
        unit = step[:, 0] * 2.0**-source.fraction_bits
        scaled = self.biases[index] / unit
        if self.accumulator_bits is not None:
            scaled = scaled.clamp(*self._room(codes.detach(), source))
        bias = _through(scaled, torch.round(scaled).clamp(-(2.0**30), 2.0**30))
        return codes * step, bias * unit

    def _codes(self, index: int) -> Tensor:
        scaled = self.weights[index] / self._steps[index]
        source, bits = self.formats.read(index), self.formats.weight_bits[index]
        return rounded(scaled, bits, most_codes(source, self.accumulator_bits))

    def _room(self, codes: Tensor, source: Format) -> tuple[Tensor, Tensor]:
        """Least and greatest bias that leaves every sum within the accumulator."""
        positive, negative = codes.clamp(min=0).sum(dim=1), codes.clamp(max=0).sum(dim=1)
        high = positive * source.maximum + negative * source.minimum
        low = positive * source.minimum + negative * source.maximum
        limit = 2.0 ** ((self.accumulator_bits or 0) - 1)
        return -limit - low, limit - 1 - high
