"""Nets of a mapped netlist that pass what the library says of its cells.

A library bounds the load of each output (``max_capacitance``) and the slew at each pin
(``max_transition``); outside them its figures are not measured. Nets that drive clock pins are left
out, as a clock tree drives them in the end, and so are the loads of input ports, whose drivers are
not the design's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.netlist import Flat, Net
from hwgen.synth.timing import FALL, RISE, Timing


@dataclass(frozen=True)
class Excess:
    """How far nets pass a limit, each as what there is over what is allowed, above 1."""

    capacitance: Mapping[Net, float]
    transition: Mapping[Net, float]

    def to_json(self) -> dict[str, int]:
        """How many nets pass each limit, by its name in Liberty."""
        return {
            "max_capacitance": len(self.capacitance),
            "max_transition": len(self.transition),
        }


def excess(flat: Flat, library: CellLibrary, timing: Timing) -> Excess:
    """The nets of ``flat`` that pass a limit, by what :func:`hwgen.synth.timing.analyse` found."""
    slews: dict[Net, float] = {}
    loads: dict[Net, float] = {}
    clocks: set[Net] = set()
    for instance in flat.instances:
        cell = library.cells[instance.cell]
        for name, net in instance.pins.items():
            pin = cell.pins[name]
            if name in cell.clocks:
                clocks.add(net)
            if pin.max_transition is not None:
                slews[net] = min(pin.max_transition, slews.get(net, math.inf))
            if pin.direction == "output" and pin.max_capacitance is not None:
                loads[net] = pin.max_capacitance
    return Excess(_over(timing.load, loads, clocks), _over(timing.slew, slews, clocks))


def _over(
    found: Mapping[tuple[Net, int], float], allowed: Mapping[Net, float], but: set[Net]
) -> dict[Net, float]:
    shares = {
        net: max(found.get((net, edge), 0.0) for edge in (RISE, FALL)) / limit
        for net, limit in allowed.items()
        if net not in but and isinstance(net, int)
    }
    return {net: share for net, share in shares.items() if share > 1}
