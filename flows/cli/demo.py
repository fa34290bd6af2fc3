"""``hwgen demo``: the whole way, on a network that reads handwritten digits."""

import json
from pathlib import Path
from typing import Any

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import SynthesisOptions, json_option, output_option
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import families
from hwgen.spec import golden
from hwgen.spec.data import load_data
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic

_SEED = 1
_VECTORS = 100


@click.command(epilog="Example: hwgen demo")
@output_option("Folder for everything.  [default: build/demo]", required=False)
@json_option
def demo(output: Path | None, as_json: bool) -> None:
    """Take the digits network to Verilog, proof and area in every architecture."""
    folder = output or Path("build/demo")
    with Progress(quiet=as_json) as progress:
        result = run_demo(folder, progress)
    write_atomic(folder / "demo.json", json.dumps(result, indent=2) + "\n")
    if as_json:
        emit_json(result)
    else:
        _show(result, folder)
    failed = [row for row in result["designs"] if not row["passed"]]
    if failed:
        raise HwgenError(
            f"demo (seed {_SEED})",
            failed[0]["failure"],
            "every result must equal the golden model's",
        )


def run_demo(folder: Path, progress: Progress) -> dict[str, Any]:
    """Verify and synthesize the digits network in each architecture; the results as plain data."""
    from hwgen.flows.cli.predict import accuracy_of
    from hwgen.flows.cli.synth import draw_areas

    network = load_network(example("digits.json"))
    data = example("digits-test.npz")
    samples = load_data(data, network)
    accuracy = accuracy_of(network, golden.predict(network, samples.x), samples)
    reports: dict[str, dict[str, Any]] = {}
    designs = []
    for architecture in (one() for one in families().values()):
        with progress.under(architecture.name):
            row, report = _design(network, architecture, data, folder, progress)
        designs.append({"accuracy": accuracy, **row})
        reports[str(architecture)] = report
    drawn = draw_areas(reports, folder, progress)
    return {
        "network": network.name,
        "parameters": network.parameter_count,
        "designs": designs,
        "picture": str(folder / "area.png") if drawn else None,
    }


def _design(
    network: Any, architecture: Architecture, data: Path, folder: Path, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    from hwgen.flows.cli.synth import map_to_cells
    from hwgen.flows.cli.verify import check
    from hwgen.synth import open_library

    checked = check(
        network,
        architecture,
        data=data,
        vectors=_VECTORS,
        simulator="verilator",
        seed=_SEED,
        progress=progress,
    )
    report = map_to_cells(
        network,
        architecture,
        library=open_library(),
        options=SynthesisOptions(),
        output=folder / architecture.name,
        progress=progress,
    )
    kept = ("arch", "cells", "area_um2", "gate_equivalents", "critical_path_ns", "pdk")
    cycles = ("latency_cycles", "interval_cycles", "verilog", "netlist")
    return {
        **{key: checked[key] for key in ("passed", "failure", "vectors", "mismatches")},
        **{key: report[key] for key in (*kept, *cycles)},
    }, report


def _show(result: dict[str, Any], folder: Path) -> None:
    emit_table(
        f"{result['network']}: {result['parameters']:,} parameters, {result['designs'][0]['pdk']}",
        [
            "design",
            "accuracy",
            "vectors",
            "mismatches",
            "cells",
            "um2",
            "GE",
            "latency",
            "interval",
        ],
        (
            [
                row["arch"]["name"],
                f"{row['accuracy']:.2%}",
                row["vectors"],
                row["mismatches"],
                row["cells"],
                round(row["area_um2"]),
                round(row["gate_equivalents"]),
                row["latency_cycles"],
                row["interval_cycles"],
            ]
            for row in result["designs"]
        ),
    )
    picture = " and the picture area.png" if result["picture"] else ""
    emit_line(f"Verilog, netlists{picture} in {folder}")


def example(name: str) -> Path:
    """A file of ``examples/``, beside this package or, once installed, inside it."""
    flows = Path(__file__).resolve().parents[1]
    inside, beside = flows / "examples" / name, flows.parent / "examples" / name
    return inside if inside.is_file() else beside
