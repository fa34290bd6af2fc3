"""Long runs that leave a folder: training, sweeps, studies."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from hwgen.flows import training
from hwgen.flows.api.network import Network
from hwgen.flows.study.config import load_study
from hwgen.flows.study.run import StudyResult, run_study
from hwgen.flows.sweep.config import SweepFile, load_sweep, parse_sweep
from hwgen.flows.sweep.driver import Counts
from hwgen.flows.sweep.progress import summary
from hwgen.flows.sweep.run import SweepInput, SweepResult, run_sweep
from hwgen.flows.training import train_into
from hwgen.frontends.train.settings import Config
from hwgen.support.progress import Progress, silent
from hwgen.support.toml import parse_table, read_toml


class Training(training.Training):
    """A trained network, and how accurate each of its stages is; a table in a notebook."""

    @cached_property
    def network(self) -> Network:
        """The quantized network."""
        return Network.of(self.trained.network)


def train(
    config: str | Path | Mapping[str, Any],
    folder: str | Path,
    *,
    seed: int | None = None,
    restart: bool = False,
    progress: Progress = silent,
) -> Training:
    """Train a network for hardware, with quantization and distillation (docs/train.md).

    Parameters
    ----------
    config
        A training file (TOML), or its content; paths in it start from its folder, or from the
        working folder.
    folder
        Where network, QONNX file, test samples, report and checkpoint go.
    seed
        Instead of the configuration's.
    restart
        Do not go on from the checkpoint in the folder.
    progress
        Called with a line whenever something new begins.

    Returns
    -------
    Training
        ``network``, and the accuracies of teacher, float student and quantized student.

    Raises
    ------
    HwgenError
        The extra ``train`` is not installed; a setting or data that do not fit.
    """
    if isinstance(config, str | Path):
        settings, base = read_toml(Path(config), Config, "a training file"), Path(config).parent
    else:
        settings, base = parse_table(dict(config), Config, "config"), Path()
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    found = train_into(settings, base, Path(folder), restart=restart, progress=progress)
    return Training(trained=found.trained, folder=found.folder)


def sweep(
    file: str | Path | Mapping[str, Any],
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    many: bool = False,
    progress: Progress = silent,
) -> SweepResult:
    """Map, check and measure many designs; what is finished is never done again (docs/sweeps.md).

    Parameters
    ----------
    file
        A sweep file (TOML), or its content: ``{"axes": {"network": "digits.json"}}``;
        paths in it start from its folder, or from the working folder.
    folder
        Where results, report and pictures go; a sweep that was stopped goes on there.
    jobs
        Points at a time; None: the machine's cores.
    scheduler
        Address of a Dask scheduler to work on instead, ``tcp://HOST:PORT``.
    retry_failed
        Try points again that failed before.
    many
        Whether there may be more than 10,000 points.
    progress
        Called with a line whenever a point is finished.

    Returns
    -------
    SweepResult
        ``table``, a :class:`pyarrow.Table` with a row for each point; ``rows``; ``best``, the names
        of the points that no other beats; ``report``, the page.

    Raises
    ------
    HwgenError
        An unknown or useless setting, a file that cannot be read; all points failed.
    """
    if isinstance(file, str | Path):
        path = Path(file)
        given = SweepInput(settings=load_sweep(path), path=path, text=path.read_text("utf-8"))
    else:
        content = dict(file)
        settings: SweepFile = parse_sweep(content, Path("sweep"))
        text = json.dumps(content, indent=2, default=str)
        given = SweepInput(settings=settings, path=Path("sweep"), text=text)
    said = ""

    def tell(counts: Counts) -> None:
        nonlocal said
        text = f"{counts.finished:,} of {counts.total:,}: {summary(counts)}"
        if counts.done and text.partition(":")[0] != said.partition(":")[0]:
            progress(text)
            said = text

    return run_sweep(
        given,
        Path(folder),
        jobs=jobs,
        scheduler=scheduler,
        retry_failed=retry_failed,
        many=many,
        tell=tell,
        progress=progress,
    ).require()


def study(
    file: str | Path,
    folder: str | Path,
    *,
    jobs: int = 1,
    areas: bool = True,
    progress: Progress = silent,
) -> StudyResult:
    """Train and quantize what a study file lists in every way (docs/study.md).

    Parameters
    ----------
    file
        A study file (TOML).
    folder
        Where table, picture and every single result go; a study that was stopped goes on there.
    jobs
        Networks at a time.
    areas
        Whether networks are synthesized; else all areas are estimates.
    progress
        Called with a line whenever something new begins.

    Returns
    -------
    StudyResult
        ``rows``: accuracy over the seeds, memory and areas of each task and way.

    Raises
    ------
    HwgenError
        A setting or data that cannot be used; the extra ``train`` is missing.
    """
    path = Path(file)
    return run_study(
        load_study(path), path.parent, Path(folder), jobs=jobs, areas=areas, progress=progress
    )
