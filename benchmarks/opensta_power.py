"""Our energy of netlists against OpenSTA's ``report_power``, on the same activity.

    python -m benchmarks.opensta_power ../shared/pdk

Four designs in two libraries, mapped without clock gates: OpenSTA has a gated clock change in every
cycle. What nets do comes from simulation. Wires weigh nothing. OpenSTA reads the foundry's Liberty
files without ranges of capacitance, which are for timing, and without the ``internal_power`` groups
that are for conditions not named where others name all: it would count those on top.
"""

import argparse
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.opensta import head, liberty, run
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
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.models import NETLIST, flat_netlist, flat_verilog, net_name
from hwgen.synth.libraries.tabulate import foundry_library
from hwgen.synth.mapping.netlist import Flat, Net, Netlist
from hwgen.synth.power import switching

LIBRARIES = ("ihp-sg13g2", "sky130hd")
DESIGNS: dict[str, tuple[Architecture, int]] = {
    "serial": (Serial(), 1),
    "serial, 4 MACs": (Serial(macs=4), 2),
    "parallel": (Parallel(), 10),
    "parallel, pipeline 2": (Parallel(pipeline=2), 10),
}
"""Of digits: what, and over how many test images."""


def ungated(library: CellLibrary) -> CellLibrary:
    """The library without clock gates."""
    cells = {name: cell for name, cell in library.cells.items() if not cell.clock_gate}
    return replace(library, cells=cells)


def plain(text: str) -> str:
    """Liberty text without ranges of capacitance and with conditional energies alone."""
    text = re.sub(r"(?m)^\s*(rise|fall)_capacitance_range.*$", "", text)
    parts = re.split(r"(?m)^(?=\s*internal_power \(\) \{)", text)
    kept = []
    for i, part in enumerate(parts):
        related = re.search(r"related_pin", part.partition("_power (")[0])
        default = i and "when :" not in part.partition("e_power")[0] and not related
        after_when = (
            i > 1
            and "when :" in parts[i - 1][:200]
            and not re.search(r"(?m)^\s*pin ", parts[i - 1])
        )
        kept.append(_without_group(part) if default and after_when else part)
    return "".join(kept)


def _without_group(part: str) -> str:
    """What follows the group that ``part`` begins with."""
    depth = 0
    for found in re.finditer(r"[{}]", part):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return part[found.end() :]
    return part


def reported(
    flat: Flat, text: str, changes: Mapping[Net, float], high: Mapping[Net, float]
) -> tuple[float, float]:
    """Internal and switching energy of a clock cycle by OpenSTA, in pJ; ``changes`` in a cycle."""
    cells = {}
    commands = []
    driven = {net: f"[get_ports {{{name}}}]" for name, net in flat.inputs if name != "clk"}
    for number, instance in enumerate(flat.instances):
        cells[number] = instance
        for pin, net in instance.pins.items():
            if isinstance(net, int):
                rate, share = changes[net], high.get(net, 0.5)
                commands.append(
                    f"set_power_activity -pins [get_pins u{number}/{pin}]"
                    f" -activity {rate:.6g} -duty {share:.6g}"
                )
    for net, port in driven.items():
        commands.append(
            f"set_power_activity -input_ports {port} -activity {changes.get(net, 0):.6g}"
            f" -duty {high.get(net, 0.5):.6g}"
        )
    printed = run(
        head(flat) + "\n".join(commands) + "\nreport_power -digits 8",
        {"cells.lib": text, "netlist.v": flat_netlist(flat, "flat")},
    )
    total = re.search(r"(?m)^Total\s+(\S+)\s+(\S+)", printed)
    if total is None:
        raise RuntimeError(f"sta: no power in {printed[-2000:]!r}")
    period = 1000e-9  # s, as of benchmarks.opensta
    return (1e12 * period * float(total[1]), 1e12 * period * float(total[2]))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the foundries' files, by library")
    parser.add_argument("pdk", nargs="*", default=LIBRARIES)
    parser.add_argument("--design", action="append", help="only these")
    options = parser.parse_args()
    network = load_network(ROOT / "examples" / "digits.json")
    images = np.load(ROOT / "examples" / "digits-test.npz")["x"]
    rows = []
    for pdk in options.pdk:
        text = plain(liberty(pdk, options.folder))
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
            internal, switched = reported(flat, text, changes, high)
            row = [f"digits {name}", pdk, f"{internal + switched:.3f}"]
            for library in (open_library(pdk), foundry_library(pdk, options.folder)):
                ours = switching(netlist, library, changes, 0.0, high)
                whole = ours.energy - ours.by_kind["clock_tree"]
                row.append(f"{whole:.3f} ({whole / (internal + switched) - 1:+.1%})")
                row.append(f"{ours.internal:.3f} / {internal:.3f}")
            rows.append(row)
            print(row, flush=True)
    header = ["design", "library", "OpenSTA", "table", "inside", "Liberty", "inside"]
    emit_table("dynamic energy of a clock cycle, pJ", header, rows)


if __name__ == "__main__":
    main()
