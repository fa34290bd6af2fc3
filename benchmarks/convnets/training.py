"""Convolutional networks trained with quantization in the loop, and written as network files.

Weights have few values and one power of two for each layer; what stands between a sum and its
output of ``b`` bits are ``2**b - 1`` thresholds of each channel, into which a batch normalization
folds exactly. So the network file computes what training saw, bit for bit but for ties of floats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from hwgen.spec.network import Network, parse_network


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolution of ``channels`` outputs, weights and outputs of so many bits.

    ``weight_bits`` 0 are the three weights -1, 0, 1. ``padding`` is before and behind, alike in
    each dimension. ``pool`` is the size and stride of a maximum behind it; 1 for none.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    weight_bits: int = 0
    bits: int = 1
    pool: int = 1


_MOVED = 0.2
"""Share of images that are moved."""


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return grad


def rounded(x: torch.Tensor) -> torch.Tensor:
    """The nearest integers, halves upwards; the gradient passes."""
    found: torch.Tensor = _Round.apply(x)
    return found


def codes_of(weight: torch.Tensor, bits: int, share: float = 1.0) -> tuple[torch.Tensor, int]:
    """Integer codes with a gradient, and their fraction bits: one power of two for all.

    Less than a ``share`` of 1 leaves the rest of the way to the integers undone.
    """
    top = 1 if bits == 0 else (1 << (bits - 1)) - 1
    reach = weight.detach().abs().mean() * (1.4 if bits == 0 else 2.6 if bits < 4 else 3.2)
    fraction = round(math.log2(top / max(float(reach), 1e-6)))
    scaled = weight * 2.0**fraction
    codes = torch.clamp(torch.floor(scaled.detach() + 0.5), -top, top)
    return scaled + share * (codes - scaled).detach(), fraction


class Block(nn.Module):
    """A convolution, its normalization, its output of a few levels, a maximum."""

    def __init__(self, said: Conv, inputs: int, plane: bool):
        super().__init__()
        self.said, self.plane, self.share = said, plane, 1.0
        size = [said.kernel] * (2 if plane else 1)
        self.weight = nn.Parameter(torch.empty(said.channels, inputs // said.groups, *size))
        nn.init.kaiming_uniform_(self.weight, a=1)
        self.norm = nn.BatchNorm2d(said.channels) if plane else nn.BatchNorm1d(said.channels)
        nn.init.constant_(self.norm.bias, 0.5)
        nn.init.constant_(self.norm.weight, 0.5)

    def sums(self, x: torch.Tensor) -> torch.Tensor:
        """Integer sums for integer ``x``, over the codes' scale."""
        said, convolve = self.said, functional.conv2d if self.plane else functional.conv1d
        codes, fraction = codes_of(self.weight, said.weight_bits, self.share)
        around = [*said.padding] * (2 if self.plane else 1)
        padded = functional.pad(x, around)
        return convolve(padded, codes, stride=said.stride, groups=said.groups) * 2.0**-fraction

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Integer outputs, 0 to 2^bits - 1, for integer ``x``."""
        said, top = self.said, (1 << self.said.bits) - 1
        # A positive factor: thresholds then rise with the sum.
        with torch.no_grad():
            self.norm.weight.clamp_(min=0.05)
        y = self.norm(self.sums(x)) * top
        y = torch.clamp(y, 0, top)
        y = y + self.share * (rounded(y) - y)
        if said.pool > 1:
            pool = functional.max_pool2d if self.plane else functional.max_pool1d
            y = pool(y, said.pool)
        return y

    def thresholds(self) -> list[list[int]]:
        """Sums of codes from which on each channel's output is 1, 2, ..."""
        said, top = self.said, (1 << self.said.bits) - 1
        _, fraction = codes_of(self.weight.detach(), said.weight_bits)
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        spread = torch.sqrt(norm.running_var + norm.eps)
        found = []
        for channel in range(said.channels):
            gain = float(norm.weight.detach()[channel] / spread[channel])
            start = float(norm.bias.detach()[channel]) - gain * float(norm.running_mean[channel])
            steps = [((level - 0.5) / top - start) / gain for level in range(1, top + 1)]
            found.append([math.ceil(step * 2.0**fraction - 1e-6) for step in steps])
        return found


class Stack(nn.Module):
    """Blocks, a mean over the map if ``mean``, and a linear layer."""

    def __init__(
        self,
        shape: Sequence[int],
        blocks: Sequence[Conv],
        classes: int,
        weight_bits: int,
        input_bits: int,
        mean: bool = False,
    ):
        super().__init__()
        self.shape, self.input_bits, self.weight_bits, self.mean = (
            list(shape),
            input_bits,
            weight_bits,
            mean,
        )
        plane, inputs = len(shape) == 3, shape[0]
        made = []
        for said in blocks:
            made.append(Block(said, inputs, plane))
            inputs = said.channels
        self.blocks = nn.ModuleList(made)
        with torch.no_grad():
            flat = self.features(torch.zeros(2, *shape)).shape[1]
        self.linear = nn.Linear(flat, classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """What the linear layer reads, flat."""
        for block in self.blocks:
            x = block(x)
        if self.mean:
            x = x.flatten(2).sum(2)[:, :, None]
        return x.flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits for real ``x`` [samples, features] in 0..1."""
        top = (1 << self.input_bits) - 1
        x = torch.clamp(rounded_even(x * (1 << self.input_bits)), 0, top)
        flat = self.features(x.reshape(-1, *self.shape))
        codes, fraction = codes_of(self.linear.weight, self.weight_bits)
        bias = rounded(self.linear.bias * 2.0**fraction)
        return (functional.linear(flat, codes) + bias) * 2.0**-fraction

    def network(self, name: str) -> Network:
        """The network file of what was trained."""
        layers: list[dict[str, Any]] = []
        plane = len(self.shape) == 3
        for index, block in enumerate(self.blocks):
            layers += _layers(block, index, plane)
        if self.mean:
            output = {"bits": 8, "signed": False, "fraction_bits": 0, "rounding": "floor"}
            output |= {"overflow": "saturate", "shift": 0}
            layers.append({"kind": "global_average_pool", "name": "mean", "output": output})
        codes, fraction = codes_of(self.linear.weight, self.weight_bits)
        bias = torch.floor(self.linear.bias * 2.0**fraction + 0.5)
        layers.append(
            {
                "kind": "dense",
                "name": "classes",
                "weights": codes.int().tolist(),
                "weight_bits": max(2, self.weight_bits),
                "weight_fraction_bits": fraction,
                "bias": bias.int().tolist(),
                "activation": "none",
                "output": None,
            }
        )
        return parse_network(
            {
                "format": "hwgen-network",
                "version": 2,
                "name": name,
                "input": {
                    "features": math.prod(self.shape),
                    "bits": self.input_bits,
                    "signed": False,
                    "fraction_bits": self.input_bits,
                    "shape": self.shape,
                },
                "layers": layers,
                "output": "argmax",
            }
        )


def rounded_even(x: torch.Tensor) -> torch.Tensor:
    """As real inputs are read."""
    return torch.round(x)


def _layers(block: Block, index: int, plane: bool) -> list[dict[str, Any]]:
    said = block.said
    codes, fraction = codes_of(block.weight, said.weight_bits)
    before, behind = said.padding
    layers: list[dict[str, Any]] = [
        {
            "kind": "conv2d" if plane else "conv1d",
            "name": f"conv{index + 1}",
            "weights": codes.int().tolist(),
            "weight_bits": max(2, said.weight_bits),
            "weight_fraction_bits": fraction,
            "bias": [0] * said.channels,
            "groups": said.groups,
            "stride": [said.stride] * 2 if plane else said.stride,
            "padding": [before, before, behind, behind] if plane else [before, behind],
            "activation": "none",
            "output": {
                "bits": said.bits,
                "signed": False,
                "fraction_bits": 0,
                "rounding": "floor",
                "overflow": "saturate",
                "thresholds": block.thresholds(),
            },
        }
    ]
    if said.pool > 1:
        kernel: Any = [said.pool] * 2 if plane else said.pool
        layers.append({"kind": "max_pool", "name": f"pool{index + 1}", "kernel": kernel})
    return layers


def train(
    stack: Stack, x: Any, y: Any, *, epochs: int, seed: int, shift: bool, decay: float = 0.0
) -> None:
    """Train ``stack`` on real ``x`` [samples, features] in 0..1 and classes ``y``.

    With ``shift``, some images move by a pixel at random.
    """
    torch.manual_seed(seed)
    data, target = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    optimizer = torch.optim.AdamW(stack.parameters(), lr=4e-3, weight_decay=1e-4)
    size = 128
    moved = _moves(data, stack.shape) if shift else data[None]
    steps = epochs * -(-len(data) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    stack.train()
    for epoch in range(epochs):
        for block in stack.blocks:
            block.share = min(1.0, max(0.0, 3.0 * epoch / epochs - 0.7))
        for own in torch.randperm(len(data)).split(size):
            places = torch.randint(len(moved), (len(own),))
            stay = torch.rand(len(own)) > _MOVED
            places[stay] = len(moved) // 2  # where nothing moves
            batch = moved[places, own]
            loss = functional.cross_entropy(stack(batch), target[own], label_smoothing=0.05)
            if decay:
                loss = loss + decay * sum(b.weight.abs().mean() for b in stack.blocks)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    stack.eval()


def _moves(data: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Images moved by a pixel or not, in each direction [9, samples, features]."""
    images = functional.pad(data.reshape(-1, *shape), (1, 1, 1, 1))
    high, wide = shape[-2:]
    moved = [
        images[:, :, a : a + high, b : b + wide].flatten(1) for a in range(3) for b in range(3)
    ]
    return torch.stack(moved)


def accuracy(stack: Stack, x: Any, y: Any) -> float:
    """Share of samples that are right."""
    with torch.no_grad():
        found = stack(torch.tensor(x, dtype=torch.float32)).argmax(1).numpy()
    return float(np.mean(found == y))
