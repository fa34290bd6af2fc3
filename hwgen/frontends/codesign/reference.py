"""A float network on the same codes: what accuracy there is to be had, for comparison."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from hwgen.frontends.codesign.candidates import Codes

_STEPS, _LOOK, _BATCH = 2000, 100, 128


def float_accuracy(
    samples: Codes,
    validation: Codes,
    test: Codes,
    classes: int,
    *,
    input_bits: int,
    seed: int,
    hidden: int = 64,
    check: Callable[[], None] = lambda: None,
) -> tuple[float, float]:
    """Accuracy on validation and test samples of a float network with one hidden layer.

    Of real values it is R2. The network is the best of its training by the validation loss.
    """
    x, vx, tx = (torch.tensor(p.x / (1 << input_bits)).float() for p in (samples, validation, test))
    center, spread = (float(samples.y.mean()), float(samples.y.std())) if samples.real else (0, 1)
    y, vy, ty = (_wanted(part, center, spread) for part in (samples, validation, test))
    criterion = _squared if samples.real else torch.nn.functional.cross_entropy
    smoothing = {} if samples.real else {"label_smoothing": 0.05}
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(x.shape[1], hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(hidden, classes),
        )
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    best, state = float("inf"), copy.deepcopy(model.state_dict())
    for step in range(_STEPS):
        rows = torch.randint(len(x), (_BATCH,), generator=generator)
        loss = criterion(model(x[rows]), y[rows], **smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % _LOOK == 0:
            check()
            with torch.no_grad():
                score = float(criterion(model(vx), vy))
            if score < best:
                best, state = score, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    with torch.no_grad():
        found = [_score(model(a), b, samples.real) for a, b in ((vx, vy), (tx, ty))]
    return found[0], found[1]


def _wanted(part: Codes, center: float, spread: float) -> Tensor:
    if not part.real:
        return torch.tensor(part.y)
    return torch.tensor((part.y - center) / (spread or 1.0)).float()


def _squared(found: Tensor, wanted: Tensor) -> Tensor:
    return ((found[:, 0] - wanted) ** 2).mean()


def _score(found: Tensor, wanted: Tensor, real: bool) -> float:
    if real:
        return 1 - float(_squared(found, wanted)) / max(1e-30, float(wanted.var(correction=0)))
    return float((found.argmax(1) == wanted).double().mean())
