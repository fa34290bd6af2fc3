"""Pictures of results, each as PNG and SVG."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from hwgen.flows.modules import by_size, short_module
from hwgen.support.files import write_together

if TYPE_CHECKING:
    from hwgen.flows.synthesis import DesignReport

STYLE = {
    "font.size": 9,
    "svg.hashsalt": "hwgen",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}
_SMALLEST_SHARE = 0.01


def area_figure(reports: "Mapping[str, DesignReport]") -> Figure:
    """Where the area goes: a panel of bars for each of ``reports``, a bar for each module."""
    panels = [(title, report, _bars(report)) for title, report in reports.items()]
    heights = [1.2 + len(bars) for _, _, bars in panels]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.55 + 0.3 * sum(heights)))
        figure.set_layout_engine("constrained", hspace=0.06)
        axes = figure.subplots(
            len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights}
        )
        for axis, (title, report, bars) in zip(axes[:, 0], panels, strict=True):
            _panel(axis, title, report, bars)
    return figure


def save_picture(figure: Figure, path: Path) -> None:
    """Write ``path`` with the endings ``.png`` and ``.svg``."""
    files = picture_files(path.name, figure)
    write_together({path.with_name(name): content for name, content in files.items()})


def picture_files(name: str, figure: Figure) -> dict[str, bytes]:
    """``figure`` as the content of ``name.png`` and ``name.svg``."""
    return {f"{name}.png": _drawn(figure, "png", dpi=150), f"{name}.svg": _svg(figure)}


def svg_of(figure: Figure) -> str:
    """``figure`` as an ``svg`` element, for a page."""
    text = _svg(figure).decode()
    return text[text.index("<svg") :]


def _svg(figure: Figure) -> bytes:
    return _drawn(figure, "svg", metadata={"Date": None})


def _drawn(figure: Figure, ending: str, **settings: Any) -> bytes:
    content = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(content, format=ending, **settings)
    return content.getvalue()


def _bars(report: "DesignReport") -> list[tuple[str, float]]:
    """Modules by size; those too small to see are one bar."""
    bars = [(short_module(m, report.top), area) for m, area in by_size(report.area_by_module)]
    seen = [bar for bar in bars if bar[1] >= _SMALLEST_SHARE * report.area_um2]
    rest = sum(area for _, area in bars) - sum(area for _, area in seen)
    return [*seen, ("others", rest)] if rest > 0 else seen


def _panel(axis: Any, title: str, report: "DesignReport", bars: list[tuple[str, float]]) -> None:
    total = report.area_um2
    names = [name for name, _ in bars]
    areas = [area for _, area in bars]
    axis.barh(names, areas, color=[_colour(name) for name in names], height=0.72)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.28 * max(areas, default=1.0))
    for row, area in enumerate(areas):
        axis.text(area, row, f"  {area:,.0f} µm²  {area / total:.0%}", va="center")
    axis.set_title(
        f"{title}: {total:,.0f} µm² in {report.pdk} ({report.gate_equivalents:,.0f} GE)",
        loc="left",
        weight="bold",
        fontsize=10,
    )
    axis.tick_params(left=False)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    axis.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))


def _colour(module: str) -> str:
    kinds = {"layer": "#3b6ea5", "memory": "#c98a2b", "macs": "#5a9367", "argmax": "#8a5a9e"}
    return next((colour for kind, colour in kinds.items() if module.startswith(kind)), "#8c8c8c")
