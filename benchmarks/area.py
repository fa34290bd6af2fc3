"""Area against a plain description of the same weights, mapped by ``synth`` and ``dch; amap``.

Yosys' own ABC script does not come to an end on the plain description within ten minutes.

    python -m benchmarks.area             # ihp-sg13g2 and sky130hd, about two minutes

Both netlists are checked against the golden model before they are compared.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.netlist_sim import simulate
from benchmarks.plain import plain_verilog
from hwgen.flows.cli.console import emit_table
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.spec import golden
from hwgen.spec.network import load_network
from hwgen.synth import SynthesisReport, open_library, synthesize
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.tables import liberty_text
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.report import measure_netlist

ROOT = Path(__file__).resolve().parent.parent

PLAIN_SCRIPT = """\
read_verilog plain.v
synth -flatten -noabc -top plain
dfflibmap -liberty cells.lib
abc -liberty cells.lib -script abc.script
opt_clean -purge
splitnets
write_json netlist.json
"""


def main() -> None:
    """Compare on the digits network."""
    network = load_network(ROOT / "examples/digits.json")
    rows = []
    for pdk in sys.argv[1:] or ["ihp-sg13g2", "sky130hd"]:
        library = open_library(pdk)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "plain.v").write_text(plain_verilog(network))
            plain = map_plain(folder, library)
            check(folder / "netlist.json", library, network)
            manifest = generate(network, Parallel(bare=True), folder)
            design = Path(manifest.verilog)
            ours = synthesize(design, manifest.top, library=library, out_dir=folder / "ours")
            check(folder / "ours" / "netlist.json", library, network)
        for title, report in (("plain", plain), ("hwgen parallel --bare", ours)):
            per_weight = report.area_um2 / network.weight_count
            share = f"{report.area_um2 / plain.area_um2:.0%}"
            cells = [report.cells, round(report.area_um2), round(per_weight, 1), share]
            rows.append([title, pdk, *cells, report.seconds])
    header = ["description", "library", "cells", "um2", "um2 a weight", "of plain", "seconds"]
    emit_table("digits, combinational", header, rows)


def map_plain(folder: Path, library: CellLibrary) -> SynthesisReport:
    """The netlist of ``plain.v``, measured."""
    (folder / "cells.lib").write_text(liberty_text(library))
    (folder / "abc.script").write_text("strash; dch; amap\n")
    run = run_yosys(PLAIN_SCRIPT, folder, timeout=600)
    netlist = Netlist.read(folder / "netlist.json")
    return measure_netlist(netlist, library, tool=run.tool, seconds=run.seconds)


def check(netlist: Path, library: CellLibrary, network: golden.Network) -> None:
    """Refuse a netlist that does not compute the golden model's classes."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, network.input.format.maximum + 1, (256, network.input.features))
    bits = network.input.bits
    inputs = {
        f"x[{i * bits + b}]": sum(int(v >> b & 1) << k for k, v in enumerate(x[:, i]))
        for i in range(x.shape[1])
        for b in range(bits)
    }
    outputs = simulate(netlist, library, inputs, len(x))
    classes = [
        sum((outputs[f"y[{b}]"] >> k & 1) << b for b in range(len(outputs))) for k in range(len(x))
    ]
    if classes != golden.predict(network, x).tolist():
        raise SystemExit(f"{netlist} computes something else")


if __name__ == "__main__":
    main()
