"""The tile: its protocol, its cycles, and that the regression catches it when it is wrong."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.flows.handoff.tinytapeout.regression import run_tile
from hwgen.flows.handoff.tinytapeout.tile import (
    RESET_CYCLES,
    TinyTapeoutTop,
    build_tile,
    tile_design,
)
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.rtl.serial.schedule import Schedule
from hwgen.sim import runner, verilator
from hwgen.sim.result import SimulationResult
from hwgen.sim.vectors import make_vectors
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from tests.networks import corner_and_random, dense, network, networks, rescale

TOP = "tt_um_hwgen_small"
SIMULATOR: runner.Simulator = "verilator" if shutil.which("iverilog") is None else "icarus"
PARALLEL, SERIAL = Parallel(), Serial(macs=2)
ARCHITECTURES = [PARALLEL, Parallel(pipeline=1), Serial(), SERIAL, BitSerial(), BitSerial(stages=1)]


def small(output: str = "values", bits: int = 5, inputs: int = 4, **settings: Any) -> Network:
    """4-3-2: 20 bits of input and 22 of output, so that neither fills its bytes.

    With 11 inputs the first layer of a serial design accumulates.
    """
    rows = [[3, -2, 1, 0], [-4, 5, 2, 1], [1, 1, -7, 3]]
    hidden = dense(
        [[row[i % 4] for i in range(inputs)] for row in rows],
        [4, -3, 9],
        output=rescale(4, False, 0),
        activation="relu",
        weight_fraction_bits=2,
        name="hidden",
    )
    last = dense([[1, -2, 3], [2, 1, -1]], [100, -900], name="out")
    return network([hidden, last], output=output, bits=bits, name="small", **settings)


def simulate(net: Network, manifest: Manifest, text: str, folder: Path) -> SimulationResult:
    path = folder / "project.v"
    path.write_text(text)
    vectors = make_vectors(net, count=12, seed=2)
    return run_tile(path, manifest, vectors, simulator=SIMULATOR, seed=2)


@pytest.mark.parametrize(
    ("architecture", "output", "inputs"),
    [
        (ARCHITECTURES[0], "values", 4),
        (ARCHITECTURES[0], "argmax", 4),
        (ARCHITECTURES[1], "values", 4),
        (ARCHITECTURES[2], "argmax", 4),
        (ARCHITECTURES[3], "values", 4),
        (ARCHITECTURES[3], "values", 13),
        (ARCHITECTURES[3], "argmax", 13),
    ],
    ids=str,
)
def test_tile(architecture: Architecture, output: str, inputs: int, tmp_path: Path) -> None:
    bits = 9 if output == "values" else 5
    net = small(output, bits=bits, inputs=inputs, signed=output == "values")
    assert Schedule.of(net, 2).accumulating is (inputs > 4)
    text, manifest = tile_design(net, architecture, TOP)
    result = simulate(net, manifest, text, tmp_path)
    assert result.failure is None
    assert (result.passed, result.vectors, result.mismatches) == (True, 12, 0)
    assert [phase.name for phase in result.phases] == ["full speed", "stalls", "reset"]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_lint(architecture: Architecture, tmp_path: Path) -> None:
    text, manifest = tile_design(small(), architecture, TOP)
    (tmp_path / "project.v").write_text(text)
    assert verilator.lint(tmp_path / "project.v", manifest.top) == []


def test_bare_refused() -> None:
    with pytest.raises(
        HwgenError, match=r"^bare: given with tinytapeout, the tile needs a handshake$"
    ):
        build_tile(small(), Parallel(bare=True))


def drive(top: TinyTapeoutTop, vectors: list[list[int]], size: int, limit: int) -> list[list[int]]:
    """The bytes of each result, ``size`` of them, that ``top`` answers the bytes of each vector."""
    results: list[list[int]] = []
    came: list[int] = []

    async def bench(ctx: Any) -> None:
        queue = [byte for vector in vectors for byte in vector]
        for cycle in range(limit):
            reset = cycle < RESET_CYCLES
            offers = bool(queue) and not reset and cycle % 3 != 0
            ready = cycle % 5 != 0
            ctx.set(top.clk, 0)
            ctx.set(top.rst_n, not reset)
            ctx.set(top.ui_in, queue[0] if offers else 0)
            ctx.set(top.uio_in, offers | ready << 3)
            await ctx.delay(1e-6)
            pins = ctx.get(top.uio_out)
            if pins & 2 and offers:
                queue.pop(0)
            if pins & 4 and ready and not reset:
                came.append(ctx.get(top.uo_out))
                assert bool(pins & 16) == (len(came) == size)
                if pins & 16:
                    results.append(came[:])
                    came.clear()
            ctx.set(top.clk, 1)
            await ctx.delay(1e-6)
            if len(results) == len(vectors):
                return

    simulator = Simulator(top)
    simulator.add_testbench(bench)
    simulator.run()
    return results


@settings(max_examples=8, deadline=None, derandomize=True)
@given(net=networks(max_width=4), kind=st.sampled_from(ARCHITECTURES))
def test_random_networks(net: Network, kind: Architecture) -> None:
    architecture = kind
    if isinstance(kind, Serial):
        architecture = Serial(macs=min(kind.macs, max(layer.outputs for layer in net.layers)))
    _, manifest = tile_design(net, architecture, TOP)
    x = corner_and_random(net, 4, 1)
    expected = golden.predict(net, x).reshape(len(x), -1)
    layouts = manifest.input, manifest.output

    def packed(rows: Any, side: int) -> list[list[int]]:
        size = layouts[side].width // 8
        beats = [layouts[side].pack(row) for row in rows]
        return [[b for beat in row for b in beat.to_bytes(size, "little")] for row in beats]

    size = manifest.output.beats * manifest.output.width // 8
    limit = 100 + 4 * (manifest.latency_cycles + 5 * manifest.interval_cycles)
    got = drive(build_tile(net, architecture), packed(x, 0), size, limit)
    assert got == packed(expected, 1)


@pytest.mark.parametrize(
    ("architecture", "output", "inputs", "latency", "interval"),
    [
        pytest.param(PARALLEL, "values", 4, 1 + 2, 3 + 1, id="the result's three bytes and one"),
        pytest.param(PARALLEL, "argmax", 4, 1 + 2, 3, id="the vector's three bytes"),
        # 4 beats, 3 and 2 neurons of two words, a clock between them, and nothing waits.
        pytest.param(SERIAL, "argmax", 4, 13 + 2, 4 + 6 + 4 + 1, id="the design's own"),
        # The second of two beats of two bytes waits a clock.
        pytest.param(SERIAL, "values", 4, 10 + 2, 15 + 1, id="its beats leave as bytes"),
        # 11 beats of two words, 2 neurons of two words; the last beat is worked on for two.
        pytest.param(SERIAL, "argmax", 11, 6 + 3, 22 + 4, id="the design's own, accumulating"),
        pytest.param(SERIAL, "values", 11, 3 + 3, 26 + 1, id="accumulating, as bytes"),
    ],
)
def test_cycles(
    architecture: Architecture, output: str, inputs: int, latency: int, interval: int
) -> None:
    _, manifest = tile_design(small(output, inputs=inputs), architecture, TOP)
    assert (manifest.latency_cycles, manifest.interval_cycles) == (latency, interval)


FAULTS = {
    "a byte that comes as its beat goes is dropped": (
        "receiver",
        r"if \(take\) begin\n      o_data <= ",
        r"if (take && !(full && o_ready)) begin\n      o_data <= ",
    ),
    "bytes are taken before their beat has gone": (
        "receiver",
        r"assign i_ready = [^;]+;",
        "assign i_ready = 1'b1;",
    ),
    "bytes leave without being taken": (
        "sender",
        r"assign give = [^;]+;",
        "assign give = valid;",
    ),
    "bytes vanish while reset still acts": (
        "",
        r"(assign uio_out\[1\] = \w+) & [^;]+;",
        r"\1;",
    ),
    "the receiver is not reset": (
        "",
        r"(_receiver receiver \((?:(?!\);).|\n)*?\.rst\()[^)]*\)",
        r"\g<1>1'b0)",
    ),
    "the sender is not reset": (
        "",
        r"(_sender sender \((?:(?!\);).|\n)*?\.rst\()[^)]*\)",
        r"\g<1>1'b0)",
    ),
    "ready waits for valid": (
        "",
        r"assign uio_out\[1\] = ([^;]+);",
        r"assign uio_out[1] = \1 & uio_in[0];",
    ),
    "the last byte is not marked": (
        "",
        r"assign uio_out\[4\] = [^;]+;",
        "assign uio_out[4] = 1'b0;",
    ),
    "an input pin is driven": ("", r"assign uio_oe = 8'd22;", "assign uio_oe = 8'd54;"),
    "bytes come out in the wrong order": (
        "sender",
        r"assign o_data = [^;]+;",
        "assign o_data = data[15:8];",
    ),
}


def spoiled(text: str, module: str, pattern: str, change: str) -> str:
    """``text`` with one thing changed in the module ``TOP_module``, or in ``TOP`` itself."""
    name = f"{TOP}_{module}" if module else TOP
    begin = re.search(rf"^module {name} ?\(", text, re.MULTILINE)
    assert begin is not None
    end = text.index("endmodule", begin.start())
    body, count = re.subn(pattern, change, text[begin.start() : end], count=1)
    assert count == 1, text[begin.start() : end]
    return text[: begin.start()] + body + text[end:]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault: str, tmp_path: Path) -> None:
    net = small()
    text, manifest = tile_design(net, SERIAL, TOP)
    result = simulate(net, manifest, spoiled(text, *FAULTS[fault]), tmp_path)
    assert not result.passed
    assert result.failure is not None


@pytest.mark.parametrize("key", ["latency_cycles", "interval_cycles"])
def test_wrong_cycles(key: str, tmp_path: Path) -> None:
    text, manifest = tile_design(small(), PARALLEL, TOP)
    wrong = replace(manifest, **{key: getattr(manifest, key) + 1})
    result = simulate(small(), wrong, text, tmp_path)
    assert result.failure is not None
    what = key.partition("_")[0]
    assert re.match(rf"full speed: {what} \d+ cycles, the manifest states \d+$", result.failure), (
        result.failure
    )
