"""The networks of a study: one task and seed, every way; each result is kept at once."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.flows.study.codesigned import Searched, searched_for
from hwgen.flows.study.config import Study, TaskTable
from hwgen.frontends.quantize import Settings, run
from hwgen.frontends.quantize.costs import costs
from hwgen.frontends.train.samples import BUNDLED, Samples, load_samples
from hwgen.rtl.architectures import families, family
from hwgen.spec import golden
from hwgen.spec.data import quantize
from hwgen.spec.network import Network, parse_network
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic
from hwgen.support.fingerprint import fingerprint, versions
from hwgen.support.progress import Progress, silent
from hwgen.support.temporary import temporary_folder

Row = dict[str, Any]

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """One task and seed of a study; ``base`` is where paths start, ``folder`` where results go."""

    study: Study
    task: TaskTable
    seed: int
    base: Path
    folder: Path

    @property
    def place(self) -> Path:
        """Results of this task and seed."""
        return self.folder / "points" / self.task.name / str(self.seed)

    def path(self, way: str) -> Path:
        """The result of one way."""
        return self.place / f"{way}.json"

    def key(self, way: str) -> str:
        """What stands for all that a result depends on."""
        study, task = self.study, self.task
        parts: list[object] = [_FORMAT, fingerprint(), versions("torch"), way, self.seed]
        parts.append(task.model_dump(mode="json"))
        parts += [study.teacher.model_dump(mode="json"), study.training.model_dump(mode="json")]
        for source in (task.data.source, task.data.test):
            if source is not None and source not in BUNDLED:
                parts.append(_content(self.base / source))
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def stored(self, way: str) -> Row | None:
        """A result of an earlier run; None if there is none, or it was made of something else."""
        try:
            row = json.loads(self.path(way).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        fits = isinstance(row, dict) and row.get("key") == self.key(way)
        return row if fits else None

    def missing(self) -> list[str]:
        """Ways without a result."""
        return [way for way in self.study.ways if self.stored(way) is None]


def _content(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise HwgenError(str(path), error.strerror or "unreadable", "data are needed") from None


def compute(job: Job, say: Progress = silent) -> None:
    """Make what is missing, and keep each as a file."""
    trainer = _Trainer(job, say)
    for way in job.missing():
        say(f"{job.task.name}, seed {job.seed}: {way}")
        row = {"key": job.key(way), "way": way, **_row(way, trainer)}
        write_atomic(job.path(way), json.dumps(row) + "\n")


class _Trainer:
    """Networks of one task and seed; those that several ways start from are made once."""

    def __init__(self, job: Job, say: Progress):
        self.job, self._say = job, say
        self._made: dict[tuple[int, bool, int | None], Any] = {}
        self._searched: Searched | None = None

    def trained(self, bits: int, kd: bool, accumulator: int | None = None) -> Any:
        """A run of :func:`train_one`; its stages are shared by a checkpoint."""
        if (bits, kd, accumulator) not in self._made:
            job = self.job
            config = job.study.config(job.task, job.seed, bits, kd, accumulator)
            self._made[bits, kd, accumulator] = train_one(
                config, job.base, job.place / "checkpoint.pt", self._say
            )
        return self._made[bits, kd, accumulator]

    def searched(self, samples: Samples) -> Searched:
        """The networks found under the price of their silicon, which ways choose from."""
        if self._searched is None:
            job = self.job
            place = job.place / "codesign" / job.key("codesign")[:16]
            settings = searched_for(job.task.hidden, job.seed)
            self._searched = Searched(samples, settings, place, self._say)
        return self._searched

    def float_run(self, kd: bool) -> Any:
        """Any run whose float student is that of all others with the same ``kd``."""
        ways = [way for way in self.job.study.ways if way.startswith("qat-kd-" if kd else "qat-")]
        wanted = [way for way in ways if kd or not way.startswith("qat-kd-")]
        bits = int(wanted[0].rpartition("-")[2]) if wanted else 8
        return self.trained(bits, kd)


def train_one(config: Any, base: Path, checkpoint: Path, say: Progress) -> Any:
    """:func:`hwgen.frontends.train.flow.train`, imported when it is called: it needs torch."""
    from hwgen.frontends.train.flow import train

    return train(config, base, checkpoint, say)


def _row(way: str, trainer: _Trainer) -> Row:
    kind, _, number = way.rpartition("-")
    if way.startswith("float"):
        found = trainer.float_run(kd=way == "float-kd")
        model, test = found.float_model, found.samples.test
        share = float(np.mean(model.predict(test.x) == test.y))
        bits = 32 * sum(layer.weights.size for layer in model.layers)
        return {"accuracy": share, "parameters": model.parameter_count, "weight_bits": bits}
    if kind in ("qat", "qat-kd", "a2q"):
        narrow = int(number) if kind == "a2q" else None
        bits = 4 if kind == "a2q" else int(number)
        found = trainer.trained(bits, kind != "qat", narrow)
        return _measured(found.network, found.samples)
    found = trainer.float_run(kd=False)
    if kind == "codesign":
        network = trainer.searched(found.samples).network(
            found.float_model, int(number) / 100, trainer.job.task.name
        )
        return _measured(network, found.samples)
    parts = (found.samples.train, found.samples.validation)
    x, y = (np.concatenate([getattr(part, name) for part in parts]) for name in "xy")
    try:
        network = run(found.float_model, x, y, _settings(way, trainer.job.seed)).network
    except HwgenError as error:
        return {"accuracy": None, "why": str(error)}
    return _measured(network, found.samples)


def _settings(way: str, seed: int) -> Settings:
    kind, _, number = way.rpartition("-")
    if way == "searched":
        return Settings(budget=0.01, seed=seed)
    if kind == "fixed":
        return Settings(weight_bits=int(number), activation_bits=int(number), seed=seed)
    if kind == "codebook":
        bits = int(number)
        return Settings(codebook="kmeans", weight_bits=bits, activation_bits=bits, seed=seed)
    return Settings(accumulator_bits=int(number), seed=seed)


def _measured(network: Network, samples: Samples) -> Row:
    codes = quantize(samples.test.x, network.input.format)
    return {
        "accuracy": float(np.mean(golden.predict(network, codes) == samples.test.y)),
        "parameters": network.parameter_count,
        "weight_bits": costs(network).weight_bits,
        "accumulator_bits": [network.accumulator_width(i) for i in range(len(network.layers))],
        "estimated_um2": {
            name: round(one().estimated_area(network.layers, network.input.format))
            for name, one in families().items()
            if one.takes(network)
        },
        "network": network.model_dump(mode="json"),
    }


def check_data(study: Study, base: Path) -> None:
    """Refuse data that cannot be used, before long work."""
    for task in study.task:
        load_samples(task.data, 0, base)


def area(job: Job, way: str, arch: str) -> Row:
    """Cell area of a way's network: synthesized (from the cache where it can be), or why not."""
    from hwgen.flows.design import make_design
    from hwgen.support.cache import open_cache
    from hwgen.synth import open_library, synthesize

    row, table = job.stored(way), job.study.area
    network = parse_network((row or {})["network"])
    cache, library = open_cache(), open_library(table.pdk, ())
    with temporary_folder("study") as name:
        try:
            draft = make_design(network, family(arch)(), cache, library).write(Path(name))
            report = synthesize(
                Path(draft.verilog),
                draft.top,
                library=library,
                recipe="area",
                timeout=table.timeout,
                cache=cache,
            )
        except HwgenError as error:
            return {"um2": None, "why": str(error)}
    return {"um2": report.area_um2, "pdk": library.name}
