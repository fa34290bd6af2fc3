"""The front of a network: every design that no other beats, mapped and verified, as a table.

    python -m benchmarks.front                      # examples/digits.json, about ten minutes
    python -m benchmarks.front NET --vectors 1000

Designs are those of ``hwgen plan``. All that may be on the front by their estimates, with a margin,
are mapped (ihp-sg13g2, recipe area); what then is on the front is verified with Verilator.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hwgen.flows.cli.console import emit_note
from hwgen.flows.plan import candidates, cells_of, front
from hwgen.flows.plan_points import Point
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.flows.verification import verify_design
from hwgen.spec.network import Network, load_network
from hwgen.synth import open_library

ROOT = Path(__file__).resolve().parents[1]
MARGIN = 0.25
"""By how much an estimate may be too high."""


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("net", nargs="?", type=Path, default=ROOT / "examples/digits.json")
    parser.add_argument("--vectors", type=int, default=1000)
    options = parser.parse_args()
    network = load_network(options.net)
    print("| design | interval | latency | um2 | estimated | path ns | verified |")
    print("|---|---|---|---|---|---|---|")
    for point in front(mapped(network)):
        print(row(network, point, options.vectors), flush=True)


def mapped(network: Network) -> list[Point]:
    """The designs that may be on the front, mapped."""
    library = open_library("ihp-sg13g2")
    points = candidates(network, library)
    run = cells_of(network, library, SynthesisOptions(), progress=emit_note)
    found = []
    for point in points:
        others = [one for one in points if one.interval <= point.interval and one is not point]
        if any(one.estimate * (1 + MARGIN) < point.estimate for one in others):
            continue
        cells = run(point.architecture)
        found.append(replace(point, mapped=cells, latency=cells.latency))
    return found


def row(network: Network, point: Point, vectors: int) -> str:
    """The table's row of one design."""
    result = verify_design(network, point.architecture, vectors=vectors, seed=1)
    off = point.estimate / point.area - 1
    figures = [
        f"{point.interval:,}",
        f"{point.latency:,}",
        f"{point.area:,.0f}",
        f"{off:+.1%}",
        f"{point.path_ns:.2f}",
        f"{vectors:,} vectors" if result.passed else "FAILED",
    ]
    return f"| {point.architecture} | {' | '.join(figures)} |"


if __name__ == "__main__":
    main()
