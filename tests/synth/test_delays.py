"""Delays of gates by hand, and glitches of a hazard in a simulation."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hwgen.synth.delays import gate_delays
from hwgen.synth.libraries.models import flat_verilog
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.timing import analyse
from tests.flows.test_power import GATED
from tests.synth.test_timing import LIBRARY, RING, design, module, port


def delays(netlist: Netlist) -> list[dict[str, tuple[int, int]]]:
    flat = netlist.flat()
    return gate_delays(flat, LIBRARY, analyse(flat, LIBRARY))


def test_by_hand() -> None:
    found = delays(design(top=RING))
    # The flip-flop and the first inverter drive 0.01 pF, the second one 0.02 pF, the NAND 0.05 pF.
    assert found[0] == {"Q": (310, 410)}
    assert found[1] == {"Y": (110, 220)}
    assert found[2] == {"Y": (120, 240)}
    assert found[3] == {"Y": (55, 55)}  # the mean of its two inputs


def hazard() -> Netlist:
    """``!(x & !x)``, which is always 1, its second input late by an inverter."""
    cells = {"i": ("INV", {"A": 2, "Y": 11}), "n": ("NAND", {"A": 2, "B": 11, "Y": 4})}
    return design(top=module({"x": port("input", 2), "y": port("output", 4)}, cells))


BENCH = """
module bench;
  reg x = 0; wire y; integer changes = 0;
  top dut (.x(x), .y(y));
  always @(y) changes = changes + 1;
  initial begin
    #10000 changes = 0;
    repeat (5) begin #10000 x = 1; #10000 x = 0; end
    #10000 $display("%0d", changes);
  end
endmodule
"""


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize(("slowed", "changes"), [(None, 10), (300, 0)])
def test_hazard(tmp_path: Path, slowed: int | None, changes: int) -> None:
    """A pulse of 230 ps, the inverter's fall, passes a gate of 55 ps and not one of 300."""
    netlist = hazard()
    found = delays(netlist)
    if slowed:
        found[1] = {"Y": (slowed, slowed)}
    (tmp_path / "all.v").write_text(flat_verilog(netlist.flat(), LIBRARY, "top", found) + BENCH)
    command = ["iverilog", "-g2005", "-s", "bench", "-o", "sim", "all.v"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(
        ["vvp", "-n", "sim"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) == changes


def test_clock_gates_have_no_delay() -> None:
    netlist = design(
        top=module(
            {"clk": port("input", 2), "en": port("input", 3), "d": port("input", 6)},
            {"g": ("GATE", {"C": 2, "E": 3, "G": 4}), "f": ("FF", {"C": 4, "D": 6, "Q": 5})},
        )
    )
    flat = netlist.flat()
    found = gate_delays(flat, GATED, analyse(flat, GATED))
    assert found == [{}, {"Q": (300, 400)}]
    text = flat_verilog(flat, GATED, "top", found)
    assert "  GATE u0 (" in text
    assert "  FF #(.Q_rise(300), .Q_fall(400)) u1 (" in text
