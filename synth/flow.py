"""From Verilog to a measured netlist of library cells."""

import functools
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.errors import HwgenError
from hwgen.files import write_together
from synth.adders import AdderCells
from synth.arith import expand
from synth.cache import Cache, key_of
from synth.library import CellLibrary
from synth.mapping import Mapper
from synth.netlist import Netlist
from synth.recipe import find_recipe, flat_script, front_script, verilog_script
from synth.report import SynthesisReport, measure_netlist
from synth.tables import liberty_text
from synth.yosys import find_yosys, run_yosys

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
        From :func:`synth.pdk.open_library`.
    recipe, tool
        See :data:`synth.recipe.RECIPES` and :data:`synth.yosys.TOOLS`.
    clock
        Period in ns that the recipe ``delay`` aims at; the others take none.
    flatten
        Map the design as one module too. The report has both areas, and the smaller netlist.
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
    chosen = find_recipe(recipe, clock)
    mapper = Mapper(library, liberty_text(library), chosen, find_yosys(tool), cache)
    source = _read(verilog)
    key = key_of("design", source, top, mapper.settings, flatten, _code())
    result = _Result.of(cache.get(key)) if cache else None
    if result is None:
        result = _Flow(top, mapper, tool, started + timeout, progress).run(source, flatten)
        if cache:
            cache.put(key, vars(result))
            if cache.broken and progress:
                progress(f"nothing kept in the cache: {cache.broken}")
    if progress:
        progress("measuring")
    report = measure_netlist(
        Netlist(result.netlist, top),
        library,
        recipe=recipe,
        tool=mapper.yosys.version,
        verilog=out_dir / "netlist.v" if out_dir else None,
    )
    if out_dir is not None:
        files = {
            "netlist.v": result.verilog,
            "netlist.json": json.dumps(result.netlist) + "\n",
            "yosys.log": result.log,
        }
        write_together({out_dir / name: text for name, text in files.items()})
    return replace(report, areas_um2=result.areas, seconds=round(time.monotonic() - started, 3))


def measure(netlist_json: Path, library: CellLibrary) -> SynthesisReport:
    """Measure a finished ``netlist.json`` against any library that has its cells.

    Raises
    ------
    HwgenError
        The file is no such netlist, or has a cell that the library lacks.
    """
    return measure_netlist(Netlist.read(netlist_json), library)


@dataclass(frozen=True)
class _Result:
    """A finished synthesis: ``netlist`` as of ``write_json``, and the areas compared, if any."""

    netlist: dict[str, Any]
    verilog: str
    log: str
    areas: dict[str, float] | None

    @classmethod
    def of(cls, entry: Any) -> "_Result | None":
        return cls(**entry) if entry is not None else None


@dataclass(frozen=True)
class _Flow:
    """One synthesis, up to the time ``deadline``."""

    top: str
    mapper: Mapper
    tool: str
    deadline: float
    progress: Progress | None

    def run(self, source: str, flatten: bool) -> _Result:
        with tempfile.TemporaryDirectory(prefix="hwgen-synth-") as name:
            folder = Path(name)
            (folder / "design.v").write_text(source, encoding="utf-8")
            log = self._yosys(front_script(self.top), folder)
            netlist, more = self._map(folder, "modules")
            log, areas = log + more, None
            if flatten:
                self._tell("flattening")
                log += self._yosys(flat_script(), folder)
                flat, more = self._map(folder, "flat")
                log += more
                areas = {"hierarchical": self._area(netlist), "flat": self._area(flat)}
                netlist = flat if areas["flat"] < areas["hierarchical"] else netlist
            (folder / "netlist.json").write_text(json.dumps(netlist), encoding="utf-8")
            self._yosys(verilog_script(), folder)
            verilog = (folder / "netlist.v").read_text(encoding="utf-8")
        return _Result(netlist, verilog, log, areas)

    def _map(self, folder: Path, name: str) -> tuple[dict[str, Any], str]:
        """The netlist of ``front.json``, and the tools' output."""
        design = json.loads((folder / "front.json").read_text(encoding="utf-8"))
        used = Netlist(design, self.top).uses()
        modules = {module: design["modules"][module] for module in used}
        self._tell("adders")
        expand({"modules": modules}, AdderCells(self.mapper.library))
        self._tell("mapping")
        (folder / name).mkdir()
        mapped, log = self.mapper.map_modules(
            modules, folder / name, timeout=self._left(), progress=self.progress
        )
        return {"creator": self.mapper.yosys.version, "modules": mapped}, log

    def _area(self, netlist: Mapping[str, Any]) -> float:
        return measure_netlist(Netlist(netlist, self.top), self.mapper.library).area_um2

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
        return verilog.read_text(encoding="utf-8")
    except OSError as error:
        raise HwgenError(
            str(verilog), f"cannot be read ({error.strerror})", "a Verilog file is needed"
        ) from None
    except UnicodeDecodeError:
        raise HwgenError(str(verilog), "not text", "a Verilog file is needed") from None


@functools.cache
def _code() -> str:
    """What stands for this version of our own part of the work."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
