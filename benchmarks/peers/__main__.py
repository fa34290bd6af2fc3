"""Area against da4ml and alkaid: the same weights, the same cells, the same recipes.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python -m benchmarks.peers peers/bin/python            # ten networks
    python -m benchmarks.peers peers/bin/python --plain random digits

The recipe ``area`` is ours on both sides: of a peer it maps the flattened Verilog. ``--plain`` adds
Yosys' ``synth -flatten -noabc -noshare; dfflibmap; abc strash;dch;amap;topo``. Every netlist is
checked against the golden model before it counts.
"""

import argparse
import json
import math
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.netlist_sim import simulate
from benchmarks.peers.networks import networks
from hwgen.flows.cli.console import emit_table
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.requantize import requantizers
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.cache import open_cache
from hwgen.synth import open_library, synthesize
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.tables import liberty_text
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.report import measure_netlist

PEERS = ("da4ml", "alkaid")
Format = tuple[bool, int, int]
"""Of an output: signed, its bits, the weight of its lowest bit."""

FLATTEN = """\
read_verilog {sources}
hierarchy -check -top peer
proc
flatten
opt_clean -purge
write_verilog -noattr design.v
"""
PLAIN = """\
read_verilog design.v
synth -flatten -noabc -noshare -top {top}
dfflibmap -liberty cells.lib
abc -liberty cells.lib -script abc.script
opt_clean -purge
splitnets
write_json netlist.json
"""


def main() -> None:
    """Measure the networks with one of these words in their names; all without any."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", type=Path, help="Python that has the peers")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--plain", action="store_true", help="map by the plain recipe too")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--pdk", default="ihp-sg13g2")
    options = parser.parse_args()
    library = open_library(options.pdk)
    rows: list[list[object]] = []
    ratios = []
    for name, network in networks().items():
        if options.words and not any(word in name for word in options.words):
            continue
        areas: dict[str, list[float]] = {}
        for maker in ("hwgen", *PEERS):
            with tempfile.TemporaryDirectory(prefix="hwgen-peers-") as folder:
                areas[maker] = measured(maker, network, library, Path(folder), options)
        ratios.append(areas["hwgen"][0] / min(areas[peer][0] for peer in PEERS))
        figures = [f"{area:,.0f}" for found in areas.values() for area in found]
        rows.append([name, *figures, f"{ratios[-1]:.3f}"])
        print(rows[-1], flush=True)
    recipes = ("area", "plain") if options.plain else ("area",)
    columns = [f"{maker}, {recipe}" for maker in ("hwgen", *PEERS) for recipe in recipes]
    emit_table(f"um2, {options.pdk}", ["network", *columns, "to the better peer"], rows)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.3f}, largest {max(ratios):.3f}")


def measured(
    maker: str, network: Network, library: CellLibrary, folder: Path, options: argparse.Namespace
) -> list[float]:
    """Areas of a generator's design: by our recipe and, where asked for, the plain one."""
    if maker == "hwgen":
        manifest = generate(network, Parallel(bare=True, effort=options.effort), folder)
        (folder / "design.v").write_bytes(Path(manifest.verilog).read_bytes())
        top, (source, sink) = manifest.top, ("x", "y")
        outputs = [(manifest.output.signed, manifest.output.element_bits, 1)]
        outputs *= manifest.output.elements
    else:
        outputs = _peer(maker, network, folder, options.python)
        top, source, sink = "peer", "model_inp", "model_out"

    def check(netlist: Path) -> None:
        _check(netlist, library, network, (source, sink), outputs)

    report = synthesize(
        folder / "design.v",
        top,
        library=library,
        out_dir=folder / "ours",
        timeout=3600,
        cache=open_cache(),
    )
    check(folder / "ours" / "netlist.json")
    return [report.area_um2] + ([_plain(folder, top, library, check)] if options.plain else [])


def _peer(maker: str, network: Network, folder: Path, python: Path) -> list[Format]:
    """Write a peer's design, flat, as ``design.v``; its outputs."""
    (folder / "network.json").write_text(json.dumps(_integers(network)))
    script = Path(__file__).with_name("peer.py")
    command = [python, script, maker, folder / "network.json", folder]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    sources = sorted((folder / "src").glob("*.v")) + sorted((folder / "src/static").glob("*.v"))
    unused = ("peer_wrapper.v", "lookup_table.v")
    names = [str(path.relative_to(folder)) for path in sources if path.name not in unused]
    run_yosys(FLATTEN.format(sources=" ".join(names)), folder, timeout=600)
    return [(bool(s), b, w) for s, b, w in json.loads((folder / "outputs.json").read_text())]


def _integers(network: Network) -> dict[str, object]:
    """What a peer is told of a network; half of the last kept bit is in the biases."""
    ranges = [(network.input.format.minimum, network.input.format.maximum)]
    ranges *= network.input.features
    layers = []
    for index, layer in enumerate(network.layers):
        neurons = requantizers(network, index, ranges)
        fractions = layer.accumulator_fraction(network.input_format(index).fraction_bits)
        target = layer.output
        shifts = {f - target.fraction_bits for f in fractions} if target else {None}
        if len(shifts) > 1 or (target and (layer.activation != "relu" or target.signed)):
            raise ValueError("only relu layers of one shift are compared")
        layers.append(
            {
                "weights": layer.weight_values.tolist(),
                "bias": [b + n.offset for b, n in zip(layer.bias, neurons, strict=True)],
                "shift": shifts.pop(),
                "bits": target.bits if target else None,
            }
        )
        ranges = [neuron.interval for neuron in neurons]
    return {"bits": network.input.bits, "layers": layers}


def _plain(folder: Path, top: str, library: CellLibrary, check: Callable[[Path], None]) -> float:
    (folder / "cells.lib").write_text(liberty_text(library))
    (folder / "abc.script").write_text("strash; dch; amap; topo\n")
    run_yosys(PLAIN.format(top=top), folder, timeout=3600)
    check(folder / "netlist.json")
    return measure_netlist(Netlist.read(folder / "netlist.json"), library).area_um2


def _check(
    netlist: Path,
    library: CellLibrary,
    network: Network,
    ports: tuple[str, str],
    outputs: list[Format],
) -> None:
    """Refuse a netlist that does not compute the golden model's integers."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, network.input.format.maximum + 1, (256, network.input.features))
    bits = network.input.bits
    inputs = {
        f"{ports[0]}[{i * bits + b}]": sum(int(v >> b & 1) << k for k, v in enumerate(x[:, i]))
        for i in range(x.shape[1])
        for b in range(bits)
    }
    found = simulate(netlist, library, inputs, len(x))
    expected: Integers = golden.predict(network, x)
    start = 0
    for j, (signed, width, weight) in enumerate(outputs):
        word = [found[f"{ports[1]}[{start + b}]"] for b in range(width)]
        start += width
        for k in range(len(x)):
            value = sum((bit >> k & 1) << b for b, bit in enumerate(word))
            value -= (signed and value >> (width - 1)) << width
            if value * weight != expected[k][j]:
                raise SystemExit(f"{netlist} computes something else")
    if start != len(found):
        raise SystemExit(f"{netlist} has {len(found)} output bits instead of {start}")


if __name__ == "__main__":
    main()
