"""Runs a program and ends it, with everything it started, once the process that asked is gone.

``python watch.py PARENT COMMAND...``, as the leader of a process group. A killed parent cannot
clean up behind itself; this does it for it.
"""

import os
import signal
import subprocess
import sys
import threading
import time


def main(parent: int, command: list[str]) -> int:
    """Run ``command`` to its end; its exit code, or our death by the signal it died of."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        code = subprocess.call(command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}")
        return 127
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
