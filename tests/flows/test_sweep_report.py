"""What a sweep's figures amount to: fronts, the estimator, tables, pictures, the terminal."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sweep import fill, made_up
from hwgen.flows.cli.main import run
from hwgen.flows.sweep.estimator import LEAST, fit
from hwgen.flows.sweep.metrics import best, front
from hwgen.flows.sweep.store import sorted_rows, to_csv, to_parquet
from tests.commands import json_of, refusal


def test_front() -> None:
    rows = [
        {"area_um2": area, "accuracy": accuracy}
        for area, accuracy in ((10, 0.9), (20, 0.8), (20, 0.95), (30, 0.95), (10, 0.9), (5, None))
    ]
    assert front(rows, ["area_um2", "accuracy"]) == [0, 2]


def test_best_of_each_library() -> None:
    rows = [
        {"library": library, "status": status, "area_um2": area, "interval_cycles": 1}
        for library, status, area in (
            ("a", "ok", 3), ("a", "ok", 2), ("b", "ok", 9), ("b", "error", None), ("b", "ok", 8)
        )
    ]  # fmt: skip
    assert best(rows) == [1, 4]


def test_estimator_learns_a_power_law() -> None:
    rows = [
        {
            "arch": "serial", "macs": macs, "library": library, "recipe": "area",
            "weights": weights, "weight_bits": 4,
            "area_um2": size * weights**0.8 * (1 + macs) ** 0.3,
        }
        for macs in (1, 2, 4)
        for weights in (100, 500, 1000)
        for library, size in (("a", 5.0), ("b", 2.0))
    ]  # fmt: skip
    model = fit(rows)
    assert model is not None
    assert model.p90_error < 0.02
    unseen = {**rows[0], "macs": 3, "weights": 700}
    expected = 5.0 * 700**0.8 * 4**0.3
    assert model.predict(unseen) == pytest.approx(expected, rel=0.05)
    assert model.predict({**unseen, "library": "new"}) is None
    assert fit(rows[: LEAST - 1]) is None


def test_estimator_says_its_error_on_unseen_points() -> None:
    rows = [
        {"arch": "serial", "macs": 1, "library": "a", "recipe": "area", "weights": 100 + k,
         "weight_bits": 4, "area_um2": math.exp((-1) ** k * 0.5)}
        for k in range(40)
    ]  # fmt: skip
    model = fit(rows)
    assert model is not None
    assert model.median_error > 0.3


def test_tables_keep_types_and_hold_no_formulas() -> None:
    entries = [outcome.to_json() for outcome in made_up(20)]
    entries[0]["row"]["network"] = '=HYPERLINK("x")'
    rows = sorted_rows(entries)
    table = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(table) == 20
    assert {row["network"][:2] for row in table if "HYPER" in row["network"]} == {"'="}
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(io.BytesIO(to_parquet(rows) or b""))
    assert list(frame.columns) == list(table[0])
    assert frame["area_um2"].dtype.kind == "f"
    assert frame["interval_cycles"].dtype.kind == "i"


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "sweep", made_up(60))
    found = json_of(capsys, "report", tmp_path / "sweep")
    assert found["points"] == 60
    assert 0 < len(found["best"]) < 60
    names = {path.name for path in (tmp_path / "sweep").iterdir()}
    assert {"report.html", "results.csv", "results.parquet", "pareto.png", "pareto.svg"} <= names
    svg = (tmp_path / "sweep/pareto.svg").read_text("utf-8")
    assert run(["report", str(tmp_path / "sweep")]) == 0
    assert "best of each library" in capsys.readouterr().out
    assert (tmp_path / "sweep/pareto.svg").read_text("utf-8") == svg


@pytest.mark.parametrize("make", [None, "mkdir", "touch"])
def test_report_of_no_sweep(
    make: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder: Any = tmp_path / "sweep"
    if make:
        getattr(folder, make)()
    assert "the results folder of a sweep" in refusal(capsys, "report", folder)
    assert not (tmp_path / "sweep/lock").exists()
