"""``hwgen sweep``: points from a sweep file, results that nothing loses."""

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from hwgen.flows.cli.main import run
from hwgen.flows.prediction import accuracy_of
from hwgen.flows.sweep import driver, evaluate, store
from hwgen.flows.sweep.config import load_sweep
from hwgen.flows.sweep.networks import network_of
from hwgen.flows.sweep.plan import make_plan
from hwgen.flows.sweep.store import Store, read_entries
from hwgen.spec.data import load_data
from hwgen.spec.golden import predict
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from tests.flows.test_cli import json_of, refusal
from tests.sweeps import FONTS, NETWORKS, ROOT, TINY, new_cache, rows, start, write_sweep

SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"
"""Icarus needs no compiler."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_cache(tmp_path_factory.mktemp("sweeps") / "cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("MPLCONFIGDIR", FONTS)


@pytest.fixture(scope="module")
def eight(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of eight points, all of which are in the cache."""
    folder = tmp_path_factory.mktemp("eight")
    file = write_sweep(folder, network=NETWORKS[:8])
    process = start("sweep", file, "-o", folder / "out", "--jobs", 2, cache=cache)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return folder / "out"


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
    context, point = _one(write_sweep(tmp_path, 'verify = "quick"\n'))
    wrong = {"verified": False, "vectors": 8, "mismatches": 3, "failure": "vector 2: 1 for 0"}
    monkeypatch.setattr(evaluate._Work, "_simulate", lambda self, count: wrong)
    row = evaluate.evaluate(context, point, None).row
    assert row["status"] == "error"
    assert row["error"] == "verification: vector 2: 1 for 0, the design is wrong"
    assert row["mismatches"] == 3


def test_energy(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.array([[0, 3], [3, 0], [1, 2]]))
    text = f'energy_samples = 2\ndata = "data.npz"\nsimulator = "{SIMULATOR}"\n'
    context, point = _one(write_sweep(tmp_path, text))
    row = evaluate.evaluate(context, point, None).row
    assert row["error"] is None
    assert 0.01 < row["energy_pj"] < 3
    assert evaluate.evaluate(context, point, None).row["cached"]


@pytest.mark.parametrize(
    ("file", "x", "said"),
    [
        ("data.npz", [[1, 2, 3]], "x: shape 1 x 3, samples x 2 features are needed"),
        ("data.csv", "a,b\n1,99\n", "x[0][1]: code 99, 0..3 in the input format"),
        ("data.csv", "a,b\n1,two\n", "line 2, column 'b': found 'two', a number is needed"),
    ],
)
def test_data_that_do_not_fit_are_named_as_in_the_sweep_file(
    file: str, x: Any, said: str, tmp_path: Path
) -> None:
    (tmp_path / "sets").mkdir()
    if isinstance(x, str):
        (tmp_path / "sets" / file).write_text(x, "utf-8")
    else:
        np.savez(tmp_path / "sets" / file, x=np.array(x))
    sweep = write_sweep(tmp_path, f'data = "sets/{file}"\nenergy_samples = 1\n')
    if "needed" in said and "line" in said:  # fits no network
        with pytest.raises(HwgenError, match=re.escape(f"sets/{file}: {said}")):
            _one(sweep)
        return
    context, point = _one(sweep)
    assert evaluate.evaluate(context, point, None).row["error"] == f"sets/{file}: {said}"
    with pytest.raises(HwgenError, match=f"^sets/{file}: "):
        evaluate._Work(context, point, None)._energy()


def test_calibration_that_does_not_fit_is_named_as_in_the_sweep_file(tmp_path: Path) -> None:
    examples = ROOT / "examples"
    np.savez(tmp_path / "many.npz", x=np.full((4, 64), 99))
    text = f'verify = "off"\n[model]\nfile = "{examples}/digits-float.onnx"\n'
    text += 'calibration = "many.npz"\n[axes]\ninput_format = "u4.0"\n'
    (tmp_path / "sweep.toml").write_text(text, "utf-8")
    context, point = _one(tmp_path / "sweep.toml")
    error = evaluate.evaluate(context, point, None).row["error"]
    assert error == "many.npz: x: codes 99..99, 0..15 in the input format u4.0"


def test_errors_hold_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, point = _one(write_sweep(tmp_path))

    def fail(self: Any) -> None:
        folder = tempfile.mkdtemp(prefix="hwgen-sim-", dir=tmp_path)
        log = tempfile.mkstemp(prefix="hwgen-", suffix=".log", dir=tmp_path)[1]
        raise HwgenError(f"{folder}/top.v", f"not {tmp_path}/top.v", f"the log is {log}")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(evaluate._Work, "run", fail)
    error = evaluate.evaluate(context, point, None).row["error"]
    assert error == f"top.v: not {tmp_path}/top.v, the log is not kept"


def test_worker_with_another_version_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, point = _one(write_sweep(tmp_path))
    monkeypatch.setattr(evaluate, "fingerprint", lambda: "another")
    error = evaluate.evaluate(context, point, None).row["error"]
    assert "another version of hwgen or of its tools, the same one everywhere" in error


def _one(file: Path) -> tuple[Any, Any]:
    plan = make_plan(load_sweep(file), file)
    return plan.context, next(iter(plan))


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


def test_full_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    put, left = store.write_together, [3]

    def full(files: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise HwgenError(str(next(iter(files))), "cannot be written (No space left)", "space")
        put(files)

    monkeypatch.setattr(store, "write_together", full)
    file = write_sweep(tmp_path, network=NETWORKS[:4])
    said = refusal(capsys, "sweep", file, "-o", out, "--jobs", 1)
    assert "cannot be written (No space left)" in said
    monkeypatch.undo()
    kept = len(read_entries(out))
    assert 0 < kept < 4
    assert json_of(capsys, "sweep", file, "-o", out)["kept"] == kept


def test_folder_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    file = write_sweep(tmp_path)
    json_of(capsys, "sweep", file, "-o", out)
    marker = json.loads((out / "sweep.json").read_text("utf-8"))
    (out / "sweep.json").write_text(json.dumps({**marker, "hwgen": "9.9"}))
    for command in (["sweep", file, "-o", out], ["report", out], ["compare", out, out]):
        assert "written by hwgen 9.9 (format 1), a new folder for" in refusal(capsys, *command)


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


TINY_AXIS = "[axes]\nnetwork = 'tiny.json'\n"
REFUSALS = [
    ("[axes]\nmacs = [1]\nmacs = [2]", "not TOML: a key stands twice"),
    (f"{TINY_AXIS}libary = 'sky130hd'", "axes.libary: unknown setting, did you mean library?"),
    ("[axes]\nmacs = []", "axes.macs: an empty axis, at least one value is needed"),
    ("[axes]\nmacs = [1, 1]", "axes.macs[1]: 1 stands twice, each value once"),
    (f"verfy = 'quick'\n{TINY_AXIS}", "verfy: unknown setting, did you mean verify?"),
    (f"verify = 'fast'\n{TINY_AXIS}", "verify: found \"fast\", must be 'quick', 'full' or 'off'"),
    ("name = 'x'", "axes: missing, [axes] or [[point]] is needed"),
    ("[axes]\nnetwork = 'absent.json'", "axes.network[0]: absent.json: No such file or directory"),
    ("[axes]\nnetwork = ['broken.json', 'gone.json']", "axes.network[0]: broken.json: "),
    ("[[point]]\nnetwork = 'broken.json'", "point[0].network[0]: broken.json: "),
    (f"{TINY_AXIS}architecture = 'paralell'", 'found "paralell", did you mean parallel?'),
    (f"{TINY_AXIS}macs = 2", "axes.macs: no architecture here has it, serial has"),
    (f"{TINY_AXIS}architecture = 'serial'\nmacs = 0", "axes.macs: found 0, at least 1 MAC"),
    (f"{TINY_AXIS}architecture = 'serial'\nmacs = true", "axes.macs: found true, must be an int"),
    (f"{TINY_AXIS}library = 'sky999'", "axes.library[0]: "),
    (f"{TINY_AXIS}clock = 5", "axes.clock: no recipe here aims at one, delay does"),
    (
        f"data = 'd.npz'\nenergy_samples = 2\n{TINY_AXIS}flatten = true",
        "axes.flatten: true, with energy_samples, energy is that of a design in modules",
    ),
    (f"{TINY_AXIS}weight_bits = [2, 3]", "axes.weight_bits: given without [model]"),
    (f"data = 'gone.npz'\n{TINY_AXIS}", "gone.npz: No such file or directory"),
    (f"energy_samples = 3\n{TINY_AXIS}", "energy_samples: given without data"),
    (
        f"[search]\npoints = 5\nmetrics = 'area'\n{TINY_AXIS}",
        "search.metrics: unknown 'area', did you mean area_um2?",
    ),
    (f"[search]\npoints = 5\nmetrics = 'accuracy'\n{TINY_AXIS}", "accuracy without data"),
    ("= 3", "not TOML: "),
    ("[axes]\nnetwork = '\ud800'".encode("utf-8", "surrogatepass"), "is not UTF-8"),
]


@pytest.mark.parametrize(("text", "said"), REFUSALS, ids=[said for _, said in REFUSALS])
def test_sweep_file_is_refused(
    text: str | bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.json").write_bytes(TINY.read_bytes())
    (tmp_path / "broken.json").write_text('{"format": "hwgen-network"}')
    (tmp_path / "sweep.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    line = refusal(capsys, "sweep", tmp_path / "sweep.toml", "-o", tmp_path / "out")
    assert line.startswith(str(tmp_path))
    assert said in line
    assert not (tmp_path / "out").exists()


def test_digits_sweep() -> None:
    file = ROOT / "examples/sweeps/digits.toml"
    plan = make_plan(load_sweep(file), file)
    points = list(plan)
    assert len(points) == len({plan.context.identity(point) for point in points}) == 50
    two, eight = (
        network_of(plan.context.sources[index], None, "") for index in (plan.sources[0], 4)
    )
    assert {layer.weight_bits for layer in two.layers} == {2}
    assert {layer.weight_bits for layer in eight.layers} == {8}


def test_setting_of_a_quantization_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "examples/sweeps/digits.toml").read_text("utf-8")
    text = text.replace('"../', f'"{ROOT}/examples/')
    for old, new, said in (
        ("weight_bits = [2, 3, 4, 6, 8]", "weight_bits = [2, 99]", "axes.weight_bits: weight bits"),
        ("weight_bits = ", "wieght_bits = ", "did you mean weight_bits?"),
        ("digits-float.onnx", "README.md", "examples/README.md: "),
    ):
        assert old in text
        (tmp_path / "sweep.toml").write_text(text.replace(old, new), "utf-8")
        assert said in refusal(capsys, "sweep", tmp_path / "sweep.toml", "-o", tmp_path / "out")


def test_ten_million_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = list(range(1, 3163))
    file = write_sweep(
        tmp_path, architecture=["serial"], macs=many, recipe="delay", clock=[5 + n for n in many]
    )
    said = refusal(capsys, "sweep", file, "-o", tmp_path / "out")
    assert "axes: 9,998,244 points, at most 10,000 are taken (or --yes-really)" in said
    assert not (tmp_path / "out").exists()
    assert len(make_plan(load_sweep(file), file, many=True)) == 9_998_244


def test_hundred_thousand_values_are_counted_before_they_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compared one with each other they would take minutes."""
    file = write_sweep(tmp_path, architecture=["serial"], macs=list(range(1, 200_001)))
    said = refusal(capsys, "sweep", file, "-o", tmp_path / "out")
    assert "axes: 200,000 points, at most 10,000 are taken (or --yes-really)" in said


def test_integer_of_five_thousand_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_sweep(tmp_path, architecture=["serial"])
    sweep = file.read_text("utf-8")
    for text, said in (
        (f"seed = {'9' * 5000}\n", "a number out of all ranges, at most 64 bits"),
        (f"timeout = {'9' * 400}\n", "timeout: found an integer of 1329 bits, must be a valid"),
        ("timeout = inf\n", "timeout: found Infinity, must be a finite number"),
    ):
        file.write_text(text + sweep, "utf-8")
        assert said in refusal(capsys, "sweep", file, "-o", tmp_path / "out")
