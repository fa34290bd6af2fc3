"""``hwgen verify``: the generated design against the golden model, in a real simulator."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    SynthesisOptions,
    architecture_options,
    data_option,
    json_option,
    library_options,
    network_argument,
)
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.data import load_data
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder


@click.command(
    epilog="Example: hwgen verify examples/digits.json --arch serial --macs 4 --vectors 200"
)
@network_argument
@architecture_options
@data_option(required=False)
@click.option(
    "--vectors",
    type=click.IntRange(min=1, max=10_000_000),
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
@click.option("--gates", is_flag=True, help="Simulate the synthesized netlist instead of the RTL.")
@library_options
@click.option("--recipe", help="--gates: what to map for, as hwgen synth has it.  [default: area]")
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
    gates: bool,
    pdk: str | None,
    liberty: tuple[Path, ...],
    recipe: str | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Simulate NET's Verilog and compare it with the golden model, value for value.

    Full speed, random stalls on both sides, resets in mid-stream; latency and interval are held to
    what the design states. --gates maps NET to the cells of --pdk or --liberty and does the same
    with the netlist.
    """
    cells = _cells(gates, pdk, liberty, recipe)
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
            cells=cells,
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


@dataclass(frozen=True)
class Cells:
    """Which cells to map to, a :class:`~hwgen.synth.libraries.library.CellLibrary`, and how."""

    library: Any
    options: SynthesisOptions


def check(
    network: Network,
    architecture: Architecture,
    *,
    data: Path | None,
    vectors: int,
    simulator: Literal["verilator", "icarus"],
    seed: int,
    progress: Progress,
    cells: Cells | None = None,
) -> dict[str, Any]:
    """Generate, map where ``cells`` are given, make vectors, simulate; the report as plain data."""
    from hwgen.sim.runner import run
    from hwgen.sim.vectors import make_vectors

    samples = None if data is None else load_data(data, network).x
    with temporary_folder("verify") as folder:
        design = _design(network, architecture, Path(folder), cells, progress)
        progress("making vectors")
        stimuli = make_vectors(network, count=vectors, seed=seed, data=samples)
        result = run(
            design.verilog,
            design.manifest,
            stimuli,
            simulator=simulator,
            seed=seed,
            extra_sources=design.models,
            progress=progress,
        )
    return {
        **result.to_json(),
        "arch": architecture.to_json(),
        "latency_cycles": design.manifest.latency_cycles,
        "interval_cycles": design.manifest.interval_cycles,
        "origins": stimuli.origins,
        "network_sha256": design.manifest.network_sha256,
        **design.report,
    }


class _Design(NamedTuple):
    """What is simulated, and what there is to say of it."""

    manifest: Manifest
    verilog: Path
    models: tuple[Path, ...]
    report: dict[str, Any]


def _design(
    network: Network,
    architecture: Architecture,
    folder: Path,
    cells: Cells | None,
    progress: Progress,
) -> _Design:
    if cells is None:
        from hwgen.rtl.generate import generate as write_design

        progress("generating")
        manifest = write_design(network, architecture, folder)
        return _Design(manifest, Path(manifest.verilog), (), {})
    from hwgen.flows.gates import make_gates

    gates = make_gates(
        network,
        architecture,
        folder,
        library=cells.library,
        options=cells.options,
        progress=progress,
    )
    return _Design(gates.manifest, gates.netlist, (gates.models,), {"gates": gates.to_json()})


def _cells(
    gates: bool, pdk: str | None, liberty: tuple[Path, ...], recipe: str | None
) -> Cells | None:
    """What the options ask for."""
    if not gates:
        given = {"--pdk": pdk, "--liberty": liberty, "--recipe": recipe}
        for option in (name for name, value in given.items() if value not in (None, ())):
            raise HwgenError(option, "given without --gates", "only a netlist is made of cells")
        return None
    from hwgen.synth import open_library
    from hwgen.synth.mapping.recipe import find_recipe

    options = SynthesisOptions() if recipe is None else SynthesisOptions(recipe)
    find_recipe(options.recipe, options.clock)
    return Cells(open_library(pdk, liberty), options)


def _show(result: dict[str, Any]) -> None:
    emit_table(
        f"{result['simulator']}, seed {result['seed']}",
        ["phase", "vectors", "mismatches", "cycles", "seconds"],
        (
            [p["name"], p["vectors"], p["mismatches"], p["cycles"], p["seconds"]]
            for p in result["phases"]
        ),
    )
    if "gates" in result:
        gates = result["gates"]
        emit_line(
            f"netlist: {gates['cells']:,} cells, {gates['area_um2']:,.0f} um2 in {gates['pdk']} "
            f"({gates['corner']}), recipe {gates['recipe']}"
        )
    origins = ", ".join(f"{count} {name}" for name, count in result["origins"].items())
    verdict = "passed" if result["passed"] else "FAILED"
    emit_line(f"{verdict}: {result['vectors']:,} vectors ({origins})")
