"""Area at accuracy against HGQ2: the same samples, time, cells and recipe.

    python -m venv peers && peers/bin/pip install -r benchmarks/codesign/requirements.txt
    python -m benchmarks.codesign peers/bin/python digits path/to/pendigits.csv --seeds 5

Each set is split by each seed; both sides see its training and validation samples as the same codes
of 4 bits, and train for ``--minutes``. Points are chosen by validation samples, test samples are
looked at once. Designs are combinational and hand on the sums of the classes; of HGQ2's the netlist
is simulated on the test samples, ours equals the golden model. Results are kept in ``-o``.
"""

import argparse
import json
import math
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.flows.cli.console import emit_table
from hwgen.flows.codesign import Front, Options, codesign
from hwgen.flows.codesign.samples import Task, load_task
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.train.settings import DataTable
from hwgen.rtl.parallel import Parallel
from hwgen.support.cache import open_cache
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping.yosys import run_yosys
from tests.netlist_sim import simulate

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
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--hidden", default="32", help="HGQ2's hidden layers")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/codesign"))
    options = parser.parse_args()
    means = []
    for data in options.data:
        ratios: dict[float, list[float]] = {}
        for seed in range(options.seeds):
            place = options.output / Path(data).stem / str(seed)
            ours, theirs = measured(data, seed, place, options)
            show(f"{Path(data).stem}, seed {seed}", ours, theirs)
            for accuracy, ratio in compared(ours, theirs):
                ratios.setdefault(accuracy, []).append(ratio)
        middle = {accuracy: float(np.median(found)) for accuracy, found in ratios.items()}
        rows = [[f"{accuracy:.1%}", f"{ratio:.2f}"] for accuracy, ratio in sorted(middle.items())]
        emit_table(f"{Path(data).stem}: ours over theirs, median", ["test", "um2"], rows)
        means += middle.values()
    if means:
        mean = math.exp(sum(map(math.log, means)) / len(means))
        print(f"geometric mean {mean:.3f}, largest {max(means):.3f}")


def measured(
    data: str, seed: int, place: Path, options: argparse.Namespace
) -> tuple[list[Point], list[Point]]:
    """Our front and theirs; what is in ``place`` is not measured again."""
    kept = place / "fronts.json"
    if kept.exists():
        found = json.loads(kept.read_text())
        return [tuple(one) for one in found["ours"]], [tuple(one) for one in found["theirs"]]
    place.mkdir(parents=True, exist_ok=True)
    settings = Settings(seed=seed)
    front: Front = codesign(
        data,
        place / "ours",
        settings=settings,
        options=Options(
            architecture=Parallel(bare=True),
            sums=True,
            minutes=options.minutes,
            vectors=0,
            points=12,
            jobs=2,
        ),
        progress=print,
    )
    ours = [(one.validation, one.test, one.area_um2) for one in front.points]
    task = load_task(DataTable(source=data), Path(), seed, settings.input_bits)
    theirs = peer(task, seed, place / "theirs", settings.input_bits, options)
    kept.write_text(json.dumps({"ours": ours, "theirs": theirs}, indent=1) + "\n")
    return ours, theirs


def peer(
    task: Task, seed: int, folder: Path, bits: int, options: argparse.Namespace
) -> list[Point]:
    """HGQ2's front on the same codes, mapped."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "task.npz",
        x=task.train.x,
        y=task.train.y,
        xv=task.validation.x,
        yv=task.validation.y,
        bits=bits,
    )
    script = Path(__file__).with_name("peer.py")
    seconds = 60 * options.minutes
    words = [options.python, script, folder / "task.npz", folder, seed, options.hidden, seconds]
    subprocess.run([str(word) for word in words], check=True)
    points = json.loads((folder / "points.json").read_text())
    return [mapped(point, task, bits) for point in points]


def mapped(point: dict[str, Any], task: Task, bits: int) -> Point:
    """A peer's netlist by our recipe; it must say what the peer's model said."""
    folder, library = Path(point["folder"]), open_library(None, ())
    sources = sorted((folder / "src").glob("*.v")) + sorted((folder / "src/static").glob("*.v"))
    names = [str(path.relative_to(folder)) for path in sources if path.name not in UNUSED]
    run_yosys(FLATTEN.format(sources=" ".join(names)), folder, timeout=600)
    report = synthesize(
        folder / "design.v", "peer", library=library, out_dir=folder / "mapped", cache=open_cache()
    )
    right = [
        float((simulated(folder, library, part.x, point, bits).argmax(axis=1) == part.y).mean())
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
