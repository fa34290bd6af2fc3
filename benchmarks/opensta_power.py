"""Our energy of netlists against what OpenSTA looks up for every pin, on the same activity.

    python -m benchmarks.opensta_power ../shared/pdk

Four designs in two libraries, without clock gates. What nets do comes from simulation; wires weigh
nothing. The OpenSTA that Debian has (of 2019) counts a rise and a fall for each change, and adds up
what belongs to different causes and conditions; its total is not used. With ``set_debug power`` it
says which energy it looked up, by cell, pin and condition, at its own slews and loads: these are
combined as :mod:`hwgen.synth.internal` does it, and the charges of the nets added as OpenSTA has
them. It reads the foundry's Liberty files, without ranges of capacitance, which are for timing.
"""

import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.opensta import arguments, head, liberty, run
from benchmarks.recipes import ROOT
from hwgen.flows.cli.console import emit_table
from hwgen.flows.gates import make_gates
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim.activity import collect
from hwgen.spec.network import load_network
from hwgen.support.progress import silent
from hwgen.synth import open_library
from hwgen.synth.internal import internal_energy
from hwgen.synth.libraries.delays import DelayTable
from hwgen.synth.libraries.energies import Condition, powers
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.models import NETLIST, flat_netlist, flat_verilog, net_name
from hwgen.synth.libraries.tabulate import foundry_library
from hwgen.synth.mapping.netlist import Flat, Net, Netlist
from hwgen.synth.power import switching
from hwgen.synth.timing import analyse

LIBRARIES = ("ihp-sg13g2", "sky130hd")
DESIGNS: dict[str, tuple[Architecture, int]] = {
    "serial": (Serial(), 1),
    "serial, 4 MACs": (Serial(macs=4), 2),
    "parallel": (Parallel(), 10),
    "parallel, pipeline 2": (Parallel(pipeline=2), 10),
}
"""Of digits: what, and over how many test images."""


_CELL = re.compile(r'(?m)^\s*cell ?\(\s*"?[\w$]+"?\s*\)')
_NAME = re.compile(r'\bpin ?\(\s*"?(\w+)"?\s*\) ?\{')
_GROUP = re.compile(
    r'(?s)(internal_power ?\(\s*"?\w*"?\s*\) ?\{)'
    r"(.*?)(?=\b(?:rise_power|fall_power|power) ?\()"
)
_NEVER = (
    'internal_power () {{ when : "{0}*!{0}" ; '
    'rise_power (scalar) {{ values ("0"); }} fall_power (scalar) {{ values ("0"); }} }}'
)
_SWITCHING = re.compile(r"power: switching \S+ activity = (\S+) volt = \S+ (\S+)")
_PIN = re.compile(r"power: internal u(\d+)/(\S+) ")
_ENERGY = re.compile(r"power:\s+([\^v]) energy =\s+(\S+) \*")
_ARC = re.compile(
    r"power:\s+(\S+) -> (\S+)(.*?)\s+-?[\d.]+\s+-?[\d.]+\s+\S+\s+\S+\s+(no pg_pin|\S+)$"
)


def ungated(library: CellLibrary) -> CellLibrary:
    """The library without clock gates: OpenSTA has what they drive change in every clock."""
    cells = {name: cell for name, cell in library.cells.items() if not cell.clock_gate}
    return replace(library, cells=cells)


def plain(text: str) -> str:
    """Liberty text without ranges of capacitance, of which OpenSTA reads every energy.

    It passes over all of a pin's ``internal_power`` where the shares of the time for which their
    conditions hold add up to 1: where none has a ``when``, and where they leave nothing out (``D``
    and ``!D``). So the former get one that always holds, which it takes for three quarters of the
    time, and the latter another group of no energy, under a condition that never holds.
    """
    text = re.sub(r"(?m)^\s*(rise|fall)_capacitance_range.*$", "", text)
    starts = [match.start() for match in _CELL.finditer(text)]
    cells = (text[a:b] for a, b in pairwise([*starts, len(text)]))
    return "".join([text[: starts[0]], *map(_with_conditions, cells)])


def _with_conditions(cell: str) -> str:
    inputs = [m[1] for m in _NAME.finditer(cell) if "input" in cell[m.end() : m.end() + 400]]
    starts = [match.start() for match in _NAME.finditer(cell)]
    if not inputs or not starts:
        return cell
    always = f'when : "{inputs[0]}+!{inputs[0]}" ;'
    never = _NEVER.format(inputs[0])
    changed = []
    for pin in (cell[a:b] for a, b in pairwise([*starts, len(cell)])):
        groups = [group[2] for group in _GROUP.finditer(pin)]
        if not any("when" in group for group in groups):
            pin = _GROUP.sub(lambda group: f"{group[1]} {always}{group[2]}", pin)
        elif not any("related_pin" in group for group in groups):
            head_, brace, rest = pin.partition("{")
            pin = f"{head_}{brace} {never}{rest}"
        changed.append(pin)
    return "".join([cell[: starts[0]], *changed])


def looked_up(flat: Flat, library: CellLibrary, text: str) -> tuple[dict[Net, float], Flat, Any]:
    """What OpenSTA finds: pJ to charge each net at a change, and the cells' energies.

    The latter as a netlist in which each instance has a cell of its own, and those cells, each with
    the figures for its slews and loads.
    """
    printed = run(
        head(flat)
        + "set_power_activity -global -activity 1 -duty 0.5\n"
        + "sta::set_debug power 3\nreport_power",
        {"cells.lib": text, "netlist.v": flat_netlist(flat, "flat")},
    )
    charges: dict[Net, float] = {}
    found: dict[int, dict[tuple[str, str | None, str | None], Condition]] = defaultdict(dict)
    number, pin, charge = -1, "", 0.0
    energies: dict[str, DelayTable] = {}
    for line in printed.splitlines():
        if match := _SWITCHING.match(line):
            charge = 1e12 * float(match[2]) / float(match[1])
        elif match := _PIN.match(line):
            number, pin = int(match[1]), match[2]
            if pin in library.cells[flat.instances[number].cell].outputs:
                charges[flat.instances[number].pins.get(pin, "0")] = charge
        elif match := _ENERGY.match(line):
            energies[match[1]] = DelayTable((0.0,), (0.0,), ((1e12 * float(match[2]),),))
        elif match := _ARC.match(line):
            related = match[1] if match[1] != match[2] else None
            key = (pin, related, match[3].strip() or None)
            if re.fullmatch(r"\(?(\w+)\*!\1\)?", key[2] or ""):
                energies = {}
                continue  # the group that never holds
            if match[4] == "no pg_pin" and key in found[number]:
                energies = {}
                continue  # the group for what the others leave out, which OpenSTA names as one
            before = found[number].get(key, Condition(*key))
            rise, fall = (
                (*getattr(before, edge), *([energies[sign]] if sign in energies else []))
                for edge, sign in (("rise", "^"), ("fall", "v"))
            )
            found[number][key] = Condition(*key, rise, fall)
            energies = {}
    cells = {}
    for i, instance in enumerate(flat.instances):
        cell = library.cells[instance.cell]
        cells[f"u{i}"] = replace(cell, powers=powers(list(found[i].values()), cell.sequential))
    own = tuple(replace(one, cell=f"u{i}") for i, one in enumerate(flat.instances))
    return charges, replace(flat, instances=own), cells


def _ports(flat: Flat, library: CellLibrary, changes: Mapping[Net, float]) -> float:
    """What charges the nets of input ports, in pJ: OpenSTA counts what cells drive."""
    nets = {net for _, net in flat.inputs}
    loads = (
        library.cells[instance.cell].pins[pin].capacitance * changes[net]
        for instance in flat.instances
        for pin, net in instance.pins.items()
        if net in nets
    )
    return library.voltage**2 / 2 * sum(loads)


def main() -> None:
    """Print one table."""
    options = arguments(str(__doc__)).parse_args()
    network = load_network(ROOT / "examples" / "digits.json")
    images = np.load(ROOT / "examples" / "digits-test.npz")["x"]
    rows = []
    for pdk in options.pdk:
        text = plain(liberty(pdk, options.folder))
        foundry = foundry_library(pdk, options.folder)
        for name, (architecture, samples) in DESIGNS.items():
            if options.design and name not in options.design:
                continue
            with tempfile.TemporaryDirectory() as folder:
                gates = make_gates(
                    network,
                    architecture,
                    Path(folder),
                    library=ungated(open_library(pdk)),
                    options=SynthesisOptions(),
                    progress=silent,
                )
                netlist = Netlist.read(gates.folder / "netlist.json", gates.manifest.top)
                source = gates.folder / "flat.v"
                source.write_text(flat_verilog(netlist.flat(), gates.library, netlist.top))
                found = collect(
                    source,
                    gates.manifest,
                    network,
                    images[:samples],
                    instance=NETLIST,
                    simulator="icarus",
                )
            flat = netlist.flat()
            nets = {n for i in flat.instances for n in i.pins.values() if isinstance(n, int)}
            nets |= {net for _, net in flat.inputs if isinstance(net, int)}
            changes: dict[Net, float] = {
                net: found.toggles[net_name(net)] / found.cycles for net in nets
            }
            high: dict[Net, float] = {net: found.high[net_name(net)] for net in nets}
            charges, apart, cells = looked_up(flat, foundry, text)
            entries = internal_energy(
                apart, replace(foundry, cells=cells), analyse(flat, foundry), changes, high
            )
            internal = sum(energy for _, _, energy in entries)
            theirs = internal + sum(
                charge * changes[net] for net, charge in charges.items() if net in changes
            )
            row = [f"digits {name}", pdk, f"{theirs:.3f}"]
            for library in (open_library(pdk), foundry):
                ours = switching(netlist, library, changes, 0.0, high)
                whole = ours.energy - ours.by_kind["clock_tree"] - _ports(flat, library, changes)
                row.append(f"{whole:.3f} ({whole / theirs - 1:+.1%})")
                row.append(f"{ours.internal:.3f} / {internal:.3f}")
            rows.append(row)
            print(row, flush=True)
    header = ["design", "library", "OpenSTA", "table", "inside", "Liberty", "inside"]
    emit_table("dynamic energy of a clock cycle, pJ", header, rows)


if __name__ == "__main__":
    main()
