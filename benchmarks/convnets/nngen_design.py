"""A convolutional network as NNgen's accelerator; runs in NNgen's own environment.

    python nngen_design.py network.json folder

``network.json`` holds ``convolution`` [outputs][height][width] of one input channel with a
``threshold`` for each one-bit output, ``pool``, ``dense`` [outputs][inputs] channel by channel,
``bias``, an ``image`` [height][width] and its ``sums``. Writes ``folder/design.v``, and
``folder/cycles.txt``: clocks of one inference in NNgen's own simulation with Icarus, from its
start register to its busy flag, memories and weights already in place; the sums are checked.
All parallelism is left at 1, which makes the smallest accelerator.
"""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import nngen as ng
import numpy as np
import veriloggen.thread as vthread
from veriloggen import Delay, Module, Seq, Systask, simulation
from veriloggen.types import axi

WIDTH, CHUNK, SPACE = 32, 64, 1 << 16


def main() -> None:
    """Write the design, run it."""
    network, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    given, last = built(network)
    design = ng.to_veriloggen([last], "peer", silent=True, config={"maxi_datawidth": WIDTH})
    (folder / "design.v").write_text(design.to_verilog())
    said = simulated(design, given, last, network, folder)
    found = re.search(r"cycles: *(\d+)", said)
    if found is None or "right" not in said:
        raise SystemExit(said[-2000:])
    (folder / "cycles.txt").write_text(found[1])


def built(network: dict[str, Any]) -> tuple[Any, Any]:
    """Input and output of the same integers: a threshold is a relu of what exceeds it, clipped."""

    def variable(values: Any, dtype: Any, name: str) -> Any:
        found = ng.variable(dtype=dtype, shape=values.shape, name=name)
        found.set_value(values)
        return found

    kernels, dense = np.array(network["convolution"]), np.array(network["dense"])
    channels, *size = kernels.shape
    high, wide = np.shape(network["image"])
    x = ng.placeholder(dtype=ng.int4, shape=(1, high, wide, 1), name="x")
    hidden = ng.conv2d(
        x,
        variable(kernels.reshape(channels, *size, 1), ng.int4, "w0"),
        strides=(1, 1, 1, 1),
        bias=variable(1 - np.array(network["threshold"]), ng.int16, "b0"),
        scale=variable(np.ones(channels, np.int64), ng.int4, "s0"),
        act_func=ng.relu,
        padding=0,
        dtype=ng.int2,
        sum_dtype=ng.int16,
    )
    step = network["pool"]
    pooled = ng.max_pool_serial(hidden, ksize=(1, step, step, 1), strides=(1, step, step, 1))
    outputs = len(dense)
    by_place = dense.reshape(outputs, channels, -1).transpose(0, 2, 1).reshape(outputs, -1)
    last = ng.matmul(
        ng.reshape(pooled, [1, by_place.shape[1]]),
        variable(by_place, ng.int4, "w1"),
        bias=variable(np.array(network["bias"]), ng.int16, "b1"),
        scale=variable(np.ones(outputs, np.int64), ng.int4, "s1"),
        transposed_b=True,
        dtype=ng.int16,
        sum_dtype=ng.int16,
        name="sums",
    )
    return x, last


def simulated(design: Any, x: Any, last: Any, network: dict[str, Any], folder: Path) -> str:
    """What NNgen's testbench says, built as in its examples."""
    image = np.array(network["image"]).reshape(x.shape)
    expected = np.array(network["sums"]).reshape(last.shape)
    data = ng.export_ndarray([last], CHUNK)

    def behind(address: int) -> int:
        return math.ceil(address / CHUNK) * CHUNK

    weights = behind(max(x.addr + x.memory_size, last.addr + last.memory_size))
    check = behind(weights + len(data))
    spare = behind(check + last.memory_size)
    memory = np.zeros([SPACE * 8 // WIDTH], dtype=np.int64)
    axi.set_memory(memory, image, WIDTH, 4, x.addr, WIDTH // 4)
    axi.set_memory(memory, data, WIDTH, 8, weights)
    axi.set_memory(memory, expected, WIDTH, 16, check, WIDTH // 16)
    m = Module("test")
    m.copy_params(design)
    ports = m.copy_sim_ports(design)
    clk, rst = ports["CLK"], ports["RESETN"]
    model = axi.AxiMemoryModel(
        m,
        "memory",
        clk,
        rst,
        datawidth=WIDTH,
        memimg=memory,
        memimg_name=str(folder / "memory.out"),
        memimg_datawidth=WIDTH,
    )
    model.connect(ports, "maxi")
    control = vthread.AXIMLite(m, "_saxi", clk, rst, noio=True)
    control.connect(ports, "saxi")
    counter = m.Reg("counter", 32, initval=0)
    Seq(m, "count", clk, rst)(counter.inc())

    def run() -> None:
        for _ in range(100):
            pass
        ng.sim.set_global_addrs(control, spare)
        begun = counter.value
        ng.sim.start(control)
        ng.sim.wait(control)
        print("cycles: %d" % (counter.value - begun))  # noqa: UP031
        good = True
        for index in range(expected.size):
            one = model.read_word(index, last.addr, 16)
            two = model.read_word(index, check, 16)
            if vthread.verilog.NotEq(one, two):
                print("wrong", index, one, two)
                good = False
        if good:
            print("right")
        vthread.finish()

    vthread.Thread(m, "th_run", clk, rst, run).start()
    m.Instance(design, "uut", params=m.connect_params(design), ports=m.connect_ports(design))
    simulation.setup_clock(m, clk, hperiod=5)
    init = simulation.setup_reset(m, rst, m.make_reset(), period=100, polarity="low")
    init.add(Delay(10_000_000), Systask("finish"))
    return str(simulation.Simulator(m, sim="iverilog").run(outputfile=str(folder / "sim.out")))


if __name__ == "__main__":
    main()
