"""Random networks with maps: golden model = plain loops in fractions = hardware.

``python -m tests.rtl.random_maps [--networks N] [--rtl N] [--seed N]``; prints what was compared,
and stops at the first difference.
"""

import argparse
import time
from collections import Counter

import numpy as np

from hwgen.rtl.architectures import families
from hwgen.rtl.requantize import check_tables
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests import naive
from tests.convnets import random_network
from tests.networks import corner_and_random
from tests.rtl.test_architectures import check_streams

VECTORS = 4


def compared(net: Network, seed: int) -> int:
    """Integers of a network that both formulations give."""
    x = corner_and_random(net, VECTORS, seed)
    found, content = golden.infer(net, x), net.model_dump(mode="json")
    for codes, y in zip(x.tolist(), found.tolist(), strict=True):
        if naive.infer(content, codes) != y:
            raise HwgenError(
                f"network {seed}", f"{y} for {codes}", f"{naive.infer(content, codes)}"
            )
    return int(found.size)


def simulated(net: Network, seed: int) -> list[str]:
    """Names of the architectures that take a network; each computes what the golden model does."""
    x = corner_and_random(net, 3 * VECTORS, seed)
    names = []
    maps = any(layer.kind != "dense" for layer in net.layers)
    for name, family in families().items():
        if maps and family.takes(net):
            try:
                check_tables(net)
                family().check(net)
            except HwgenError:
                continue  # it does not go into hardware
            check_streams(net, family(), x, 0.3)
            names.append(name)
    return names


def main() -> None:
    """Compare as many as are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=2000)
    parser.add_argument("--rtl", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started, integers, kinds = time.monotonic(), 0, Counter[str]()
    for seed in range(asked.seed, asked.seed + asked.networks):
        net = random_network(np.random.default_rng(seed))
        kinds.update(layer.kind for layer in net.layers)
        integers += compared(net, seed)
    layers = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    seconds = time.monotonic() - started
    print(f"{asked.networks} networks ({layers}): {integers:,} integers alike, {seconds:.0f} s")
    started, names = time.monotonic(), Counter[str]()
    for seed in range(asked.seed, asked.seed + asked.rtl):
        names.update(simulated(random_network(np.random.default_rng(seed), tables=False), seed))
    done = ", ".join(f"{count} in {name}" for name, count in names.items())
    print(f"simulated: {done}; all alike, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
