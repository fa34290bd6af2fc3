"""NNgen's accelerator of a network: what is counted of it.

It keeps weights and images in memory behind its bus, and has memories of its own for what it works
on, which a foundry's memory compiler would make. They are left out: modules of memories become
ports of the design, so that what is counted is its logic alone, to NNgen's advantage. The clocks of
an inference are those of its own simulation.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipes import ROOT
from benchmarks.results import Row
from hwgen.spec import golden
from hwgen.spec.conv import Conv2d
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool
from hwgen.synth import synthesize
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.report import measure_netlist

DESIGN = ROOT / "benchmarks" / "convnets" / "nngen_design.py"
WITHOUT_MEMORIES = """\
read_verilog design.v
hierarchy -check -top peer
proc
blackbox ram_*
flatten
expose -evert
opt_clean -purge
write_verilog -noattr logic.v
"""


def measured(network: Network, folder: Path, python: Path, library: CellLibrary) -> Row:
    """Area of the logic, critical path, and clocks of an inference."""
    (folder / "network.json").write_text(json.dumps(described(network)))
    command = [str(python), str(DESIGN), "network.json", "."]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=3600)
    run_yosys(WITHOUT_MEMORIES, folder, timeout=3600)
    report = synthesize(
        folder / "logic.v", "peer", library=library, out_dir=folder / "mapped", timeout=7200
    )
    path = measure_netlist(Netlist.read(folder / "mapped" / "netlist.json"), library)
    clocks = int((folder / "cycles.txt").read_text())
    return {
        **{"area": report.area_um2, "path": path.critical_path_ns},
        **{"latency": clocks, "interval": clocks},
    }


def described(network: Network) -> dict[str, Any]:
    """What ``nngen_design.py`` is told: a convolution, a maximum, a dense layer, one image."""
    first, pool, _ = network.layers
    if not isinstance(first, Conv2d) or not isinstance(pool, MaxPool) or first.output is None:
        raise SystemExit("a convolution, a maximum and a dense layer are compared")
    x = np.random.default_rng(0).integers(0, network.input.format.maximum + 1, (1, first.inputs))
    return {
        "convolution": first.weight_values[:, 0].tolist(),
        "threshold": [one for (one,) in first.output.thresholds or []],
        "pool": pool.window.kernel[0],
        "dense": network.dense(2).weight_values.tolist(),
        "bias": network.dense(2).bias,
        "image": x.reshape(first.image).tolist(),
        "sums": golden.infer(network, x)[0].tolist(),
    }
