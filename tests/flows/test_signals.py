"""Commands that are told to end: one line, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DIGITS = "examples/digits.json"
COMMANDS = {
    "verify": ["verify", DIGITS, "--arch", "serial", "--vectors", "2000"],
    "synth": ["synth", DIGITS, "--no-cache", "--flatten", "-o", "out"],
    "generate": ["generate", DIGITS, "-o", "out"],
}


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir()
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(root)}
    command = [str(root / word) if word == DIGITS else word for word in command]
    return subprocess.Popen(
        [sys.executable, "-m", "hwgen", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def remains(folder: Path) -> list[str]:
    """Processes that work below ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(entry.readlink()).startswith(str(folder)):
                found.append((entry.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("delay", [0.6, 1.5, 2.5])
@pytest.mark.parametrize("command", COMMANDS)
def test_interrupted(command: str, delay: float, name: str, tmp_path: Path) -> None:
    if command == "generate" and delay > 1:
        pytest.skip("done by then")
    process = start(COMMANDS[command], tmp_path)
    time.sleep(delay)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=30)
    if process.returncode == 0:
        pytest.skip("done by then")
    assert process.returncode == 1
    lines = [line for line in errors.splitlines() if line.startswith("hwgen: error: ")]
    assert lines == [
        f"hwgen: error: hwgen: interrupted ({name}), files that were written are complete"
    ]
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    deadline = time.monotonic() + 5
    while remains(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)  # what reads its input from us ends with it
    assert remains(tmp_path) == []
