"""The training of a population: one tensor program for all of its members."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwgen.frontends.codesign.candidates import Codes
from hwgen.frontends.codesign.objective import FLOOR, HEATS
from hwgen.frontends.codesign.population import Population
from hwgen.frontends.codesign.settings import Training
from hwgen.frontends.codesign.taps import Taps
from hwgen.spec.arithmetic import Integers


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: for tensors this small, more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    population: Population,
    samples: Codes,
    training: Training,
    *,
    seed: int,
    watch: Callable[[int, Any], None],
    begin: dict[str, Any] | None = None,
) -> None:
    """Train all members.

    Parameters
    ----------
    watch
        Called after each step with the number of steps done and a function that gives a state
        from which training goes on; it may raise to stop.
    begin
        Such a state.
    """
    noisy = _Noisy(population.taps, samples.x, training.noise)
    labels = _labels(population, samples)
    prices = torch.tensor([member.price for member in population.members])
    optimizer = population.optimizer(training)
    generator = torch.Generator().manual_seed(seed)
    first = 0
    if begin is not None:
        first = int(begin["step"])
        population.restore(begin["tensors"])
        optimizer.load_state_dict(begin["optimizer"])
        generator.set_state(begin["generator"])
    for step in range(first, training.steps):
        done = step / training.steps
        late = max(0.0, (done - training.rise) / (1 - training.rise))
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * max(0.01, (1 + math.cos(math.pi * late)) / 2)
        rows = torch.randint(len(samples.x), (len(prices), training.batch), generator=generator)
        risen = 10 ** (2 * min(1.0, done / training.rise) - 2) if done > 0.03 else 0.0
        loss = _loss(population, noisy(rows, generator), labels[rows])
        loss = (loss + prices * risen * population.costs()).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        population.clamp()
        watch(
            step + 1,
            lambda step=step: {
                "step": step + 1,
                "tensors": population.state(),
                "optimizer": optimizer.state_dict(),
                "generator": generator.get_state(),
            },
        )


class _Noisy:
    """Samples with noise of ``noise`` codes, another each time."""

    def __init__(self, taps: Taps, codes: Integers, noise: float):
        self._codes = torch.tensor(taps.read(codes), dtype=torch.float32)
        self._tops, scale = torch.tensor(taps.tops), np.exp2(-taps.fractions)
        self._scale = torch.tensor(scale, dtype=torch.float32)
        self._moving = noise * (self._codes.std(dim=0) > 0)

    def __call__(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Inputs [*rows, taps]."""
        codes = self._codes[rows]
        noise = self._moving * torch.randn(codes.shape, generator=generator)
        codes = torch.round(codes + noise).clamp(min=torch.tensor(0), max=self._tops)
        return codes * self._scale


def _labels(population: Population, samples: Codes) -> Tensor:
    """Shares of the classes, or values, [samples, outputs]."""
    if population.scaling is not None:
        one = population.scaling
        scaled = np.ldexp(samples.y - one.center, -one.exponent)
        return torch.tensor(scaled, dtype=torch.float32)[:, None]
    if samples.soft is not None:
        return torch.tensor(samples.soft, dtype=torch.float32)
    classes = population.biases[-1].shape[1]
    return torch.nn.functional.one_hot(torch.tensor(samples.y), classes).float()


def worth(population: Population, validation: Codes) -> float:
    """Mean logarithm of what members cost on validation samples: cross entropy, priced silicon.

    Each at the temperature that suits it: who learned of soft labels is less sure of itself.
    """
    noisy = _Noisy(population.taps, validation.x, 0.0)
    rows = torch.arange(len(validation.x)).expand(len(population.members), -1)
    prices = torch.tensor([member.price for member in population.members])
    with torch.no_grad():
        labels = _labels(population, validation)[rows]
        sums = population.logits(noisy(rows, torch.Generator()))
        sums = sums * torch.exp(population.heats)[:, None, None]
        losses = [
            -(torch.log_softmax(sums * heat, dim=2) * labels).sum(2).mean(1) for heat in HEATS
        ]
        loss = torch.stack(losses).min(dim=0).values
        return float(torch.log(loss + prices * population.costs()).mean())


def _loss(population: Population, x: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, or half the logarithm of the squared error, [members]."""
    sums = population.logits(x)
    if population.scaling is not None:
        return 0.5 * torch.log(((sums - labels) ** 2).mean((1, 2)) + FLOOR)
    smoothing = torch.tensor([member.smoothing for member in population.members])
    shares = torch.log_softmax(sums * torch.exp(population.heats)[:, None, None], dim=2)
    own = (shares * labels).sum(2).mean(1)
    return -(1 - smoothing) * own - smoothing * shares.mean((1, 2))
