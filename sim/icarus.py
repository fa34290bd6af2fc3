"""Icarus Verilog, the second simulator: four-valued, so registers without a reset start as X."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hwgen.sim.trace import TraceFormat, WaveFormat
from hwgen.sim.verilator import BuildError
from hwgen.support.errors import HwgenError
from hwgen.support.process import clean_environment, run_group

_DUMP = """module hwgen_dump;
  initial begin
    $dumpfile("{file}");
    $dumpvars({depth}, {scope});
  end
endmodule
"""


def trace_format() -> TraceFormat:
    """What a traced simulation writes."""
    return "vcd"


def build(
    sources: Sequence[Path],
    top: str,
    folder: Path,
    *,
    log: Path,
    deadline: Callable[[], float],
    traced: str | None = None,
    wave: WaveFormat | None = None,
) -> None:
    """Compile ``sources``, as Verilog-2005, into ``folder/sim.vvp``.

    A run of it writes the nets of the instance ``traced`` inside ``top`` to ``activity.vcd``, or
    all signals to a ``wave`` of that format.

    Raises
    ------
    HwgenError
        Icarus is missing, or refused the sources; names the log.
    """
    compiler = shutil.which("iverilog")
    if compiler is None or shutil.which("vvp") is None:
        raise HwgenError("iverilog", "not found", "install Icarus Verilog, or use verilator")
    tops, files = ["-s", top], list(map(str, sources))
    if traced is not None or wave is not None:
        dump = _DUMP.format(file="activity.vcd", depth=1, scope=f"{top}.{traced}")
        if wave is not None:
            dump = _DUMP.format(file=f"wave.{wave}", depth=0, scope=top)
        (folder / "dump.v").write_text(dump, "utf-8")
        tops, files = [*tops, "-s", "hwgen_dump"], [*files, "dump.v"]
    command = [compiler, "-g2005", *tops, "-o", "sim.vvp", *files]
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
