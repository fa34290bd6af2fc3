"""Starts a built simulation through cocotb's runner; a process of its own, so it can be killed.

``python -m sim.launch SETTINGS.json``, where the file holds the keyword arguments of
:meth:`cocotb_tools.runner.Runner.test` and the name of the simulator.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from cocotb_tools.runner import get_runner


def main(settings_file: str) -> None:
    """Run the simulation that ``settings_file`` describes."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    settings = json.loads(Path(settings_file).read_text("utf-8"))
    runner = get_runner(settings.pop("simulator"))
    runner.test(hdl_toplevel_lang="verilog", **settings)


def _end_with(parent: int) -> None:
    """Kill this process group, simulator and all, once ``parent`` is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
