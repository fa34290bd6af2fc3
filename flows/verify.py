"""``hwgen verify``: the generated design against the golden model, in a real simulator."""

import secrets
import tempfile
from pathlib import Path
from typing import Any, Literal

import click

from flows.console import Progress, emit_json, emit_line, emit_table
from flows.options import (
    architecture_options,
    data_option,
    json_option,
    network_argument,
)
from hwgen.data import load_data
from hwgen.errors import HwgenError
from hwgen.interface import Architecture
from hwgen.network import Network


@click.command(
    epilog="Example: hwgen verify examples/digits.json --arch serial --macs 4 --vectors 200"
)
@network_argument
@architecture_options
@data_option(required=False)
@click.option(
    "--vectors",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Corner and random vectors, besides every sample of --data.",
)
@click.option(
    "--simulator",
    type=click.Choice(["verilator", "icarus"]),
    default="verilator",
    show_default=True,
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of vectors and stalls; a fresh one if not given."
)
@json_option
def verify(
    network: Network,
    architecture: Architecture,
    data: Path | None,
    vectors: int,
    simulator: Literal["verilator", "icarus"],
    seed: int | None,
    as_json: bool,
) -> None:
    """Simulate NET's Verilog and compare it with the golden model, value for value.

    Full speed, random stalls on both sides, resets in mid-stream; latency and interval are held to
    what the design states.
    """
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    with Progress(quiet=as_json) as progress:
        result = check(
            network,
            architecture,
            data=data,
            vectors=vectors,
            simulator=simulator,
            seed=seed,
            progress=progress,
        )
    if as_json:
        emit_json(result)
    else:
        _show(result)
    if not result["passed"]:
        raise HwgenError(
            f"verify (seed {seed})",
            f"{result['mismatches']} mismatches; {result['failure']}",
            "every result must equal the golden model's",
        )


def check(
    network: Network,
    architecture: Architecture,
    *,
    data: Path | None,
    vectors: int,
    simulator: Literal["verilator", "icarus"],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Generate, make vectors, simulate; the report as plain data."""
    from hwgen.generate import generate as write_design
    from sim.runner import run
    from sim.vectors import make_vectors

    samples = None if data is None else load_data(data, network).x
    with tempfile.TemporaryDirectory(prefix="hwgen-verify-") as folder:
        progress("generating")
        manifest = write_design(network, architecture, Path(folder))
        progress("making vectors")
        stimuli = make_vectors(network, count=vectors, seed=seed, data=samples)
        result = run(
            Path(manifest.verilog),
            manifest,
            stimuli,
            simulator=simulator,
            seed=seed,
            progress=progress,
        )
    return {
        **result.to_json(),
        "arch": architecture.to_json(),
        "latency_cycles": manifest.latency_cycles,
        "interval_cycles": manifest.interval_cycles,
        "origins": stimuli.origins,
        "network_sha256": manifest.network_sha256,
    }


def _show(result: dict[str, Any]) -> None:
    emit_table(
        f"{result['simulator']}, seed {result['seed']}",
        ["phase", "vectors", "mismatches", "cycles", "seconds"],
        (
            [p["name"], p["vectors"], p["mismatches"], p["cycles"], p["seconds"]]
            for p in result["phases"]
        ),
    )
    origins = ", ".join(f"{count} {name}" for name, count in result["origins"].items())
    verdict = "passed" if result["passed"] else "FAILED"
    emit_line(f"{verdict}: {result['vectors']:,} vectors ({origins})")
