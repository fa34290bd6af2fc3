"""The picture of docs/stream.md: a window over its line buffer, and what happens when.

``python -m benchmarks.convnets.picture`` writes docs/images/stream.png. All that it shows is read
from the schedule of a network, not drawn by hand.
"""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hwgen.rtl.stream.beats import corners
from hwgen.rtl.stream.schedule import Schedule
from hwgen.spec.maps import Window
from hwgen.spec.network import Network, parse_network

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "stream.png"
SEEN, STORED, COMES, PAST, PADDED = "#f2a154", "#9ec5e8", "#d1495b", "#e8e8e8", "#ffffff"
SIZE, KERNEL = (6, 8), 3


def example() -> Network:
    """A convolution with padding, a maximum, a dense layer, over an image of 6 x 8."""
    output = {"bits": 3, "signed": False, "fraction_bits": 0, "rounding": "floor"}
    weights: dict[str, Any] = {"weight_bits": 4, "weight_fraction_bits": 0, "activation": "relu"}
    convolution = {
        "kind": "conv2d",
        "name": "conv",
        **weights,
        "weights": [[[[1, -2, 3], [2, 1, 0], [-1, 1, 2]]]] * 2,
        "bias": [0, 1],
        "padding": [1, 1, 1, 1],
        "output": {**output, "overflow": "saturate", "shift": 3},
    }
    dense = {**weights, "weights": [[1] * 24] * 3, "bias": [0, 1, 2], "output": None}
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 2,
            "name": "picture",
            "input": {"features": 48, "bits": 4, "signed": False, "fraction_bits": 0,
                      "shape": [1, *SIZE]},
            "layers": [
                convolution,
                {"kind": "max_pool", "name": "pool", "kernel": [2, 2]},
                {"kind": "dense", "name": "classes", **dense},
            ],
            "output": "argmax",
        }
    )  # fmt: skip


def draw() -> Figure:
    """The picture."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35), height_ratios=(1.9, 1))
    image, line = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    times = figure.add_subplot(grid[1, :])
    window = Window(kernel=(KERNEL, KERNEL), padding=(1, 1, 1, 1))
    now = corners(window, SIZE)[2 * SIZE[1] + 4]
    _image(image, now)
    _line(line, now)
    _times(times)
    return figure


def _square(axes: Any, x: float, y: float, colour: str, text: str, edge: str = "#606060") -> None:
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor=edge, linewidth=0.8))
    axes.text(x + 0.5, y + 0.53, text, ha="center", va="center", fontsize=7)


def _kind(position: int, now: int) -> str:
    """What a position of the image is when position ``now`` comes."""
    if position == now:
        return COMES
    behind = now - position
    if not 0 < behind <= (KERNEL - 1) * SIZE[1] + KERNEL - 1:
        return PAST
    return SEEN if behind % SIZE[1] < KERNEL else STORED


def _image(axes: Any, now: int) -> None:
    rows, columns = SIZE
    for y in range(-1, rows + 1):
        for x in range(-1, columns + 1):
            if 0 <= y < rows and 0 <= x < columns:
                position = y * columns + x
                _square(axes, x, y, _kind(position, now), str(position))
            else:
                _square(axes, x, y, PADDED, "0", "#c8c8c8")
    top, left = now // columns - KERNEL + 1, now % columns - KERNEL + 1
    axes.add_patch(
        Rectangle((left, top), KERNEL, KERNEL, fill=False, edgecolor="black", linewidth=2.2)
    )
    axes.set_xlim(-1.1, columns + 1.1)
    axes.set_ylim(rows + 1.1, -1.1)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(f"position {now} comes: the window's corner", fontsize=9)


def _line(axes: Any, now: int) -> None:
    columns = SIZE[1]
    for row in range(KERNEL):
        for place in range(columns):
            position = now - row * columns - place
            if row == KERNEL - 1 and place >= KERNEL:
                break
            x, y = columns - 1 - place, row * 1.7
            _square(axes, x, y, _kind(position, now), str(position))
        if row < KERNEL - 1:
            axes.annotate(
                "",
                (columns - 0.5, (row + 1) * 1.7),
                (0.5, row * 1.7 + 1),
                arrowprops={"arrowstyle": "->", "color": "#606060", "linewidth": 0.8},
            )
    axes.annotate(
        "beat", (columns, 0.5), (columns + 1.1, 0.5), va="center", fontsize=8,
        arrowprops={"arrowstyle": "->", "color": COMES},
    )  # fmt: skip
    depth = (KERNEL - 1) * columns + KERNEL - 1
    axes.text(
        0,
        5.6,
        f"{KERNEL - 1} rows of {columns} and {KERNEL - 1} positions: {depth} registers, "
        "each a position of all channels.\nOrange: what the window sees beside the beat itself "
        "(red).\nIn the padding it sees 0 instead of what stands there.",
        fontsize=8,
        va="top",
    )
    axes.set_xlim(-0.2, columns + 2.2)
    axes.set_ylim(8.2, -0.4)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title("its line buffer", fontsize=9)


def _times(axes: Any) -> None:
    network = example()
    schedule = Schedule.of(network, False)
    rows = [("input", tuple(range(schedule.frame)))]
    for layer, stage in zip(network.layers, schedule.stages, strict=True):
        rows.append((f"{layer.name} ({stage.style})", stage.gives.clocks))
    for y, (_, clocks) in enumerate(rows):
        for frame, colour in ((0, "#2e6f9e"), (1, "#c9a227")):
            shown = [clock + frame * schedule.frame for clock in clocks]
            axes.scatter(shown, [y] * len(shown), marker="s", s=13, color=colour)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(schedule.frame - 0.5, color="#909090", linewidth=0.8, linestyle="--")
    axes.set_xlim(-1, 2 * schedule.frame + 14)
    axes.set_xlabel("clock; the second input (yellow) follows the first without a gap", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_title("clocks in which each layer hands on a position", fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main() -> None:
    """Write the picture."""
    draw().savefig(PICTURE, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
