"""What is known of a built-in library's process besides the figures of its cells.

``processes.json`` holds a :class:`Process` by the library's name: where ciel installs the foundry's
own files, what a wire weighs, and how LibreLane and Tiny Tapeout lay designs out. A library without
a record is mapped to all the same.
"""

import functools
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_FILE = Path(__file__).with_name("processes.json")

Positive = Annotated[float, Field(gt=0)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wire(_Record):
    """What a wire weighs, and where the figures are from.

    Attributes
    ----------
    femtofarad
        fF of the wire to a driven pin, where nothing is known of the layout.
    per_um
        fF of a micrometre; None where it is not known.
    """

    femtofarad: Annotated[float, Field(ge=0)]
    per_um: Annotated[float, Field(gt=0)] | None = None
    source: str


class Foundry(_Record):
    """A library as its foundry's PDK holds it, and how LibreLane and Tiny Tapeout lay designs out.

    ciel puts the Liberty file below ``$PDK_ROOT``: ``FOLDER/libs.ref/CELLS/lib/LIBERTY``.

    Attributes
    ----------
    folders
        Names of the PDK, LibreLane's ``PDK`` first.
    cells
        The library's own name, LibreLane's ``STD_CELL_LIBRARY``.
    liberty
        Pattern of the file of the corner that is carried.
    site, site_name
        Width and height of a placement site, um, and what the library's LEF calls it.
    resynthesis
        The cell area that LibreLane's synthesis needs over that of ours, of designs that do not
        count cycles and of those that do (``Architecture.sequenced``): the most that was measured
        with its script and without the cells that it leaves out.
    tiles
        Width and height in um, smallest first: ``tile_sizes.yaml`` of tt-support-tools, as far as
        the project templates of the shuttles offer them.
    excluded
        Patterns of the names of the cells that the PDK's configuration for LibreLane keeps out of
        synthesis or out of placement.
    source, licence
        Of ``excluded``.
    """

    folders: Annotated[tuple[str, ...], Field(min_length=1)]
    cells: str
    liberty: str
    site: tuple[Positive, Positive]
    site_name: str
    resynthesis: tuple[Positive, Positive]
    tiles: dict[str, tuple[Positive, Positive]]
    excluded: tuple[str, ...]
    source: str
    licence: str

    @property
    def pdk(self) -> str:
        """LibreLane's name of the PDK."""
        return self.folders[0]

    def expected_area(self, area: float, sequenced: bool) -> float:
        """Cell area after LibreLane's synthesis for ``area`` after ours, both um2."""
        return round(area * self.resynthesis[sequenced], 1)


class Process(_Record):
    """What is known of a library; ``foundry`` None where ciel does not have it."""

    wire: Wire
    foundry: Foundry | None = None


@functools.cache
def processes() -> dict[str, Process]:
    """What is known, by the name of the built-in library."""
    return TypeAdapter(dict[str, Process]).validate_json(_FILE.read_bytes())


def foundries() -> dict[str, Foundry]:
    """The libraries that ciel installs, by built-in name."""
    return {name: known.foundry for name, known in processes().items() if known.foundry}
