"""Whether a design fits into tiles of Tiny Tapeout, before anything is handed over."""

from pathlib import Path

from hwgen.flows.handoff.flow import UTILIZATION, design_of
from hwgen.flows.handoff.librelane import find_foundry
from hwgen.flows.handoff.tinytapeout.project import Tiles
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary, synthesize
from hwgen.synth.libraries.layout import for_layout


def room(tiles: str, library: str) -> float:
    """um2 of cells that ``tiles``, such as ``1x2``, hold, as ``hwgen handoff`` fills them.

    Raises
    ------
    HwgenError
        No such tiles, or LibreLane does not support the library.
    """
    foundry = find_foundry(library)
    if tiles not in foundry.tiles:
        raise HwgenError("tiles", f"found {tiles!r}", f"one of {', '.join(foundry.tiles)}")
    return Tiles.cells(tiles, UTILIZATION["tinytapeout"], foundry)


def tile_area(network: Network, architecture: Architecture, library: CellLibrary) -> float:
    """um2 as ``hwgen handoff --to tinytapeout`` has it: with the wrapper and buffers.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.flows.handoff.hand_over`.
    """
    store = SynthesisOptions().to_keywords()
    cells = for_layout(library, clock_gates=False)
    suited = architecture.suited(cells.latch_share)
    with temporary_folder("tile") as name:
        manifest = design_of(network, suited, "tinytapeout", "", Path(name), store["cache"])
        report = synthesize(
            Path(manifest.verilog), manifest.top, library=cells, buffers=True, **store
        )
    return report.area_um2
