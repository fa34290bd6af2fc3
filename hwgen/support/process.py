"""Other programs, each in a process group of its own with a time limit."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hwgen.support.errors import HwgenError

_STEERING = re.compile(
    r"(COCOTB|GPI|PYGPI|VERILATOR|SIM_CMD)_.*|MAKE(FLAGS|LEVEL|OVERRIDES)|MFLAGS|PYTHONWARNINGS"
    r"|C(XX|PP)?FLAGS|LDFLAGS|GUI|WAVES|PYTEST_CURRENT_TEST|TOPLEVEL|MODULE|TESTCASE|RANDOM_SEED"
)
"""Variables that would steer make, a compiler, cocotb or a simulator."""

_PLAIN_PATH = re.compile(r"[\w/.,+~:@=-]+", re.ASCII)
_WATCH = Path(__file__).with_name("watch.py")


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without what would steer the tools, plus ``extra``."""
    return {k: v for k, v in os.environ.items() if not _STEERING.fullmatch(k)} | extra


def run_group(
    command: Sequence[str],
    *,
    what: str,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    timeout: float,
    tick: Callable[[], None] | None = None,
) -> int:
    """Run ``command`` to its end and return its exit code, negative where a signal ended it.

    Its temporary files go to ``cwd``, its output to the end of ``log``. ``tick`` is called about
    ten times a second. However this function is left, and even if this process is killed, no
    process of the group outlives it.

    Raises
    ------
    HwgenError
        The program, called ``what``, is still running after ``timeout`` seconds; or the path of
        ``cwd`` has characters that tools do not take.
    """
    _check_path(cwd.resolve())
    watched = [sys.executable, "-I", "-S", str(_WATCH), str(os.getpid()), *command]
    deadline = time.monotonic() + timeout
    with log.open("ab") as output:
        process = subprocess.Popen(
            watched,
            cwd=cwd,
            env={**env, "TMPDIR": str(cwd.resolve())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        pause = 0.005
        # WNOWAIT leaves the leader unreaped, so that its number still names our group below.
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() >= deadline:
                raise HwgenError(
                    what,
                    f"still running after {timeout:.3g} s and killed",
                    "a smaller task or a longer time limit is needed",
                )
            if tick is not None:
                tick()
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode


def _check_path(folder: Path) -> None:
    """Refuse what make, compilers and ABC cannot have in a path: they do not quote it."""
    if not _PLAIN_PATH.fullmatch(str(folder)):
        raise HwgenError(
            str(folder),
            "a space or quote in the path of temporary files",
            "set TMPDIR to one of letters, digits and /._-+",
        )
