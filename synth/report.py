"""What a synthesis run reports: area, cells, timing, leakage."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.limits import excess
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.timing import CriticalPath, analyse

_NOT_FOR_JSON = ("path", "netlist")


@dataclass(frozen=True, kw_only=True)
class SynthesisReport:
    """Figures of one mapped netlist. Smaller is better in all of them.

    Attributes
    ----------
    area_um2
        Sum of the cell areas.
    gate_equivalents
        ``area_um2`` over the area of the library's smallest 2-input NAND.
    cells, cells_by_type
        Number of library cells, whole and by name.
    sequential_area_um2
        The part of ``area_um2`` in flip-flops and latches.
    area_by_module
        Module name to the area of its own cells, submodules left out, all its instances counted;
        sums to ``area_um2``.
    critical_path_ns
        See :mod:`hwgen.synth.timing`; with stages in ``path``.
    leakage_nw
        Sum of the cells' leakage.
    nets_over
        Nets that pass a limit of the library, by its name: see :mod:`hwgen.synth.limits`.
    tool
        Yosys with version, ``""`` for a netlist that was only measured.
    seconds
        Wall time of the run.
    areas_um2
        Of the netlists compared, by ``hierarchical`` and ``flat``; None where none were.
    path
        The slowest path; ``timing`` in :meth:`to_json`.
    netlist
        The netlist's Verilog file; not in :meth:`to_json`.
    """

    area_um2: float
    gate_equivalents: float
    cells: int
    cells_by_type: dict[str, int]
    sequential_area_um2: float
    area_by_module: dict[str, float]
    critical_path_ns: float
    leakage_nw: float
    pdk: str
    corner: str
    recipe: str
    tool: str
    seconds: float
    path: CriticalPath
    nets_over: dict[str, int]
    areas_um2: dict[str, float] | None = None
    netlist: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The report's keys and values as JSON takes them, without what was not looked at."""
        found = ((k, v) for k, v in vars(self).items() if k not in _NOT_FOR_JSON)
        return {**{k: v for k, v in found if v is not None}, "timing": self.path.to_json()}


def measure_netlist(
    netlist: Netlist,
    library: CellLibrary,
    *,
    recipe: str = "",
    tool: str = "",
    seconds: float = 0.0,
    verilog: Path | None = None,
) -> SynthesisReport:
    """Measure a mapped netlist against a library.

    Raises
    ------
    HwgenError
        The netlist has a cell that the library lacks, or a combinational loop.
    """
    uses = netlist.uses()
    by_module: dict[str, float] = {}
    totals: Counter[str] = Counter()
    for module, count in uses.items():
        own = netlist.own_cells(module)
        unknown = sorted(set(own) - set(library.cells))
        if unknown:
            raise HwgenError("netlist", f"cell {unknown[0]!r}", f"cells of {library.name}")
        area = sum(library.cells[name].area * number for name, number in own.items())
        by_module[module] = round(area * count, 6)
        for name, number in own.items():
            totals[name] += number * count
    flat = netlist.flat()
    timing = analyse(flat, library)
    path = _with_registers(timing.path, netlist, library)
    area = sum(by_module.values())
    cells = [(library.cells[name], number) for name, number in sorted(totals.items())]
    return SynthesisReport(
        area_um2=round(area, 6),
        gate_equivalents=round(area / library.nand2_area, 3) if library.nand2_area else 0.0,
        cells=sum(totals.values()),
        cells_by_type=dict(sorted(totals.items())),
        sequential_area_um2=round(sum(c.area * n for c, n in cells if c.sequential), 6),
        area_by_module=by_module,
        critical_path_ns=round(path.delay, 6),
        leakage_nw=round(sum(c.leakage * n for c, n in cells), 6),
        pdk=library.name,
        corner=library.corner,
        recipe=recipe,
        tool=tool,
        seconds=round(seconds, 3),
        path=path,
        nets_over=excess(flat, library, timing).to_json(),
        netlist=verilog,
    )


def _with_registers(path: CriticalPath, netlist: Netlist, library: CellLibrary) -> CriticalPath:
    """The path with the names of the registers at its ends."""
    types = {
        where: netlist.modules[module]["cells"][name]["type"]
        for where, module, name in netlist.places()
    }

    def register(end: str) -> str | None:
        instance = end.rpartition(".")[0]
        cell = library.cells.get(types.get(instance, ""))
        return netlist.driven(instance, cell.outputs) if cell and cell.state else None

    return replace(path, start_register=register(path.start), end_register=register(path.end))
