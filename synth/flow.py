"""From Verilog to a measured netlist of library cells."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hwgen.errors import HwgenError
from hwgen.files import write_atomic
from synth.adders import AdderCells
from synth.arith import expand
from synth.library import CellLibrary
from synth.netlist import Netlist
from synth.recipe import MAPS, Recipe, back_script, find_recipe, front_script
from synth.report import SynthesisReport, measure_netlist
from synth.tables import liberty_text
from synth.yosys import run_yosys

_TOP = re.compile(r"[a-z_][a-z0-9_]*\Z")


def synthesize(
    verilog: Path,
    top: str,
    *,
    library: CellLibrary,
    recipe: str = "area",
    tool: str = "auto",
    timeout: float = 600.0,
    out_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> SynthesisReport:
    """Map Verilog-2005 to library cells and measure the netlist.

    The same input, library, recipe and tool give the same netlist.

    Parameters
    ----------
    verilog
        One file with every module.
    top
        Name of the top module, ``[a-z_][a-z0-9_]*``.
    library
        From :func:`synth.pdk.open_library`.
    recipe, tool
        See :data:`synth.recipe.RECIPES` and :data:`synth.yosys.TOOLS`.
    timeout
        Seconds of wall time for Yosys and ABC together.
    out_dir
        Where ``netlist.v``, ``netlist.json`` and ``yosys.log`` go, once the run is complete.
    progress
        Called with the name of each stage.

    Raises
    ------
    HwgenError
        Any of these is not as it should be, or Yosys is missing, fails, is killed or too slow.
    """
    if not _TOP.match(top):
        raise HwgenError("top module", repr(top), "lower case letters, digits and _")
    chosen = find_recipe(recipe)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hwgen-synth-") as name:
        folder = Path(name)
        _prepare(folder, verilog, library, chosen)
        version, log = _run(folder, top, library, tool, timeout, progress)
        if progress:
            progress("measuring")
        report = measure_netlist(
            Netlist.read(folder / "netlist.json"),
            library,
            recipe=recipe,
            tool=version,
            seconds=time.monotonic() - started,
            verilog=out_dir / "netlist.v" if out_dir else None,
        )
        if out_dir is not None:
            write_atomic(out_dir / "yosys.log", log)
            for file in ("netlist.json", "netlist.v"):
                write_atomic(out_dir / file, (folder / file).read_bytes())
    return report


def _prepare(folder: Path, verilog: Path, library: CellLibrary, recipe: Recipe) -> None:
    """Everything a run reads, under fixed names."""
    try:
        shutil.copyfile(verilog, folder / "design.v")
    except OSError as error:
        raise HwgenError(
            str(verilog), f"cannot be read ({error.strerror})", "a Verilog file is needed"
        ) from None
    for path in sorted(MAPS.glob("*.v")):
        shutil.copyfile(path, folder / path.name)
    (folder / "cells.lib").write_text(liberty_text(library), encoding="ascii")
    (folder / "abc.script").write_text(recipe.abc + "\n", encoding="ascii")


def _run(
    folder: Path,
    top: str,
    library: CellLibrary,
    tool: str,
    timeout: float,
    progress: Callable[[str], None] | None,
) -> tuple[str, str]:
    """Yosys up to word level, adders by our own hand, Yosys to the end; tool and log."""
    limit = time.monotonic() + timeout
    front = run_yosys(front_script(top), folder, tool=tool, timeout=timeout, progress=progress)
    if progress:
        progress("adders")
    path = folder / "front.json"
    design = json.loads(path.read_text(encoding="utf-8"))
    expand(design, AdderCells(library))
    path.write_text(json.dumps(design), encoding="utf-8")
    left = max(limit - time.monotonic(), 0.0)
    back = run_yosys(back_script(library), folder, tool=tool, timeout=left, progress=progress)
    return back.tool, front.log + back.log


def measure(netlist_json: Path, library: CellLibrary) -> SynthesisReport:
    """Measure a finished ``netlist.json`` against any library that has its cells.

    Raises
    ------
    HwgenError
        The file is no such netlist, or has a cell that the library lacks.
    """
    return measure_netlist(Netlist.read(netlist_json), library)
