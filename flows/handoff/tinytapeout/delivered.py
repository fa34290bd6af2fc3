# SPDX-License-Identifier: Apache-2.0
"""Drives the tile byte by byte and compares what comes with ``vectors.json``.

For Tiny Tapeout's ``test/Makefile``: ``make`` simulates the source, ``make GATES=yes`` the netlist
after layout. It needs cocotb 2 and nothing else.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Force, Release
from cocotb.triggers import FallingEdge, Timer

IN_VALID, IN_READY, OUT_VALID, OUT_READY, OUT_LAST = (1 << pin for pin in range(5))
PERIOD = 1000  # ns, long enough for gates with any delays

_CONTENT = json.loads(Path(__file__).with_name("vectors.json").read_text())
VECTORS = [(bytes.fromhex(one["in"]), bytes.fromhex(one["out"])) for one in _CONTENT["vectors"]]
PATIENCE = _CONTENT["patience"]


def nets(scope: Any) -> Iterator[Any]:
    """Every net of one bit inside ``scope``."""
    for child in scope:
        if hasattr(child, "is_const"):
            if len(child) == 1 and not child.is_const:
                yield child
        else:
            yield from nets(child)


async def power_on(dut: Any) -> None:
    """Give flip-flops a value, as power does.

    A simulator begins with X, and gates such as ``q & !q``, which mapping makes of a synchronous
    reset, hand it on for ever, though they are 0 for any q of silicon.
    """
    unknown = [net for net in nets(dut.user_project) if not net.value.is_resolvable]
    for net in unknown:
        net.value = Force(random.getrandbits(1))
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    for net in unknown:
        net.value = Release()


async def start(dut: Any) -> None:
    """Clock and reset."""
    cocotb.start_soon(Clock(dut.clk, PERIOD, unit="ns").start())
    dut.ena.value = 1
    dut.ui_in.value = 0
    dut.uio_in.value = 0
    dut.rst_n.value = 0
    await FallingEdge(dut.clk)
    if os.environ.get("GATES") == "yes":
        await power_on(dut)
    await reset(dut)


async def reset(dut: Any) -> None:
    """Three rising edges with ``rst_n`` low."""
    dut.uio_in.value = 0
    dut.rst_n.value = 0
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst_n.value = 1


async def step(dut: Any, byte: int | None, ready: bool) -> tuple[bool, int | None, bool]:
    """A clock cycle: whether ``byte`` was taken, the byte that came, whether it was the last."""
    dut.ui_in.value = byte or 0
    dut.uio_in.value = (IN_VALID if byte is not None else 0) | (OUT_READY if ready else 0)
    await Timer(PERIOD // 4, "ns")  # just before the clock rises
    pins = int(dut.uio_out.value)
    assert int(dut.uio_oe.value) == IN_READY | OUT_VALID | OUT_LAST
    taken = byte is not None and bool(pins & IN_READY)
    came = int(dut.uo_out.value) if ready and pins & OUT_VALID else None
    await FallingEdge(dut.clk)
    return taken, came, bool(pins & OUT_LAST)


async def check(dut: Any, pause: float) -> None:
    """Every vector, one after the other; each side waits with the probability ``pause``."""
    rng = random.Random(1)
    queue = b"".join(given for given, _ in VECTORS)
    wanted = b"".join(result for _, result in VECTORS)
    ends = {sum(len(result) for _, result in VECTORS[: i + 1]) for i in range(len(VECTORS))}
    sent = idle = 0
    came = bytearray()
    offering = False
    while len(came) < len(wanted):
        offering = offering or (sent < len(queue) and rng.random() >= pause)
        ready = rng.random() >= pause
        taken, byte, last = await step(dut, queue[sent] if offering else None, ready)
        if taken:
            sent, offering = sent + 1, False
        if byte is not None:
            place = len(came)
            assert byte == wanted[place], f"byte {place}: {byte:#04x}, not {wanted[place]:#04x}"
            came.append(byte)
            assert last == (len(came) in ends), f"byte {place}: out_last is {last}"
        idle = 0 if taken or byte is not None else idle + 1
        assert idle < PATIENCE, f"nothing moves, {len(came)} of {len(wanted)} bytes came"


@cocotb.test()
async def full_speed(dut: Any) -> None:
    """No side ever waits."""
    await start(dut)
    await check(dut, 0.0)


@cocotb.test()
async def stalls(dut: Any) -> None:
    """Both sides wait now and then, and a reset drops a vector on its way."""
    await start(dut)
    given, _ = VECTORS[0]
    for byte in given[: len(given) - 1]:
        await step(dut, byte, False)
    await reset(dut)
    await check(dut, 0.4)
