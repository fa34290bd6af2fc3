"""Energy inside cells: internal nets and short circuits, by Liberty's ``internal_power``.

A change of an output takes what its library says of the pin that caused it, at that pin's slew and
the output's load. Which pin it was is not known: those that change often, and that the output
follows often, count more. A change of an input takes what is said of it while nothing behind it
changes, for each condition as often as that holds. How often something holds follows from how long
each net is 1, as if nets were independent of each other.

Outputs count with the load that their library allows at most: more is left to buffers.
"""

import functools
from collections.abc import Iterator, Mapping

from hwgen.synth.libraries import logic
from hwgen.synth.libraries.library import Cell, CellLibrary, Power
from hwgen.synth.mapping.netlist import Flat, Instance, Net
from hwgen.synth.timing import FALL, RISE, Timing


def internal_energy(
    flat: Flat,
    library: CellLibrary,
    timing: Timing,
    changes: Mapping[Net, float],
    high: Mapping[Net, float],
) -> Iterator[tuple[Instance, str, float]]:
    """The energy in pJ that the changes of each pin take inside its cell.

    Parameters
    ----------
    timing
        Slews and loads of the same netlist.
    changes
        Changes between 0 and 1 by net.
    high
        Share of the time at 1 by net, 0..1; 0.5 where it is not known.
    """
    by_cell: dict[str, dict[str, list[Power]]] = {}
    for instance in flat.instances:
        cell = library.cells[instance.cell]
        if instance.cell not in by_cell:
            by_cell[instance.cell] = _by_pin(cell)
        state = _Pins(cell, instance, timing, changes, high)
        for pin, entries in by_cell[instance.cell].items():
            if isinstance(instance.pins.get(pin), int):
                energy = state.output(pin, entries) if entries[0].related else state.input(entries)
                yield instance, pin, energy * changes.get(instance.pins[pin], 0.0)


def _by_pin(cell: Cell) -> dict[str, list[Power]]:
    """What a cell says of each pin; of an output, by its causes alone."""
    found: dict[str, list[Power]] = {}
    for power in cell.powers:
        found.setdefault(power.pin, []).append(power)
    return {
        pin: [p for p in entries if (p.related is None) == (entries[0].related is None)]
        for pin, entries in found.items()
    }


class _Pins:
    """The pins of one instance, with what is known of their nets."""

    def __init__(
        self,
        cell: Cell,
        instance: Instance,
        timing: Timing,
        changes: Mapping[Net, float],
        high: Mapping[Net, float],
    ):
        self._cell = cell
        self._nets = instance.pins
        self._timing = timing
        self._changes = changes
        self._high = {pin: _share(net, high) for pin, net in instance.pins.items()}

    def output(self, pin: str, entries: list[Power]) -> float:
        """Of one change of an output, in pJ."""
        net = self._nets[pin]
        load = sum(self._timing.load.get((net, edge), 0.0) for edge in (RISE, FALL)) / 2
        load = min(load, self._cell.pins[pin].max_capacitance or load)
        weights = [self._cause(pin, power.related or "") for power in entries]
        if not any(weights):
            weights = [1.0] * len(entries)
        energies = [power.energy.at(self._slew(power.related or ""), load) for power in entries]
        return sum(w * e for w, e in zip(weights, energies, strict=True)) / sum(weights)

    def input(self, entries: list[Power]) -> float:
        """Of one change of an input, in pJ."""
        slew = self._slew(entries[0].pin)
        quiet = 1.0 if self._cell.sequential else self._unseen(entries[0].pin)
        shares = (quiet if p.when is None else self._probability(p.when) for p in entries)
        return sum(share * p.energy.at(slew, 0.0) for share, p in zip(shares, entries, strict=True))

    def _cause(self, pin: str, related: str) -> float:
        """How often ``related`` changes and takes ``pin`` with it, but for a factor."""
        changes = self._changes.get(self._nets.get(related, "0"), 0.0)
        return changes * (1.0 if self._cell.sequential else self._seen(pin, related))

    def _unseen(self, related: str) -> float:
        seen = [self._seen(pin, related) for pin in self._cell.outputs if pin in self._nets]
        return 1.0 - max(seen, default=0.0)

    def _seen(self, pin: str, related: str) -> float:
        """How often an output follows an input."""
        function = self._cell.pins[pin].function
        return self._probability(_difference(function, related)) if function else 1.0

    def _probability(self, function: str) -> float:
        """How often a function of the pins is 1."""
        names, table = _table(function)
        shares = [self._high.get(name, 0.5) for name in names]
        total = 0.0
        for row in range(1 << len(names)):
            if table >> row & 1:
                chance = 1.0
                for i, share in enumerate(shares):
                    chance *= share if row >> i & 1 else 1.0 - share
                total += chance
        return total

    def _slew(self, pin: str) -> float:
        """The mean slew of a pin; clocks, gated or not, are as steep as a clock tree makes them."""
        if pin in self._cell.clocks:
            return 0.0
        net = self._nets.get(pin, "0")
        return sum(self._timing.slew.get((net, edge), 0.0) for edge in (RISE, FALL)) / 2


@functools.lru_cache(maxsize=4096)
def _table(function: str) -> tuple[tuple[str, ...], int]:
    names = logic.names(function)
    return names, logic.truth_table(function, names)


@functools.lru_cache(maxsize=4096)
def _difference(function: str, name: str) -> str:
    """When a function follows ``name``, as a function of the other names."""
    names, table = _table(function)
    if name not in names:
        return "0"
    others = [n for n in names if n != name]
    terms = []
    for row in range(1 << len(names)):
        bit = 1 << names.index(name)
        if row & bit or (table >> row & 1) == (table >> (row | bit) & 1):
            continue
        literals = [n if row >> names.index(n) & 1 else f"!{n}" for n in others]
        terms.append("&".join(literals) or "1")
    return "|".join(f"({term})" for term in terms) or "0"


def _share(net: Net, high: Mapping[Net, float]) -> float:
    if isinstance(net, str):
        return 1.0 if net == "1" else 0.0
    return high.get(net, 0.5)
