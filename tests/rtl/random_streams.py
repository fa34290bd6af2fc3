"""Random convolutional networks through an architecture: RTL in a simulator, and gates.

``python -m tests.rtl.random_streams --rtl 100 --gates 20 [--arch NAME]`` makes networks of every
shape, stride, padding, group, pool, width and rounding, and holds each design to the golden model:
full speed, stalls, resets, latency and interval. Networks that it refuses are counted and replaced.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from hwgen.flows.synthesis import SynthesisOptions
from hwgen.flows.verification import Cells, verify_design
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import family
from hwgen.rtl.requantize import check_tables
from hwgen.rtl.stream import Stream
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library
from tests.convnets import random_network


def fitting(name: str, seed: int, count: int) -> tuple[list[tuple[Network, Architecture]], int]:
    """So many networks that go into an architecture, each with one, and how many were refused."""
    rng, found, refused = np.random.default_rng(seed), [], 0
    while len(found) < count:
        network, registers = random_network(rng), bool(rng.integers(2))
        choices: Sequence[Architecture] = [Stream(registers=registers, effort="low")]
        if name != Stream.name:
            choices = family(name).choices(network)
        architecture = choices[int(rng.integers(len(choices)))]
        try:
            check_tables(network)
            architecture.check(network)
        except HwgenError:
            refused += 1
            continue
        found.append((network, architecture))
    return found, refused


def held(network: Network, architecture: Architecture, seed: int, cells: Cells | None) -> str:
    """What is wrong with a design; empty if nothing."""
    found = verify_design(
        network, architecture, vectors=12, simulator="icarus", seed=seed, cells=cells
    )
    return "" if found.passed else f"{found.mismatches} mismatches; {found.failure}"


def main() -> int:
    """Count what fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rtl", type=int, default=100)
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--arch", default=Stream.name)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    for name, count in (("rtl", options.rtl), ("gates", options.gates)):
        gates = name == "gates"
        cells = Cells(open_library("ihp-sg13g2"), SynthesisOptions()) if gates else None
        found, refused = fitting(options.arch, options.seed + gates, count)
        wrong = 0
        for number, (network, architecture) in enumerate(found):
            trouble = held(network, architecture, number, cells)
            if trouble:
                wrong += 1
                print(f"{name} {number}, {architecture}: {trouble}", flush=True)
        print(f"{name}: {count} networks, {wrong} wrong ({refused} refused)", flush=True)
        failed += wrong
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
