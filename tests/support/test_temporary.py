"""Temporary folders: gone with their process, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hwgen.support.temporary import temporary_folder

HOLD = """
import sys, tempfile, time
from hwgen.support.temporary import temporary_folder
tempfile.tempdir = sys.argv[1]
with temporary_folder("test") as folder:
    (folder / "file").write_text("something")
    print(folder, flush=True)
    time.sleep(60)
"""


def old(folder: Path) -> None:
    """Let it be older than what is left alone."""
    os.utime(folder, (0, 0))


def test_removed_on_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_folder("test") as folder:
        (folder / "file").write_text("something")
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_swept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder in use is not, nor a fresh one, nor what is not ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    held = Path(process.stdout.readline().strip())
    other, fresh = tmp_path / "other-folder", tmp_path / "hwgen.test-fresh"
    for folder in (other, fresh):
        folder.mkdir()
    link = tmp_path / "hwgen.test-link"
    link.symlink_to(other)
    for folder in (held, other):
        old(folder)
    with temporary_folder("test"):
        assert held.is_dir()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert held.is_dir()
    old(held)
    with temporary_folder("test"):
        assert not held.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [fresh.name, link.name, other.name]
