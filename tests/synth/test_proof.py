"""What ``hwgen prove`` is made of: nothing that is wrong is taken for proved."""

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.rtl.generate import generate
from hwgen.sim.vectors import make_vectors
from hwgen.spec import golden
from hwgen.spec.checker import TOP, write_reference
from hwgen.spec.network import Network
from hwgen.synth.mapping.adders import AdderCells
from hwgen.synth.mapping.arith import Reduction, Style, reduction
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.prove import equivalence
from hwgen.synth.prove.aig import FALSE, TRUE, Aig, column, every_lane, lanes_of
from hwgen.synth.prove.cells import Factor, Sum, Term
from hwgen.synth.prove.circuit import CircuitSource
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.evaluation import Add
from hwgen.synth.prove.simulate import Concrete, results
from hwgen.synth.prove.sums import Words
from hwgen.synth.prove.trees import plain_adder
from tests.flows.test_prove import gates, held, netlist_of
from tests.networks import networks
from tests.sim.test_activity import tiny
from tests.sim.test_generated import ARCHITECTURES

_FLAT = """\
read_verilog {name}
hierarchy -check -top {top}
proc
flatten -noscopeinfo
memory_collect
write_json flat.json
"""


def flat(verilog: Path, top: str) -> CircuitSource:
    run_yosys(_FLAT.format(name=verilog.name, top=top), verilog.parent)
    modules = json.loads((verilog.parent / "flat.json").read_text("utf-8"))["modules"]
    return CircuitSource(top, modules[top], {})


def decider() -> Decider:
    return Decider(time.monotonic() + 20)


@pytest.mark.parametrize("architecture", ["pipelined", "bare", "serial"])
def test_designs_run_like_the_golden_model(architecture: str, tmp_path: Path) -> None:
    net = tiny()
    manifest = generate(net, ARCHITECTURES[architecture], tmp_path)
    x = make_vectors(net, count=100, seed=2).x
    found = results(manifest, flat(Path(manifest.verilog), manifest.top), x.tolist())
    assert found == golden.predict(net, x).reshape(len(x), -1).tolist()


@settings(max_examples=5, deadline=None, derandomize=True)
@given(net=networks(max_width=4))
def test_reference_is_the_golden_model(net: Network, tmp_path_factory: Any) -> None:
    folder: Path = tmp_path_factory.mktemp("reference")
    manifest = generate(net, ARCHITECTURES["bare"], folder)
    (folder / "reference.v").write_text(write_reference(net, manifest.output).text)
    x = make_vectors(net, count=60, seed=3).x
    found = results(manifest, flat(folder / "reference.v", TOP), x.tolist())
    assert found == golden.predict(net, x).reshape(len(x), -1).tolist()


_BINARY = [
    "+",
    "-",
    "*",
    "&",
    "|",
    "^",
    "~^",
    "<",
    "<=",
    ">",
    ">=",
    "==",
    "!=",
    "&&",
    "||",
    "<<",
    ">>",
    "<<<",
    ">>>",
]
_UNARY = ["~", "-", "!", "&", "|", "^", "~^"]


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
def test_operators_are_those_of_a_simulator(tmp_path: Path) -> None:
    """Every operator, signed and not, on every value of a 4-bit and a 3-bit operand."""
    pairs = [("a", "b"), ("$signed(a)", "$signed(b)"), ("$signed(a)", "b")]
    terms = [f"{x} {operator} {y}" for operator in _BINARY for x, y in pairs]
    terms += [f"{operator}{x}" for operator in _UNARY for x, _ in pairs]
    terms += ["b[0] ? a : b", "{a, b}", "{2{b}}"]
    width = 6
    body = [f"  assign y[{width * i} +: {width}] = {term};" for i, term in enumerate(terms)]
    ports = f"input [3:0] a, input [2:0] b, output [{width * len(terms) - 1}:0] y"
    bench = [
        "module bench;",
        "  reg [6:0] x = 0;",
        f"  wire [{width * len(terms) - 1}:0] y;",
        "  operators dut (.a(x[3:0]), .b(x[6:4]), .y(y));",
        '  initial repeat (128) begin #1 $display("%h", y); x = x + 1; end',
        "endmodule",
    ]
    design = [f"module operators ({ports});", *body, "endmodule"]
    (tmp_path / "design.v").write_text("\n".join(design))
    (tmp_path / "bench.v").write_text("\n".join(bench))
    sources = [tmp_path / "design.v", tmp_path / "bench.v"]
    subprocess.run(["iverilog", "-o", tmp_path / "run", *sources], check=True)
    done = subprocess.run(["vvp", "-n", tmp_path / "run"], check=True, capture_output=True)
    lines = done.stdout.decode().split()
    machine = Concrete(flat(tmp_path / "design.v", "operators"), 128)
    lanes = lanes_of(range(128), 7)
    found = machine.cycle({"a": lanes[:4], "b": lanes[4:]})["y"]
    for lane, line in enumerate(lines):
        mine = sum((bits >> lane & 1) << i for i, bits in enumerate(found))
        different = [t for i, t in enumerate(terms) if (mine ^ int(line, 16)) >> width * i & 63]
        assert not different, lane


@pytest.mark.parametrize("change", ["other input", "no adder", "constant"])
def test_wrong_certificate(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adders that do not make the sum prove nothing; the bits alone still do."""

    def wrong(module: dict[str, Any], cells: AdderCells, style: Style) -> Reduction:
        made = reduction(module, cells, style)
        for adders, _ in made.sums.values():
            first = adders[0]
            if change == "other input":
                first.inputs = (*first.inputs[:-1], (first.inputs[-1][0], not first.inputs[-1][1]))
            elif change == "constant":
                first.one = not first.one
            else:
                adders.pop()
        return made

    made = gates(tiny(), "bare", "ihp-sg13g2", tmp_path)
    netlist = netlist_of(made)
    right = held(made, netlist).parts["modules"]
    assert right["hwgen_tiny_layer0_layer"]["method"] == "words, then adder trees"
    monkeypatch.setattr(equivalence, "reduction", wrong)
    found = held(made, netlist)
    assert found.status == "proved"
    assert {module["method"] for module in found.parts["modules"].values()} == {"bits"}


def test_rare_difference() -> None:
    """One of 2^40 inputs."""
    aig = Aig()
    word = aig.inputs(40)
    answer = decider().equal(aig, [(FALSE, FALSE), (aig.all(word), FALSE)])
    assert (answer.equal, answer.pair) == (False, 1)
    assert answer.example is not None
    assert all(answer.example[bit] for bit in word)


def test_difference_that_does_not_count() -> None:
    aig = Aig()
    a, b, *rest = aig.inputs(40)
    pair = (aig.both(a, aig.any(rest)), aig.both(b, aig.any(rest)))
    assert decider().equal(aig, [pair]).equal is False
    assert decider().equal(aig, [pair], given=aig.differ(a, b) ^ TRUE).equal is True


def test_no_time() -> None:
    aig = Aig()
    a, b = aig.inputs(20), aig.inputs(20)
    sums = [aig.add(a, b)[0], aig.add(b, [bit ^ 1 for bit in a], TRUE)[0]]
    pairs = [(aig.both(aig.all(sums[0]), aig.all(sums[1])), FALSE)]
    answer = Decider(time.monotonic()).equal(aig, pairs)
    assert (answer.equal, answer.limit) == (None, "the time limit")


Shape = tuple[int, bool, bool]
"""Width of a sum, and whether its operands are signed."""


def chained(add: Add, shapes: Sequence[Shape], operands: Sequence[list[int]]) -> list[int]:
    """One operand after the other added to what was there."""
    total = operands[0]
    for (width, signed, negative), operand in zip(shapes, operands[1:], strict=True):
        terms = (Term((Factor(total, signed),)), Term((Factor(operand, signed),), negative))
        total = add("", Sum(terms, width), {})
    return total


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 5), st.booleans(), st.booleans()), min_size=4, max_size=4
    ),
    order=st.permutations(range(3)),
)
def test_words_are_sums(shapes: Sequence[Shape], order: Sequence[int]) -> None:
    """Where two chains of sums are said to be equal, cut off or not, they are for all values."""
    aig = Aig()
    operands = [aig.inputs(2) for _ in range(3)]
    moved = [operands[i] for i in order]
    words = Words(aig)
    left, right = (
        chained(words.adder(), half, some)
        for half, some in ((shapes[:2], operands), (shapes[2:], moved))
    )
    ground = words.grounded([*left, *right])
    count = min(len(left), len(right))
    roots = ground.roots
    pairs = list(zip(roots[:count], roots[len(left) : len(left) + count], strict=True))
    plain = plain_adder(aig)
    a, b = chained(plain, shapes[:2], operands), chained(plain, shapes[2:], moved)
    inputs = [bit for word in operands for bit in word]
    simulated = aig.simulate(every_lane(inputs), 64)
    for k, pair in enumerate(pairs):
        if decider().equal(ground.aig, [pair], ground.limits).equal:
            assert column(simulated, a[k], 64) == column(simulated, b[k], 64)
