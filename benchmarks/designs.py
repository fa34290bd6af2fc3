"""Twelve designs in four cell libraries: area, critical path, leakage, energy; as a table for docs.

    python -m benchmarks.designs               # every library, about half an hour
    python -m benchmarks.designs sky130hd

Energy is that of an inference on 20 samples: the test images for digits, uniform random inputs for
the others. See docs/power.md for what it counts.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.recipes import ROOT, designs
from hwgen.flows.cli.console import Progress
from hwgen.flows.cli.options import SynthesisOptions
from hwgen.flows.cli.power import Conditions, estimate
from hwgen.rtl.architecture import Architecture
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
            with tempfile.TemporaryDirectory(prefix="hwgen-designs-") as folder:
                print(row(name, network, architecture, pdk, Path(folder)), flush=True)


def row(name: str, network: Network, architecture: Architecture, pdk: str, folder: Path) -> str:
    """The table's row of one design in one library."""
    library = open_library(pdk)
    report = estimate(
        network,
        architecture,
        data=samples(name, network, folder),
        samples=SAMPLES,
        library=library,
        options=SynthesisOptions(),
        conditions=Conditions(),
        simulator="verilator",
        output=None,
        progress=Progress(quiet=True),
    )
    area, energy = report["area_um2"], report["energy_pj"]
    figures = [
        f"{area:,.0f}" if area >= 1000 else f"{area:,.1f}",
        f"{area / library.nand2_area:,.0f}",
        f"{report['critical_path_ns']:.2f}",
        f"{report['leakage_nw']:,.0f}"
        if report["leakage_nw"] >= 100
        else f"{report['leakage_nw']:.1f}",
        f"{energy:,.0f}" if energy >= 100 else f"{energy:.3g}",
    ]
    return f"| {name} | `{pdk}` | {' | '.join(figures)} |"


def samples(name: str, network: Network, folder: Path) -> Path:
    """Data to count on."""
    if name.startswith("digits"):
        return ROOT / "examples/digits-test.npz"
    target = network.input.format
    rng = np.random.default_rng(1)
    shape = (SAMPLES, network.input.features)
    path = folder / "samples.npz"
    np.savez(path, x=rng.integers(target.minimum, target.maximum + 1, shape))
    return path


if __name__ == "__main__":
    main()
