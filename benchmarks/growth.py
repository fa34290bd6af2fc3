"""How the work grows with the network: seconds and memory to generate and to map.

    python -m benchmarks.growth                 # 500 to 50,000 weights, more than an hour
    python -m benchmarks.growth 500 1500        # these sizes alone

Networks have 32 inputs, two hidden layers, 10 classes, random weights of 4 bits and activations of
4 bits. Each step is a process of its own, without caches, ended after :data:`LIMIT` seconds of
processor time; where one is ended, larger networks of that architecture are left out. Seconds are
those of the processor, of all processes of a step.
"""

import json
import math
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recipes import random_network
from hwgen.flows.cli.console import emit_table
from hwgen.spec.network import Network, save_network

SIZES = (500, 1500, 5000, 15_000, 50_000)
"""Weights, about."""

LIMIT = 3600
"""Seconds of processor time for a step."""

DESIGNS = {
    "parallel": ["--arch", "parallel"],
    "bit-serial": ["--arch", "bit-serial"],
    "serial, 1 MAC": ["--arch", "serial"],
    "serial, 10 MACs": ["--arch", "serial", "--macs", "10"],
}


@dataclass(frozen=True)
class Step:
    """What one command took: seconds of the processor and the most MB of one process."""

    seconds: float
    megabytes: float
    said: dict[str, object]

    def __str__(self) -> str:
        return f"{self.seconds:,.1f} s, {self.megabytes:,.0f} MB"


def main() -> None:
    """Measure every size, and print a table."""
    rows, ended = [], set()
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        network = grown(size)
        for name, words in DESIGNS.items():
            if name in ended:
                continue
            generated = run("generate", network, words)
            mapped = generated and run("synth", network, [*words, "--no-cache"])
            if mapped is None:
                ended.add(name)
            area = f"{mapped.said['area_um2']:,.0f}" if mapped else ""
            row = [f"{network.weight_count:,}", name, generated, mapped, area]
            rows.append([str(cell or "ended") if cell != "" else "" for cell in row])
            print(rows[-1], flush=True)
    emit_table("growth", ["weights", "design", "generate", "synth", "um2"], rows)


def grown(weights: int) -> Network:
    """A network of about ``weights`` weights: 32-h-h-10."""
    hidden = round((math.sqrt(42**2 + 4 * weights) - 42) / 2)
    sizes = [32, hidden, hidden, 10]
    return random_network(sizes, weight_bits=4, bits=4, seed=1, output="argmax")


def run(command: str, network: Network, words: list[str]) -> Step | None:
    """One command in a process of its own; None where it was ended."""
    script = (
        "import json, resource, sys\n"
        "from hwgen.flows.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        "parts = [resource.getrusage(who) for who in (0, -1)]\n"
        "seconds = sum(part.ru_utime + part.ru_stime for part in parts)\n"
        "most = max(part.ru_maxrss for part in parts) / 1024\n"
        "print(json.dumps([code, seconds, most]))\n"
    )
    with tempfile.TemporaryDirectory() as name:
        save_network(network, Path(name) / "network.json")
        words = [command, f"{name}/network.json", *words, "-o", f"{name}/out", "--json"]
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_limited,
        )
    if done.returncode < 0:
        return None
    said, _, figures = done.stdout.rstrip().rpartition("\n")
    code, seconds, most = json.loads(figures)
    if code:
        print(f"{command} {' '.join(words)}: {done.stderr.splitlines()[-1]}", flush=True)
        return None
    return Step(seconds, most, json.loads(said))


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))


if __name__ == "__main__":
    main()
