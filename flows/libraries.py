"""The cell libraries there are, and what is in one."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent
from hwgen.synth.libraries.pdk import INSTALLED, basic_cells, installed, open_library
from hwgen.synth.libraries.tables import built_in


@dataclass(frozen=True, kw_only=True)
class LibraryInfo:
    """A cell library.

    Attributes
    ----------
    voltage, temperature
        In V and in degrees Celsius.
    nand2_area_um2
        Area of the smallest 2-input NAND: one gate equivalent.
    notice
        The licence's text.
    basic_cells
        The smallest cell of each function, with its area in um2 and in gate equivalents, or None.
    used, left_alone
        Cells that mapping uses, and the others with the reason.
    """

    name: str
    process: str
    corner: str
    voltage: float
    temperature: float
    cells: int
    nand2_area_um2: float
    source: str
    licence: str
    notice: str
    basic_cells: dict[str, dict[str, Any] | None]
    used: list[str]
    left_alone: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen pdk show --json`` prints."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class LibraryRow:
    """A line of the list; one that cannot be used says why in ``problem`` and has no figures."""

    name: str
    origin: Literal["built-in", "installed"]
    info: LibraryInfo | None
    problem: str | None = None
    file: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """One of the objects that ``hwgen pdk list --json`` prints."""
        keys = ("process", "corner", "cells", "nand2_area_um2", "source", "licence")
        return {
            "name": self.name,
            **{key: getattr(self.info, key, None) for key in keys},
            "origin": self.origin,
            "problem": self.problem,
            **({} if self.file is None else {"file": str(self.file)}),
        }


def list_libraries(progress: Progress = silent) -> list[LibraryRow]:
    """Every library, built in and installed below ``$PDK_ROOT``."""
    return list(_rows(progress))


def _rows(progress: Progress) -> Iterator[LibraryRow]:
    for name in built_in():
        yield _row(name, "built-in", None)
    for name, file in installed().items():
        progress(f"reading {file}")
        yield _row(f"{INSTALLED}:{name}", "installed", file)


def _row(name: str, origin: Literal["built-in", "installed"], file: Path | None) -> LibraryRow:
    try:
        return LibraryRow(name=name, origin=origin, info=describe_library(name), file=file)
    except HwgenError as error:
        return LibraryRow(name=name, origin=origin, info=None, problem=str(error), file=file)


def describe_library(name: str) -> LibraryInfo:
    """What is in the library ``name``: a built-in one, or ``pdk_root:NAME``.

    Raises
    ------
    HwgenError
        There is no such library, or it lacks what mapping needs.
    """
    library = open_library(name)
    left_alone = library.left_alone()
    return LibraryInfo(
        name=library.name,
        process=library.process,
        corner=library.corner,
        voltage=library.voltage,
        temperature=library.temperature,
        cells=len(library.cells),
        nand2_area_um2=library.nand2_area,
        source=library.source,
        licence=library.licence,
        notice=library.notice,
        basic_cells={
            what: None
            if cell is None
            else {
                "cell": cell.name,
                "area_um2": cell.area,
                "gate_equivalents": round(cell.area / library.nand2_area, 3),
            }
            for what, cell in basic_cells(library).items()
        },
        used=[cell for cell in library.cells if cell not in left_alone],
        left_alone=left_alone,
    )
