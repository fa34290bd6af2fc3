"""What sweeps cost besides the designs themselves, against targets.

python -m benchmarks.sweep               # all of it, a few minutes
python -m benchmarks.sweep report        # benchmarks whose name holds a word

``report`` makes 10,000 points up; ``warm`` works out points of tiny networks, then asks for them
again in a new folder; ``kill`` ends a sweep by SIGKILL again and again and compares; ``digits`` is
examples/sweeps/digits.toml with an empty cache, and again.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hwgen.flows.cli.console import emit_line, emit_table
from hwgen.flows.sweep.evaluate import Outcome
from hwgen.flows.sweep.store import VOLATILE, Store, read_entries
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples/sweeps/tiny.json"
POINTS = 10_000
KILLS = 20

Figures = list[list[object]]


def main() -> None:
    """Run the benchmarks that hold a word of the command line, or all of them."""
    words = sys.argv[1:]
    rows: Figures = []
    for name, benchmark in BENCHMARKS.items():
        if not words or any(word in name for word in words):
            with tempfile.TemporaryDirectory() as folder:
                rows += benchmark(Path(folder))
    emit_table("sweeps", ["what", "measured", "target"], rows)


def made_up(count: int, seed: int = 0) -> list[Outcome]:
    """``count`` results with the columns and about the figures of real ones."""
    rng = random.Random(seed)
    return [_outcome(index, rng) for index in range(count)]


def _outcome(index: int, rng: random.Random) -> Outcome:
    bits, macs = rng.choice([2, 3, 4, 6, 8]), rng.choice([1, 2, 4, 8, 16])
    serial, library = rng.random() < 0.5, rng.choice(["ihp-sg13g2", "sky130hd", "gf180mcu"])
    arch = Serial(macs=macs) if serial else Parallel(pipeline=macs)
    knobs = arch.to_json()
    size = {"ihp-sg13g2": 1.0, "sky130hd": 0.55, "gf180mcu": 2.1}[library]
    area = (
        size * rng.lognormvariate(0, 0.12) * (18_000 + 900 * bits * macs if serial else 2e4 * bits)
    )
    path = rng.uniform(3, 20)
    cycles = 1700 // macs + 40 if serial else 1
    row = {
        "network": f"net{index % 97}",
        "activation_bits": rng.choice([3, 4, 5, 6]),
        "weight_bits": bits,
        "arch": knobs.pop("name"),
        **knobs,
        "library": library,
        "recipe": "area",
        "clock_ns": None,
        "flatten": False,
        "status": "ok" if rng.random() > 0.01 else "error",
        "error": None,
        "weights": 1776,
        "weight_digits": 400 * bits,
        "area_um2": round(area, 3),
        "gate_equivalents": round(area / 7.26, 2),
        "cells": int(area / 10),
        "sequential_area_um2": round(area / 5, 3),
        "critical_path_ns": round(path, 3),
        "leakage_nw": round(area / 50, 3),
        "latency_cycles": cycles,
        "interval_cycles": cycles,
        "latency_ns": round(path * cycles, 3),
        "interval_ns": round(path * cycles, 3),
        "accuracy": round(0.985 - 0.12 / bits**2 - rng.random() * 0.01, 4),
        "verified": True,
        "seconds": round(rng.uniform(5, 60), 3),
    }
    if row["status"] == "error":
        row["error"] = "Yosys: still running after 1800 s and killed, a smaller task is needed"
    modules = {f"layer{k}": round(area * share, 2) for k, share in enumerate((0.7, 0.2, 0.1))}
    name = f"{index:024x}"
    return Outcome(name, name, name, row, modules, {"nand2": 100})


def fill(folder: Path, outcomes: list[Outcome]) -> None:
    """Put results into ``folder`` as a sweep would."""
    with Store(folder) as store:
        store.write_marker({"name": "made up", "settings": "", "runs": []})
        for outcome in outcomes:
            store.put(outcome)


def report(folder: Path) -> Figures:
    """The report of many points, as a whole process."""
    fill(folder / "sweep", made_up(POINTS))
    seconds = _run(folder, "report", "sweep")[1]
    size = (folder / "sweep/report.html").stat().st_size / 1e6
    return [
        [f"report of {POINTS:,} points, s", round(seconds, 2), 10],
        [f"report.html of {POINTS:,} points, MB", round(size, 2), ""],
    ]


def warm(folder: Path) -> Figures:
    """Many points that all come from the cache, and a finished sweep once more."""
    _write(folder, 90)
    _run(folder, "sweep", "sweep.toml", "-o", "cold")
    few, least = _run(folder, "sweep", "sweep.toml", "-o", "cold")
    first, seconds = _run(folder, "sweep", "sweep.toml", "-o", "warm")
    if (few["kept"], first["cached"]) != (90, 90):
        raise SystemExit(f"{few['kept']} of 90 points were kept, {first['cached']} cached")
    entries = read_entries(folder / "warm").values()
    overhead = sum(entry["row"]["seconds"] for entry in entries) / 90
    return [
        ["90 cached points, new folder, s", round(seconds, 2), ""],
        ["of that each point in its worker, ms", round(1000 * overhead, 1), 50],
        ["each point over a finished sweep, ms", round(1000 * (seconds - least) / 90, 1), 50],
        ["the same folder once more, s", round(least, 2), 5],
    ]


def kill(folder: Path) -> Figures:
    """A sweep that is killed at random moments and started again, against one that is not."""
    _write(folder, 40)
    whole = _results(folder, "whole", _environment(folder / "cache1"))
    rng, environment = random.Random(1), _environment(folder / "cache2")
    kills = again = 0
    while kills < KILLS:
        before = {path: path.stat().st_mtime_ns for path in _points(folder / "killed")}
        process = subprocess.Popen(
            _command("sweep", "sweep.toml", "-o", "killed"),
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        count, patience = len(before) + rng.randrange(4), rng.uniform(0, 2)
        while len(_points(folder / "killed")) < count and process.poll() is None:
            time.sleep(0.05)
        time.sleep(patience)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        again += sum(path.stat().st_mtime_ns != time for path, time in before.items())
        if process.returncode == 0:
            break
    left = 40 - len(_points(folder / "killed"))
    broken = _results(folder, "killed", environment)
    same = json.dumps(whole, sort_keys=True) == json.dumps(broken, sort_keys=True)
    return [
        [f"same results after {kills} kills ({left} points were left)", same, True],
        ["finished points done again", again, 0],
    ]


def _points(folder: Path) -> list[Path]:
    return list(folder.glob("points/*/*.json"))


def _results(folder: Path, name: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    _run(folder, "sweep", "sweep.toml", "-o", name, environment=environment)
    rows = [entry["row"] for _, entry in sorted(read_entries(folder / name).items())]
    return [{k: v for k, v in row.items() if k not in VOLATILE} for row in rows]


def _write(folder: Path, count: int) -> None:
    """A sweep over ``count`` networks of one layer."""
    content = json.loads(TINY.read_text("utf-8"))
    content["input"]["features"] = 3
    layer = content["layers"][1]
    names = [f"net{index}.json" for index in range(count)]
    for index, name in enumerate(names):
        layer["weights"][0][0], layer["weight_bits"] = 2 * index + 3, 9
        (folder / name).write_text(json.dumps({**content, "layers": [layer]}), "utf-8")
    lines = ['verify = "off"', 'keep = "none"', "[axes]"]
    lines += [f"network = {json.dumps(names)}", 'library = "sky130hd"']
    (folder / "sweep.toml").write_text("\n".join(lines) + "\n", "utf-8")


def _environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hwgen", *arguments, "--json"]


def _run(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> tuple[dict[str, Any], float]:
    """A command's object and its seconds; it must succeed."""
    environment = environment or _environment(folder / "cache")
    begun = time.perf_counter()
    done = subprocess.run(
        _command(*arguments),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), time.perf_counter() - begun


def digits(folder: Path) -> Figures:
    """The digits sweep, cold and again from the cache."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    arguments = ("sweep", "examples/sweeps/digits.toml", "-o")
    result, cold = _run(folder, *arguments, "cold")
    emit_line(f"{result['points']} points, {result['failed']} failed")
    return [
        ["digits sweep, cold, s", round(cold, 1), 900],
        ["digits sweep, finished, once more, s", round(_run(folder, *arguments, "cold")[1], 2), 5],
        ["digits sweep, cached, new folder, s", round(_run(folder, *arguments, "new")[1], 2), 5],
    ]


BENCHMARKS: dict[str, Callable[[Path], Figures]] = {
    "report": report,
    "warm": warm,
    "kill": kill,
    "digits": digits,
}

if __name__ == "__main__":
    main()
