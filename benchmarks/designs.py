"""Twelve designs in four cell libraries: area, critical path, leakage, energy; as a table for docs.

    python -m benchmarks.designs               # every library, about half an hour
    python -m benchmarks.designs sky130hd

Energy is that of an inference on 20 samples: the test images for digits, uniform random inputs for
the others. See docs/power.md for what it counts.
"""

import sys

import numpy as np

from benchmarks.recipes import ROOT, designs
from hwgen.flows.power import estimate_power
from hwgen.rtl.architecture import Architecture
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import load_data
from hwgen.spec.network import Network
from hwgen.synth import open_library
from hwgen.synth.libraries.tables import built_in

SAMPLES = 20


def main() -> None:
    """Print one Markdown table."""
    print("| design | library | um2 | GE | critical path ns | leakage nW | pJ an inference |")
    print("|---|---|---|---|---|---|---|")
    for name, network, architecture in designs()[:12]:
        for pdk in sys.argv[1:] or built_in():
            print(row(name, network, architecture, pdk), flush=True)


def row(name: str, network: Network, architecture: Architecture, pdk: str) -> str:
    """The table's row of one design in one library."""
    library = open_library(pdk)
    report = estimate_power(network, architecture, samples(name, network), library=library)
    area, energy = report.area_um2, report.energy_pj
    figures = [
        f"{area:,.0f}" if area >= 1000 else f"{area:,.1f}",
        f"{area / library.nand2_area:,.0f}",
        f"{report.critical_path_ns:.2f}",
        f"{report.leakage_nw:,.0f}" if report.leakage_nw >= 100 else f"{report.leakage_nw:.1f}",
        f"{energy:,.0f}" if energy >= 100 else f"{energy:.3g}",
    ]
    return f"| {name} | `{pdk}` | {' | '.join(figures)} |"


def samples(name: str, network: Network) -> Integers:
    """Input codes to count on [samples, features]."""
    if name.startswith("digits"):
        return load_data(ROOT / "examples/digits-test.npz", network).x[:SAMPLES]
    target = network.input.format
    rng = np.random.default_rng(1)
    shape = (SAMPLES, network.input.features)
    return rng.integers(target.minimum, target.maximum + 1, shape)


if __name__ == "__main__":
    main()
