"""The questions of the papers, asked of convolutional networks.

    python -m benchmarks.convnets.papers build/papers [TASK ...] [--seeds 3] [--data ../datasets]

Tasks are studies (docs/study.md) with networks of convolutions; without names all are run whose
data are there. LeNet-5 reads the digits of scikit-learn, enlarged from 8x8 to 28x28 by linear
interpolation, as MNIST is not at hand: its accuracy is not that of the papers. Printed are two
tables: accuracies of every way, and what 4, 8 and 16 bits take in memory and multiplications
([3] of docs/references.md), with areas as estimated. What is there already is not made again.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.flows.study.config import Study
from hwgen.flows.study.points import Job
from hwgen.flows.study.run import StudyResult, run_study
from hwgen.frontends.quantize.costs import costs
from hwgen.spec.network import parse_network

WAYS = (
    *("float", "fixed-16", "fixed-8", "fixed-4", "searched", "codebook-4", "qat-8", "qat-4"),
    *("qat-kd-4", "accumulator-16", "accumulator-14", "accumulator-12", "accumulator-10"),
)
FEW = ("float", "fixed-16", "fixed-8", "fixed-4", "codebook-4", "qat-8", "qat-4")
ARCHITECTURE = "stream"

TASKS: dict[str, dict[str, Any]] = {
    "digits": {
        "maps": ["conv 12 3x3", "max_pool 2"],
        "data": {"source": "digits", "scale": "all", "image": [8, 8]},
    },
    "pendigits": {
        "maps": ["conv 12 3", "conv 16 3"],
        "data": {"source": "pendigits.csv", "shape": [2, 8], "channels_last": True},
    },
    "convnet": {
        "maps": ["conv 8 3x3 pad 1", "max_pool 2", "conv 16 3x3 pad 1", "max_pool 2"],
        "data": {"source": "digits", "scale": "all", "image": [8, 8]},
    },
    "lenet5": {
        "maps": ["conv 6 5x5 pad 2", "max_pool 2", "conv 16 5x5", "max_pool 2"],
        "hidden": [120, 84],
        "data": {"source": "digits-28.npz", "scale": "all", "shape": [1, 28, 28]},
        "ways": FEW,
        "training": {"steps": 400, "patience": 400, "batch": 64, "learning_rate": 0.003},
    },
}
TRAINING = {"steps": 1500, "patience": 1500}


def main() -> None:
    """Run the studies, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder of pendigits.csv")
    options = parser.parse_intermixed_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in options.tasks or TASKS:
        base = options.folder
        if TASKS[name]["data"]["source"].endswith(".csv"):
            if options.data is None:
                print(f"{name}: left out, its data need --data", file=sys.stderr)
                continue
            base = options.data
        if name == "lenet5":
            enlarged(base / "digits-28.npz")
        study = of_task(name, options.seeds)
        results[name] = (
            run_study(study, base, options.folder / name, areas=False, progress=_progress),
            base,
        )
    show(results)


def of_task(name: str, seeds: int) -> Study:
    """The study of one network."""
    given = dict(TASKS[name])
    ways, training = given.pop("ways", WAYS), given.pop("training", TRAINING)
    task = {"name": name, "hidden": [], "training": training, **given}
    area = {"architectures": [ARCHITECTURE], "ways": []}
    return Study.model_validate({"name": name, "seeds": seeds, "ways": list(ways),
                                 "task": [task], "area": area})  # fmt: skip


def enlarged(path: Path) -> None:
    """The digits of scikit-learn as images of 28 x 28."""
    if path.exists():
        return
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    places = np.linspace(0, 7, 28)
    low = np.minimum(places.astype(int), 6)
    weights = np.zeros((28, 8))
    weights[np.arange(28), low] = 1 - (places - low)
    weights[np.arange(28), low + 1] = places - low
    images = weights @ x.reshape(-1, 8, 8) @ weights.T
    np.savez_compressed(path, x=images.reshape(len(x), -1), y=y)


def show(results: dict[str, tuple[StudyResult, Path]]) -> None:
    """Both tables, in Markdown."""
    ways = [way for way in WAYS if any(way in one.study.ways for one, _ in results.values())]
    print(f"\n| way | {' | '.join(results)} |\n{'|---' * (len(results) + 1)}|")
    for way in ways:
        print(f"| `{way}` | {' | '.join(_accuracy(one, way) for one, _ in results.values())} |")
    columns = "network, way, parameters, weights, memory, multiplications, accumulator, um2"
    print(f"\n| {' | '.join(columns.split(', '))} |\n{'|---' * 8}|")
    for name, (one, base) in results.items():
        job = Job(study=one.study, task=one.study.task[0], seed=0, base=base, folder=one.folder)
        for way in ways:
            row = job.stored(way) if way in one.study.ways else None
            if row is not None and "network" in row:
                print(f"| {name} | `{way}` | {' | '.join(_costs(row))} |")


def _accuracy(result: StudyResult, way: str) -> str:
    row = next((row for row in result.rows if row["way"] == way), None)
    if row is None or row["accuracy"] is None:
        return ""
    return f"{100 * row['accuracy']:.2f} ± {100 * row['spread']:.2f}"


def _costs(row: dict[str, Any]) -> list[str]:
    network = parse_network(row["network"])
    own, area = costs(network), row["estimated_um2"].get(ARCHITECTURE)
    numbers = [network.parameter_count, network.weight_count, own.memory_bits, own.multiplications]
    shown = [f"{number:,}" for number in numbers]
    return [*shown, str(max(row["accumulator_bits"])), "" if area is None else f"{area:,}"]


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
