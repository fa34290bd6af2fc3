"""What becomes of a plan: designs mapped, the table, the picture of the front."""

import json
from pathlib import Path
from typing import Any

from hwgen.flows.cli.console import Progress, emit_table
from hwgen.flows.cli.options import SynthesisOptions
from hwgen.flows.plan import Map, Plan, Point
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.support.files import check_folder, write_atomic, write_together
from hwgen.support.temporary import temporary_folder

_SAMPLES = 20


def mapper(
    network: Network,
    library: Any,
    options: SynthesisOptions,
    data: Path | None,
    progress: Progress,
) -> Map:
    """Maps designs of ``network``; with ``data`` their energy is measured too."""

    def run(architecture: Architecture) -> dict[str, Any]:
        with progress.under(str(architecture)):
            if data is not None:
                return _with_energy(network, architecture, library, options, data, progress)
            from hwgen.flows.cli.synth import map_to_cells

            with temporary_folder("plan") as name:
                return map_to_cells(
                    network,
                    architecture,
                    library=library,
                    options=options,
                    output=Path(name) / "design",
                    progress=progress,
                    picture=False,
                )

    return run


def _with_energy(
    network: Network,
    architecture: Architecture,
    library: Any,
    options: SynthesisOptions,
    data: Path,
    progress: Progress,
) -> dict[str, Any]:
    from hwgen.flows.cli.power import Conditions, estimate

    return estimate(
        network,
        architecture,
        data=data,
        samples=_SAMPLES,
        library=library,
        options=options,
        conditions=Conditions(),
        simulator="verilator",
        output=None,
        progress=progress,
    )


def show(plan: Plan) -> None:
    """The front as a table."""
    mapped = any(one.mapped is not None for one in plan.front)
    energy = any(one.energy_pj is not None for one in plan.front)
    header = ["design", "interval", "latency", "estimated um2"]
    header += ["mapped um2", "path ns"] if mapped else []
    header += ["pJ an inference"] if energy else []
    rows = []
    for one in plan.front:
        row: list[object] = [str(one.architecture), one.interval, one.latency, round(one.estimate)]
        row += [one.mapped and round(one.mapped), one.path_ns] if mapped else []
        row += [one.energy_pj] if energy else []
        rows.append(row)
    emit_table(f"{len(plan.front)} designs of {len(plan.points)} that no other beats", header, rows)


def write(plan: Plan, output: Path, name: str, library: str, progress: Progress) -> None:
    """``plan.json``, and the picture where matplotlib is installed."""
    from hwgen.support.extras import hint, installed

    check_folder(output)
    content = {
        "network": name,
        "pdk": library,
        "chosen": plan.chosen and plan.chosen.to_json(),
        "front": [one.to_json() for one in plan.front],
        "points": [one.to_json() for one in plan.points],
    }
    write_together({output / "plan.json": json.dumps(content, indent=2) + "\n"})
    if not installed("matplotlib"):
        progress(f"no picture: matplotlib is not installed, {hint('matplotlib')}")
        return
    draw(plan, output / "plan", name, library)


_COLOURS = ("#3b6ea5", "#c98a2b", "#5a9367", "#8a5a9e", "#a5483b")


def draw(plan: Plan, path: Path, name: str, library: str) -> None:
    """Area against interval: all designs, the front, the limits, the choice; PNG and SVG."""
    import io

    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = {
        "font.size": 9,
        "svg.hashsalt": "hwgen",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
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
        axis.set_title(f"{name} in {library}", loc="left", weight="bold", fontsize=10)
        axis.legend(loc="upper right", frameon=False)
        for ending, settings in (("png", {"dpi": 150}), ("svg", {"metadata": {"Date": None}})):
            content = io.BytesIO()
            figure.savefig(content, format=ending, **settings)
            write_atomic(path.with_name(f"{path.name}.{ending}"), content.getvalue())


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
