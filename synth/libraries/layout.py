"""Which cells of a library a layout flow takes."""

from dataclasses import replace
from fnmatch import fnmatchcase

from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.libraries.processes import foundries


def for_layout(library: CellLibrary, *, clock_gates: bool = False) -> CellLibrary:
    """The library without the cells that its layout flow leaves out.

    Parameters
    ----------
    clock_gates
        Keep clock gates, though they be left out or marked ``dont_use``: for flows that take them
        where the netlist has them and only put in none of their own.
    """
    patterns = excluded(library.name)

    def kept(cell: Cell) -> bool:
        if cell.clock_gate and (clock_gates or cell.dont_use):
            return clock_gates
        return not any(fnmatchcase(cell.name, pattern) for pattern in patterns)

    return replace(library, cells={k: cell for k, cell in library.cells.items() if kept(cell)})


def excluded(library: str) -> tuple[str, ...]:
    """Patterns of the names of the cells that LibreLane leaves out; none where it is not known."""
    known = foundries().get(library)
    return () if known is None else known.excluded
