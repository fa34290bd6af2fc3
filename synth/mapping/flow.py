"""From Verilog to a measured netlist of library cells."""

import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.support.cache import Cache, key_of
from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain, write_together
from hwgen.support.fingerprint import fingerprint
from hwgen.support.temporary import temporary_folder
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.tables import liberty_text
from hwgen.synth.mapping.adders import AdderCells
from hwgen.synth.mapping.arith import expand
from hwgen.synth.mapping.buffers import buffered
from hwgen.synth.mapping.mapping import Mapper
from hwgen.synth.mapping.netlist import MAX_NETLIST_BYTES, Netlist
from hwgen.synth.mapping.recipe import (
    Recipe,
    find_recipe,
    flat_script,
    front_script,
    verilog_script,
)
from hwgen.synth.mapping.yosys import Yosys, find_yosys, run_yosys
from hwgen.synth.report import SynthesisReport, measure_netlist

_TOP = re.compile(r"[a-z_][a-z0-9_]*\Z")
Progress = Callable[[str], None]


def synthesize(
    verilog: Path,
    top: str,
    *,
    library: CellLibrary,
    recipe: str = "area",
    clock: float | None = None,
    flatten: bool = False,
    buffers: bool = False,
    tool: str = "auto",
    timeout: float = 600.0,
    out_dir: Path | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> SynthesisReport:
    """Map Verilog-2005 to library cells and measure the netlist.

    The same input, library, recipe and tool give the same netlist, with a cache or without.

    Parameters
    ----------
    verilog
        One file with every module.
    top
        Name of the top module, ``[a-z_][a-z0-9_]*``.
    library
        From :func:`hwgen.synth.libraries.pdk.open_library`.
    recipe, tool
        See :data:`hwgen.synth.mapping.recipe.RECIPES` and :data:`hwgen.synth.mapping.yosys.TOOLS`.
    clock
        Period in ns for the recipe ``delay``: of its netlists the smallest that is as fast is kept,
        or the fastest if none is. The other recipes take none.
    flatten
        Map the design as one module too. The report has both areas, and the smaller netlist.
    buffers
        Put in what :mod:`hwgen.synth.mapping.buffers` says, after everything else.
    timeout
        Seconds of wall time for Yosys and ABC together.
    out_dir
        Where ``netlist.v``, ``netlist.json`` and ``yosys.log`` go, once the run is complete.
    cache
        Where finished modules and designs are looked up and kept.
    progress
        Called with the name of each stage.

    Raises
    ------
    HwgenError
        Any of these is not as it should be, or Yosys is missing, fails, is killed or too slow.
    """
    if not _TOP.match(top):
        raise HwgenError("top module", repr(top), "lower case letters, digits and _")
    started = time.monotonic()
    chosen, yosys = find_recipe(recipe, clock), find_yosys(tool)
    liberty = liberty_text(library)
    mappers = [Mapper(library, liberty, plan, yosys, chosen.limit, cache) for plan in chosen.plans]
    source = _read(verilog)
    settings = [mapper.settings for mapper in mappers]
    key = key_of(
        "design", source, top, settings, chosen.fast, clock, flatten, buffers, fingerprint()
    )
    entry = cache.get(key) if cache else None
    if entry is None:
        flow = _Flow(top, mappers, yosys, tool, started + timeout, progress)
        entry = flow.run(source, flatten, buffers, lambda found: _choose(found, chosen, clock))
        if cache:
            cache.put(key, entry)
            if cache.broken and progress:
                progress(f"nothing kept in the cache: {cache.broken}")
    if progress:
        progress("measuring")
    report = measure_netlist(
        Netlist(entry["netlist"], top),
        library,
        recipe=recipe,
        tool=yosys.version,
        verilog=out_dir / "netlist.v" if out_dir else None,
    )
    if out_dir is not None:
        files = {
            "netlist.v": entry["verilog"],
            "netlist.json": json.dumps(entry["netlist"]) + "\n",
            "yosys.log": entry["log"],
        }
        write_together({out_dir / name: text for name, text in files.items()})
    return replace(
        report, areas_um2=entry["areas_um2"], seconds=round(time.monotonic() - started, 3)
    )


def measure(netlist_json: Path, library: CellLibrary) -> SynthesisReport:
    """Measure a finished ``netlist.json`` against any library that has its cells.

    Raises
    ------
    HwgenError
        The file is no such netlist, or has a cell that the library lacks.
    """
    return measure_netlist(Netlist.read(netlist_json), library)


@dataclass(frozen=True)
class _Candidate:
    """A netlist as of ``write_json``, its area in um2 and its critical path in ns."""

    netlist: dict[str, Any]
    flat: bool
    area: float
    delay: float


def _choose(found: list[_Candidate], recipe: Recipe, clock: float | None) -> _Candidate:
    """The candidate to keep: the smallest (that reaches the clock), or the fastest."""
    reached = [one for one in found if clock is not None and one.delay <= clock]
    if recipe.fast and not reached:
        return min(found, key=lambda one: (one.delay, one.area))
    return min(reached or found, key=lambda one: (one.area, one.delay))


@dataclass(frozen=True)
class _Flow:
    """One synthesis, up to the time ``deadline``."""

    top: str
    mappers: Sequence[Mapper]
    yosys: Yosys
    tool: str
    deadline: float
    progress: Progress | None

    def run(
        self,
        source: str,
        flatten: bool,
        buffers: bool,
        choose: Callable[[list[_Candidate]], _Candidate],
    ) -> dict[str, Any]:
        """Everything that is kept of a finished synthesis, as plain data."""
        with temporary_folder("synth") as name:
            folder = Path(name)
            (folder / "design.v").write_text(source, encoding="utf-8")
            logs = [self._yosys(front_script(self.top), folder)]
            found = self._candidates(folder, False, logs)
            if flatten:
                self._tell("flattening")
                logs.append(self._yosys(flat_script(), folder))
                found += self._candidates(folder, True, logs)
            netlist = choose(found).netlist
            if buffers:
                self._tell("buffers")
                netlist = buffered(netlist, self.mappers[0].library, self.top)
            (folder / "netlist.json").write_text(json.dumps(netlist), encoding="utf-8")
            self._yosys(verilog_script(), folder)
            verilog = (folder / "netlist.v").read_text(encoding="utf-8")
        areas = {
            kind: choose([one for one in found if one.flat == flat]).area
            for kind, flat in (("hierarchical", False), ("flat", True))
            if flatten
        }
        return {
            "netlist": netlist,
            "verilog": verilog,
            "log": "".join(logs),
            "areas_um2": areas or None,
        }

    def _candidates(self, folder: Path, flat: bool, logs: list[str]) -> list[_Candidate]:
        """The netlists of ``front.json``, one of each mapper."""
        text = (folder / "front.json").read_text(encoding="utf-8")
        found = []
        for mapper in self.mappers:
            design = json.loads(text)
            used = Netlist(design, self.top).uses()
            modules = {module: design["modules"][module] for module in used}
            self._tell("adders")
            expand({"modules": modules}, AdderCells(mapper.library), mapper.plan.adders)
            self._tell("mapping")
            with tempfile.TemporaryDirectory(prefix="modules-", dir=folder) as work:
                mapped, log = mapper.map_modules(
                    modules, Path(work), timeout=self._left(), progress=self.progress
                )
            logs.append(log)
            netlist = {"creator": self.yosys.version, "modules": mapped}
            report = measure_netlist(Netlist(netlist, self.top), mapper.library)
            found.append(_Candidate(netlist, flat, report.area_um2, report.critical_path_ns))
        return found

    def _yosys(self, script: str, folder: Path) -> str:
        return run_yosys(
            script, folder, tool=self.tool, timeout=self._left(), progress=self.progress
        ).log

    def _left(self) -> float:
        return max(self.deadline - time.monotonic(), 0.0)

    def _tell(self, stage: str) -> None:
        if self.progress:
            self.progress(stage)


def _read(verilog: Path) -> str:
    try:
        return read_plain(verilog, "a Verilog file is needed", MAX_NETLIST_BYTES).decode()
    except UnicodeDecodeError:
        raise HwgenError(str(verilog), "not text", "a Verilog file is needed") from None
