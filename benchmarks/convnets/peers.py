"""One convolutional network by several generators: the same cells, the same recipe.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python -m venv nngen && nngen/bin/pip install nngen==1.3.4
    python -m benchmarks.convnets.peers build/conv-peers.json --peers peers/bin/python \
        --nngen nngen/bin/python

The network is ``examples/digits-conv.json`` with its sums for outputs. da4ml and alkaid unroll
it as combinational logic, an image a clock; their netlists, and ours of `parallel`, are checked
against the golden model on 256 random images. NNgen writes an accelerator with memories and a bus
(:mod:`benchmarks.convnets.nngen_peer` says what of it is counted). All are mapped by the recipe
``area``. What is in the file of results is not measured again.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers.__main__ import Design, check_netlist, flatten
from benchmarks.recipes import ROOT
from benchmarks.results import Results, Row
from hwgen.rtl.architectures import family
from hwgen.rtl.generate import generate
from hwgen.spec.conv import Convolution
from hwgen.spec.dense import DenseLayer
from hwgen.spec.network import Network, load_network
from hwgen.spec.pools import MaxPool
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.report import measure_netlist

OWN = {"hwgen stream": ("stream", {}), "hwgen parallel": ("parallel", {"bare": True})}
UNROLLED = ("da4ml", "alkaid")
PEER = ROOT / "benchmarks" / "peers" / "peer.py"


def main() -> None:
    """Measure what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--peers", type=Path, help="Python that has da4ml and alkaid")
    parser.add_argument("--nngen", type=Path, help="Python that has NNgen")
    parser.add_argument("--pdk", default="ihp-sg13g2")
    options = parser.parse_args()
    network = sums_of(load_network(ROOT / "examples" / "digits-conv.json"))
    kept = Results(options.results)
    makers = [*OWN, *(UNROLLED if options.peers else ()), *(["NNgen"] if options.nngen else [])]
    rows: dict[str, Row] = {}
    for maker in makers:
        key = f"{maker} {options.pdk} {network.sha256()}"
        row = kept.get(key)
        if row is None:
            with tempfile.TemporaryDirectory(prefix="hwgen-conv-peers-") as folder:
                row = measured(maker, network, Path(folder), options)
            kept.put(key, row)
        rows[maker] = row
    show(rows)


def sums_of(network: Network) -> Network:
    """The network with its last sums for outputs."""
    return Network.model_validate(network.model_dump() | {"output": "values"})


def measured(maker: str, network: Network, folder: Path, options: argparse.Namespace) -> Row:
    """Area, critical path, latency and interval of a design."""
    library = open_library(options.pdk)
    if maker in OWN:
        name, knobs = OWN[maker]
        manifest = generate(network, family(name)(**knobs), folder)
        source, top = Path(manifest.verilog), manifest.top
        steps = (manifest.latency_cycles, manifest.interval_cycles)
        ports = None if name == "stream" else ("x", "y")
        outputs = [(manifest.output.signed, manifest.output.element_bits, 1)]
        outputs *= manifest.output.elements
    elif maker in UNROLLED:
        (folder / "network.json").write_text(json.dumps(described(network)))
        command = [options.peers, PEER, maker, folder / "network.json", folder]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        flatten(folder)
        source, top, steps, ports = folder / "design.v", "peer", (0, 1), ("model_inp", "model_out")
        written = json.loads((folder / "outputs.json").read_text())
        outputs = [(bool(signed), bits, weight) for signed, bits, weight in written]
    else:
        from benchmarks.convnets.nngen_peer import measured as accelerator

        return accelerator(network, folder, options.nngen, library)
    report = synthesize(source, top, library=library, out_dir=folder / "mapped", timeout=7200)
    netlist = folder / "mapped" / "netlist.json"
    if ports is not None:
        design = Design(top=top, ports=ports, outputs=outputs, seconds=0.0)
        check_netlist(netlist, library, network, design)
    path = measure_netlist(Netlist.read(netlist), library).critical_path_ns
    return {"area": report.area_um2, "path": path, "latency": steps[0], "interval": steps[1]}


def described(network: Network) -> dict[str, Any]:
    """What ``benchmarks/peers/peer.py`` is told of a network without padding, groups, shifts."""
    layers: list[dict[str, Any]] = []
    for layer in network.layers:
        if isinstance(layer, MaxPool):
            count = layer.inputs // layer.input_shape[0]
            windows = [
                layer.seen(place).tolist()
                for place in range(layer.outputs // layer.output_channels)
            ]
            pool = [
                [c * count + i for i in one]
                for c in range(layer.output_channels)
                for one in windows
            ]
            layers.append({"pool": pool})
        elif isinstance(layer, Convolution | DenseLayer):
            rows = layer.weight_values.reshape(layer.output_channels, -1).tolist()
            layers.append({"weights": rows, "bias": layer.bias, "shift": None, "bits": None})
            if isinstance(layer, Convolution):
                count = layer.inputs // layer.input_shape[0]
                windows = [
                    layer.seen(place) for place in range(layer.outputs // layer.output_channels)
                ]
                layers[-1]["seen"] = [
                    [c * count + int(i) for c in range(layer.input_shape[0]) for i in one]
                    for one in windows
                ]
            given = None if layer.output is None else layer.output.thresholds
            if given is not None:
                layers[-1]["thresholds"] = [one for (one,) in given]
    source = network.input
    return {"features": source.features, "bits": source.bits, "layers": layers}


def show(rows: dict[str, Row]) -> None:
    """The table, in Markdown."""
    own = rows["hwgen stream"]["area"]
    print("| design | um2 | path, ns | latency | interval | stream over it |\n" + "|---" * 6 + "|")
    for maker, row in rows.items():
        numbers = (f"{row['area']:,.0f}", f"{row['path']:.1f}", row["latency"], row["interval"])
        ratio = own / row["area"]
        print(f"| {maker} | {' | '.join(map(str, numbers))} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
