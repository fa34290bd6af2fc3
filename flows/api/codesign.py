"""Networks and their silicon together, from Python."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hwgen.flows import codesign as flow
from hwgen.flows.codesign import Budget, Front
from hwgen.frontends.codesign.settings import Settings
from hwgen.rtl.architectures import DEFAULT, make
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent
from hwgen.synth import open_library


def codesign(
    data: str | Path,
    folder: str | Path,
    *,
    accuracy: float | None = None,
    loss: float | None = None,
    area: float | None = None,
    tiles: str | None = None,
    start: str | Path | None = None,
    teacher: str | Path | None = None,
    minutes: float = 10.0,
    points: int = 8,
    hidden: Sequence[Sequence[int]] = (),
    input_bits: int = 4,
    seed: int = 0,
    sums: bool = False,
    verify: bool = True,
    jobs: int = 1,
    pdk: str | None = None,
    arch: str = DEFAULT.name,
    progress: Progress = silent,
    **knobs: int | bool,
) -> Front:
    """Train networks under the price of their silicon (docs/codesign.md).

    Parameters
    ----------
    data
        ``"digits"``, ``"breast_cancer"``, ``"wine"``, ``"iris"``, or a file with classes or
        real values.
    folder
        Where networks, report and picture go; a search that was stopped goes on there.
    accuracy
        Name the smallest network that is as accurate on validation samples, 0..1; R2 of real
        values.
    loss
        The same, of what it may lose against a float network, 0..1.
    area
        Name the most accurate network within so many um2.
    tiles
        Name the most accurate network that fits into these tiles of Tiny Tapeout, ``"1x1"``.
    start
        A float model (ONNX) or network file whose weights and topology all networks begin with.
    teacher
        Such a file, whose outputs are half of the labels.
    minutes
        Most time for the search.
    points
        Most networks that are mapped.
    hidden
        Neurons of the hidden layers to begin with, ``[[16], [32]]``; none: the default.
    input_bits
        Width of the unsigned inputs, 1 to 8.
    seed
        The split, and everything left to chance.
    sums
        Hand on the sums of the classes instead of an argmax.
    verify
        Simulate every network's Verilog against the golden model.
    jobs
        Processes that polish; the result does not depend on it.
    pdk
        Cell library; None: the default.
    arch, knobs
        The architecture and what it has, such as ``bare=True``.
    progress
        Called with a line whenever something new begins.

    Returns
    -------
    Front
        ``points`` by area, each with its network file, accuracies and areas; ``chosen``, the one
        that meets the budget, or None.

    Raises
    ------
    HwgenError
        Torch is not installed, samples or parameters do not fit, a folder cannot be written.
    """
    budget = Budget(accuracy=accuracy, loss=loss, area=area, tiles=tiles)
    if start is not None and hidden:
        raise HwgenError("hidden", "given with start", "the topology is that of start")
    settings = Settings(input_bits=input_bits, seed=seed)
    if hidden:
        settings = replace(settings, hidden=tuple(tuple(one) for one in hidden))
    options = flow.Options(
        architecture=make(arch, knobs),
        sums=sums,
        library=open_library(pdk, ()),
        minutes=minutes,
        points=points,
        vectors=flow.VECTORS if verify else 0,
        jobs=jobs,
        start=None if start is None else Path(start),
        teacher=None if teacher is None else Path(teacher),
    )
    return flow.codesign(
        str(data),
        Path(folder),
        settings=settings,
        budget=budget,
        options=options,
        progress=progress,
    )
