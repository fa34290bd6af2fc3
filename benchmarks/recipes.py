"""Area, delay and time of every recipe, against Yosys' own default flow on the same Verilog.

    python -m benchmarks.recipes                     # ihp-sg13g2 and sky130hd
    python -m benchmarks.recipes --limit 60 gf180mcu # 60 seconds at most for each default run

"Yosys default" is ``synth -flatten; dfflibmap; abc -liberty``. Its ABC script does not end in
useful time on designs rich in exclusive-or; a run over the limit counts as not measured, and is
left out of the geometric mean.
"""

import argparse
import itertools
import json
import math
import tempfile
from pathlib import Path

import numpy as np

from hwgen.flows.cli.console import emit_table
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network, load_network
from hwgen.support.errors import HwgenError
from hwgen.synth import SynthesisReport, measure, open_library, synthesize
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.tables import liberty_text
from hwgen.synth.mapping.recipe import RECIPES
from hwgen.synth.mapping.yosys import run_yosys

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("ihp-sg13g2", "sky130hd")

DEFAULT = """\
read_verilog design.v
delete */t:$check */t:$print
synth -flatten -top {top}
dfflibmap -liberty cells.lib
abc -liberty cells.lib
opt_clean -purge
setundef -zero
splitnets
opt_clean -purge
write_json netlist.json
"""


def main() -> None:
    """Map every design with every recipe and print one table per library."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pdk", nargs="*", default=LIBRARIES)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for a default run")
    parser.add_argument("--design", action="append", help="only designs with this in their name")
    options = parser.parse_args()
    for pdk in options.pdk:
        library = open_library(pdk)
        table = []
        for name, network, arch in designs():
            if options.design and not any(part in name for part in options.design):
                continue
            with tempfile.TemporaryDirectory(prefix="hwgen-recipes-") as folder:
                table.append((name, measured(network, arch, library, Path(folder), options.limit)))
        show(pdk, table)


def show(pdk: str, table: list[tuple[str, dict[str, SynthesisReport | None]]]) -> None:
    """Print area, critical path and seconds, and the geometric means of the areas' ratios."""
    rows = []
    for name, reports in table:
        base = reports["Yosys default"]
        for recipe, report in reports.items():
            if report is None:
                rows.append([name, recipe, "over the limit", "", "", ""])
                continue
            share = f"{report.area_um2 / base.area_um2 - 1:+.1%}" if base else ""
            path = f"{report.critical_path_ns:.2f}"
            area = f"{report.area_um2:,.1f}"
            rows.append([name, recipe, area, share, path, f"{report.seconds:.1f}"])
    header = ["design", "recipe", "um2", "to default", "path ns", "seconds"]
    emit_table(pdk, header, rows)
    for recipe in RECIPES:
        for other in ("Yosys default", "area"):
            ratios = [
                ours.area_um2 / theirs.area_um2
                for _, reports in table
                if (ours := reports[recipe]) and (theirs := reports[other])
            ]
            if ratios and other != recipe:
                mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
                print(f"{recipe} to {other}: {mean - 1:+.1%}, geometric mean of {len(ratios)}")


def measured(
    network: Network, arch: Architecture, library: CellLibrary, folder: Path, limit: float
) -> dict[str, SynthesisReport | None]:
    """Reports by recipe, Yosys' default first; ``None`` for a run over the limit."""
    manifest = generate(network, arch, folder)
    design = Path(manifest.verilog)
    reports: dict[str, SynthesisReport | None] = {
        "Yosys default": yosys_default(design, manifest.top, library, folder, limit)
    }
    for recipe in RECIPES:
        reports[recipe] = synthesize(
            design, manifest.top, library=library, recipe=recipe, timeout=900
        )
    return reports


def yosys_default(
    design: Path, top: str, library: CellLibrary, folder: Path, limit: float
) -> SynthesisReport | None:
    """What ``synth; dfflibmap; abc -liberty`` makes of it; ``None`` if it takes too long."""
    run = folder / "default"
    run.mkdir()
    (run / "design.v").write_bytes(design.read_bytes())
    (run / "cells.lib").write_text(liberty_text(library), encoding="ascii")
    try:
        seconds = run_yosys(DEFAULT.format(top=top), run, timeout=limit).seconds
    except HwgenError as error:
        if "still running" not in str(error):
            raise
        return None
    report = measure(run / "netlist.json", library)
    return SynthesisReport(**{**vars(report), "seconds": seconds})


def designs() -> list[tuple[str, Network, Architecture]]:
    """Designs of both architectures, small and wide numbers, sparse and dense weights."""
    parallel, serial = Parallel(), Serial()
    digits = load_network(ROOT / "examples/digits.json")
    wide = random_network([16, 64, 32, 32, 5], weight_bits=4, bits=4, seed=1)
    bytes_ = random_network([8, 16, 4], weight_bits=8, bits=8, density=1.0, seed=2)
    ternary = random_network([64, 48, 10], weight_bits=2, bits=4, density=0.5, seed=3)
    words = random_network([4, 8, 2], weight_bits=16, bits=16, density=1.0, output="values", seed=4)
    coded = random_network(
        [16, 16, 4], weight_bits=2, bits=4, codebook=[-7, -1, 1, 6], output="values", seed=5
    )
    return [
        ("digits parallel", digits, parallel),
        ("digits parallel, pipeline 2", digits, Parallel(pipeline=2)),
        ("digits serial, 1 MAC", digits, serial),
        ("digits serial, 4 MACs", digits, Serial(macs=4)),
        ("4,256 weights of 4 bits, parallel", wide, parallel),
        ("4,256 weights of 4 bits, serial", wide, serial),
        ("192 weights of 8 bits, parallel", bytes_, parallel),
        ("192 weights of 8 bits, serial", bytes_, serial),
        ("3,552 ternary weights, parallel", ternary, parallel),
        ("3,552 ternary weights, serial", ternary, serial),
        ("48 weights of 16 bits, parallel", words, parallel),
        ("48 weights of 16 bits, serial", words, serial),
        ("320 weights of a codebook, parallel", coded, parallel),
    ]


def random_network(
    sizes: list[int],
    *,
    weight_bits: int,
    bits: int,
    seed: int,
    density: float = 0.7,
    output: str = "argmax",
    codebook: list[int] | None = None,
) -> Network:
    """Normally distributed weights, relu, and shifts that use the range of the activations."""
    rng = np.random.default_rng(seed)
    top = (1 << (weight_bits - 1)) - 1
    low = -top if weight_bits == 2 else -top - 1
    fraction, layers = bits, []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        if codebook is None:
            drawn = np.round(rng.normal(0, (top + 1) / 2.5, (outputs, inputs)))
            values = np.clip(drawn, low, top).astype(np.int64)
            values[rng.random(values.shape) > density] = 0
            codes = values
        else:
            codes = rng.integers(0, len(codebook), (outputs, inputs))
            values = np.array(codebook)[codes]
        spread = math.sqrt(float((values**2).sum(axis=1).mean())) * 2**bits / 2
        layer = {
            "kind": "dense",
            "name": f"l{index}",
            "weights": codes.tolist(),
            "weight_bits": weight_bits,
            "weight_fraction_bits": weight_bits - 1,
            "bias": rng.integers(-int(spread / 8) - 1, int(spread / 8) + 1, outputs).tolist(),
            "output": None,
        }
        if codebook is not None:
            layer |= {
                "codebook": codebook,
                "codebook_bits": signed_width(min(codebook), max(codebook)),
            }
        if index < len(sizes) - 2:
            shift = max(1, round(math.log2(max(spread * 1.5, 2) / 2**bits)))
            fraction += weight_bits - 1 - shift
            layer["activation"] = "relu"
            layer["output"] = {
                "bits": bits,
                "signed": False,
                "fraction_bits": fraction,
                "rounding": "half_up",
                "overflow": "saturate",
            }
        layers.append(layer)
    text = {
        "format": "hwgen-network",
        "version": 1,
        "name": "random",
        "input": {
            "features": sizes[0],
            "bits": bits,
            "signed": bits == 16,
            "fraction_bits": bits,
        },
        "layers": layers,
        "output": output,
    }
    return Network.model_validate_json(json.dumps(text))


if __name__ == "__main__":
    main()
