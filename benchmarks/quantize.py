"""Accuracy and cost of quantization without training, on test data, over seeds.

    python -m benchmarks.quantize                             # scikit-learn's sets, about 4 minutes
    python -m benchmarks.quantize --folder DIR digits pendigits   # with pendigits.csv in DIR
    python -m benchmarks.quantize --way search --seeds 2 wine

Float networks of at most 3,000 parameters are scikit-learn's ``MLPClassifier``, trained on 70 % of
the data; the same 70 % is what is quantized with. Features are scaled to 0..1 by the training part.
"""

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from hwgen.flows.cli.console import emit_table
from hwgen.frontends.quantize import FloatLayer, FloatModel, Settings, accuracy, run
from hwgen.frontends.quantize.costs import costs, fixed_costs
from hwgen.support.errors import HwgenError

HIDDEN = {
    "digits": (32,),
    "cancer": (16,),
    "wine": (16,),
    "pendigits": (40, 20),
    "cardio": (32, 16),
}
BUNDLED = {
    "digits": datasets.load_digits,
    "cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
}
ACCUMULATORS = (16, 14, 13, 12, 11, 10, 9, 8)
WAYS: dict[str, Settings] = {
    "fixed 8": Settings(),
    "fixed 4": Settings(weight_bits=4, activation_bits=4),
    "codebook-4 kmeans": Settings(codebook="kmeans", activation_bits=4),
    "codebook-4 csd": Settings(codebook="csd", activation_bits=4),
    "w4 a8": Settings(weight_bits=4),
    "w4 a8 codebook kmeans": Settings(codebook="kmeans"),
    "w4 a8 codebook csd": Settings(codebook="csd"),
    "nearest w4 a8": Settings(weight_bits=4, rounding="nearest"),
    "nearest w4 a8 codebook kmeans": Settings(codebook="kmeans", rounding="nearest"),
    "nearest w4 a8 codebook csd": Settings(codebook="csd", rounding="nearest"),
    "nearest fixed 4": Settings(weight_bits=4, activation_bits=4, rounding="nearest"),
    "nearest codebook-4 kmeans": Settings(codebook="kmeans", activation_bits=4, rounding="nearest"),
    "search 1%": Settings(budget=0.01),
    "search 1% per output": Settings(budget=0.01, per_output=True),
    "search 1% memory": Settings(budget=0.01, minimize="memory"),
    "search 0.5%": Settings(budget=0.005),
    **{f"accumulator {bits}": Settings(accumulator_bits=bits) for bits in ACCUMULATORS},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A trained float network and its data."""

    model: FloatModel
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def load(name: str, folder: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes."""
    if name in BUNDLED:
        bunch = BUNDLED[name]()
        return bunch.data, bunch.target
    if folder is None:
        raise SystemExit(f"{name}: --folder with {name}.csv is needed")
    table = np.loadtxt(folder / f"{name}.csv", delimiter=",")
    return table[:, :-1], np.unique(table[:, -1], return_inverse=True)[1]


def task(name: str, seed: int, folder: Path | None) -> Task:
    """Split, scale and train."""
    x, y = load(name, folder)
    x, test_x, y, test_y = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y)
    if name == "digits":
        low, size = 0.0, 16.0
    else:
        low = x.min(axis=0)
        size = np.where(x.max(axis=0) > low, x.max(axis=0) - low, 1)
    x, test_x = (x - low) / size, np.clip((test_x - low) / size, 0, 1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trained = MLPClassifier(HIDDEN[name], alpha=1e-3, max_iter=600, random_state=seed)
        trained.fit(x, y)
    model = as_model(trained)
    return Task(model=model, x=x, y=y, test_x=test_x, test_y=test_y)


def as_model(trained: MLPClassifier) -> FloatModel:
    """The float model of a trained classifier; of two classes it has one output."""
    pairs = list(zip(trained.coefs_, trained.intercepts_, strict=True))
    layers = [
        FloatLayer(
            weights=weights.T,
            bias=bias,
            activation="relu" if index < len(pairs) - 1 else "none",
            name=f"layer{index}",
        )
        for index, (weights, bias) in enumerate(pairs)
    ]
    return FloatModel(layers=tuple(layers)).as_classifier()


def measure(one: Task, settings: Settings) -> list[float]:
    """Points lost on test data, shares of memory and multiplications saved, seconds."""
    start = time.perf_counter()
    try:
        found = run(one.model, one.x, one.y, settings)
    except HwgenError:
        return [np.nan] * 4
    seconds = time.perf_counter() - start
    tested = accuracy(found.network, one.model, one.test_x, one.test_y)
    saved = costs(found.network).saving(fixed_costs(found.network))
    points = 100 * (tested.quantized - tested.float)
    return [points, 100 * saved["memory"], 100 * saved["multiplications"], seconds]


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(BUNDLED), choices=list(HIDDEN))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--way", default="", help="only ways whose name has this in it")
    arguments = parser.parse_args()
    for name in arguments.tasks:
        tasks = [task(name, seed, arguments.folder) for seed in range(arguments.seeds)]
        floats = [float(np.mean(t.model.predict(t.test_x) == t.test_y)) for t in tasks]
        rows = []
        for way, settings in WAYS.items():
            if arguments.way in way:
                figures = np.array([measure(one, settings) for one in tasks])
                mean, spread = figures.mean(axis=0), float(figures[:, 0].std())
                rows.append(
                    [way, *(f"{v:.2f}" for v in (mean[0], spread)), f"{figures[:, 0].min():.2f}"]
                    + [f"{value:.1f}" for value in (mean[1], mean[2], figures[:, 3].max())]
                )
        header = ["way", "points", "spread", "worst", "memory -%", "mult -%", "most seconds"]
        size = tasks[0].model.parameter_count
        emit_table(f"{name}: {size:,} parameters, float {np.mean(floats):.2%}", header, rows)


if __name__ == "__main__":
    main()
