"""Programs with a time limit, and none of them outlives the one that asked for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hwgen.support.errors import HwgenError
from hwgen.support.process import clean_environment, run_group


def test_run_group_kills_the_group(tmp_path: Path) -> None:
    script = f"(sleep 60 & echo $! > {tmp_path}/pid; wait) & wait"
    with pytest.raises(HwgenError, match=r"^sleeper: still running after 0\.5 s and killed, "):
        run_group(
            ["sh", "-c", script],
            what="sleeper",
            cwd=tmp_path,
            env=dict(os.environ),
            log=tmp_path / "log",
            timeout=0.5,
        )
    assert _ends(int((tmp_path / "pid").read_text()))


def test_everything_ends_with_a_killed_parent(tmp_path: Path) -> None:
    script = f"(sleep 60 & echo $! > {tmp_path}/pid; wait) & wait"
    parent = (
        "import os, pathlib; from hwgen.support.process import run_group; here = pathlib.Path()\n"
        f"run_group(['sh', '-c', {script!r}], what='x', cwd=here, env=dict(os.environ), "
        "log=here / 'log', timeout=60)"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    asking = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=environment)
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert asking.poll() is None
        time.sleep(0.05)
    asking.kill()
    asking.wait()
    assert _ends(int((tmp_path / "pid").read_text()))


def _ends(process: int) -> bool:
    deadline = time.monotonic() + 20
    while _alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _alive(process)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A killed process whose new parent does not reap it stays as a zombie.
    stat = Path(f"/proc/{process}/stat")
    return not (stat.is_file() and ") Z " in stat.read_text())


def test_run_group_exit_code(tmp_path: Path) -> None:
    code = run_group(
        [sys.executable, "-c", "print('said'); raise SystemExit(3)"],
        what="x",
        cwd=tmp_path,
        env=clean_environment(),
        log=tmp_path / "log",
        timeout=20,
    )
    assert (code, (tmp_path / "log").read_text()) == (3, "said\n")


def test_run_group_signal(tmp_path: Path) -> None:
    code = run_group(
        ["sh", "-c", "kill -TERM $$"],
        what="x",
        cwd=tmp_path,
        env=clean_environment(),
        log=tmp_path / "log",
        timeout=20,
    )
    assert code == -15


def test_run_group_missing_program(tmp_path: Path) -> None:
    code = run_group(["/nothing"], what="x", cwd=tmp_path, env={}, log=tmp_path / "log", timeout=20)
    assert (code, (tmp_path / "log").read_text()) == (127, "/nothing: No such file or directory\n")


def test_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAKEFLAGS", "COCOTB_TEST_FILTER", "CXXFLAGS", "PYTEST_CURRENT_TEST"):
        monkeypatch.setenv(name, "x")
    environment = clean_environment(EXTRA="1")
    assert not {"MAKEFLAGS", "COCOTB_TEST_FILTER", "CXXFLAGS"} & set(environment)
    assert environment["EXTRA"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize("name", ["a b", "a'b", 'a"b', "a;b", "a$b", "a\nb"])
def test_paths_that_tools_do_not_take(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(HwgenError, match="a space or quote in the path of temporary files"):
        run_group(["true"], what="x", cwd=folder, env={}, log=tmp_path / "log", timeout=5)
