"""Which cell library a run uses, and whether it can be mapped to."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries import tables
from hwgen.synth.libraries.cells import library_from_groups
from hwgen.synth.libraries.liberty import read_liberty
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.libraries.processes import Foundry, foundries
from hwgen.synth.mapping.adders import AdderCells

DEFAULT = "ihp-sg13g2"
INSTALLED = "pdk_root"


def open_library(pdk: str | None = None, liberty: Sequence[Path] | None = None) -> CellLibrary:
    """The cell library to map to, checked to be complete.

    Parameters
    ----------
    pdk
        A built-in name (default ``ihp-sg13g2``), or ``pdk_root:NAME`` for the foundry's own files
        below ``$PDK_ROOT``, laid out as ciel and LibreLane do. ``NAME`` is a built-in name or the
        folder's (``sky130A``); ``pdk_root`` alone takes it from ``$PDK``.
    liberty
        Liberty files of one corner, ``.lib`` or ``.lib.gz``. They win over ``pdk``, which then
        only names the library in reports.

    Raises
    ------
    HwgenError
        The name is not known, the PDK not installed, a file is unreadable or damaged, or the
        library has no usable flip-flop, inverter, NAND2, NOR2 or areas.
    """
    if liberty:
        library = _from_files([Path(file) for file in liberty])
        library = replace(library, name=pdk) if pdk else library
    elif pdk is not None and pdk.partition(":")[0] == INSTALLED:
        library = _installed(pdk.partition(":")[2])
    else:
        library = _built_in(pdk or DEFAULT)
    check_library(library, str(liberty[0]) if liberty else library.name)
    return library


def installed() -> dict[str, Path]:
    """The foundries' Liberty files found below ``$PDK_ROOT``, by built-in name."""
    root = os.environ.get("PDK_ROOT")
    if not root:
        return {}
    found = {name: _find(Path(root), at, at.folders) for name, at in foundries().items()}
    return {name: file for name, file in found.items() if file is not None}


def check_library(library: CellLibrary, where: str) -> None:
    """Refuse a library that nothing can be mapped to; ``where`` says what it was read from.

    Raises
    ------
    HwgenError
        A usable flip-flop, inverter, NAND2 or NOR2 with an area is missing.
    """
    cells = library.mapped()
    if library.cells and all(cell.dont_use for cell in library.cells.values()):
        raise HwgenError(where, "every cell is dont_use", "some must be free to use")
    if not any(cell.area > 0 for cell in cells):
        raise HwgenError(where, "no usable cell with an area", "a library with areas")
    if not any(cell.plain_flip_flop for cell in cells):
        raise HwgenError(where, "no usable flip-flop", "every library needs one")
    needed = {"inverter": (0b01, 1), "2-input NAND": (0b0111, 2), "2-input NOR": (0b0001, 2)}
    for what, (table, inputs) in needed.items():
        if not library.gates(table, inputs):
            raise HwgenError(where, f"no usable {what}", "every library needs one")


def _built_in(name: str) -> CellLibrary:
    known = tables.built_in()
    if name not in known:
        listed = ", ".join(known)
        raise HwgenError(
            "pdk", f"{name!r} is not known", f"one of {listed}, {INSTALLED}:NAME, or a Liberty file"
        )
    return tables.load_table(tables.FOLDER / f"{name}.json")


def _from_files(files: Sequence[Path]) -> CellLibrary:
    return library_from_groups([read_liberty(f) for f in files], [str(f) for f in files])


def _installed(name: str) -> CellLibrary:
    root = os.environ.get("PDK_ROOT")
    if not root:
        raise HwgenError("PDK_ROOT", "not set", "the folder that holds the installed PDKs")
    name = name or os.environ.get("PDK", "")
    for known, at in foundries().items():
        if name != known and name not in at.folders:
            continue
        file = _find(Path(root), at, [name] if name in at.folders else at.folders)
        if file is not None:
            process = _built_in(known).process
            return replace(_from_files([file]), name=known, process=process)
        folder = name if name in at.folders else at.folders[0]
        raise HwgenError(
            "PDK_ROOT",
            f"{folder} is not installed in {root}",
            f"{at.cells}/lib/{at.liberty} in it",
        )
    if name in tables.built_in():
        raise HwgenError("PDK", f"no PDK of {name!r} is known", "its Liberty files with --liberty")
    names = dict.fromkeys([*foundries(), *(f for at in foundries().values() for f in at.folders)])
    raise HwgenError("PDK", f"{name!r} is not known", f"one of {', '.join(names)}")


def _find(root: Path, at: Foundry, folders: Sequence[str]) -> Path | None:
    for folder in folders:
        place = root / folder / "libs.ref" / at.cells / "lib"
        found = sorted(place.glob(at.liberty))
        if found:
            return found[0]
    return None


def basic_cells(library: CellLibrary) -> dict[str, Cell | None]:
    """The smallest cell of each basic function, found by function and not by name.

    A full or half adder may have both outputs inverted; a clock gate may have test pins.
    """
    kit = AdderCells(library)
    found = {
        "inverter": kit.gates.get("inv"),
        "NAND2": kit.gates.get("nand2"),
        "NOR2": kit.gates.get("nor2"),
        "XOR2": kit.gates.get("xor2"),
        "half adder": kit.half,
        "full adder": kit.full,
    }
    cells = {what: library.cells[gate.cell] if gate else None for what, gate in found.items()}
    flip_flops = [cell for cell in library.mapped() if cell.plain_flip_flop]
    gates = library.clock_gates
    return {
        **cells,
        "flip-flop": min(flip_flops, key=lambda c: (c.area, c.name), default=None),
        "clock gate": library.cells[gates[0].cell] if gates else None,
    }
