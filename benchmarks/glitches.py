"""Glitches as ``hwgen power`` counts them, against an event simulation, and delays of OpenSTA.

    python -m benchmarks.glitches ../shared/pdk

Each netlist is simulated by Icarus with one delay for each gate, which is what ``hwgen power``
does, and by :mod:`benchmarks.events` with the very same delays: changes of every net must be equal.
Then by the latter with a delay for each arc, from the SDF that OpenSTA writes of the foundry's
Liberty file. Wires weigh nothing. The functions here serve the tests, too.
"""

import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import events
from benchmarks.opensta import arguments, head, liberty, run
from benchmarks.recipes import ROOT
from hwgen.flows.cli.console import emit_table
from hwgen.flows.gates import make_gates
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim.trace import vcd_counts
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network, load_network
from hwgen.support.progress import silent
from hwgen.synth import open_library
from hwgen.synth.delays import Delays, gate_delays
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.models import NETLIST, flat_netlist, flat_verilog, net_name
from hwgen.synth.mapping.netlist import Flat, Net, Netlist
from hwgen.synth.power import switching
from hwgen.synth.timing import analyse

LIBRARIES = ("ihp-sg13g2", "sky130hd")
DESIGNS: dict[str, tuple[Architecture, int, int]] = {
    "parallel": (Parallel(), 8, 20),
    "parallel, pipeline 2": (Parallel(pipeline=2), 20, 20),
    "bit-serial": (BitSerial(), 20, 80),
    "serial": (Serial(), 1700, 800),
}
"""Of digits: what, after how many clock cycles, and over how many."""

RESET = 3
"""Clock cycles of reset."""

_BENCH = """\
module bench;
  reg clk = 0, rst = 1; reg [31:0] n = 0; reg taken;
  reg [{top}:0] memory [0:{last}];
  wire s_axis_tready;
  dut dut (.clk(clk), .rst(rst), .s_axis_tdata(memory[n % {count}]), .s_axis_tvalid(!rst),
    .m_axis_tready(1'b1){tlast}, .s_axis_tready(s_axis_tready));
  always #{half} clk = ~clk;
  always @(posedge clk) begin
    taken = s_axis_tready & !rst;
    #1 rst <= $time < {reset}; n <= n + taken;
  end
  initial begin
    $readmemh("beats.hex", memory);
    #{begin} $dumpfile("wave.vcd"); $dumpvars(0, bench.dut.{instance});
    #{length} $finish;
  end
endmodule
"""


def by_icarus(
    flat: Flat,
    library: CellLibrary,
    delays: Sequence[Delays] | None,
    stimulus: "Stimulus",
    period: int,
    cycles: tuple[int, int],
) -> Counter[Net]:
    """Changes of each net in the Verilog that ``hwgen power`` simulates."""
    begin, end = (cycle * period + period // 2 - 1 for cycle in cycles)
    text = flat_verilog(flat, library, "dut", delays)
    serial = any(name == "s_axis_tlast" for name, _ in flat.inputs)
    bench = _BENCH.format(
        instance=NETLIST,
        half=period // 2,
        begin=begin,
        length=end - begin,
        reset=RESET * period,
        count=len(stimulus.beats),
        top=stimulus.bits - 1,
        last=len(stimulus.beats) - 1,
        tlast=f", .s_axis_tlast(n % {stimulus.each} == {stimulus.each - 1})" if serial else "",
    )
    head_ = "" if delays is not None else "`timescale 1ps/1ps\n"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "all.v").write_text(head_ + text + bench)
        (folder / "beats.hex").write_text("\n".join(f"{beat:x}" for beat in stimulus.beats))
        command = ["iverilog", "-g2005", "-s", "bench", "-o", "sim", "all.v"]
        subprocess.run(command, cwd=folder, check=True)
        subprocess.run(["vvp", "-n", "sim"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with (folder / "wave.vcd").open("rb") as wave:
            found = vcd_counts(wave, NETLIST).toggles
    nets = {net for one in flat.instances for net in one.pins.values() if isinstance(net, int)}
    return Counter({net: found[net_name(net)] for net in nets if found[net_name(net)]})


class Stimulus:
    """Beats of inputs, one after the other and around, at the speed that the design takes them.

    Parameters
    ----------
    x
        Codes [samples, features].
    """

    def __init__(self, manifest: Manifest, network: Network, x: Integers):
        bits = network.input.bits
        mask = (1 << bits) - 1
        port = next(port for port in manifest.ports if port.name == "s_axis_tdata")
        self.bits = port.width
        self.serial = any(port.name == "s_axis_tlast" for port in manifest.ports)
        self.each = x.shape[1] if self.serial else 1
        rows = (x & mask).tolist()
        if self.serial:
            self.beats = [code for row in rows for code in row]
        else:
            self.beats = [sum(c << bits * i for i, c in enumerate(row)) for row in rows]
        self._number = 0
        self._reset = True

    def __call__(self, cycle: int, read: "events.Read") -> events.Ports:
        """Ports behind a clock edge, as the bench has them."""
        self._number += not self._reset and read("s_axis_tready")
        self._reset = cycle < RESET
        return self.ports()

    def ports(self) -> events.Ports:
        """Ports as they are now."""
        beat = self.beats[self._number % len(self.beats)]
        found = {f"s_axis_tdata[{i}]": beat >> i & 1 for i in range(self.bits)}
        found |= {"rst": int(self._reset), "s_axis_tvalid": int(not self._reset)}
        found["m_axis_tready"] = 1
        if self.serial:
            found["s_axis_tlast"] = int(self._number % self.each == self.each - 1)
        return found


def arcs_of(flat: Flat, library: CellLibrary, delays: Sequence[Delays]) -> list[events.Arcs]:
    """One delay for each gate, whichever input changes."""
    return [
        {
            (source, pin): both
            for pin, both in own.items()
            for source in library.cells[one.cell].inputs
        }
        for one, own in zip(flat.instances, delays, strict=True)
    ]


def sdf_arcs(flat: Flat, library: CellLibrary, text: str) -> list[events.Arcs]:
    """A delay for each arc from what OpenSTA writes: means of senses and conditions."""
    printed = run(
        head(flat) + "write_sdf -digits 6 -no_timestamp out.sdf\nputs [read [open out.sdf]]",
        {"cells.lib": text, "netlist.v": flat_netlist(flat, "flat")},
    )
    found: list[dict[tuple[str, str], list[list[float]]]] = [{} for _ in flat.instances]
    number = -1
    for line in printed.splitlines():
        if match := re.search(r"\(INSTANCE u(\d+)\)", line):
            number = int(match[1])
        elif match := re.search(r"\(IOPATH (\S+) (\S+) \(([^)]*)\)(?: \(([^)]*)\))?", line):
            both = found[number].setdefault((match[1], match[2]), [[], []])
            for own, triple in zip(both, (match[3], match[4] or match[3]), strict=True):
                own += [1e3 * float(value) for value in triple.split(":") if value]
    return [
        {}
        if library.cells[one.cell].clock_gate
        else {
            key: (round(float(np.mean(rise or fall))), round(float(np.mean(fall or rise))))
            for key, (rise, fall) in arcs.items()
            if rise or fall
        }
        for one, arcs in zip(flat.instances, found, strict=True)
    ]


def main() -> None:
    """Print one table."""
    options = arguments(str(__doc__)).parse_args()
    network = load_network(ROOT / "examples" / "digits.json")
    images = np.load(ROOT / "examples" / "digits-test.npz")["x"].astype(np.int64)
    rows = []
    for pdk in options.pdk:
        text = liberty(pdk, options.folder)
        for name, (architecture, warm, length) in DESIGNS.items():
            if options.design and name not in options.design:
                continue
            with tempfile.TemporaryDirectory() as folder:
                case = Case(network, architecture, pdk, Path(folder), images, warm, length)
            rows.append([f"digits {name}", pdk, *_row(case, text)])
            print(rows[-1], flush=True)
    header = ["design", "library", "nets that differ", "no delays", "one delay", "OpenSTA's arcs"]
    emit_table("changes, and dynamic energy in pJ, of a clock cycle", header, rows)


class Case:
    """A netlist, what it is fed, and how long it is looked at.

    Parameters
    ----------
    x
        Codes [samples, features].
    warm, length
        Clock cycles before changes are counted, and while they are.
    """

    def __init__(
        self,
        network: Network,
        architecture: Architecture,
        pdk: str,
        folder: Path,
        x: Integers,
        warm: int,
        length: int,
    ):
        gates = make_gates(
            network,
            architecture,
            folder,
            library=open_library(pdk),
            options=SynthesisOptions(),
            progress=silent,
        )
        self.netlist = Netlist.read(gates.folder / "netlist.json", gates.manifest.top)
        self.flat, self.library = self.netlist.flat(), gates.library
        timing = analyse(self.flat, self.library)
        self.delays = gate_delays(self.flat, self.library, timing)
        self.period = 2 * round(600 * timing.path.delay + 10)
        self.cycles = (warm, warm + length)
        self._given = (gates.manifest, network, x)

    def icarus(self, delays: Sequence[Delays] | None) -> Counter[Net]:
        """Changes in Icarus; without ``delays`` of gates where they are None."""
        given = (Stimulus(*self._given), self.period, self.cycles)
        return by_icarus(self.flat, self.library, delays, *given)

    def events(self, arcs: Sequence[events.Arcs]) -> Counter[Net]:
        """Changes in the event simulation; what no cell reads or drives is left out."""
        stimulus = Stimulus(*self._given)
        found = events.count(self.flat, self.library, arcs, self.period, self.cycles, stimulus)
        pins = {net for one in self.flat.instances for net in one.pins.values()}
        return Counter({net: count for net, count in found.items() if net in pins})


def _row(case: Case, text: str) -> list[str]:
    flat, library = case.flat, case.library
    still, one = case.icarus(None), case.icarus(case.delays)
    calm = case.events([{} for _ in flat.instances])
    again = case.events(arcs_of(flat, library, case.delays))
    apart = case.events(sdf_arcs(flat, library, text))
    differ = sum(still[net] != calm[net] or one[net] != again[net] for net in still | one | again)
    row = [f"{differ} of {len(one)}"]
    length = case.cycles[1] - case.cycles[0]
    for found in (still, one, apart):
        per: dict[Net, float] = defaultdict(float)
        per |= {net: count / length for net, count in found.items()}
        energy = switching(case.netlist, library, per, 0.0).energy
        row.append(f"{found.total() / length:,.0f}, {energy:.2f}")
    return row


if __name__ == "__main__":
    main()
