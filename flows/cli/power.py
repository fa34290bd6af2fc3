"""``hwgen power``: what an inference costs in energy."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click

from hwgen.flows.cli.console import Progress, emit_json, emit_line, emit_table
from hwgen.flows.cli.options import (
    Finite,
    SynthesisOptions,
    architecture_options,
    data_option,
    json_option,
    library_options,
    network_argument,
    output_option,
)
from hwgen.flows.cli.synth import by_size, short_module
from hwgen.flows.gates import Gates, make_gates
from hwgen.rtl.architecture import Architecture
from hwgen.spec.data import load_data
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.temporary import temporary_folder

_SEED = 1
_STEP_NS = 0.01
_SLOWEST = 1e9  # ns
_HEAVIEST = 1e6  # fF
_TIMEOUT = 3600.0


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a design works under; None stands for what follows from the design.

    Parameters
    ----------
    clock
        Clock period in ns; None: the shortest by static timing, rounded up.
    rate
        Inferences a second; None: as many as the design can.
    wire
        fF of the wire to each driven pin; None: :func:`hwgen.synth.power.default_wire`.

    Raises
    ------
    HwgenError
        A figure is not finite.
    """

    clock: float | None = None
    rate: float | None = None
    wire: float | None = None

    def __post_init__(self) -> None:
        for option, value in (
            ("--clock", self.clock),
            ("--rate", self.rate),
            ("--wire-cap", self.wire),
        ):
            if value is not None and not math.isfinite(value):
                raise HwgenError(option, f"found {value}", "a finite number is needed")

    def settle(self, gates: Gates) -> "Conditions":
        """The same with every figure.

        Raises
        ------
        HwgenError
            The design is not that fast.
        """
        from hwgen.synth.power import default_wire

        fastest = gates.report.critical_path_ns
        clock = self.clock or _rounded_up(fastest)
        if clock < fastest:
            raise HwgenError(
                "--clock", f"{clock:g} ns", f"at least {_rounded_up(fastest):g} ns by static timing"
            )
        highest = 1e9 / (clock * gates.manifest.interval_cycles)
        rate = self.rate or highest
        if rate > highest:
            raise HwgenError(
                "--rate", f"{rate:g} inferences a second", f"at most {highest:g} at {clock:g} ns"
            )
        wire = default_wire(gates.library).femtofarad if self.wire is None else self.wire
        return replace(self, clock=clock, rate=rate, wire=wire)


@click.command(
    epilog="Example: hwgen power examples/digits.json --arch serial "
    "--data examples/digits-test.npz --samples 10"
)
@network_argument
@architecture_options
@data_option(required=True)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many samples of --data, from the first on.",
)
@library_options
@click.option("--recipe", default="area", show_default=True, help="As hwgen synth has it.")
@click.option(
    "--clock",
    type=Finite(min=0, min_open=True, max=_SLOWEST),
    help="Clock period in ns.  [default: the shortest by static timing]",
)
@click.option(
    "--rate",
    type=Finite(min=0, min_open=True),
    help="Inferences a second.  [default: as many as the clock allows]",
)
@click.option(
    "--wire-cap",
    type=Finite(min=0, max=_HEAVIEST),
    help="fF of the wire to each driven pin.  [default: by library]",
)
@click.option(
    "--simulator",
    type=click.Choice(["verilator", "icarus"]),
    default="verilator",
    show_default=True,
)
@output_option("Folder for Verilog, manifest, netlist and power.json.", required=False)
@json_option
def power(
    network: Network,
    architecture: Architecture,
    data: Path,
    samples: int,
    pdk: str | None,
    liberty: tuple[Path, ...],
    recipe: str,
    clock: float | None,
    rate: float | None,
    wire_cap: float | None,
    simulator: Literal["verilator", "icarus"],
    output: Path | None,
    as_json: bool,
) -> None:
    """Estimate the energy of an inference of NET: simulate its netlist on data, count changes.

    Pre-layout: pins and an estimate of wires are charged; energy inside cells is not known.
    """
    from hwgen.synth import open_library
    from hwgen.synth.mapping.recipe import find_recipe

    conditions = Conditions(clock=clock, rate=rate, wire=wire_cap)
    options = SynthesisOptions(recipe, clock if recipe == "delay" else None)
    find_recipe(options.recipe, options.clock)
    with Progress(quiet=as_json) as progress:
        result = estimate(
            network,
            architecture,
            data=data,
            samples=samples,
            library=open_library(pdk, liberty),
            options=options,
            conditions=conditions,
            simulator=simulator,
            output=output,
            progress=progress,
        )
    if as_json:
        emit_json(result)
        return
    _show(result)
    if output is not None:
        emit_line(f"everything in {output}")


def estimate(
    network: Network,
    architecture: Architecture,
    *,
    data: Path,
    samples: int,
    library: Any,
    options: SynthesisOptions,
    conditions: Conditions,
    simulator: Literal["verilator", "icarus"],
    output: Path | None,
    progress: Progress,
) -> dict[str, Any]:
    """Synthesize, simulate on ``data``, add up; the report as plain data, and in ``output``."""
    x = load_data(data, network).x[:samples]
    if not len(x):
        raise HwgenError(str(data), "no samples", "at least 1 is needed")
    if not library.voltage:
        raise HwgenError(library.name, "no supply voltage", "a library with nom_voltage")
    if output is not None:
        check_folder(output)
    with temporary_folder("power") as name:
        folder = Path(name)
        gates = make_gates(
            network, architecture, folder, library=library, options=options, progress=progress
        )
        settled = conditions.settle(gates)
        report = _measure(gates, network, x, settled, simulator, progress)
        if output is not None:
            _write(gates, report, output)
    return report


def _measure(
    gates: Gates,
    network: Network,
    x: Any,
    conditions: Conditions,
    simulator: Literal["verilator", "icarus"],
    progress: Progress,
) -> dict[str, Any]:
    from hwgen.sim.activity import collect
    from hwgen.synth.libraries.models import NETLIST, flat_verilog
    from hwgen.synth.mapping.netlist import Netlist
    from hwgen.synth.power import average_power, leakage_energy, switching

    netlist = Netlist.read(gates.folder / "netlist.json", gates.manifest.top)
    source = gates.folder / "flat.v"
    source.write_text(flat_verilog(netlist.flat(), gates.library, netlist.top), "utf-8")
    activity = collect(
        source,
        gates.manifest,
        network,
        x,
        instance=NETLIST,
        simulator=simulator,
        seed=_SEED,
        timeout=_TIMEOUT,
        progress=progress,
    )
    manifest, report = gates.manifest, gates.report
    clock, rate, wire = (getattr(conditions, key) for key in ("clock", "rate", "wire"))
    found = switching(netlist, gates.library, _changes(netlist, activity), wire)
    leakage = leakage_energy(report.leakage_nw, 1e-9 * clock * manifest.interval_cycles)
    return {
        "energy_pj": round(found.energy + leakage, 6),
        "dynamic_energy_pj": round(found.energy, 6),
        "leakage_energy_pj": round(leakage, 6),
        "average_power_uw": round(average_power(found.energy, rate, report.leakage_nw), 6),
        "rate_hz": rate,
        "highest_rate_hz": 1e9 / (clock * manifest.interval_cycles),
        "clock_ns": clock,
        "dynamic_by_kind_pj": {k: round(v, 6) for k, v in found.by_kind.items()},
        "dynamic_by_module_pj": {k: round(v, 6) for k, v in found.by_module.items()},
        "leakage_nw": report.leakage_nw,
        "voltage": gates.library.voltage,
        "wire_cap_ff": wire,
        "inferences": activity.inferences,
        "cycles": activity.cycles,
        "simulator": activity.simulator,
        **gates.to_json(),
        "critical_path_ns": report.critical_path_ns,
        "tool": report.tool,
        "top": manifest.top,
        "arch": manifest.arch.to_json(),
        "latency_cycles": manifest.latency_cycles,
        "interval_cycles": manifest.interval_cycles,
        "network_sha256": manifest.network_sha256,
        "assumptions": _assumptions(gates, wire),
    }


def _changes(netlist: Any, activity: Any) -> dict[Any, float]:
    """Changes per inference by net of the flat netlist, the clock's held to what they must be."""
    from hwgen.synth.libraries.models import net_name

    flat = netlist.flat()
    nets = {net for instance in flat.instances for net in instance.pins.values()}
    nets |= {net for _, net in flat.inputs}
    counts = {net: activity.toggles[net_name(net)] for net in nets if isinstance(net, int)}
    clock = dict(flat.inputs).get("clk")
    if clock is not None and counts[clock] != 2 * activity.cycles:
        raise HwgenError(
            "the simulation",
            f"{counts[clock]} changes of clk in {activity.inferences} inferences",
            f"{2 * activity.cycles} by the stated interval",
        )
    return {net: count / activity.inferences for net, count in counts.items()}


def _assumptions(gates: Gates, wire: float) -> list[str]:
    from hwgen.synth.power import default_wire

    known = default_wire(gates.library)
    source = known.source if wire == known.femtofarad else "as given"
    return [
        "before layout: no buffers and no clock tree; the clock drives its pins and their wires",
        f"the wire to a driven pin weighs {wire:g} fF: {source}",
        "gates without delay: glitches are not counted; where many gates follow each other without "
        "a register, they take several times what is counted",
        "energy inside cells (internal nets, short circuit) is not counted, as the tables have "
        "none; where flip-flops are many, it is more than what is counted",
        "nets of input ports are counted, what output ports drive is not",
        f"{gates.library.corner}, {gates.library.voltage:g} V; leakage as the library sums it up",
        "samples follow each other at full speed; at a lower rate the clock stands still between",
    ]


def _write(gates: Gates, report: dict[str, Any], output: Path) -> None:
    manifest = gates.manifest.moved_to(output)
    source = Path(gates.manifest.verilog)
    kept = [gates.folder / name for name in ("netlist.v", "netlist.json", "yosys.log")]
    write_together(
        {
            **{output / file.name: file.read_bytes() for file in (source, *kept)},
            output / "manifest.json": manifest.to_text(),
            output / "power.json": json.dumps(report, indent=2) + "\n",
        }
    )


def _rounded_up(period: float) -> float:
    return round(math.ceil(round(period / _STEP_NS, 6)) * _STEP_NS, 6)


def _show(report: dict[str, Any]) -> None:
    emit_line(
        f"{_si(report['energy_pj'])}J an inference: {_si(report['dynamic_energy_pj'])}J dynamic, "
        f"{_si(report['leakage_energy_pj'])}J leakage at a clock of {report['clock_ns']:g} ns"
    )
    emit_line(
        f"{_si(1e6 * report['average_power_uw'])}W at {report['rate_hz']:,.0f} inferences a second "
        f"(at most {report['highest_rate_hz']:,.0f})"
    )
    emit_line(
        f"counted over {report['inferences']:,} inferences, {report['cycles']:,} cycles, in "
        f"{report['simulator']}; {report['cells']:,} cells, {report['area_um2']:,.0f} um2 in "
        f"{report['pdk']} ({report['corner']}), recipe {report['recipe']}"
    )
    total = report["dynamic_energy_pj"] or 1.0
    for title, key in (("kind", "dynamic_by_kind_pj"), ("module", "dynamic_by_module_pj")):
        emit_table(
            f"dynamic energy by {title}",
            [title, "pJ", "share"],
            (
                [short_module(name, report["top"]), f"{energy:,.4g}", f"{energy / total:.1%}"]
                for name, energy in by_size(report[key])
            ),
        )
    for assumption in report["assumptions"]:
        emit_line(f"* {assumption}")


def _si(pico: float) -> str:
    """A figure in pico, with three digits and the prefix that suits it."""
    for prefix, scale in (("m", 1e9), ("u", 1e6), ("n", 1e3), ("p", 1.0)):
        if abs(pico) >= scale:
            return f"{pico / scale:.3g} {prefix}"
    return f"{1e3 * pico:.3g} f"
