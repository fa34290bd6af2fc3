"""How often nets change more than once before they settle: the netlist with each gate's delay.

The same inferences are simulated twice, with and without the gates' delays; what nets change more
with them are glitches.
"""

import math
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hwgen.flows.gates import Gates
from hwgen.sim.activity import Activity, collect
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.support.progress import Progress
from hwgen.synth.delays import gate_delays
from hwgen.synth.libraries.models import NETLIST, flat_verilog, net_name
from hwgen.synth.mapping.netlist import Flat, Net, Netlist
from hwgen.synth.timing import analyse

CYCLES = 2000
"""About how many clock cycles are simulated with delays: each takes many events."""

MOST = 20
"""Inferences that are simulated with delays, at most."""

_SLACK = 1.1
"""Clock period over the critical path."""


@dataclass(frozen=True)
class Glitches:
    """Changes beyond those that settle, by net and inference, and over how many inferences."""

    changes: dict[Net, float]
    inferences: int


def countable() -> bool:
    """Whether the simulator is there that counts glitches."""
    return shutil.which("iverilog") is not None and shutil.which("vvp") is not None


def count(
    gates: Gates,
    netlist: Netlist,
    network: Network,
    x: Integers,
    *,
    wire: float,
    seed: int,
    timeout: float,
    progress: Progress,
) -> Glitches:
    """Glitches of the first few of the samples ``x`` [samples, features].

    Parameters
    ----------
    wire
        Capacitance in fF of the wire to each driven pin.

    Raises
    ------
    HwgenError
        A result is not the golden model's, or the simulation failed.
    """
    few = x[: max(1, min(MOST, CYCLES // gates.manifest.interval_cycles))]
    flat, library = netlist.flat(), gates.library
    readers = _readers(flat, gates)
    timing = analyse(flat, library, lambda net: 1e-3 * wire * readers[net])
    delays = gate_delays(flat, library, timing)
    period = 2 * math.ceil(500 * _SLACK * timing.path.delay + 10)  # ps, even

    def run(name: str, text: str, **settings: Any) -> Activity:
        source = gates.folder / name
        source.write_text(text, "utf-8")
        return collect(
            source,
            gates.manifest,
            network,
            few,
            instance=NETLIST,
            simulator="icarus",
            seed=seed,
            timeout=timeout,
            progress=progress,
            **settings,
        )

    still = run("still.v", flat_verilog(flat, library, netlist.top))
    moving = run("moving.v", flat_verilog(flat, library, netlist.top, delays), period=period)
    nets = {net for i in flat.instances for net in i.pins.values() if isinstance(net, int)}
    more = {
        net: moving.toggles[net_name(net)] - still.toggles[net_name(net)] for net in sorted(nets)
    }
    return Glitches({net: max(0, n) / len(few) for net, n in more.items()}, len(few))


def _readers(flat: Flat, gates: Gates) -> Counter[Net]:
    """How many pins read each net."""
    return Counter(
        net
        for instance in flat.instances
        for pin, net in instance.pins.items()
        if pin in gates.library.cells[instance.cell].inputs
    )
