"""What LibreLane reads: configuration, timing constraints and the order of the pins, as text."""

import json
import math
from dataclasses import dataclass
from typing import Any

from hwgen.rtl.interface import Port
from hwgen.rtl.manifest import Manifest
from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.processes import Foundry, foundries

SOURCE = {"SYNTH_HIERARCHY_MODE": "deferred_flatten"}
"""Modules are mapped one by one: flat, the default scripts of Yosys 0.70 do not come to an end."""

NETLIST = {"SYNTH_ELABORATE_ONLY": True, "SYNTH_HIERARCHY_MODE": "keep"}
"""Cells are taken as they are."""

_PIN_PITCH = 1.4
"""Micrometres from pin to pin that every foundry allows on every side."""

_SMALLEST_CORE = 50.0
"""Micrometres that a core's side must have to hold power straps."""

_ROWS, _SITES = 4, 12
"""LibreLane's margins between core and die, in heights and widths of a site."""


def find_foundry(library: str) -> Foundry:
    """What LibreLane knows of ``library``.

    Raises
    ------
    HwgenError
        LibreLane does not support it.
    """
    known = foundries()
    if library not in known:
        raise HwgenError(
            "pdk", f"{library!r} cannot be made with LibreLane", f"one of {', '.join(known)}"
        )
    return known[library]


@dataclass(frozen=True, kw_only=True)
class Floorplan:
    """The expected size of a block.

    Parameters
    ----------
    utilization
        Cell area over core area, percent.
    die
        Width and height, um.
    absolute
        The pins, or the smallest core, may decide it, and not the cells.
    """

    utilization: float
    die: tuple[float, float]
    absolute: bool

    @classmethod
    def of(
        cls, area: float, utilization: float, manifest: Manifest, foundry: Foundry
    ) -> "Floorplan":
        """A square core for ``area`` um2 of cells, ``utilization`` percent of it filled."""
        sides = [sum(port.width for port in ports) for ports in sides_of(manifest).values()]
        least = max(_SMALLEST_CORE, max(sides) * _PIN_PITCH)
        wanted = math.sqrt(100 * area / utilization)
        side = max(least, wanted)
        width, height = foundry.site
        die = side + 2 * _SITES * width, side + 2 * _ROWS * height
        return cls(
            utilization=round(100 * area / side**2, 1),
            die=(math.ceil(die[0]), math.ceil(die[1])),
            absolute=least > 0.75 * wanted,  # LibreLane may need less area than expected
        )

    def to_config(self) -> dict[str, Any]:
        """The size as variables of LibreLane: its own choice where the cells decide."""
        if self.absolute:
            return {"FP_SIZING": "absolute", "DIE_AREA": [0, 0, *self.die]}
        return {"FP_SIZING": "relative", "FP_CORE_UTIL": self.utilization}


def sides_of(manifest: Manifest) -> dict[str, list[Port]]:
    """The ports on each side: inputs west, outputs east, clock and reset south."""
    sides: dict[str, list[Port]] = {"W": [], "E": [], "S": []}
    for port in manifest.ports:
        source = port.name.startswith("s_axis") or port.name == "x"
        clock = port.name in ("clk", "rst")
        sides["S" if clock else "W" if source else "E"].append(port)
    return {side: sorted(ports, key=lambda port: port.name) for side, ports in sides.items()}


def config_text(
    manifest: Manifest, foundry: Foundry, period: float, plan: Floorplan, *, netlist: bool
) -> str:
    """``config.json``; ``period`` in ns, ``netlist``: the Verilog is one of the process's cells."""
    clocked = any(port.name == "clk" for port in manifest.ports)
    return _json(
        {
            "meta": {"version": 2, "flow": "Classic"},
            "DESIGN_NAME": manifest.top,
            "VERILOG_FILES": [f"dir::{manifest.top}.v"],
            "PDK": foundry.pdk,
            "STD_CELL_LIBRARY": foundry.cells,
            "CLOCK_PORT": "clk" if clocked else None,
            "CLOCK_PERIOD": period,
            "PNR_SDC_FILE": "dir::constraints.sdc",
            "SIGNOFF_SDC_FILE": "dir::constraints.sdc",
            **(NETLIST | {"RUN_LINTER": False} if netlist else SOURCE),
            **plan.to_config(),
            "IO_PIN_ORDER_CFG": "dir::pin_order.cfg",
            "ERRORS_ON_UNMATCHED_IO": "both",
        }
    )


def pins_text(manifest: Manifest) -> str:
    """``pin_order.cfg``: the ports of each side, a bus by its bits."""
    lines = []
    for side, ports in sides_of(manifest).items():
        names = [port.name + (r"\[\d+\]" if port.width > 1 else "") for port in ports]
        lines += [f"#{side}", *names, ""] if names else []
    return "\n".join(lines)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
