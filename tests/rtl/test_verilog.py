"""Verilog of our own writing: what Amaranth simulates, a Verilog simulator computes too."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwgen.rtl.verilog import verilog_of

WIDTHS = {"a": signed(5), "b": unsigned(4), "c": signed(3), "d": unsigned(1)}
OUTPUTS = 60
VECTORS = 40


def tree(pick: random.Random, values: list[Value], depth: int) -> Value:
    """A random expression."""
    if not depth:
        return pick.choice([*values, Const(pick.randrange(-8, 8)), Const(pick.randrange(4))])
    left, right = (tree(pick, values, depth - 1) for _ in range(2))
    bit = left.any() if pick.random() < 0.5 else left[0] if len(left) else Const(0, 1)
    wide = left if len(left) else Const(1, 2)
    return pick.choice(
        [
            left + right,
            left - right,
            left * right,
            left & right,
            left | right,
            left ^ right,
            ~left,
            -left,
            left == right,
            left < right,
            left >= right,
            Mux(bit, left, right),
            Cat(left, right),
            wide.all(),
            wide.xor(),
            wide[len(wide) // 2 :],
            left.shift_left(pick.randrange(3)),
            wide.as_signed().shift_right(pick.randrange(4)),
            left.as_unsigned() >> right.as_unsigned()[:2],
        ]
    )


class Expressions(wiring.Component):
    """Random expressions, and what only statements make: switches, priorities, parts."""

    def __init__(self, seed: int):
        self._seed = seed
        ports = {name: In(shape) for name, shape in WIDTHS.items()}
        super().__init__({**ports, **{f"y{i}": Out(12) for i in range(OUTPUTS)}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pick = random.Random(self._seed)
        inputs = [getattr(self, name) for name in WIDTHS]
        for i in range(OUTPUTS - 3):
            m.d.comb += getattr(self, f"y{i}").eq(tree(pick, inputs, pick.randrange(1, 4)))
        chosen, parts = Signal(6), Signal(8)
        with m.Switch(self.b):
            with m.Case(1, 2):
                m.d.comb += chosen.eq(self.a)
            with m.Case("1--0"):
                m.d.comb += chosen.eq(5)
            with m.Default():
                m.d.comb += chosen.eq(self.c)
        m.d.comb += [parts[:3].eq(self.c), parts[3].eq(parts[2]), parts[4:].eq(self.b)]
        m.submodules.rom = rom = memory.Memory(
            shape=unsigned(4), depth=16, init=[i * 7 % 16 for i in range(16)]
        )
        port = rom.read_port(domain="comb")
        m.d.comb += port.addr.eq(self.b)
        last = [getattr(self, f"y{OUTPUTS - k}") for k in (3, 2, 1)]
        m.d.comb += [last[0].eq(chosen), last[1].eq(parts), last[2].eq(port.data)]
        return m


def by_amaranth(component: Expressions, vectors: list[dict[str, int]]) -> list[list[int]]:
    found: list[list[int]] = []

    async def bench(ctx) -> None:
        for vector in vectors:
            for name, value in vector.items():
                ctx.set(getattr(component, name), value)
            await ctx.delay(1e-6)
            found.append([ctx.get(getattr(component, f"y{i}")) for i in range(OUTPUTS)])

    simulator = Simulator(component)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def by_icarus(text: str, vectors: list[dict[str, int]], folder: Path) -> list[list[int]]:
    names = [f"y{i}" for i in range(OUTPUTS)]
    lines = ["module tb;"]
    lines += [f"  reg [{shape.width - 1}:0] {name};" for name, shape in WIDTHS.items()]
    lines += [f"  wire [11:0] {name};" for name in names]
    ports = ", ".join(f".{name}({name})" for name in (*WIDTHS, *names))
    lines += [f"  dut dut ({ports});", "  initial begin"]
    for vector in vectors:
        lines += [f"    {name} = {value};" for name, value in vector.items()]
        form = " ".join(["%0d"] * OUTPUTS)
        lines.append(f'    #1 $display("{form}", {", ".join(names)});')
    lines += ["  end", "endmodule"]
    (folder / "tb.v").write_text("\n".join(lines))
    (folder / "dut.v").write_text(text)
    command = ["iverilog", "-g2005", "-Wall", "-o", "tb", "tb.v", "dut.v"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    done = subprocess.run(
        ["vvp", "-n", "tb"], cwd=folder, capture_output=True, text=True, check=True
    )
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("seed", range(6))
def test_expressions(seed: int, tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    pick = random.Random(seed)
    vectors = [
        {
            name: pick.randrange(-(1 << shape.width - 1), 1 << shape.width - 1)
            if shape.signed
            else pick.randrange(1 << shape.width)
            for name, shape in WIDTHS.items()
        }
        for _ in range(VECTORS)
    ]
    text = verilog_of(rtlil.convert(Expressions(seed), name="dut", emit_src=False))
    assert by_icarus(text, vectors, tmp_path) == by_amaranth(Expressions(seed), vectors)


class Inner(wiring.Component):
    used: In(2)
    idle: In(3)
    y: Out(2)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        dead = Signal(4)
        m.d.comb += [dead.eq(self.idle + 1), self.y.eq(~self.used)]
        return m


class Outer(wiring.Component):
    module: In(2)  # a keyword of Verilog
    y: Out(2)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = Inner()
        m.d.comb += [inner.used.eq(self.module), inner.idle.eq(5), self.y.eq(inner.y)]
        return m


def test_what_is_not_used_is_left_out() -> None:
    text = verilog_of(rtlil.convert(Outer(), name="outer", emit_src=False))
    assert "dead" not in text
    assert "idle" not in text
    assert re.search(r"input +wire \[1:0\] module_\b", text)


def test_comments_stand_above_their_module() -> None:
    told = {"inner": ["one", "two"]}
    text = verilog_of(rtlil.convert(Outer(), name="outer", emit_src=False), told)
    assert "// one\n// two\nmodule outer_inner (" in text
