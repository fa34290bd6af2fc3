"""The picture of a placed design: every cell in the colour of its module, and the slowest path."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from hwgen.flows.pictures import STYLE

if TYPE_CHECKING:
    from hwgen.flows.placement import PlacementReport

_COLOURS = (
    *("#3b6ea5", "#c98a2b", "#5a9367", "#8a5a9e", "#b5534c"),
    *("#4f9a9a", "#a0793d", "#7089b8", "#9aa64a"),
)
_OTHERS = "#a5a5a5"
_PATH = "#111111"


def placement_figure(report: "PlacementReport") -> Figure:
    """The core with its cells; modules beyond the largest few share a colour."""
    placement = report.placement
    width, height = placement.core.die
    area: Counter[str] = Counter()
    for module, place in zip(report.modules, placement.places, strict=True):
        area[module] += place.width
    shown = [module for module, _ in area.most_common(len(_COLOURS))]
    colours = dict(zip(shown, _COLOURS, strict=False))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 5.4))
        figure.set_layout_engine("constrained")
        axis = figure.subplots()
        axis.spines[:].set_visible(False)
        _draw_cells(axis, report, colours)
        _draw_path(axis, report)
        axis.add_patch(_frame(-placement.core.margin, width, height))
        margin = placement.core.margin
        axis.set_xlim(-1.3 * margin, width - 0.7 * margin)
        axis.set_ylim(-1.3 * margin, height - 0.7 * margin)
        axis.set_aspect("equal")
        axis.set_xlabel("µm")
        axis.set_title(_title(report), loc="left", weight="bold", fontsize=10)
        axis.legend(
            handles=_legend(area, colours),
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            frameon=False,
        )
    return figure


def _draw_cells(axis: Any, report: "PlacementReport", colours: dict[str, str]) -> None:
    width, height = report.placement.core.site
    boxes = [
        Rectangle((place.column * width, place.row * height), place.width * width, height)
        for place in report.placement.places
    ]
    faces = [colours.get(module, _OTHERS) for module in report.modules]
    axis.add_collection(
        PatchCollection(boxes, facecolors=faces, edgecolors="white", linewidths=0.25)
    )


def _draw_path(axis: Any, report: "PlacementReport") -> None:
    """A line through the cells of the slowest path."""
    placement = report.placement
    width, height = placement.core.site
    places = {
        instance.path: place
        for instance, place in zip(placement.flat.instances, placement.places, strict=True)
    }
    stages = [places[stage.instance] for stage in report.path.stages]
    xs = [(place.column + place.width / 2) * width for place in stages]
    ys = [(place.row + 0.5) * height for place in stages]
    axis.plot(xs, ys, color=_PATH, linewidth=1.1, marker="o", markersize=2.2)


def _frame(corner: float, width: float, height: float) -> Rectangle:
    return Rectangle((corner, corner), width, height, fill=False, edgecolor="#444444")


def _legend(area: "Counter[str]", colours: dict[str, str]) -> list[Any]:
    total = area.total()
    handles: list[Any] = [
        Patch(color=colour, label=f"{module}  {area[module] / total:.0%}")
        for module, colour in colours.items()
    ]
    rest = total - sum(area[module] for module in colours)
    if rest:
        handles.append(Patch(color=_OTHERS, label=f"others  {rest / total:.0%}"))
    line = mpl.lines.Line2D([], [], color=_PATH, marker="o", markersize=3, label="slowest path")
    return [*handles, line]


def _title(report: "PlacementReport") -> str:
    found = report.to_json()
    width, height = found["core_um"]
    return (
        f"{report.manifest.arch}, {found['pdk']}: {width:,.0f} x {height:,.0f} µm, "
        f"{found['utilization']:.0f} % filled\n"
        f"{found['wire_mm']:,.1f} mm of wire, {found['critical_path_ns']:.2f} ns "
        f"({found['critical_path_without_wires_ns']:.2f} without wires)"
    )
