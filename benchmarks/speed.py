"""Whole-process times of the commands on the digits network, against their targets.

python -m benchmarks.speed            # everything, about three minutes
python -m benchmarks.speed predict    # commands whose name holds a word
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hwgen.flows.cli.console import emit_table

ROOT = Path(__file__).resolve().parent.parent
DIGITS = str(ROOT / "examples/digits.json")
SAMPLES = 100_000

BENCHMARKS: dict[str, tuple[float, list[str]]] = {
    "generate parallel": (3, ["generate", DIGITS, "-o", "out"]),
    "generate parallel, pipeline 2": (3, ["generate", DIGITS, "--pipeline", "2", "-o", "out"]),
    "generate serial": (3, ["generate", DIGITS, "--arch", "serial", "-o", "out"]),
    "predict 100,000 samples": (2, ["predict", DIGITS, "--data", "data.npz"]),
    "verify parallel, 1,000 vectors": (40, ["verify", DIGITS, "--vectors", "1000"]),
    "verify serial, 4 MACs, 1,000 vectors": (
        60,
        ["verify", DIGITS, "--arch", "serial", "--macs", "4", "--vectors", "1000"],
    ),
    "synth serial, no cache": (
        15,
        ["synth", DIGITS, "--arch", "serial", "--no-cache", "-o", "out"],
    ),
    "synth parallel, no cache": (20, ["synth", DIGITS, "--no-cache", "-o", "out"]),
    "synth parallel": (60, ["synth", DIGITS, "-o", "out"]),
    "synth parallel, again": (2, ["synth", DIGITS, "-o", "out"]),
}


def main() -> None:
    """Run the benchmarks that hold a word of the command line, or all of them."""
    words = sys.argv[1:]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / "data.npz")
        for title, (target, arguments) in BENCHMARKS.items():
            if not words or any(word in title for word in words):
                rows.append([title, measure(arguments, folder), target])
    emit_table("seconds, whole process", ["command", "measured", "target"], rows)


def make_data(path: Path) -> None:
    """The test images again and again, :data:`SAMPLES` in all."""
    with np.load(ROOT / "examples/digits-test.npz") as images:
        order = np.arange(SAMPLES) % len(images["x"])
        np.savez(path, x=images["x"][order], y=images["y"][order])


def measure(arguments: list[str], folder: Path) -> float:
    """Seconds of one ``hwgen`` process; it must succeed."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "hwgen", *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    json.loads(done.stdout)
    return round(seconds, 2)


if __name__ == "__main__":
    main()
