"""Starts a built simulation through cocotb's runner, in a process of its own.

``python -m hwgen.sim.launch SETTINGS.json``, where the file holds the keyword arguments of
:meth:`cocotb_tools.runner.Runner.test` and the name of the simulator.
"""

import json
import sys
from pathlib import Path

from cocotb_tools.runner import get_runner


def main(settings_file: str) -> None:
    """Run the simulation that ``settings_file`` describes."""
    settings = json.loads(Path(settings_file).read_text("utf-8"))
    runner = get_runner(settings.pop("simulator"))
    runner.test(hdl_toplevel_lang="verilog", **settings)


if __name__ == "__main__":
    main(sys.argv[1])
