"""The picture of a front: accuracy against mapped area, and where the float network is."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from hwgen.flows.codesign.results import Front
from hwgen.flows.pictures import STYLE, save_picture

_FRONT, _CHOSEN, _FLOAT = "#3b6ea5", "#b23a48", "#8c8c8c"


def front_picture(front: Front, path: Path) -> None:
    """Write ``path`` with the endings ``.png`` and ``.svg``."""
    with mpl.rc_context({**STYLE, "axes.spines.left": True}):
        figure = Figure(figsize=(6.4, 3.8))
        figure.set_layout_engine("constrained")
        axis = figure.subplots()
        times = 100 if front.score == "accuracy" else 1
        areas = [point.area_um2 for point in front.points]
        axis.errorbar(
            areas,
            [times * point.test for point in front.points],
            yerr=[times * point.standard_error for point in front.points],
            fmt="o-",
            color=_FRONT,
            ms=4,
            lw=1,
            capsize=2,
            label="test samples, and the standard error",
        )
        axis.plot(
            areas,
            [times * point.validation for point in front.points],
            "o",
            mfc="none",
            color=_FRONT,
            ms=4,
            label="validation samples",
        )
        if front.chosen is not None:
            axis.plot(
                front.chosen.area_um2,
                times * front.chosen.test,
                "o",
                color=_CHOSEN,
                ms=7,
                label="meets the budget",
            )
        axis.axhline(times * front.float_test, color=_FLOAT, lw=1, ls="--", label="float, test")
        axis.set_xscale("log")
        axis.set_xlabel(f"µm² in {front.pdk}")
        axis.set_ylabel("accuracy, %" if times > 1 else front.score)
        axis.set_title(front.data, loc="left", weight="bold", fontsize=10)
        axis.legend(frameon=False, fontsize=8, loc="lower right")
        axis.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
        axis.xaxis.set_minor_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
        axis.tick_params(axis="x", which="both", labelsize=7)
        save_picture(figure, path)
