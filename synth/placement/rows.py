"""The core of a block: rows of placement sites, filled to a given part by the cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.processes import foundries
from hwgen.synth.mapping.netlist import Flat

_OFF = 0.05
"""Part of a site that a cell's area may be off a whole number: Liberty files round it."""

MARGIN_ROWS = 4
"""Heights of a site from the core to the die, on every side."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """Rows of sites with the lower left corner at 0, 0.

    Attributes
    ----------
    site
        Width and height of a site, um.
    columns, rows
        Sites in a row, and rows.
    """

    site: tuple[float, float]
    columns: int
    rows: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, um."""
        return self.columns * self.site[0], self.rows * self.site[1]

    @property
    def margin(self) -> float:
        """From the core to the die, um."""
        return MARGIN_ROWS * self.site[1]

    @property
    def die(self) -> tuple[float, float]:
        """Width and height of the die, um."""
        width, height = self.size
        return width + 2 * self.margin, height + 2 * self.margin


def site_of(library: CellLibrary) -> tuple[float, float]:
    """Width and height of a placement site of ``library``, um.

    Raises
    ------
    HwgenError
        It is not known.
    """
    known = foundries()
    if library.name not in known:
        found = f"no placement site of {library.name!r} is known"
        raise HwgenError("pdk", found, f"one of {', '.join(known)}")
    return known[library.name].site


def widths_of(flat: Flat, library: CellLibrary) -> list[int]:
    """Width of each instance in sites: standard cells are one row high.

    Raises
    ------
    HwgenError
        A cell is no whole number of sites.
    """
    width, height = site_of(library)
    sites: dict[str, int] = {}
    for instance in flat.instances:
        if instance.cell not in sites:
            wide = library.cells[instance.cell].area / (width * height)
            sites[instance.cell] = round(wide)
            if abs(wide - round(wide)) > _OFF or not round(wide):
                raise HwgenError(
                    f"cell {instance.cell}", f"an area of {wide:.3f} sites", "a whole number"
                )
    return [sites[instance.cell] for instance in flat.instances]


def core_for(widths: Sequence[int], site: tuple[float, float], utilization: float) -> Core:
    """The squarest core that cells of these widths fill to ``utilization`` percent at most."""
    needed = 100 * sum(widths) / utilization
    rows = max(1, round(math.sqrt(needed * site[0] / site[1])))
    columns = max(math.ceil(needed / rows), *widths) if widths else 1
    return Core(site=site, columns=columns, rows=rows)
