"""A study's picture: accuracy against area, and against the accumulator's width, for each task."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from hwgen.flows.pictures import STYLE, save_picture
from hwgen.flows.study.config import Study
from hwgen.flows.study.points import Row
from hwgen.rtl.architectures import DEFAULT

_MARKS = (
    ("fixed", "o", "#3b6ea5"),
    ("searched", "s", "#c98a2b"),
    ("codebook", "D", "#8a5a9e"),
    ("qat-kd", "^", "#b23a48"),
    ("qat", "v", "#5a9367"),
    ("a2q", "P", "#444444"),
)


_WIDE, _HIGH = 0.15, 0.065
"""What a name takes of a panel."""


def study_picture(study: Study, rows: list[Row], path: Path) -> None:
    """Write ``path`` with the endings ``.png`` and ``.svg``: a row of two panels for each task."""
    style: dict[str, Any] = {**STYLE, "axes.spines.left": True}
    with mpl.rc_context(style):
        figure = Figure(figsize=(9.6, 2.9 * len(study.task)))
        figure.set_layout_engine("constrained", hspace=0.08)
        axes = figure.subplots(
            len(study.task), 2, squeeze=False, gridspec_kw={"width_ratios": (3, 2)}
        )
        for (left, right), task in zip(axes, study.task, strict=True):
            own = [row for row in rows if row["task"] == task.name and row["accuracy"] is not None]
            _areas(left, own)
            _accumulators(right, own)
            heading = next((row["topology"] for row in own if row["topology"]), "")
            left.set_title(f"{task.name} {heading}", loc="left", weight="bold", fontsize=10)
    save_picture(figure, path)


def _mark(way: str) -> tuple[str, str]:
    return next(((m, c) for kind, m, c in _MARKS if way.startswith(kind)), ("x", "#8c8c8c"))


def _float(axis: Any, rows: list[Row]) -> None:
    for row in rows:
        if row["way"] == "float":
            axis.axhline(100 * row["accuracy"], color="#8c8c8c", lw=1, ls="--", zorder=0)
            axis.annotate(
                "float", (0.01, 100 * row["accuracy"]), xycoords=("axes fraction", "data"),
                ha="left", va="bottom", color="#666666", fontsize=8,
            )  # fmt: skip


def _areas(axis: Any, rows: list[Row]) -> None:
    """Accuracy against the area of the default architecture; hollow where it is an estimate."""
    shown = [row for row in rows if row[f"{DEFAULT.name}_um2"] and "accumulator" not in row["way"]]
    for row in shown:
        mark, colour = _mark(row["way"])
        x, y, spread = row[f"{DEFAULT.name}_um2"], 100 * row["accuracy"], 100 * row["spread"]
        face = "white" if row[f"{DEFAULT.name}_estimated"] else colour
        axis.errorbar(x, y, yerr=spread, color=colour, lw=0.8, capsize=2, alpha=0.5, zorder=1)
        axis.plot(x, y, mark, color=colour, mfc=face, ms=6, zorder=4)
    _float(axis, rows)
    axis.set_xscale("log")
    axis.margins(x=0.18)
    axis.set_xlabel(f"{DEFAULT.name}, µm² (hollow: estimated)")
    axis.set_ylabel("test accuracy, %")
    _names(axis, shown)


def _names(axis: Any, rows: list[Row]) -> None:
    """Each way's name right of its mark, moved up or down where a name or a mark is in the way."""
    axis.set_xlim(axis.get_xlim())
    axis.set_ylim(axis.get_ylim())
    to_axes = axis.transData + axis.transAxes.inverted()
    marks = [to_axes.transform((row[f"{DEFAULT.name}_um2"], 100 * row["accuracy"])) for row in rows]
    names: list[tuple[float, float]] = []

    def free(x: float, y: float) -> bool:
        beside = any(abs(x - left) < _WIDE and abs(y - low) < _HIGH for left, low in names)
        return not beside and not any(0 < u - x < _WIDE and abs(y - v) < _HIGH for u, v in marks)

    for (x, y), row in sorted(zip(marks, rows, strict=True), key=lambda one: tuple(one[0])):
        x = float(x) + 0.015
        steps = sorted(range(-40, 41), key=lambda step: (abs(step), -step))
        y = next((low for step in steps if free(x, low := float(y) + step * _HIGH / 4)), float(y))
        names.append((x, y))
        text = axis.text(
            x, y, row["way"], transform=axis.transAxes, va="center", fontsize=7.5,
            color=_mark(row["way"])[1],
        )  # fmt: skip
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])


def _accumulators(axis: Any, rows: list[Row]) -> None:
    """Accuracy against the width that accumulators are held to."""
    for kind, label, colour in (
        ("accumulator", "without training", "#3b6ea5"),
        ("a2q", "A2Q, 4 bits", "#b23a48"),
    ):
        line = [row for row in rows if row["way"].rpartition("-")[0] == kind]
        line.sort(key=lambda row: int(row["way"].rpartition("-")[2]))
        if line:
            axis.errorbar(
                [int(row["way"].rpartition("-")[2]) for row in line],
                [100 * row["accuracy"] for row in line],
                yerr=[100 * row["spread"] for row in line],
                color=colour, marker="o", ms=4, lw=1.2, capsize=2, label=label,
            )  # fmt: skip
    if axis.lines:
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    _float(axis, rows)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axis.set_xlabel("accumulators held to, bits")
