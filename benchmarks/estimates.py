"""The prices of area estimates: measured designs, what fits them, and how far off it is.

    python -m benchmarks.estimates build/estimates.json          # measure what is missing, and fit
    python -m benchmarks.estimates build/estimates.json --write  # and put the prices in their place
    python -m benchmarks.estimates build/estimates.json serial --anew  # after a change of serial

Every design of every network below is mapped (ihp-sg13g2, recipe area) and kept in the file; a run
goes on where another stopped. ``--known`` fits what is there. The prices of an architecture are
those, none below 0, with the least squares of relative errors on the networks that are fitted; the
errors on the others are what counts.
"""

import argparse
import re
import statistics
import tempfile
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

import hwgen.rtl.bitserial.estimate
import hwgen.rtl.parallel.estimate
import hwgen.rtl.serial.estimate
from benchmarks.recipes import ROOT, random_network
from benchmarks.results import Results, Row
from hwgen.flows.cli.console import emit_table
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.rtl.simplify import simplify
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network, load_network
from hwgen.support.cache import open_cache
from hwgen.synth import open_library, synthesize
from hwgen.synth.libraries.library import CellLibrary

FITTED = {
    "digits": load_network(ROOT / "examples/digits.json"),
    "24-32-16-8, 2 bits": random_network([24, 32, 16, 8], weight_bits=2, bits=6, seed=1),
    "16-24-16-8, 4 bits": random_network([16, 24, 16, 8], weight_bits=4, bits=8, seed=1),
    "12-16-12-6, 8 bits": random_network([12, 16, 12, 6], weight_bits=8, bits=8, seed=1),
    "12-10-10-4, 4 bits": random_network([12, 10, 10, 4], weight_bits=4, bits=4, seed=1),
    "64-16-10, 3 bits": random_network([64, 16, 10], weight_bits=3, bits=4, seed=2, density=0.4),
    "8-12-3, 6 bits": random_network([8, 12, 3], weight_bits=6, bits=8, seed=3, density=1.0),
    "32-32-16-8, 4 bits": random_network([32, 32, 16, 8], weight_bits=4, bits=8, seed=1),
    "20-40-6, 5 bits": random_network([20, 40, 6], weight_bits=5, bits=5, seed=5, density=0.3),
    "16-64-32-32-5, 4 bits": random_network([16, 64, 32, 32, 5], weight_bits=4, bits=8, seed=1),
}
HELD_OUT = {
    "16-32-16-8, 3 bits": random_network([16, 32, 16, 8], weight_bits=3, bits=8, seed=1),
    "16-16-16-8, 6 bits": random_network([16, 16, 16, 8], weight_bits=6, bits=8, seed=1),
    "10-20-4, 5 bits": random_network([10, 20, 4], weight_bits=5, bits=6, seed=6),
    "40-24-12-5, 4 bits": random_network(
        [40, 24, 12, 5], weight_bits=4, bits=5, seed=7, density=0.6
    ),
    "64-32-10, 2 bits": random_network([64, 32, 10], weight_bits=2, bits=4, seed=8, density=0.5),
    "30-12-8-2, 7 bits": random_network([30, 12, 8, 2], weight_bits=7, bits=7, seed=9),
}
PARTS = {
    "parallel": hwgen.rtl.parallel.estimate,
    "bit-serial": hwgen.rtl.bitserial.estimate,
    "serial": hwgen.rtl.serial.estimate,
}
KNOBS = {"parallel": ["pipeline"], "bit-serial": ["digit", "stages"], "serial": ["macs"]}


def main() -> None:
    """Measure, fit, show."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("families", nargs="*", default=list(PARTS))
    parser.add_argument("--write", action="store_true", help="put the prices in their place")
    parser.add_argument("--anew", action="store_true", help="measure what is in the file, too")
    parser.add_argument("--known", action="store_true", help="measure nothing")
    options = parser.parse_intermixed_args()
    rows = measured(options.results, options.families, options.anew, options.known)
    for family in options.families:
        own = [row for row in rows if row["arch"].name == family]
        if all(row["held"] for row in own):
            print(f"{family}: nothing to fit")
            continue
        prices = fitted(family, own)
        show(family, own, prices)
        if options.write:
            written(family, prices)


def designs(network: Network, kinds: list[str]) -> list[Architecture]:
    """The designs of ``network`` that are measured."""
    widest = max(layer.outputs for layer in network.layers)
    every = [
        Parallel(),
        Serial(macs=1, storage="flip-flop"),
        Serial(macs=-(-widest // 4), storage="flip-flop"),
        BitSerial(stages=1),
        BitSerial(digit=2),
        Parallel(pipeline=2),
    ]
    return [one for one in every if one.name in kinds]


def measured(results: Path, kinds: list[str], anew: bool, known: bool) -> list[Row]:
    """The area of every design, mapped where ``results`` does not have it."""
    kept, library = Results(results), open_library("ihp-sg13g2")
    rows = []
    for held, networks in ((False, FITTED), (True, HELD_OUT)):
        for name, network in networks.items():
            for one in designs(network, kinds):
                title = f"{name}, {one}"
                found = None if anew else kept.get(title)
                if found is None and not known:
                    found = _measured(network, one, library)
                    kept.put(title, found)
                    print(title, found, flush=True)
                if found is not None:
                    about = {"name": name, "network": network, "held": held, "arch": one}
                    rows.append({**found, **about})
    return rows


def _measured(network: Network, one: Architecture, library: CellLibrary) -> Row:
    with tempfile.TemporaryDirectory(prefix="hwgen-estimates-") as folder:
        manifest = generate(network, one, Path(folder))
        report = synthesize(
            Path(manifest.verilog),
            manifest.top,
            library=library,
            cache=open_cache(),
            timeout=3600,
        )
    return {"area": report.area_um2, "path": report.critical_path_ns}


def parts_of(row: Row) -> Integers:
    """What the family's estimate sees of a design."""
    network = simplify(row["network"])
    knobs = {name: getattr(row["arch"], name) for name in KNOBS[row["arch"].name]}
    found = PARTS[row["arch"].name].parts(network.layers, network.input.format, **knobs)
    return np.array(found, float)


def fitted(family: str, rows: list[Row]) -> list[float]:
    """Prices with the least squares of relative errors."""
    known = [row for row in rows if not row["held"]]
    relative = np.array([parts_of(row) / row["area"] for row in known])
    prices, _ = nnls(relative, np.ones(len(known)))
    return [float(f"{price:.4g}") for price in prices]


def show(family: str, rows: list[Row], prices: list[float]) -> None:
    """Every design's error, and what errors come to."""
    table, errors = [], {True: [], False: []}
    for row in rows:
        off = float(parts_of(row) @ np.array(prices)) / row["area"] - 1
        errors[row["held"]].append(abs(off))
        held = "held out" if row["held"] else ""
        table.append([row["name"], row["arch"], f"{row['area']:,.0f}", f"{off:+.1%}", held])
    emit_table(f"{family}: {prices}", ["network", "design", "um2", "estimated", ""], table)
    for held, found in errors.items():
        if found:
            kind = "held out" if held else "fitted"
            middle = statistics.median(found)
            print(f"{family}, {kind}: {len(found)} designs, median {middle:.1%}, "
                  f"mean {statistics.mean(found):.1%}, largest {max(found):.1%}")  # fmt: skip


def written(family: str, prices: list[float]) -> None:
    """Put the prices where the family's estimate has them."""
    path = Path(PARTS[family].__file__ or "")
    text = re.sub(r"^PRICES = \(.*\)$", f"PRICES = ({', '.join(map(str, prices))})",
                  path.read_text("utf-8"), count=1, flags=re.MULTILINE)  # fmt: skip
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
