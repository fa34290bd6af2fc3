"""The picture of a plan: every design by interval and area, the front, the limits, the choice."""

from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from hwgen.flows.pictures import STYLE
from hwgen.flows.plan import Plan
from hwgen.flows.plan_points import Point

_COLOURS = ("#3b6ea5", "#c98a2b", "#5a9367", "#8a5a9e", "#a5483b")


def plan_figure(plan: Plan) -> Figure:
    """Area against interval, both logarithmic; what lies past a limit is grey."""
    with mpl.rc_context({**STYLE, "axes.spines.left": True}):
        figure = Figure(figsize=(7.2, 4.4))
        figure.set_layout_engine("constrained")
        axis = figure.subplots()
        _limits(axis, plan)
        _points(axis, plan)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlim(0.8, 1.6 * max(one.interval for one in plan.points))
        axis.set_xlabel("clocks from input to input")
        axis.set_ylabel("cell area, µm²")
        plain = mpl.ticker.StrMethodFormatter("{x:,.0f}")
        axis.xaxis.set_major_formatter(plain)
        axis.yaxis.set_major_formatter(plain)
        axis.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        _ticks(axis, [one.area for one in plan.points])
        axis.grid(which="major", color="#e4e4e4", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.set_title(f"{plan.name} in {plan.pdk}", loc="left", weight="bold", fontsize=10)
        axis.legend(loc="upper right", frameon=False)
    return figure


def _ticks(axis: Any, areas: list[float]) -> None:
    """Round areas, about as many as there is room for."""
    low, high = min(areas) / 1.15, max(areas) * 1.15
    axis.set_ylim(low, high)
    steps = [s * 10**p for p in range(9) for s in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
    axis.set_yticks([step for step in steps if low <= step <= high])


def _limits(axis: Any, plan: Plan) -> None:
    """What lies past a limit is grey."""
    grey = {"color": "#f2f2f2", "zorder": 0, "linewidth": 0}
    if plan.limits.clocks is not None:
        axis.axvspan(plan.limits.clocks * 1.02, 1e9, **grey)
    if plan.limits.max_area is not None:
        axis.axhspan(plan.limits.max_area, 1e12, **grey)


def _points(axis: Any, plan: Plan) -> None:
    names = list(dict.fromkeys(one.architecture.name for one in plan.points))
    axis.plot(
        [one.interval for one in plan.front],
        [one.area for one in plan.front],
        drawstyle="steps-post",
        color="#b0b0b0",
        linewidth=1,
        zorder=1,
    )
    for name, colour in zip(names, _COLOURS * len(names), strict=False):
        own = [one for one in plan.points if one.architecture.name == name]
        for known, face in ((False, "white"), (True, colour)):
            shown = [one for one in own if (one.mapped is not None) == known]
            label = f"{name}, {'mapped' if known else 'estimated'}"
            if shown:
                axis.scatter(
                    [one.interval for one in shown],
                    [one.area for one in shown],
                    s=22,
                    facecolor=face,
                    edgecolor=colour,
                    label=label,
                    zorder=2,
                )
    if plan.chosen is not None:
        _mark(axis, plan.chosen)


def _mark(axis: Any, chosen: Point) -> None:
    """A ring about the choice, and what it is."""
    axis.scatter(
        [chosen.interval],
        [chosen.area],
        s=110,
        facecolor="none",
        edgecolor="black",
        linewidth=1.2,
        zorder=3,
    )
    axis.annotate(
        f"{chosen.architecture}\n{chosen.area:,.0f} µm², {chosen.interval:,} clocks",
        (chosen.interval, chosen.area),
        xytext=(10, 12),
        textcoords="offset points",
        fontsize=8.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )
