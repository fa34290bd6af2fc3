"""Training of one network: early stopping, and a checkpoint to go on from."""

import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.frontends.train.settings import TrainingTable
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic

CHECK = 50
"""Steps between two looks at the validation samples."""

_SAVE_SECONDS = 2.0

Say = Callable[[str], None]
State = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensors:
    """Samples as tensors."""

    x: Tensor
    y: Tensor
    validation_x: Tensor
    validation_y: Tensor
    classes: int
    image: tuple[int, int] | None = None


class Checkpoint:
    """The stages of training runs in one file, each under a key of all that it depends on.

    Only tensors and plain values are ever loaded from it.

    Raises
    ------
    HwgenError
        The file is there and is none.
    """

    def __init__(self, path: Path):
        self._path = Path(path)
        self.stages: dict[str, State] = {}
        if self._path.exists():
            self.stages = self._load()

    def _load(self) -> dict[str, State]:
        try:
            stages = torch.load(self._path, weights_only=True)["stages"]
            if all(isinstance(state["step"], int) for state in stages.values()):
                return dict(stages)
        except Exception:
            pass
        raise HwgenError(str(self._path), "not a checkpoint", "delete it to train from the start")

    def save(self) -> None:
        """Write the file, whole or not at all."""
        content = io.BytesIO()
        torch.save({"stages": self.stages}, content)
        write_atomic(self._path, content.getvalue())


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """What is trained, for how long.

    Parameters
    ----------
    key
        Stands for everything that decides the result.
    teacher
        Its sums for a batch; None: only the classes teach.
    """

    name: str
    key: str
    seed: int
    steps: int
    patience: int
    weight_decay: float
    teacher: nn.Module | None = None


def fit(
    stage: TrainingStage,
    model: nn.Module,
    data: Tensors,
    table: TrainingTable,
    checkpoint: Checkpoint,
    say: Say,
) -> float:
    """Train ``model`` and leave it in its best state; the validation accuracy of that.

    What was stopped in the middle goes on from ``checkpoint`` and gives the same network.
    """
    state = checkpoint.stages.get(stage.key)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=table.learning_rate, weight_decay=stage.weight_decay, fused=True
    )
    generator = torch.Generator().manual_seed(stage.seed)
    if state is None:
        score = _score(model, data)
        state = {"step": 0, "best": _copied(model), "score": score, "best_step": 0, "done": False}
        checkpoint.stages[stage.key] = state
    elif not state["done"]:
        say(f"{stage.name}: going on at step {state['step']}")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
    saved = time.monotonic()
    while not state["done"]:
        _steps(stage, model, optimizer, data, table, generator, state["step"])
        state["step"] = min(state["step"] + CHECK, stage.steps)
        score = _score(model, data)
        if score[0] < state["score"][0]:
            state |= {"best": _copied(model), "score": score, "best_step": state["step"]}
        waited = state["step"] - state["best_step"]
        state["done"] = state["step"] >= stage.steps or waited >= stage.patience
        if state["step"] % 500 == 0 or state["done"]:
            loss, share = state["score"]
            best = f"best validation loss {loss:.4f} ({share:.2%}) at {state['best_step']}"
            say(f"{stage.name}: step {state['step']} of {stage.steps}, {best}")
        if state["done"] or time.monotonic() - saved > _SAVE_SECONDS:
            running = {
                "model": _copied(model),
                "optimizer": optimizer.state_dict(),
                "generator": generator.get_state(),
            }
            for name in running:
                state.pop(name, None)
            state |= {} if state["done"] else running
            checkpoint.save()
            saved = time.monotonic()
    model.load_state_dict(state["best"])
    return float(state["score"][1])


def _copied(model: nn.Module) -> State:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _score(model: nn.Module, data: Tensors) -> tuple[float, float]:
    """Validation loss, which says more of few samples than their accuracy does; and that."""
    with torch.no_grad():
        sums = model(data.validation_x)
        loss = nn.functional.cross_entropy(sums, data.validation_y)
        right = (sums.argmax(dim=1) == data.validation_y).double().mean()
    return float(loss), float(right)


def _steps(
    stage: TrainingStage,
    model: nn.Module,
    optimizer: Any,
    data: Tensors,
    table: TrainingTable,
    generator: torch.Generator,
    first: int,
) -> None:
    for step in range(first, min(first + CHECK, stage.steps)):
        for group in optimizer.param_groups:
            group["lr"] = table.learning_rate * (1 + math.cos(math.pi * step / stage.steps)) / 2
        x, target = _batch(data, table, generator)
        loss = _loss(model(x), x, target, stage.teacher, table)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def _batch(
    data: Tensors, table: TrainingTable, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Samples and the share of each class in them."""
    rows = torch.randint(len(data.y), (2, table.batch), generator=generator)
    x = data.x[rows]
    if data.image is not None:
        x = _moved(x.flatten(0, 1), data.image, generator).reshape(x.shape)
    target = nn.functional.one_hot(data.y[rows], data.classes).to(x.dtype)
    share = table.mix * torch.rand(table.batch, 1, generator=generator)
    return x[0] + share * (x[1] - x[0]), target[0] + share * (target[1] - target[0])


def _moved(x: Tensor, image: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Half of the images moved by up to one pixel each way, zeros coming in."""
    rows, columns = image
    padded = nn.functional.pad(x.reshape(-1, rows, columns), (1, 1, 1, 1))
    moves = torch.randint(-1, 2, (2, len(x)), generator=generator)
    moves = moves * (torch.rand(len(x), generator=generator) < 0.5)
    down = torch.arange(rows)[None, :, None] + 1 + moves[0][:, None, None]
    right = torch.arange(columns)[None, None, :] + 1 + moves[1][:, None, None]
    return padded[torch.arange(len(x))[:, None, None], down, right].reshape(len(x), -1)


def _loss(
    sums: Tensor, x: Tensor, target: Tensor, teacher: nn.Module | None, table: TrainingTable
) -> Tensor:
    own = nn.functional.cross_entropy(sums, target)
    if teacher is None:
        return own
    heat, share = table.temperature, table.distillation
    with torch.no_grad():
        taught = nn.functional.log_softmax(teacher(x) / heat, dim=1)
    said = nn.functional.log_softmax(sums / heat, dim=1)
    apart = nn.functional.kl_div(said, taught, reduction="batchmean", log_target=True)
    return (1 - share) * own + share * heat**2 * apart
