"""What an inference costs in energy: a netlist simulated on data, its changes counted."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.gates import Gates, make_gates
from hwgen.flows.glitches import Glitches, count, countable
from hwgen.flows.modules import by_size, short_module
from hwgen.flows.results import html_line, html_table
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.sim.activity import Activity, collect
from hwgen.sim.simulators import Simulator
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent
from hwgen.support.temporary import temporary_folder
from hwgen.synth import CellLibrary
from hwgen.synth.libraries.models import NETLIST, flat_verilog, net_name
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.power import average_power, default_wire, leakage_energy, switching

_SEED = 1
_STEP_NS = 0.01
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
    wire_cap
        fF of the wire to each driven pin; None: :func:`hwgen.synth.power.default_wire`.

    Raises
    ------
    HwgenError
        A figure is not finite.
    """

    clock: float | None = None
    rate: float | None = None
    wire_cap: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not math.isfinite(value):
                raise HwgenError(name, f"found {value}", "a finite number is needed")

    def settled(self, gates: Gates) -> "Settled":
        """Every figure, for the design ``gates``.

        Raises
        ------
        HwgenError
            The design is not that fast.
        """
        fastest = gates.report.critical_path_ns
        clock = self.clock or rounded_up(fastest)
        if clock < fastest:
            raise HwgenError(
                "clock", f"{clock:g} ns", f"at least {rounded_up(fastest):g} ns by static timing"
            )
        highest = 1e9 / (clock * gates.manifest.interval_cycles)
        rate = self.rate or highest
        if rate > highest:
            raise HwgenError(
                "rate", f"{rate:g} inferences a second", f"at most {highest:g} at {clock:g} ns"
            )
        given = self.wire_cap
        wire_cap = default_wire(gates.library).femtofarad if given is None else given
        return Settled(clock=clock, rate=rate, highest_rate=highest, wire_cap=wire_cap)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Conditions with every figure: period in ns, inferences a second, fF."""

    clock: float
    rate: float
    highest_rate: float
    wire_cap: float


@dataclass(frozen=True, kw_only=True)
class PowerReport:
    """Energy of an inference and what it was found with.

    Attributes
    ----------
    energy_pj, dynamic_energy_pj, leakage_energy_pj
        Of one inference, in pJ; the first is the sum of the others.
    internal_energy_pj
        The part of ``dynamic_energy_pj`` that is taken inside cells.
    glitch_energy_pj
        The part of ``dynamic_energy_pj`` that glitches take; None where they were not counted, as
        Icarus is not installed.
    average_power_uw
        In uW at ``rate_hz`` inferences a second, of at most ``highest_rate_hz``.
    dynamic_by_kind_pj, dynamic_by_module_pj
        What ``dynamic_energy_pj`` is made of.
    wire_cap_ff
        What the wire to each driven pin is taken to weigh, in fF.
    inferences, cycles
        What changes were counted over.
    pdk, corner, recipe, area_um2, cells
        Of the netlist.
    assumptions
        What is estimated and what is left out.
    """

    energy_pj: float
    dynamic_energy_pj: float
    leakage_energy_pj: float
    average_power_uw: float
    rate_hz: float
    highest_rate_hz: float
    clock_ns: float
    internal_energy_pj: float
    glitch_energy_pj: float | None
    dynamic_by_kind_pj: dict[str, float]
    dynamic_by_module_pj: dict[str, float]
    leakage_nw: float
    voltage: float
    wire_cap_ff: float
    inferences: int
    cycles: int
    simulator: str
    pdk: str
    corner: str
    recipe: str
    area_um2: float
    cells: int
    critical_path_ns: float
    tool: str
    top: str
    arch: Architecture
    latency_cycles: int
    interval_cycles: int
    network_sha256: str
    assumptions: list[str]

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen power --json`` prints."""
        return {**vars(self), "arch": self.arch.to_json()}

    def summary(self) -> list[str]:
        """The totals, in three lines."""
        of_them = self.glitch_energy_pj
        glitches = "" if of_them is None else f" (glitches {si(of_them)}J of it)"
        return [
            f"{si(self.energy_pj)}J an inference: {si(self.dynamic_energy_pj)}J dynamic{glitches}, "
            f"{si(self.leakage_energy_pj)}J leakage at a clock of {self.clock_ns:g} ns",
            f"{si(1e6 * self.average_power_uw)}W at {self.rate_hz:,.0f} inferences a second "
            f"(at most {self.highest_rate_hz:,.0f})",
            f"counted over {self.inferences:,} inferences, {self.cycles:,} cycles, in "
            f"{self.simulator}; {self.cells:,} cells, {self.area_um2:,.0f} um2 in "
            f"{self.pdk} ({self.corner}), recipe {self.recipe}",
        ]

    def tables(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """``kind`` and ``module``, each with rows of name, pJ and share of the dynamic energy."""
        total = self.dynamic_energy_pj or 1.0
        parts = {"kind": self.dynamic_by_kind_pj, "module": self.dynamic_by_module_pj}
        return [
            (
                title,
                [
                    (short_module(name, self.top), f"{energy:,.4g}", f"{energy / total:.1%}")
                    for name, energy in by_size(figures)
                ],
            )
            for title, figures in parts.items()
        ]

    def _repr_html_(self) -> str:
        lines = "".join(map(html_line, self.summary()))
        tables = (
            html_table(f"dynamic energy by {title}", [title, "pJ", "share"], rows)
            for title, rows in self.tables()
        )
        return lines + "".join(tables) + "".join(html_line(f"* {a}") for a in self.assumptions)


def estimate_power(
    network: Network,
    architecture: Architecture,
    x: Integers,
    *,
    library: CellLibrary,
    options: SynthesisOptions | None = None,
    conditions: Conditions | None = None,
    simulator: Simulator = "verilator",
    output: Path | None = None,
    progress: Progress = silent,
) -> PowerReport:
    """Synthesize, simulate on ``x``, add up.

    Parameters
    ----------
    x
        Input codes, integers [samples, features]; at least one sample.
    output
        Folder for Verilog, manifest, netlist and ``power.json``; None: nothing is written.

    Raises
    ------
    HwgenError
        No samples, a library without a supply voltage, conditions that the design cannot meet.
    """
    if not len(x):
        raise HwgenError("x", "no samples", "at least 1 is needed")
    if not library.voltage:
        raise HwgenError(library.name, "no supply voltage", "a library with nom_voltage")
    if output is not None:
        check_folder(output)
    options, conditions = options or SynthesisOptions(), conditions or Conditions()
    with temporary_folder("power") as name:
        gates = make_gates(
            network, architecture, Path(name), library=library, options=options, progress=progress
        )
        settled = conditions.settled(gates)
        report = _measure(gates, network, x, settled, simulator, progress)
        if output is not None:
            _write(gates, report, output)
    return report


def _measure(
    gates: Gates,
    network: Network,
    x: Integers,
    settled: Settled,
    simulator: Simulator,
    progress: Progress,
) -> PowerReport:
    manifest, report = gates.manifest, gates.report
    netlist = Netlist.read(gates.folder / "netlist.json", manifest.top)
    source = gates.folder / "flat.v"
    source.write_text(flat_verilog(netlist.flat(), gates.library, netlist.top), "utf-8")
    activity = collect(
        source,
        manifest,
        network,
        x,
        instance=NETLIST,
        simulator=simulator,
        seed=_SEED,
        timeout=_TIMEOUT,
        progress=progress,
    )
    changes, high, wire = _changes(netlist, activity), _high(netlist, activity), settled.wire_cap
    found = settles = switching(netlist, gates.library, changes, wire, high)
    more = None
    if countable():
        more = count(
            gates,
            netlist,
            network,
            x,
            wire=wire,
            seed=_SEED,
            timeout=_TIMEOUT,
            progress=progress,
        )
        whole = {net: n + more.changes.get(net, 0.0) for net, n in changes.items()}
        found = switching(netlist, gates.library, whole, wire, high)
    leakage = leakage_energy(report.leakage_nw, 1e-9 * settled.clock * manifest.interval_cycles)
    power = average_power(found.energy, settled.rate, report.leakage_nw)
    return PowerReport(
        energy_pj=round(found.energy + leakage, 6),
        dynamic_energy_pj=round(found.energy, 6),
        leakage_energy_pj=round(leakage, 6),
        average_power_uw=round(power, 6),
        rate_hz=settled.rate,
        highest_rate_hz=settled.highest_rate,
        clock_ns=settled.clock,
        internal_energy_pj=round(found.internal, 6),
        glitch_energy_pj=None if more is None else round(found.energy - settles.energy, 6),
        dynamic_by_kind_pj={k: round(v, 6) for k, v in found.by_kind.items()},
        dynamic_by_module_pj={k: round(v, 6) for k, v in found.by_module.items()},
        leakage_nw=report.leakage_nw,
        voltage=gates.library.voltage,
        wire_cap_ff=settled.wire_cap,
        inferences=activity.inferences,
        cycles=activity.cycles,
        simulator=activity.simulator,
        pdk=report.pdk,
        corner=report.corner,
        recipe=report.recipe,
        area_um2=report.area_um2,
        cells=report.cells,
        critical_path_ns=report.critical_path_ns,
        tool=report.tool,
        top=manifest.top,
        arch=manifest.arch,
        latency_cycles=manifest.latency_cycles,
        interval_cycles=manifest.interval_cycles,
        network_sha256=manifest.network_sha256,
        assumptions=_assumptions(gates, settled.wire_cap, more),
    )


def _changes(netlist: Netlist, activity: Activity) -> dict[Any, float]:
    """Changes per inference by net of the flat netlist, the clock's held to what they must be."""
    flat = netlist.flat()
    nets = {net for instance in flat.instances for net in instance.pins.values()}
    nets |= {net for _, net in flat.inputs}
    counts = {net: activity.toggles[net_name(net)] for net in nets if isinstance(net, int)}
    clock = dict(flat.inputs).get("clk")
    if isinstance(clock, int) and counts[clock] != 2 * activity.cycles:
        raise HwgenError(
            "the simulation",
            f"{counts[clock]} changes of clk in {activity.inferences} inferences",
            f"{2 * activity.cycles} by the stated interval",
        )
    return {net: count / activity.inferences for net, count in counts.items()}


def _high(netlist: Netlist, activity: Activity) -> dict[Any, float]:
    """Share of the time at 1 by net of the flat netlist."""
    flat = netlist.flat()
    nets = {net for instance in flat.instances for net in instance.pins.values()}
    return {net: activity.high[net_name(net)] for net in nets if isinstance(net, int)}


def _assumptions(gates: Gates, wire: float, more: Glitches | None) -> list[str]:
    known = default_wire(gates.library)
    source = known.source if wire == known.femtofarad else "as given"
    return [
        "before layout: for a clock tree a buffer to every 12 pins that a clock net drives is "
        "allowed, and again for the buffers; no other buffers",
        f"the wire to a driven pin weighs {wire:g} fF: {source}",
        "glitches are not counted, as Icarus is not installed; where many gates follow each other "
        "without a register, they take several times what is counted"
        if more is None
        else f"glitches counted over {more.inferences} inferences, each gate with a delay of its "
        "own, which swallows shorter pulses",
        "energy inside cells (internal nets, short circuit) as the library states it, as if nets "
        "were independent of each other",
        "nets of input ports are counted, what output ports drive is not",
        f"{gates.library.corner}, {gates.library.voltage:g} V; leakage as the library sums it up",
        "samples follow each other at full speed; at a lower rate the clock stands still between",
    ]


def _write(gates: Gates, report: PowerReport, output: Path) -> None:
    manifest = gates.manifest.moved_to(output)
    source = Path(gates.manifest.verilog)
    kept = [gates.folder / name for name in ("netlist.v", "netlist.json", "yosys.log")]
    write_together(
        {
            **{output / file.name: file.read_bytes() for file in (source, *kept)},
            output / "manifest.json": manifest.to_text(),
            output / "power.json": json.dumps(report.to_json(), indent=2) + "\n",
        }
    )


def rounded_up(period: float) -> float:
    """``period`` in ns, rounded up to whole hundredths."""
    return round(math.ceil(round(period / _STEP_NS, 6)) * _STEP_NS, 6)


def si(pico: float) -> str:
    """A figure in pico, with three digits and the prefix that suits it."""
    for prefix, scale in (("m", 1e9), ("u", 1e6), ("n", 1e3), ("p", 1.0)):
        if abs(pico) >= scale:
            return f"{pico / scale:.3g} {prefix}"
    return f"{1e3 * pico:.3g} f"
