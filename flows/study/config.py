"""The study file (docs/study.md)."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from hwgen.frontends.train.settings import (
    Config,
    DataTable,
    Sizes,
    StudentTable,
    TeacherTable,
    TrainingTable,
)
from hwgen.rtl.architectures import families
from hwgen.support.errors import HwgenError
from hwgen.support.toml import AsTuple, Number, Table, read_toml

_WAY = re.compile(
    r"float|float-kd|searched|fixed-([2-9]|1[0-6]|32)|codebook-[2-8]|(qat|qat-kd)-([2-9]|1[0-6])"
    r"|codesign-\d{1,2}|(accumulator|a2q)-([4-9]|[12]\d|3[0-2])"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
WAYS = (
    *("float", "float-kd", "fixed-16", "fixed-8", "fixed-4", "searched", "codebook-4"),
    *("qat-4", "qat-kd-8", "qat-kd-4"),
    *(f"accumulator-{bits}" for bits in range(16, 9, -1)),
)


def _way(name: str) -> str:
    if not _WAY.fullmatch(name):
        raise ValueError("must be a way such as float, fixed-8, searched, codebook-4, qat-kd-4")
    return name


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("must be letters, digits, _, - and dots")
    return name


def _architecture(name: str) -> str:
    if name not in families():
        raise ValueError(f"must be {' or '.join(families())}")
    return name


Way = Annotated[str, AfterValidator(_way)]
Name = Annotated[str, AfterValidator(_name)]
Ways = Annotated[tuple[Way, ...], AsTuple, Field(min_length=1)]
Arch = Annotated[str, AfterValidator(_architecture)]


class TaskTable(Table):
    """``[[task]]``: data, and the network: convolutions and pools, then hidden layers."""

    name: Name
    hidden: Sizes
    maps: Annotated[tuple[str, ...], AsTuple] = ()
    data: DataTable
    teacher: TeacherTable | None = None
    training: TrainingTable | None = None


class AreaTable(Table):
    """``[area]``: what is synthesized; the other areas are estimates, and marked.

    Parameters
    ----------
    architectures
        Without knobs; all that there are, unless some are named.
    ways
        Ways whose networks are synthesized; None: all but the float ones.
    timeout
        Seconds for one synthesis; one that takes longer leaves the estimate.
    """

    architectures: Annotated[tuple[Arch, ...], AsTuple] = Field(
        default_factory=lambda: tuple(families())
    )
    ways: Annotated[tuple[Way, ...], AsTuple] | None = None
    pdk: str | None = None
    timeout: Annotated[Number, Field(ge=1)] = 1800.0


class Study(Table):
    """A study file."""

    name: str = "study"
    seeds: Annotated[int, Field(ge=1, le=100)] = 5
    ways: Ways = WAYS
    task: Annotated[tuple[TaskTable, ...], AsTuple, Field(min_length=1)]
    area: AreaTable = AreaTable()
    teacher: TeacherTable = TeacherTable()
    training: TrainingTable = TrainingTable()

    def config(
        self, task: TaskTable, seed: int, bits: int, kd: bool, accumulator: int | None
    ) -> Config:
        """The training of one network."""
        table = task.training or self.training
        return Config(
            name=task.name,
            seed=seed,
            data=task.data,
            teacher=task.teacher or self.teacher,
            student=StudentTable(
                maps=task.maps,
                hidden=task.hidden,
                weight_bits=bits,
                activation_bits=bits,
                accumulator_bits=accumulator,
                max_parameters=1_000_000,
            ),
            training=table if kd else table.model_copy(update={"distillation": 0.0}),
        )


def load_study(path: Path) -> Study:
    """Read a study file.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.support.toml.read_toml`; a task's name that is there twice.
    """
    study = read_toml(path, Study, "a study file")
    names = [task.name for task in study.task]
    searched = [way for way in study.ways if way.startswith("codesign")]
    for index, task in enumerate(study.task):
        if task.maps and searched:
            found = f"convolutions with the way {searched[0]}"
            raise HwgenError(f"{path}: task[{index}].maps", found, "dense layers for codesign")
    for index, name in enumerate(names):
        if name in names[:index]:
            raise HwgenError(f"{path}: task[{index}].name", f"{name!r} again", "names differ")
    return study
