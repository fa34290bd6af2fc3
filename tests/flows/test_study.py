"""Studies: the file, results that are kept, table and picture; a stand-in does the training."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hwgen.flows.study.run
from hwgen.flows.cli.main import run
from hwgen.flows.study import points
from hwgen.flows.study.config import Study, load_study
from hwgen.flows.study.points import Job
from hwgen.frontends.quantize import FloatLayer, FloatModel, Settings, quantize
from hwgen.frontends.train.samples import load_samples
from hwgen.frontends.train.settings import Config
from hwgen.support.errors import HwgenError

ROOT = Path(__file__).resolve().parents[2]

STUDY = """
name = "small"
seeds = 2
ways = ["float", "fixed-32", "fixed-8", "searched", "codebook-4", "qat-4", "qat-kd-4",
        "accumulator-12", "accumulator-8", "a2q-12"]
[area]
ways = ["fixed-8", "qat-4"]
architectures = ["parallel"]
[[task]]
name = "flowers"
hidden = [5]
data = {source = "flowers.csv"}
"""


def flowers(path: Path) -> None:
    """Three classes around points of their own; class in the last column."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = np.eye(4)[y] + 0.2 * rng.normal(size=(90, 4))
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", fmt="%.4f")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that were trained; a least-squares fit stands in for torch."""
    seen: list[Config] = []

    def fake(config: Config, base: Path, checkpoint: Path, say: Any) -> Any:
        seen.append(config)
        samples = load_samples(config.data, config.seed, base)
        rng = np.random.default_rng(config.seed)
        first, bias = rng.normal(size=(5, 4)), rng.normal(size=5)
        hidden = np.maximum(samples.train.x @ first.T + bias, 0)
        last = np.linalg.lstsq(hidden, np.eye(3)[samples.train.y], rcond=None)[0].T
        layers = (
            FloatLayer(weights=first, bias=bias, activation="relu"),
            FloatLayer(weights=last, bias=np.zeros(3)),
        )
        model = FloatModel(layers=layers)
        table = config.student
        settings = Settings(
            weight_bits=table.weight_widths,
            activation_bits=4,
            accumulator_bits=table.accumulator_bits,
        )
        network = quantize(model, samples.train.x, samples.train.y, settings)
        return SimpleNamespace(float_model=model, network=network, samples=samples)

    monkeypatch.setattr(points, "train_one", fake)
    monkeypatch.setattr(hwgen.flows.study.run, "need_torch", lambda: None)
    return seen


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    flowers(tmp_path / "flowers.csv")
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_every_example_is_valid() -> None:
    files = sorted((ROOT / "examples/studies").glob("*.toml"))
    assert len(files) >= 3
    assert {task.name for file in files for task in load_study(file).task} >= {
        *("digits", "cancer", "wine", "pendigits", "cardio")
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"a2q-12"', '"a2q-99"', r"ways\[9\]: found \"a2q-99\", must be a way such as float"),
        ('"flowers"', '"../x"', r"task\[0\]\.name: found \"../x\", must be letters, digits"),
        ("hidden = [5]", "", r"task\[0\]\.hidden: missing, the key is required"),
        ("seeds = 2", "seeds = 0", r"seeds: found 0, must be greater than or equal to 1"),
        ("[[task]]", "[[task]]\nname='a'\nhidden=[2]\ndata={source='iris'}\n" * 2 + "[[task]]",
         r"task\[1\]\.name: 'a' again, names differ"),
    ],
)  # fmt: skip
def test_refused(study_file: Path, old: str, new: str, message: str) -> None:
    study_file.write_text(STUDY.replace(old, new))
    with pytest.raises(HwgenError, match=message):
        load_study(study_file)


def test_convolutions_are_trained_but_not_searched(study_file: Path) -> None:
    text = STUDY.replace("hidden = [5]", 'hidden = [5]\nmaps = ["conv 2 2"]')
    study_file.write_text(text)
    study = load_study(study_file)
    assert study.config(study.task[0], 0, 4, True, None).student.maps == ("conv 2 2",)
    study_file.write_text(text.replace('"a2q-12"', '"codesign-1"'))
    message = r"task\[0\]\.maps: convolutions with the way codesign-1, dense layers for codesign"
    with pytest.raises(HwgenError, match=message):
        load_study(study_file)


def test_no_data(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], trained: list[Config]
) -> None:
    (tmp_path / "flowers.csv").unlink()
    assert run(["study", str(study_file), "-o", str(tmp_path / "out")]) == 1
    assert "flowers.csv: No such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_study(
    study_file: Path,
    tmp_path: Path,
    trained: list[Config],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    command = ["study", str(study_file), "-o", str(out), "--json"]
    assert run(command) == 0, capsys.readouterr().err
    rows = {row["way"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    study = load_study(study_file)
    assert list(rows) == list(study.ways)
    assert {file.name for file in out.iterdir()} >= {
        *("study.txt", "study.csv", "study.json", "study.png", "study.svg", "points")
    }

    # Every figure again from the single results.
    for way, row in rows.items():
        stored = [json.loads((out / f"points/flowers/{s}/{way}.json").read_text()) for s in (0, 1)]
        shares = [one["accuracy"] for one in stored]
        assert row["accuracy"] == pytest.approx(sum(shares) / 2)
        assert row["spread"] == pytest.approx(abs(shares[0] - shares[1]) / 2)
        assert row["parameters"] in (4 * 5 + 5 + 5 * 3 + 3, None)
    assert rows["fixed-8"]["weight_bits"] == 8 * (4 * 5 + 5 * 3)
    assert rows["fixed-32"]["weight_bits"] == 4 * rows["fixed-8"]["weight_bits"]
    assert rows["accumulator-8"]["accumulator_bits"] <= 8
    assert rows["a2q-12"]["accumulator_bits"] <= 12
    assert abs(rows["fixed-8"]["accuracy"] - rows["float"]["accuracy"]) <= 0.06
    estimated = [way for way, row in rows.items() if row["parallel_estimated"] is False]
    assert estimated == ["fixed-8", "qat-4"]
    assert rows["fixed-8"]["parallel_um2"] > rows["qat-4"]["parallel_um2"] > 1000
    assert all(rows[way]["serial_estimated"] for way in rows if way != "float")

    with (out / "study.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["way"] for row in table] == list(rows)
    assert float(table[2]["accuracy"]) == rows["fixed-8"]["accuracy"]
    text = (out / "study.txt").read_text()
    assert text.startswith("flowers 4-5-3, 43 parameters, 2 seeds")
    assert f"~{rows['fixed-8']['serial_um2']:,}" in text
    assert f" {rows['fixed-8']['parallel_um2']:,} " in text
    assert (out / "study.png").read_bytes()[:4] == b"\x89PNG"

    # Each training once: bits, distillation, accumulator, and the float student of any of them.
    assert len(trained) == 2 * 3
    assert {config.training.distillation > 0 for config in trained} == {False, True}

    # Nothing is done again, but for what is gone or made of something else.
    trained.clear()
    files = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    (out / "points/flowers/1/qat-4.json").unlink()
    assert run(command) == 0
    assert {file: file.read_bytes() for file in files} == files
    assert [config.seed for config in trained] == [1]
    capsys.readouterr()


def test_stopped_in_the_middle(
    study_file: Path, tmp_path: Path, trained: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_study(study_file)
    job = Job(study=study, task=study.task[0], seed=0, base=tmp_path, folder=tmp_path / "out")
    left = job.missing()
    said: list[str] = []

    def stop(text: str) -> None:
        said.append(text)
        if len(said) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        points.compute(job, stop)
    assert job.missing() == left[3:]
    job.path(left[1]).write_text("{half")
    points.compute(job, said.append)
    assert [text.rpartition(" ")[2] for text in said[4:]] == [left[1], *left[3:]]
    assert not job.missing()
    flowers_again = (tmp_path / "flowers.csv").read_text() + "1,1,1,1,1\n"
    (tmp_path / "flowers.csv").write_text(flowers_again)
    assert job.missing() == left


def test_impossible_way(tmp_path: Path, study_file: Path, trained: list[Config]) -> None:
    study_file.write_text(STUDY.replace('"accumulator-8"', '"accumulator-4"'))
    study = load_study(study_file)
    job = Job(study=study, task=study.task[0], seed=0, base=tmp_path, folder=tmp_path / "out")

    def fail(*_: Any) -> Any:
        raise HwgenError("accumulator bits", "no plan", "more")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "run", fail)
        points.compute(job, lambda text: None)
    row = points.Job.stored(job, "accumulator-4") or {}
    assert row["accuracy"] is None
    from hwgen.flows.study.summary import summarize, to_text

    rows = summarize(study, [job], {})
    line = next(line for line in to_text(study, rows).splitlines() if "accumulator-4" in line)
    assert line.split() == ["accumulator-4", "impossible"]


def test_too_slow_a_synthesis_leaves_the_estimate(
    study_file: Path, tmp_path: Path, trained: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    import hwgen.synth

    def slow(*_: Any, **__: Any) -> Any:
        raise HwgenError("yosys", "900 s were not enough", "a longer --timeout")

    monkeypatch.setattr(hwgen.synth, "synthesize", slow)
    study = load_study(study_file)
    job = Job(study=study, task=study.task[0], seed=0, base=tmp_path, folder=tmp_path / "out")
    points.compute(job, lambda text: None)
    found = points.area(job, "fixed-8", "parallel")
    assert found == {"um2": None, "why": "yosys: 900 s were not enough, a longer --timeout"}


def test_ways_of_a_config(study_file: Path) -> None:
    study: Study = load_study(study_file)
    plain = study.config(study.task[0], 1, 4, False, None)
    taught = study.config(study.task[0], 1, 8, True, 12)
    assert (plain.training.distillation, plain.student.weight_bits) == (0.0, 4)
    assert (taught.training.distillation, taught.student.accumulator_bits) == (0.2, 12)
