"""Float networks that teach, so that no small network learns its samples by heart.

Where samples are few, they are copied with noise, or float networks say what to think of points
between them: wide networks that begin elsewhere agree where samples are dense and disagree where
they are not, and the mean of what they say is a soft label. A network that is small for its samples
learns those better alone. Which way serves a set of samples, validation samples decide
(:func:`hwgen.frontends.codesign.search.search`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hwgen.frontends.codesign.candidates import Codes
from hwgen.frontends.codesign.jitter import between, jittered
from hwgen.frontends.codesign.settings import Settings
from hwgen.spec.arithmetic import Integers

_STEPS, _BATCH, _HIDDEN, _RATE, _DECAY, _SMOOTHING = 2000, 128, 96, 5e-3, 0.02, 0.05


class Teachers:
    """Float networks with one hidden layer, each begun elsewhere, trained together.

    Parameters
    ----------
    samples, classes
        What they learn.
    top
        Largest code.
    noise
        Standard deviation, in codes, of what is added to the samples.
    count
        How many they are.
    """

    def __init__(
        self, samples: Codes, classes: int, *, top: int, noise: float, count: int, seed: int
    ):
        self._scale = top + 1
        generator = torch.Generator().manual_seed(seed)
        x = torch.tensor(samples.x / self._scale).float()
        y = torch.tensor(samples.y)
        sizes = [(x.shape[1], _HIDDEN), (_HIDDEN, classes)]
        self._weights = [
            (2 * torch.rand(count, a, b, generator=generator) - 1) * (2 / a) ** 0.5
            for a, b in sizes
        ]
        self._biases = [torch.zeros(count, 1, b) for _, b in sizes]
        tensors = [*self._weights, *self._biases]
        for one in tensors:
            one.requires_grad_(True)
        moving = noise / self._scale * (x.std(dim=0) > 0)
        optimizer = torch.optim.AdamW(tensors, lr=_RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        for _ in range(_STEPS):
            rows = torch.randint(len(x), (count, _BATCH), generator=generator)
            seen = x[rows]
            seen = seen + moving * torch.randn(seen.shape, generator=generator)
            loss = torch.nn.functional.cross_entropy(
                self._sums(seen).flatten(0, 1), y[rows].flatten(), label_smoothing=_SMOOTHING
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def _sums(self, x: Tensor) -> Tensor:
        hidden = torch.relu(x @ self._weights[0] + self._biases[0])
        return hidden @ self._weights[1] + self._biases[1]

    def labelled(self, codes: Integers) -> Codes:
        """Samples with the mean of the shares that they give each class."""
        with torch.no_grad():
            x = torch.tensor(codes / self._scale).float()[None]
            shares = torch.softmax(self._sums(x), dim=2).mean(dim=0).double().numpy()
        return Codes(x=codes, y=shares.argmax(axis=1), soft=shares)


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """What populations are trained on, and what networks are polished with."""

    name: str
    training: Codes
    polishing: Codes


def ways(settings: Settings, samples: Codes, classes: int) -> list[Way]:
    """By the samples' labels; by float networks, where those are hard and there are to be any."""
    top = (1 << settings.input_bits) - 1
    noise = settings.jitter * (top + 1)
    noisy = jittered(samples, noise, settings.jittered, top, settings.seed)
    found = [Way(name="", training=samples, polishing=noisy)]
    if settings.teachers and not samples.real and samples.soft is None:
        teachers = Teachers(
            samples, classes, top=top, noise=noise, count=settings.teachers, seed=settings.seed
        )
        rng = np.random.default_rng(settings.seed)
        training, polishing = (
            teachers.labelled(between(samples, count, settings.reach, spread, top, rng))
            for count, spread in ((settings.taught, 0.0), (settings.jittered, noise))
        )
        found.append(Way(name=" by float networks", training=training, polishing=polishing))
    return found
