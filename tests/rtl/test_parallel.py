"""The parallel architecture: adder levels between registers, latency, ports of a bare core."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.back import rtlil

from hwgen.rtl.generate import build
from hwgen.rtl.parallel import Parallel
from hwgen.spec.network import Network
from tests.networks import dense, network, rescale
from tests.rtl.test_architectures import CORNERS, sized

TO_JSON = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in (f"read_rtlil {sys.argv[1]}", "hierarchy -auto-top", "proc", "flatten", "opt_clean",
                f"write_json {sys.argv[2]}"):
    libyosys.run_pass(command, design)
"""

REGISTERS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce")


def netlist(top: Any, folder: Path) -> dict[str, Any]:
    """The flat module of a design, by Yosys."""
    source, target = folder / "top.il", folder / "top.json"
    source.write_text(rtlil.convert(top, name="top", emit_src=False))
    command = [sys.executable, "-c", TO_JSON, str(source), str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (module,) = json.loads(target.read_text())["modules"].values()
    return module


def largest_sum(module: dict[str, Any]) -> int:
    """Most operands that are summed up anywhere between registers; a constant is one too."""
    drivers = {
        bit: cell
        for cell in module["cells"].values()
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output"
        for bit in bits
    }
    known: dict[int, int] = {}

    def operands(bits: list[Any]) -> int:
        wires = [bit for bit in bits if isinstance(bit, int)]
        return max(map(of_bit, wires), default=1)

    def of_bit(bit: int) -> int:
        if bit not in known:
            cell = drivers.get(bit)
            if cell is None or cell["type"] in REGISTERS:
                known[bit] = 1
            elif cell["type"] in ("$add", "$sub"):
                known[bit] = sum(operands(cell["connections"][port]) for port in "AB")
            else:
                inputs = [
                    operands(bits)
                    for port, bits in cell["connections"].items()
                    if cell["port_directions"][port] == "input"
                ]
                known[bit] = max(inputs)
        return known[bit]

    adders = [cell for cell in module["cells"].values() if cell["type"] in ("$add", "$sub")]
    return max((operands(cell["connections"]["Y"]) for cell in adders), default=1)


def levelled() -> dict[str, Network]:
    rng = np.random.default_rng(3)
    wide = rng.integers(-128, 128, (5, 17)).tolist()
    leaky = {"activation": "leaky_relu", "negative_shift": 2}
    wrap = {"accumulator_bits": 9, "accumulator_overflow": "wrap"}
    return {
        "wide": network([dense(wide, [1, 2, 3, 4, 5])], signed=True),
        "leaky": network([dense(wide, [1] * 5, **leaky, output=rescale(4, True, -3))]),
        "wrap": network([dense(wide, [1] * 5, **wrap, output=rescale(4, True, -3))]),
        "mixed": sized([5, 4, 8], [4, 3, 6], "argmax"),
        "bias alone": network([dense([[1], [-1]], [0, 3], output=rescale(4, False, -1))]),
    }


LEVELLED = levelled()


@pytest.mark.parametrize("pipeline", [1, 2, 3])
@pytest.mark.parametrize("name", LEVELLED)
def test_adder_levels(tmp_path: Path, name: str, pipeline: int) -> None:
    pytest.importorskip("pyosys")
    top = build(LEVELLED[name], Parallel(pipeline=pipeline))
    # N levels of two-input adders sum up at most 2^N operands.
    assert largest_sum(netlist(top, tmp_path)) <= 2**pipeline


def test_adder_levels_are_counted(tmp_path: Path) -> None:
    """The count sees the difference."""
    pytest.importorskip("pyosys")
    top = build(LEVELLED["wide"], Parallel())
    assert largest_sum(netlist(top, tmp_path)) > 8


def test_latency() -> None:
    net = LEVELLED["mixed"]
    latencies = [build_latency(net, pipeline=n) for n in (0, 1, 2, 3, 8)]
    assert latencies[0] == 1
    assert latencies[1:] == sorted(latencies[1:], reverse=True)
    # With levels to spare: a register behind each of three layers, and behind the argmax.
    assert latencies[-1] == 4
    assert build_latency(net, bare=True) == 0
    assert build_latency(net, pipeline=2, bare=True) == latencies[2]


def build_latency(net: Network, **knobs: Any) -> int:
    top = build(net, Parallel(**knobs))
    rtlil.convert(top, name="top")  # an unused design is a warning
    assert top.interval == 1
    return top.latency


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", CORNERS)
def test_every_corner_becomes_rtlil(name: str, bare: bool) -> None:
    text = rtlil.convert(build(CORNERS[name], Parallel(bare=bare)), name="top", emit_src=False)
    assert "module \\top" in text


def test_bare_ports() -> None:
    net = sized([4], [3], "values")
    assert port_names(build(net, Parallel(bare=True))) == ["x", "y"]
    assert port_names(build(net, Parallel(bare=True, pipeline=1))) == ["clk", "x", "y"]


def port_names(top: Any) -> list[str]:
    rtlil.convert(top, name="top")
    return sorted(top.signature.members)
