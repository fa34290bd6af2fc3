"""Icarus Verilog, the second simulator: four-valued, so registers without a reset start as X."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hwgen.sim.trace import TraceFormat
from hwgen.sim.verilator import BuildError
from hwgen.support.errors import HwgenError
from hwgen.support.process import clean_environment, run_group

_DUMP = """module hwgen_dump;
  initial begin
    $dumpfile("activity.vcd");
    $dumpvars(1, {top}.{instance});
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
) -> None:
    """Compile ``sources``, as Verilog-2005, into ``folder/sim.vvp``.

    A run of it writes the nets of the instance ``traced`` inside ``top`` to ``activity.vcd``.

    Raises
    ------
    HwgenError
        Icarus is missing, or refused the sources; names the log.
    """
    compiler = shutil.which("iverilog")
    if compiler is None or shutil.which("vvp") is None:
        raise HwgenError("iverilog", "not found", "install Icarus Verilog, or use verilator")
    tops, files = ["-s", top], list(map(str, sources))
    if traced is not None:
        (folder / "dump.v").write_text(_DUMP.format(top=top, instance=traced), "utf-8")
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
