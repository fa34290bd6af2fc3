"""Pictures of a sweep fit for a paper: area against what is paid for it, a panel per library."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hwgen.flows.sweep.metrics import METRICS, front, measured
from hwgen.support.files import write_together

_STYLE = {
    "font.size": 8,
    "axes.titlesize": 9,
    "svg.hashsalt": "hwgen",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
COLOURS = ("#4b2a85", "#3b6ea5", "#2a9d8f", "#7fb03a", "#d69e1f", "#cc6b2c", "#b23a48")
_MARKERS = "os^Dvp*X"
_AGAINST = ("interval_cycles", "accuracy", "energy_pj")
_MOST_VECTORS = 2000
_MOST_LIBRARIES = 4
Row = Mapping[str, Any]


def pareto_pictures(rows: Sequence[Row], path: Path, title: str) -> None:
    """Write ``path`` with the endings ``.png`` and ``.svg``; nothing where no point is good."""
    good = [row for row in rows if row["status"] == "ok"]
    against = [m for m in measured(good, _AGAINST) if len({row[m] for row in good}) > 1]
    if not good or not against:
        against = against or measured(good, _AGAINST)[:1]
    if not good or not against:
        return
    libraries = list(dict.fromkeys(row["library"] for row in good))[:_MOST_LIBRARIES]
    with mpl.rc_context(_STYLE):
        size = (0.6 + 3.1 * len(libraries), 0.9 + 2.5 * len(against))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(against), len(libraries), squeeze=False, sharey="row")
        colour, marker = _colours(good), _markers(good)
        for across, metric in zip(axes, against, strict=True):
            for axis, library in zip(across, libraries, strict=True):
                own = [row for row in good if row["library"] == library]
                _panel(axis, own, metric, colour, marker)
        for axis, library in zip(axes[0], libraries, strict=True):
            axis.set_title(str(library), loc="left", weight="bold")
        for axis, metric in zip(axes[:, 0], against, strict=True):
            axis.set_ylabel(_named(metric))
        for axis in axes[-1]:
            axis.set_xlabel(_named("area_um2"))
        figure.align_ylabels()
        _legend(figure, colour, marker)
        figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=10)
        _save(figure, path)


def _panel(
    axis: Any,
    rows: Sequence[Row],
    metric: str,
    colour: Mapping[Any, str],
    marker: Mapping[str, str],
) -> None:
    many = len(rows) > _MOST_VECTORS
    for arch, shape in marker.items():
        own = [row for row in rows if design_kind(row) == arch]
        axis.scatter(
            [row["area_um2"] for row in own],
            [row[metric] for row in own],
            c=[colour[row.get("weight_bits")] for row in own],
            marker=shape,
            s=8 if many else 26,
            linewidths=0.4,
            edgecolors="white",
            rasterized=many,
            zorder=3,
        )
    best = sorted((rows[i] for i in front(rows, ["area_um2", metric])), key=_area)
    axis.step(
        [row["area_um2"] for row in best],
        [row[metric] for row in best],
        where="post",
        color="#9a9a9a",
        linewidth=0.9,
        zorder=2,
    )
    _scale(axis.xaxis, [row["area_um2"] for row in rows])
    if metric == "accuracy":
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
    else:
        _scale(axis.yaxis, [row[metric] for row in rows])


def _scale(axis: Any, values: Sequence[float]) -> None:
    """Logarithmic where the values span more than a factor of five."""
    low, high = min(values), max(values)
    if low > 0 and high > 5 * low:
        axis._set_axes_scale("log")
        axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def design_kind(row: Row) -> str:
    """Architecture with its knobs, as legends name it: one shape each."""
    names = list(row)
    first, last = names.index("arch"), names.index("library")
    knobs = [(n, row[n]) for n in names[first + 1 : last]]
    told = [f"{n} {v}" if v is not True else n for n, v in knobs if v not in (None, False)]
    return ", ".join([str(row["arch"]), *told])


def _colours(rows: Sequence[Row]) -> dict[Any, str]:
    """A colour for each width of the weights, in their order."""
    bits = sorted(
        {row.get("weight_bits") for row in rows}, key=lambda b: (b is None, str(b).zfill(4))
    )
    last = max(1, len(bits) - 1)
    places = [round(i * (len(COLOURS) - 1) / last) for i in range(len(bits))]
    return {b: COLOURS[place] for b, place in zip(bits, places, strict=True)}


def _markers(rows: Sequence[Row]) -> dict[str, str]:
    kinds = list(dict.fromkeys(design_kind(row) for row in rows))
    return {kind: _MARKERS[i % len(_MARKERS)] for i, kind in enumerate(kinds)}


def _legend(figure: Figure, colour: Mapping[Any, str], marker: Mapping[str, str]) -> None:
    plain: dict[str, Any] = {"linestyle": "", "markeredgecolor": "white", "markersize": 6}
    handles = [
        Line2D([], [], marker="o", color=shade, label=f"{bits}-bit weights", **plain)
        for bits, shade in colour.items()
    ]
    handles += [
        Line2D([], [], marker=shape, color="#777777", label=kind, **plain)
        for kind, shape in list(marker.items())[:10]
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8)


def _area(row: Row) -> float:
    return float(row["area_um2"])


def _named(metric: str) -> str:
    found = METRICS[metric]
    return f"{found.title} [{found.unit}]" if found.unit else found.title


def _save(figure: Figure, path: Path) -> None:
    files: dict[Path, str | bytes] = {}
    for ending, settings in (("png", {"dpi": 160}), ("svg", {"metadata": {"Date": None}})):
        content = io.BytesIO()
        figure.savefig(content, format=ending, **settings)
        files[path.with_name(f"{path.name}.{ending}")] = content.getvalue()
    write_together(files)
