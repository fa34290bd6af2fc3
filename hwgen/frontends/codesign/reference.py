"""A float network on the same codes: what accuracy there is to be had, for comparison."""

import copy
from collections.abc import Callable

import torch

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

    It is the best of its training by the validation loss.
    """
    x, vx, tx = (torch.tensor(p.x / (1 << input_bits)).float() for p in (samples, validation, test))
    y, vy, ty = (torch.tensor(part.y) for part in (samples, validation, test))
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
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % _LOOK == 0:
            check()
            with torch.no_grad():
                score = float(torch.nn.functional.cross_entropy(model(vx), vy))
            if score < best:
                best, state = score, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    with torch.no_grad():
        right = [float((model(a).argmax(1) == b).double().mean()) for a, b in ((vx, vy), (tx, ty))]
    return right[0], right[1]
