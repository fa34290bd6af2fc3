"""The picture of the comparison: a panel for each set, both fronts of each seed."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from hwgen.flows.pictures import STYLE, save_picture

_SIDES = (("HGQ2 + da4ml", "#8c8c8c", "s"), ("hwgen", "#3b6ea5", "o"))
Fronts = list[tuple[float, float]]
"""Test accuracy and um2 of each point."""


def fronts_picture(found: dict[str, list[tuple[Fronts, Fronts]]], path: Path) -> None:
    """Write ``path`` with the endings ``.png`` and ``.svg``; of each set and seed theirs, ours."""
    with mpl.rc_context({**STYLE, "axes.spines.left": True}):
        figure = Figure(figsize=(3.2 * len(found), 3.0))
        figure.set_layout_engine("constrained")
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axis, (data, seeds) in zip(panels, found.items(), strict=True):
            for sides in seeds:
                for front, (name, color, marker) in zip(sides, _SIDES, strict=True):
                    accuracies, areas = zip(*front, strict=True)
                    axis.plot(
                        areas,
                        [100 * one for one in accuracies],
                        marker,
                        ls="-",
                        color=color,
                        ms=3,
                        lw=0.8,
                        label=name if sides is seeds[0] else None,
                    )
            axis.set_xscale("log")
            axis.set_ylim(bottom=max(80.0, axis.get_ylim()[0]))
            axis.set_title(data, loc="left", weight="bold", fontsize=10)
            axis.set_xlabel("µm², ihp-sg13g2")
            axis.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
            axis.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
            axis.tick_params(axis="x", labelsize=8)
        panels[0].set_ylabel("right test samples, %")
        panels[0].legend(frameon=False, fontsize=8, loc="lower right")
        save_picture(figure, path)
