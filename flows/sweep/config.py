"""The sweep file (docs/sweeps.md): read from TOML, refused in our own words.

:func:`load_sweep` is the way in. What axes mean is in :mod:`hwgen.flows.sweep.plan`.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hwgen.flows.sweep.metrics import METRICS
from hwgen.sim.simulators import Simulator
from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown
from hwgen.support.toml import Number, toml_values

_MAX_BYTES = 10_000_000


def _listed(value: object) -> object:
    """A single value stands for a list of one."""
    return value if isinstance(value, list) else [value]


Axis = Annotated[list[Any], BeforeValidator(_listed)]
Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ModelFile(_Model):
    """``[model]``: a float ONNX model, and samples to calibrate its quantization with."""

    file: str
    calibration: str


class Search(_Model):
    """``[search]``: spend ``points`` on the Pareto front of ``metrics`` instead of a full grid.

    ``batch`` points are proposed at a time, from what the batches before them gave: the same file
    proposes the same points, whatever the number of jobs and however often it is interrupted.
    """

    points: Annotated[int, Field(ge=1)]
    metrics: Names
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    batch: Annotated[int, Field(ge=1)] = 8
    seed: Annotated[int, Field(ge=0)] = 0


class SweepFile(_Model):
    """The content of a sweep file.

    ``axes`` and each ``point`` are checked where their names are known, in
    :mod:`hwgen.flows.sweep.plan`.
    """

    name: str | None = None
    model: ModelFile | None = None
    axes: dict[str, Axis] = Field(default_factory=dict)
    point: list[dict[str, Any]] = Field(default_factory=list)
    search: Search | None = None
    data: str | None = None
    verify: Literal["quick", "full", "off"] = "quick"
    energy_samples: Annotated[int, Field(ge=0)] = 0
    simulator: Simulator = "verilator"
    seed: Annotated[int, Field(ge=0)] = 0
    keep: Literal["all", "best", "none"] = "best"
    tool: Literal["auto", "pyosys", "yowasp", "path"] = "auto"
    timeout: Annotated[Number, Field(gt=0)] = 1800.0


def load_sweep(path: Path) -> SweepFile:
    """Read a sweep file.

    Raises
    ------
    HwgenError
        Unreadable, not TOML, a key twice, an unknown setting (the nearest is named), a value that
        is not allowed.
    """
    content = toml_values(path, "a sweep file is TOML", _MAX_BYTES)
    return parse_sweep(content, path)


def parse_sweep(content: dict[str, Any], path: Path) -> SweepFile:
    """A sweep from plain data; refusals name ``path``.

    Raises
    ------
    HwgenError
        As of :func:`load_sweep`, but for what is about a file.
    """
    try:
        file = SweepFile.model_validate(content)
    except ValidationError as error:
        raise _refusal(error, str(path)) from None
    _check(file, path)
    return file


def nearest(name: str, known: Iterable[str]) -> str:
    """What may be meant by ``name``, and all there is, as the end of a refusal."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.6)
    listed = f"allowed are {', '.join(known)}"
    return f"did you mean {close[0]}? {listed}" if close else listed


def _check(file: SweepFile, path: Path) -> None:
    if not file.axes and not file.point:
        raise HwgenError(f"{path}: axes", "missing", "[axes] or [[point]] is needed")
    if file.search is not None:
        for metric in file.search.metrics:
            if metric not in METRICS:
                raise HwgenError(
                    f"{path}: search.metrics", f"unknown {metric!r}", nearest(metric, METRICS)
                )
        if not file.axes:
            raise HwgenError(f"{path}: search", "given without [axes]", "axes to search over")
        if "accuracy" in file.search.metrics and file.data is None:
            raise HwgenError(f"{path}: search.metrics", "accuracy without data", "data is needed")
        if "energy_pj" in file.search.metrics and not file.energy_samples:
            raise HwgenError(
                f"{path}: search.metrics", "energy_pj", "energy_samples of at least 1 is needed"
            )
    if file.energy_samples and file.data is None:
        raise HwgenError(f"{path}: energy_samples", "given without data", "data is needed")


def _refusal(error: ValidationError, path: str) -> HwgenError:
    """The first finding, in one line."""
    first = error.errors(include_url=False)[0]
    where = f"{path}: {_place(first['loc'])}"
    if first["type"] == "extra_forbidden":
        return HwgenError(where, "unknown setting", nearest(str(first["loc"][-1]), _keys(first)))
    if first["type"] == "missing":
        return HwgenError(where, "missing", "the setting is required")
    allowed = first["msg"].removeprefix("Value error, ")
    allowed = allowed.replace("Input should be", "must be").replace("List should have", "must have")
    return HwgenError(where, f"found {shown(first['input'])}", allowed)


def _place(steps: Sequence[int | str]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.lstrip(".")


def _keys(finding: Any) -> list[str]:
    """The keys that are allowed where an unknown one stands."""
    inner: dict[Any, type[BaseModel]] = {"model": ModelFile, "search": Search}
    place = finding["loc"]
    model = inner.get(place[0], SweepFile) if len(place) > 1 else SweepFile
    return list(model.model_fields)
