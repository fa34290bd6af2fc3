"""Icarus Verilog, the second simulator: four-valued, so registers without a reset start as X."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hwgen.errors import HwgenError
from hwgen.process import clean_environment, run_group
from sim.verilator import BuildError


def build(
    sources: Sequence[Path], top: str, folder: Path, *, log: Path, deadline: Callable[[], float]
) -> None:
    """Compile ``sources``, as Verilog-2005, into ``folder/sim.vvp``.

    Raises
    ------
    HwgenError
        Icarus is missing, or refused the sources; names the log.
    """
    compiler = shutil.which("iverilog")
    if compiler is None or shutil.which("vvp") is None:
        raise HwgenError("iverilog", "not found", "install Icarus Verilog, or use verilator")
    command = [compiler, "-g2005", "-s", top, "-o", "sim.vvp", *map(str, sources)]
    code = run_group(
        command,
        what="iverilog",
        cwd=folder,
        env=clean_environment(),
        log=log,
        timeout=deadline(),
    )
    if code:
        lines = log.read_text("utf-8", "replace").splitlines()
        raise BuildError(
            "iverilog", next((s for s in lines if "error" in s), f"exited with {code}")
        )
