"""Area at accuracy against HGQ2: the same samples, time, cells and recipe.

    python -m venv peers && peers/bin/pip install -r benchmarks/codesign/requirements.txt
    python -m benchmarks.codesign peers/bin/python digits path/to/pendigits.csv --seeds 5

Each set is split by each seed; both sides see its training and validation samples as the same codes
of 4 bits. Ours searches to its end in one process, and theirs trains for as many seconds of
processor. Points are chosen by validation samples, test samples are looked at once. Designs are
combinational and hand on the sums of the classes. HGQ2's netlist is simulated on validation
samples, where it must be right as often as its model, and on test samples; ours equals the golden
model.
Results are kept in ``-o``, with a picture of the fronts.
"""

import argparse
import json
import math
import os
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.codesign.picture import fronts_picture
from benchmarks.netlist_sim import simulate
from hwgen.flows.cli.console import emit_table
from hwgen.flows.codesign import Front, Options, codesign
from hwgen.flows.codesign.samples import Task, load_task
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.train.settings import DataTable
from hwgen.rtl.parallel import Parallel
from hwgen.support.cache import open_cache
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping.yosys import run_yosys

FLATTEN = """\
read_verilog {sources}
hierarchy -check -top peer
proc
flatten
opt_clean -purge
write_verilog -noattr design.v
"""
UNUSED = ("peer_wrapper.v", "lookup_table.v")
Point = tuple[float, float, float]
"""Validation accuracy, test accuracy, um2."""


def main() -> None:
    """Measure every set and seed, print the fronts and the ratios of area."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", type=Path, help="Python that has the peers")
    parser.add_argument("data", nargs="+", help="sets by name, or files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prices", type=int, default=Settings.prices, help="of our search")
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help="of our search")
    parser.add_argument("--hidden", default="32", help="HGQ2's hidden layers")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/codesign"))
    options = parser.parse_args()
    means = []
    found = {
        (data, seed): measured(data, seed, options.output / Path(data).stem / str(seed), options)
        for seed in range(options.seeds)
        for data in options.data
    }
    for data in options.data:
        ratios: dict[float, list[float]] = {}
        for seed in range(options.seeds):
            show(f"{Path(data).stem}, seed {seed}", *found[data, seed])
            for accuracy, ratio in compared(*found[data, seed]):
                ratios.setdefault(accuracy, []).append(ratio)
        middle = {accuracy: float(np.median(some)) for accuracy, some in ratios.items()}
        rows = [[f"{accuracy:.1%}", f"{ratio:.2f}"] for accuracy, ratio in sorted(middle.items())]
        emit_table(f"{Path(data).stem}: ours over theirs, median", ["test", "um2"], rows)
        means += middle.values()
    drawn = {
        Path(data).stem: [
            (front_of(found[data, seed][1]), front_of(found[data, seed][0]))
            for seed in range(options.seeds)
        ]
        for data in options.data
    }
    fronts_picture(drawn, options.output / "fronts")
    if means:
        mean = math.exp(sum(map(math.log, means)) / len(means))
        print(f"geometric mean {mean:.3f}, largest {max(means):.3f}")


def measured(
    data: str, seed: int, place: Path, options: argparse.Namespace
) -> tuple[list[Point], list[Point]]:
    """Our front and theirs; what is in ``place`` is not measured again."""
    place.mkdir(parents=True, exist_ok=True)
    settings = Settings(seed=seed, prices=options.prices, rounds=options.rounds)
    ours = once(place / "ours.json", lambda: searched(data, settings, place / "ours"))
    task = load_task(DataTable(source=data), Path(), seed, settings.input_bits)

    def trained() -> dict[str, Any]:
        return {"points": peer(task, seed, place / "theirs", ours["seconds"], options)}

    theirs = once(place / "theirs.json", trained)
    return [tuple(one) for one in ours["points"]], [tuple(one) for one in theirs["points"]]


def once(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is in ``path``; computed where there is nothing."""
    if not path.exists():
        path.write_text(json.dumps(compute(), indent=1) + "\n")
    return dict(json.loads(path.read_text()))


def searched(data: str, settings: Settings, folder: Path) -> dict[str, Any]:
    """Our points, and the seconds of processor that the search took."""
    started, took = time.process_time(), []

    def watch(text: str) -> None:
        if not took and text.startswith("point"):
            took.append(time.process_time() - started)
        print(text, flush=True)

    architecture = Parallel(bare=True)
    front: Front = codesign(
        data,
        folder,
        settings=settings,
        options=Options(architecture=architecture, sums=True, minutes=600, vectors=0, points=8),
        progress=watch,
    )
    points = [(one.validation, one.test, one.area_um2) for one in front.points]
    return {"points": points, "seconds": took[0], "float": front.float_test}


def peer(
    task: Task, seed: int, folder: Path, seconds: float, options: argparse.Namespace
) -> list[Point]:
    """HGQ2's front on the same codes, mapped."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "task.npz",
        x=task.train.x,
        y=task.train.y,
        xv=task.validation.x,
        yv=task.validation.y,
        bits=task.bits,
    )
    script = Path(__file__).with_name("peer.py")
    words = [options.python, script, folder / "task.npz", folder, seed, options.hidden, seconds]
    ambient = {**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
    subprocess.run([str(word) for word in words], check=True, env=ambient)
    points = json.loads((folder / "points.json").read_text())
    return [mapped(point, task) for point in points]


def mapped(point: dict[str, Any], task: Task) -> Point:
    """A peer's netlist by our recipe; it must say what the peer's model said."""
    folder, library = Path(point["folder"]), open_library(None, ())
    sources = sorted((folder / "src").glob("*.v")) + sorted((folder / "src/static").glob("*.v"))
    names = [str(path.relative_to(folder)) for path in sources if path.name not in UNUSED]
    run_yosys(FLATTEN.format(sources=" ".join(names)), folder, timeout=600)
    report = synthesize(
        folder / "design.v", "peer", library=library, out_dir=folder / "mapped", cache=open_cache()
    )
    right = [
        float(
            (simulated(folder, library, part.x, point, task.bits).argmax(axis=1) == part.y).mean()
        )
        for part in (task.validation, task.test)
    ]
    if right[0] != point["validation"]:
        raise SystemExit(f"{folder}: the model is right in {point['validation']}, cells {right[0]}")
    return right[0], right[1], report.area_um2


def simulated(folder: Path, library: Any, codes: Any, point: dict[str, Any], bits: int) -> Any:
    """Sums [samples, classes] that a peer's netlist computes."""
    words, start = {}, 0
    for i, (_, width, lowest) in enumerate(point["inputs"]):
        for b in range(width):
            place = bits + lowest + b
            word = sum(int(v >> place & 1) << k for k, v in enumerate(codes[:, i]))
            words[f"model_inp[{start + b}]"] = word
        start += width
    found = simulate(folder / "mapped" / "netlist.json", library, words, len(codes))
    sums = np.zeros((len(codes), len(point["outputs"])))
    start = 0
    for j, (signed, width, lowest) in enumerate(point["outputs"]):
        for b in range(width):
            word = found[f"model_out[{start + b}]"]
            weight = 2.0 ** (b + lowest) * (-1 if signed and b == width - 1 else 1)
            sums[:, j] += weight * np.array([word >> k & 1 for k in range(len(codes))])
        start += width
    return sums


def front_of(points: list[Point]) -> list[tuple[float, float]]:
    """Test accuracy and um2 of the points, each better by validation than all smaller ones."""
    best, kept = -1.0, []
    for validation, test, area in sorted(points, key=lambda one: one[2]):
        if validation > best:
            best = validation
            kept.append((test, area))
    return kept


def area_at(front: list[tuple[float, float]], accuracy: float) -> float | None:
    """um2 of a front at a test accuracy, between two of its points; None outside."""
    for (low, small), (high, large) in pairwise(front):
        if low <= accuracy <= high and high > low:
            share = (accuracy - low) / (high - low)
            return small * (large / small) ** share
    return None


def compared(ours: list[Point], theirs: list[Point]) -> list[tuple[float, float]]:
    """Ratios of area at every half a point of accuracy that both fronts reach."""
    found = []
    for accuracy in np.arange(0.5, 1, 0.005).round(3).tolist():
        mine, other = (area_at(front_of(points), accuracy) for points in (ours, theirs))
        if mine is not None and other is not None:
            found.append((accuracy, mine / other))
    return found


def show(title: str, ours: list[Point], theirs: list[Point]) -> None:
    """Both fronts as a table."""
    rows = [
        [name, f"{validation:.2%}", f"{test:.2%}", round(area)]
        for name, points in (("hwgen", ours), ("HGQ2", theirs))
        for validation, test, area in sorted(points, key=lambda one: one[2])
    ]
    emit_table(title, ["", "validation", "test", "um2"], rows)


if __name__ == "__main__":
    main()
