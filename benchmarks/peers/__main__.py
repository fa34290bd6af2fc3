"""Area against da4ml and alkaid: the same weights, the same cells, the same recipes.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python -m benchmarks.peers peers/bin/python build/peers.json        # every network
    python -m benchmarks.peers peers/bin/python build/peers.json random digits

The recipe ``area`` is ours on both sides: of a peer it maps the flattened Verilog. The plain recipe
is Yosys' ``synth -flatten -noabc -noshare; dfflibmap; abc strash;dch;amap;topo``. Every netlist is
checked against the golden model before it counts. What is in the file of results already is not
measured again, so a run may be stopped at any time; ``--show`` measures nothing.
"""

import argparse
import json
import math
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.netlist_sim import simulate
from benchmarks.peers.networks import networks
from benchmarks.recipes import ROOT
from benchmarks.results import Results, Row
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.requantize import requantizers
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.cache import key_of
from hwgen.synth import open_library, synthesize
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.tables import liberty_text
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.report import measure_netlist

PEERS = ("da4ml", "alkaid")
Format = tuple[bool, int, int]
"""Of an output: signed, its bits, the weight of its lowest bit."""


@dataclass(frozen=True)
class Design:
    """A maker's Verilog: its top module, ports, outputs, and seconds that it took to write it."""

    top: str
    ports: tuple[str, str]
    outputs: list[Format]
    seconds: float


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


MAKERS = ("hwgen", *PEERS)
RECIPES = ("area", "plain")


def main() -> None:
    """Measure the networks with one of these words in their names; all without any."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", type=Path, help="Python that has the peers")
    parser.add_argument("results", type=Path)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--show", action="store_true", help="show what is there, measure nothing")
    parser.add_argument("--maker", choices=MAKERS, action="append")
    parser.add_argument("--recipe", choices=RECIPES, action="append")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--pdk", default="ihp-sg13g2")
    options = parser.parse_intermixed_args()
    kept = Results(options.results)
    makers = options.maker or MAKERS
    chosen = {
        name: network
        for name, network in networks().items()
        if not options.words or any(word in name for word in options.words)
    }
    for recipe in options.recipe or RECIPES:
        found = {
            name: [
                measured(maker, recipe, network, options, kept) if maker in makers else None
                for maker in MAKERS
            ]
            for name, network in chosen.items()
        }
        _show(f"recipe {recipe}, {options.pdk}", found)


def measured(
    maker: str, recipe: str, network: Network, options: argparse.Namespace, kept: Results
) -> Row | None:
    """Area, critical path and seconds of generating a design; None where it is only to be shown.

    A row is kept under the Verilog that was mapped.
    """
    with tempfile.TemporaryDirectory(prefix="hwgen-peers-") as name:
        folder = Path(name)
        design = _design(maker, network, folder, options)
        files = [*sorted((ROOT / "synth/mapping").rglob("*.py")), *sorted(folder.rglob("*.v"))]
        texts = [path.read_text("utf-8") for path in files]
        key = key_of(maker, recipe, network.sha256(), options.pdk, texts)
        row = kept.get(key)
        if row is None and not options.show:
            row = _measured(maker, recipe, network, design, folder, options)
            kept.put(key, {"maker": maker, "recipe": recipe, "network": network.name, **row})
            print(maker, recipe, network.name, row, flush=True)
    return row


def _show(title: str, found: dict[str, list[Row | None]]) -> None:
    """A line for each network, and the geometric mean of those that are measured."""
    columns = [f"{maker} {what}" for what in ("um2", "ns", "s") for maker in MAKERS]
    print(f"\n{title}\n\n| {' | '.join(['network', *columns, 'to the better peer'])} |")
    print("|---" * (len(columns) + 2) + "|")
    ratios = []
    for name, makers in found.items():
        shown = [
            f"{one[what]:,.{places}f}" if one else ""
            for what, places in (("area", 0), ("path", 1), ("seconds", 1))
            for one in makers
        ]
        own, *others = makers
        peers = [one["area"] for one in others if one]
        if own and len(peers) == len(PEERS):
            ratios.append(own["area"] / min(peers))
            shown.append(f"{ratios[-1]:.3f}")
        print(f"| {' | '.join([name, *shown])} |")
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"{len(ratios)} networks: geometric mean {mean:.3f}, largest {max(ratios):.3f}")


def _design(maker: str, network: Network, folder: Path, options: argparse.Namespace) -> Design:
    """Write a maker's Verilog to ``folder``."""
    started = _spent()
    if maker == "hwgen":
        manifest = generate(network, Parallel(bare=True, effort=options.effort), folder)
        Path(manifest.verilog).rename(folder / "design.v")
        outputs = [(manifest.output.signed, manifest.output.element_bits, 1)]
        outputs *= manifest.output.elements
        return Design(manifest.top, ("x", "y"), outputs, _spent() - started)
    outputs = _peer(maker, network, folder, options.python)
    return Design("peer", ("model_inp", "model_out"), outputs, _spent() - started)


def _measured(
    maker: str,
    recipe: str,
    network: Network,
    design: Design,
    folder: Path,
    options: argparse.Namespace,
) -> Row:
    library = open_library(options.pdk)
    if maker != "hwgen":
        flatten(folder)
    if recipe == "plain":
        netlist = _plain(folder, design.top, library)
    else:
        netlist = folder / "ours" / "netlist.json"
        source = folder / "design.v"
        synthesize(source, design.top, library=library, out_dir=netlist.parent, timeout=7200)
    check_netlist(netlist, library, network, design)
    report = measure_netlist(Netlist.read(netlist), library)
    path = report.critical_path_ns
    return {"area": report.area_um2, "path": path, "seconds": design.seconds}


def _spent() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peer(maker: str, network: Network, folder: Path, python: Path) -> list[Format]:
    """Write a peer's design; its outputs."""
    (folder / "network.json").write_text(json.dumps(_integers(network)))
    script = Path(__file__).with_name("peer.py")
    command = [python, script, maker, folder / "network.json", folder]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return [(bool(s), b, w) for s, b, w in json.loads((folder / "outputs.json").read_text())]


def flatten(folder: Path) -> None:
    """A peer's design as one module, ``design.v``."""
    sources = sorted((folder / "src").glob("*.v")) + sorted((folder / "src/static").glob("*.v"))
    unused = ("peer_wrapper.v", "lookup_table.v")
    names = [str(path.relative_to(folder)) for path in sources if path.name not in unused]
    run_yosys(FLATTEN.format(sources=" ".join(names)), folder, timeout=3600)


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


def _plain(folder: Path, top: str, library: CellLibrary) -> Path:
    (folder / "cells.lib").write_text(liberty_text(library))
    (folder / "abc.script").write_text("strash; dch; amap; topo\n")
    run_yosys(PLAIN.format(top=top), folder, timeout=7200)
    return folder / "netlist.json"


def check_netlist(netlist: Path, library: CellLibrary, network: Network, design: Design) -> None:
    """Refuse a netlist that does not compute the golden model's integers."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, network.input.format.maximum + 1, (256, network.input.features))
    bits, (source, sink) = network.input.bits, design.ports
    inputs = {
        f"{source}[{i * bits + b}]": sum(int(v >> b & 1) << k for k, v in enumerate(x[:, i]))
        for i in range(x.shape[1])
        for b in range(bits)
    }
    found = simulate(netlist, library, inputs, len(x))
    expected: Integers = golden.predict(network, x)
    start = 0
    for j, (signed, width, weight) in enumerate(design.outputs):
        word = [found[f"{sink}[{start + b}]"] for b in range(width)]
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
