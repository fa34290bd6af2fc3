"""``hwgen verify``: the generated design against the golden model, in a real simulator."""

import shlex
from pathlib import Path

import click

from hwgen.flows.cli.command import command
from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    architecture_options,
    data_option,
    json_option,
    library_options,
    network_argument,
    simulator_options,
)
from hwgen.flows.cli.state import STATE
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.flows.verification import Cells, Verification, verify_design
from hwgen.rtl.architecture import Architecture
from hwgen.sim.simulators import Simulator
from hwgen.spec.data import load_data
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library


@command(epilog="Example: hwgen verify examples/digits.json --arch serial --macs 4 --vectors 200")
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
@click.option("--gates", is_flag=True, help="Simulate the synthesized netlist instead of the RTL.")
@library_options
@click.option("--recipe", help="--gates: what to map for, as hwgen synth has it.  [default: area]")
@simulator_options
@click.option(
    "--wave",
    type=click.Path(path_type=Path),
    help="Write the waveform of the first vector that is wrong, run alone (else of vector 0): "
    ".fst or .vcd.",
)
@json_option
def verify(
    network: Network,
    architecture: Architecture,
    data: Path | None,
    vectors: int,
    simulator: Simulator,
    gates: bool,
    pdk: str | None,
    liberty: tuple[Path, ...],
    recipe: str | None,
    seed: int,
    wave: Path | None,
    as_json: bool,
) -> None:
    """Simulate NET's Verilog and compare it with the golden model, value for value.

    Full speed, random stalls on both sides, resets in mid-stream; latency and interval are held to
    what the design states. --gates maps NET to the cells of --pdk or --liberty and does the same
    with the netlist.
    """
    cells = _cells(gates, pdk, liberty, recipe)
    with Progress(quiet=as_json) as progress:
        result = verify_design(
            network,
            architecture,
            samples=None if data is None else load_data(data, network).x,
            vectors=vectors,
            simulator=simulator,
            seed=seed,
            cells=cells,
            wave=wave,
            progress=progress,
        )
    if as_json:
        emit_json(result.to_json())
    else:
        _show(result)
    result.require(_again(seed))


def _again(seed: int) -> str:
    """The command line that was given, with the seed that was used and a waveform."""
    words = [word for word in STATE.arguments if word not in ("--json", "--quiet")]
    for option in ("--seed", "--wave"):
        while any(word == option or word.startswith(f"{option}=") for word in words):
            place = next(i for i, word in enumerate(words) if word.split("=")[0] == option)
            del words[place : place + 1 + (words[place] == option)]
    return shlex.join(["hwgen", *words, "--seed", str(seed), "--wave", "wrong.vcd"])


def _cells(
    gates: bool, pdk: str | None, liberty: tuple[Path, ...], recipe: str | None
) -> Cells | None:
    """What the options ask for."""
    if gates:
        options = SynthesisOptions() if recipe is None else SynthesisOptions(recipe)
        return Cells(open_library(pdk, liberty), options.check())
    given = {"--pdk": pdk, "--liberty": liberty, "--recipe": recipe}
    for option in (name for name, value in given.items() if value not in (None, ())):
        raise HwgenError(option, "given without --gates", "only a netlist is made of cells")
    return None


def _show(result: Verification) -> None:
    emit_table(
        f"{result.simulator}, seed {result.seed}",
        ["phase", "vectors", "mismatches", "cycles", "seconds"],
        ([p.name, p.vectors, p.mismatches, p.cycles, p.seconds] for p in result.phases),
    )
    if result.gates is not None:
        gates = result.gates
        emit_line(
            f"netlist: {gates['cells']:,} cells, {gates['area_um2']:,.0f} um2 in {gates['pdk']} "
            f"({gates['corner']}), recipe {gates['recipe']}"
        )
    emit_line(result.summary())
    if result.wave is not None:
        emit_line(result.about_wave())
