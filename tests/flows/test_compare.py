"""``hwgen compare``: which metrics got better or worse, and when that is an error."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.sweep import fill, made_up
from hwgen.flows.cli.main import run
from hwgen.flows.sweep.compare import comparison
from hwgen.flows.sweep.store import Store
from tests.commands import json_of, refusal


def _row(**figures: Any) -> dict[str, Any]:
    return {"network": "n", "arch": "serial", "library": "l", "status": "ok", **figures}


def _folder(path: Path, **changes: Any) -> Path:
    """A folder of 20 points, in which the third has other figures."""
    outcomes = [o for o in made_up(30) if o.row["status"] == "ok"][:20]
    outcomes[3].row |= {name: outcomes[3].row[name] * f for name, f in changes.items()}
    fill(path, outcomes)
    with Store(path) as store:
        store.write_tables()
    return path


def test_directions() -> None:
    before = {"p": _row(area_um2=100.0, accuracy=0.9), "q": _row(area_um2=200.0, accuracy=0.8)}
    after = {"p": _row(area_um2=90.0, accuracy=0.81), "q": _row(area_um2=220.0, accuracy=0.8)}
    found = comparison(before, after, ("area_um2", "accuracy", "energy_pj"))
    found = found.to_json()["metrics"]
    assert set(found) == {"area_um2", "accuracy"}
    area, accuracy = found["area_um2"], found["accuracy"]
    assert (area["better"], area["worse"]) == (1, 1)
    assert area["worst"] == {"point": "q", "worse_by": 0.1}
    assert area["mean_change"] == pytest.approx((0.9 * 1.1) ** 0.5 - 1, abs=1e-6)
    assert (accuracy["better"], accuracy["worse"]) == (0, 1)
    assert accuracy["worst"] == {"point": "p", "worse_by": 0.1}
    assert accuracy["mean_change"] < 0


def test_figure_that_was_zero() -> None:
    found = comparison({"p": _row(leakage_nw=0.0)}, {"p": _row(leakage_nw=1.0)}, ("leakage_nw",))
    change = found.metrics["leakage_nw"]
    assert change.worse == 1
    assert change.worst.worse_by > 1e6


def test_same_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = _folder(tmp_path / "a")
    found = json_of(capsys, "compare", a, a, "--fail-if-worse", "0%")
    assert found["points"] == 20
    assert all(m["better"] == m["worse"] == 0 for m in found["metrics"].values())
    table = json_of(capsys, "compare", a / "results.csv", a, "--fail-if-worse", "0")
    assert table["metrics"] == found["metrics"]
    assert run(["compare", str(a), str(a)]) == 0
    assert "20 points in both" in capsys.readouterr().out


def test_worse_than_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = _folder(tmp_path / "a"), _folder(tmp_path / "b", area_um2=1.03)
    for limit in ("2%", "0.02"):
        assert run(["compare", str(a), str(b), "--fail-if-worse", limit]) == 1
        said = capsys.readouterr()
        assert "hwgen: error: area_um2 of " in said.err
        assert ": 3.00% worse, at most 2.00% is allowed" in said.err
        assert "largest loss" in said.out
        assert "area_um2: most lost by net" in said.out
    assert run(["compare", str(b), str(a), "--fail-if-worse", "2%"]) == 0
    assert run(["compare", str(a), str(b), "--fail-if-worse", "4%"]) == 0
    assert run(["compare", str(a), str(b), "--fail-if-worse", "2%", "--metric", "cells"]) == 0


def test_less_accurate_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = _folder(tmp_path / "a"), _folder(tmp_path / "b", accuracy=0.9)
    assert run(["compare", str(a), str(b), "--fail-if-worse", "2%"]) == 1
    assert "accuracy of " in capsys.readouterr().err


def test_missing_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = _folder(tmp_path / "a"), _folder(tmp_path / "b")
    gone = next(b.glob("points/*/*.json"))
    gone.unlink()
    found = json_of(capsys, "compare", a, b)
    assert (found["points"], len(found["missing"]), found["added"]) == (19, 1, [])
    assert run(["compare", str(a), str(b), "--fail-if-worse", "2%"]) == 1
    assert "1 points are missing or failed" in capsys.readouterr().err
    assert run(["compare", str(b), str(a), "--fail-if-worse", "2%"]) == 0


@pytest.mark.parametrize("gone", [None, "", float("nan")])
def test_missing_figure(gone: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = _folder(tmp_path / "a"), _folder(tmp_path / "b")
    with Store(b) as store:
        for entry in list(store.entries.values())[:2]:
            entry["row"]["accuracy"] = gone
        store.write_tables()
    after = b / "results.csv"
    assert len(json_of(capsys, "compare", a, after)["lost"]["accuracy"]) == 2
    for metric in ((), ("--metric", "accuracy")):
        assert run(["compare", str(a), str(after), "--fail-if-worse", "2%", *metric]) == 1
        said = capsys.readouterr()
        assert "accuracy: 2 points have it only in the first, such as net" in said.out
        assert f"hwgen: error: {after}: 2 points have no accuracy any more (net" in said.err
        assert said.err.rstrip().endswith("), every accuracy that is in the first")
    cells = ("--fail-if-worse", "2%", "--metric", "cells")
    assert run(["compare", str(a), str(after), *cells]) == 0
    assert run(["compare", str(after), str(a), "--fail-if-worse", "2%"]) == 0


def test_figure_that_every_point_has_lost() -> None:
    found = comparison({"p": _row(energy_pj=2.0)}, {"p": _row()}, ("energy_pj", "area_um2"))
    assert (found.metrics, found.lost) == ({}, {"energy_pj": ["p"]})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["A", "gone"], "gone: No such file or directory, a sweep's folder or results.csv"),
        (["A", "A", "--fail-if-worse", "two"], "--fail-if-worse: found 'two', a share such as 2%"),
        (["A", "A", "--fail-if-worse", "-1%"], "--fail-if-worse: found '-1%', a share"),
        (["A", "A", "--metric", "area"], "--metric: unknown 'area', did you mean area_um2?"),
        (
            ["A", "A", "--metric", "energy_pj"],
            "--metric: no point has energy_pj, measured are area",
        ),
        (["table.csv", "A"], "table.csv: not a results.csv, a sweep's folder or results.csv"),
        (["empty", "A"], "empty: no finished point, the results folder of a sweep"),
    ],
)
def test_refusals(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    _folder(tmp_path / "A")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty").mkdir()
    assert said in refusal(capsys, "compare", *arguments)
