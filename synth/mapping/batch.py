"""Runs the Yosys script of each of several folders, some at the same time.

``python batch.py AT_ONCE CPU_SECONDS [COMMAND...]`` in a folder with ``job*`` folders, each with
its ``run.ys``. Without a command the ``pyosys`` of this interpreter runs them, loaded once. A job's
output goes to its ``yosys.log``, its exit code to its ``code``. ``CPU_SECONDS`` limits every
process of a job; 0 does not.
"""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path


def main(at_once: int, seconds: int, command: list[str]) -> None:
    """Run every job to its end."""
    run = _command(command) if command else _pyosys()
    waiting = sorted(Path.cwd().glob("job*"))
    total = len(waiting)
    running: dict[int, Path] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            folder = waiting.pop(0)
            running[_start(run, folder, seconds)] = folder
        pid, status = os.wait()
        if pid in running:
            folder = running.pop(pid)
            (folder / "code").write_text(str(os.waitstatus_to_exitcode(status)))
            done = total - len(waiting) - len(running)
            print(f"hwgen-stage: mapped {done} of {total}", flush=True)


def _start(run: Callable[[], None], folder: Path, seconds: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.chdir(folder)
        os.environ["TMPDIR"] = str(folder)
        log = os.open("yosys.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if seconds:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        run()
        sys.stdout.flush()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"ERROR: {error}\n".encode())
        os._exit(1)


def _command(command: list[str]) -> Callable[[], None]:
    return lambda: os.execv(command[0], command)


def _pyosys() -> Callable[[], None]:
    from pyosys import libyosys

    return lambda: libyosys.run_pass("script run.ys", libyosys.Design())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
