"""Which cell library a run uses, and whether it can be mapped to."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hwgen.errors import HwgenError
from synth import tables
from synth.cells import library_from_groups
from synth.liberty import read_liberty
from synth.library import CellLibrary

DEFAULT = "ihp-sg13g2"
INSTALLED = "pdk_root"

_LAYOUT = {
    "ihp-sg13g2": (("ihp-sg13g2",), "sg13g2_stdcell", "*typ_1p20V_25C.lib*"),
    "sky130hd": (("sky130A", "sky130B"), "sky130_fd_sc_hd", "*__tt_025C_1v80.lib*"),
}


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
    check_library(library)
    return library


def check_library(library: CellLibrary) -> None:
    """Refuse a library that nothing can be mapped to.

    Raises
    ------
    HwgenError
        A usable flip-flop, inverter, NAND2 or NOR2 with an area is missing.
    """
    cells = library.mapped()
    if not any(cell.area > 0 for cell in cells):
        raise HwgenError(library.name, "no usable cell with an area", "a library with areas")
    if not any(cell.plain_flip_flop for cell in cells):
        raise HwgenError(library.name, "no usable flip-flop", "every library needs one")
    needed = {"inverter": (0b01, 1), "2-input NAND": (0b0111, 2), "2-input NOR": (0b0001, 2)}
    for what, (table, inputs) in needed.items():
        if not library.gates(table, inputs):
            raise HwgenError(library.name, f"no usable {what}", "every library needs one")


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
    for known, (folders, cells, pattern) in _LAYOUT.items():
        if name != known and name not in folders:
            continue
        for folder in [name] if name in folders else folders:
            place = Path(root) / folder / "libs.ref" / cells / "lib"
            found = sorted(place.glob(pattern))
            if found:
                return replace(_from_files(found[:1]), name=known)
        raise HwgenError(
            "PDK_ROOT", f"{folders[0]} is not installed in {root}", f"{cells}/lib/{pattern} in it"
        )
    listed = ", ".join([*_LAYOUT, *(f for folders, _, _ in _LAYOUT.values() for f in folders)])
    raise HwgenError("PDK", f"{name!r} is not known", f"one of {listed}")
