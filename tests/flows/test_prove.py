"""``hwgen prove``: what is right is proved, a seeded fault is refuted by an input that shows it."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.netlist_sim import simulate as evaluate
from hwgen.flows.gates import Gates, make_gates
from hwgen.flows.proof import decide, prove_design
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.generate import generate
from hwgen.sim.runner import run as simulate
from hwgen.sim.simulators import Simulator
from hwgen.sim.vectors import make_vectors
from hwgen.spec import golden
from hwgen.spec.network import Network, load_network, parse_network
from hwgen.support.cache import open_cache
from hwgen.support.errors import HwgenError
from hwgen.support.progress import silent
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping.adders import find_gate
from hwgen.synth.prove.arithmetic import METHOD, ArithmeticProof
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.netlist import NetlistProof
from hwgen.synth.prove.verdict import Verdict
from tests.networks import networks
from tests.sim.test_activity import tiny
from tests.sim.test_generated import ARCHITECTURES

QUICK: Simulator = "icarus" if shutil.which("iverilog") else "verilator"
QUIET = silent
SOME = [[i % 16, 7 * i % 16, 3 * i % 16, 5 * i % 16] for i in range(16)]
"""Inputs of :func:`tiny`. What only shows when a side pauses is looked for on these."""
Fault = Callable[[dict[str, Any], Gates, str, int], None]
Change = Callable[[dict[str, Any]], None]


def changed(net: Network, change: Change) -> Network:
    content = net.model_dump()
    change(content["layers"][0])
    return parse_network(content)


def gates(net: Network, architecture: str, pdk: str, folder: Path) -> Gates:
    return make_gates(
        net,
        ARCHITECTURES[architecture],
        folder,
        library=open_library(pdk),
        options=SynthesisOptions(),
        progress=QUIET,
    )


def netlist_of(made: Gates) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made.folder / "netlist.json").read_text("utf-8"))
    return found


def held(made: Gates, netlist: dict[str, Any], vectors: list[list[int]] | None = None) -> Verdict:
    """The verdict on a netlist of the RTL of ``made``."""
    proof = NetlistProof(
        manifest=made.manifest,
        netlist=netlist,
        library=made.library,
        styles=["ripple"],
        vectors=[[0, 0, 0, 0]] if vectors is None else vectors,
    )
    return proof.run(Decider(time.monotonic() + 60), QUIET)


def predicted(net: Network, x: list[int]) -> list[int]:
    result: list[int] = golden.predict(net, np.array([x])).reshape(-1).tolist()
    return result


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Gates:
    return gates(tiny(), "bare", "ihp-sg13g2", tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Gates:
    return gates(tiny(), "serial", "ihp-sg13g2", tmp_path_factory.mktemp("serial"))


@pytest.mark.parametrize(
    ("architecture", "pdk", "recipe"),
    [
        ("parallel", "ihp-sg13g2", "area"),
        ("bare", "sky130hd", "balanced"),
        ("pipelined", "asap7", "area"),
        ("serial-2", "gf180mcu", "area"),
        ("bit-serial", "ihp-sg13g2", "area"),
        ("bit-serial-3", "sky130hd", "area"),
    ],
)
def test_proved(architecture: str, pdk: str, recipe: str) -> None:
    report = prove_design(
        tiny(),
        ARCHITECTURES[architecture],
        library=open_library(pdk),
        options=SynthesisOptions(recipe),
        netlist=None,
        time_limit=180,
        progress=QUIET,
    )
    assert {q.status for q in report.questions.values()} == {"proved"}
    modules = report.questions["netlist"].parts["modules"]
    assert sum(module["points"] for module in modules.values()) > 50
    assert any(module["method"] == "words, then adder trees" for module in modules.values())


def pins_of(netlist: dict[str, Any], made: Gates, part: str) -> list[tuple[dict[str, Any], str]]:
    """Input pins of the gates in the module whose name ends in ``part``."""
    [module] = [m for name, m in netlist["modules"].items() if name.endswith(part)]
    return [
        (cell, pin)
        for cell in module["cells"].values()
        for kind in [made.library.cells[cell["type"]]]
        for pin in kind.inputs
        if pin in cell["connections"]
    ]


def inverted(netlist: dict[str, Any], made: Gates, part: str, place: int) -> None:
    """An inverter before a pin."""
    cell, pin = pins_of(netlist, made, part)[place]
    kind = find_gate(made.library, "a", lambda a: 1 - a)
    assert kind is not None
    net, nets = 10**6, cell["connections"]
    [module] = [m for name, m in netlist["modules"].items() if name.endswith(part)]
    module["cells"]["fault"] = {
        "type": kind.cell,
        "parameters": {},
        "attributes": {},
        "connections": {kind.pins["a"]: nets[pin], kind.pins["y"]: [net]},
    }
    nets[pin] = [net]


def swapped(netlist: dict[str, Any], made: Gates, part: str, place: int) -> None:
    """Another gate with the same pins, instead of one that has such a twin."""
    found = [
        (cell, new.name)
        for cell, _ in pins_of(netlist, made, part)
        for old in [made.library.cells[cell["type"]]]
        for new in made.library.mapped()
        if (new.inputs, new.outputs) == (old.inputs, old.outputs) and new.tables != old.tables
    ]
    cell, kind = found[place % len(found)]
    cell["type"] = kind


def stuck(netlist: dict[str, Any], made: Gates, part: str, place: int) -> None:
    """A pin that is always 1."""
    cell, pin = pins_of(netlist, made, part)[place]
    cell["connections"][pin] = ["1"]


@pytest.mark.parametrize("fault", [inverted, swapped, stuck])
@pytest.mark.parametrize(("part", "place"), [("layer0_layer", 0), ("layer1_out", 7), ("argmax", 2)])
def test_faulty_gate(fault: Fault, part: str, place: int, bare: Gates, tmp_path: Path) -> None:
    """Refuted where the result differs for any of all 65,536 inputs, proved where for none."""
    netlist = netlist_of(bare)
    fault(netlist, bare, part, place)
    (tmp_path / "netlist.json").write_text(json.dumps(netlist))
    right, wrong = (
        evaluate(path / "netlist.json", bare.library, EVERY, 1 << 16)
        for path in (bare.folder, tmp_path)
    )
    verdict = held(bare, netlist)
    assert verdict.status == ("proved" if right == wrong else "refuted")
    assert (verdict.counterexample is None) == (right == wrong)
    if verdict.counterexample is not None:
        x = verdict.counterexample["input"]
        lane = sum(code << (4 * i) for i, code in enumerate(x))
        assert verdict.counterexample["rtl"] == predicted(tiny(), x) == result(right, lane)
        assert verdict.counterexample["netlist"] == result(wrong, lane)


def counting(place: int) -> int:
    """Bit ``place`` of every 16-bit number, by lane."""
    half = 1 << place
    pattern, size = ((1 << half) - 1) << half, 2 * half
    while size < 1 << 16:
        pattern |= pattern << size
        size *= 2
    return pattern


EVERY = {f"x[{i}]": counting(i) for i in range(16)}


def result(outputs: dict[str, int], lane: int) -> list[int]:
    return [outputs["y"] >> lane & 1]


def more(layer: dict[str, Any]) -> None:
    layer["weights"][0][2] += 1


def bias(layer: dict[str, Any]) -> None:
    layer["bias"][1] -= 1


def shift(layer: dict[str, Any]) -> None:
    layer["weight_fraction_bits"] += 1


def rounding(layer: dict[str, Any]) -> None:
    layer["output"]["rounding"] = "floor"
    layer["weight_fraction_bits"] += 1


def clipping(layer: dict[str, Any]) -> None:
    layer["output"]["overflow"] = "wrap"


def test_netlist_of_another_weight(serial: Gates, tmp_path: Path) -> None:
    """Refuted by an input that golden models and a simulator tell apart, too."""
    other = changed(tiny(), more)
    made = gates(other, "serial", "ihp-sg13g2", tmp_path)
    verdict = held(serial, netlist_of(made))
    assert verdict.status == "refuted"
    assert verdict.counterexample is not None
    x = verdict.counterexample["input"]
    assert verdict.counterexample["rtl"] == predicted(tiny(), x)
    assert verdict.counterexample["netlist"] == predicted(other, x)
    known = make_vectors(tiny(), count=1, seed=1, data=np.array([x]))
    vector = replace(known, x=known.x[-1:], expected=known.expected[-1:], origins={})
    found = simulate(
        made.netlist, made.manifest, vector, simulator=QUICK, seed=1, extra_sources=(made.models,)
    )
    assert found.mismatches


def test_other_reset_value(serial: Gates, tmp_path: Path) -> None:
    text = Path(serial.manifest.verilog).read_text("utf-8")
    reset = re.search(r"if \(rst\) begin\s+\S+ <= 1'b([01]);", text)
    assert reset is not None
    at, old = reset.start(1), reset[1]
    (tmp_path / "design.v").write_text(text[:at] + str(1 - int(old)) + text[at + 1 :])
    top, library = serial.manifest.top, serial.library
    synthesize(tmp_path / "design.v", top, library=library, out_dir=tmp_path, cache=open_cache())
    verdict = held(serial, json.loads((tmp_path / "netlist.json").read_text()))
    assert verdict.status == "refuted"


def test_open_clock_gate(serial: Gates) -> None:
    """A word that is written at every edge, as its clock gate is always enabled."""
    netlist = netlist_of(serial)
    gate = serial.library.clock_gate
    assert gate is not None
    [module] = [m for name, m in netlist["modules"].items() if name.endswith("bank0_store")]
    cell = next(cell for cell in module["cells"].values() if cell["type"] == gate.cell)
    cell["connections"][gate.enable] = ["1"]
    assert held(serial, netlist, SOME).status == "refuted"


def test_flip_flop_held_in_reset(serial: Gates) -> None:
    netlist = netlist_of(serial)
    [module] = [m for name, m in netlist["modules"].items() if name.endswith("bank0_store")]
    cell = next(c for c in module["cells"].values() if c["type"] == "sg13g2_dfrbpq_1")
    cell["connections"]["RESET_B"] = ["0"]
    assert held(serial, netlist).status == "refuted"


def test_flat_netlist(bare: Gates, tmp_path: Path) -> None:
    """What has no module borders is compared with the RTL without them."""
    source, top = Path(bare.manifest.verilog), bare.manifest.top
    synthesize(
        source, top, library=bare.library, flatten=True, out_dir=tmp_path, cache=open_cache()
    )
    netlist = json.loads((tmp_path / "netlist.json").read_text())
    assert list(netlist["modules"]) == [top]
    assert held(bare, netlist).status == "proved"


def test_net_with_two_drivers(bare: Gates) -> None:
    netlist = netlist_of(bare)
    [module] = [m for name, m in netlist["modules"].items() if name.endswith("argmax")]
    module["cells"]["twice"] = deepcopy(next(iter(module["cells"].values())))
    with pytest.raises(HwgenError, match=r"^hwgen_tiny_argmax: two drivers of net"):
        held(bare, netlist)


def test_other_ports(bare: Gates, serial: Gates) -> None:
    with pytest.raises(HwgenError, match=r"^netlist: clk is input 1, no port is needed"):
        held(bare, netlist_of(serial))


@pytest.mark.parametrize("architecture", ["bare", "pipelined", "serial", "bit-serial"])
@pytest.mark.parametrize("fault", [more, bias, shift, clipping])
def test_wrong_arithmetic(fault: Change, architecture: str, tmp_path: Path) -> None:
    """A design of another network; the one vector that is tried does not show it."""
    other = changed(tiny(), fault)
    manifest = generate(other, ARCHITECTURES[architecture], tmp_path)
    proof = ArithmeticProof(manifest=manifest, network=tiny(), vectors=[[0, 0, 0, 0]])
    verdict = proof.run(Decider(time.monotonic() + 60), QUIET)
    assert verdict.status == "refuted"
    assert verdict.counterexample is not None
    x = verdict.counterexample["input"]
    assert verdict.counterexample["arithmetic"] == predicted(tiny(), x)
    assert verdict.counterexample["rtl"] == predicted(other, x)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(net=networks(max_width=4))
def test_arithmetic_of_random_networks(net: Network) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manifest = generate(net, ARCHITECTURES["bare"], Path(folder))
        proof = ArithmeticProof(manifest=manifest, network=net, vectors=[])
        assert proof.run(Decider(time.monotonic() + 60), QUIET).status == "proved"


def test_arithmetic_of_digits(tmp_path: Path) -> None:
    """An argmax that subtracts: it closes with differences as functions of the sums compared."""
    net = load_network(Path("examples/digits.json"))
    manifest = generate(net, ARCHITECTURES["serial"], tmp_path)
    proof = ArithmeticProof(manifest=manifest, network=net, vectors=[[0] * 64])
    verdict = proof.run(Decider(time.monotonic() + 300), QUIET)
    assert (verdict.status, verdict.method) == ("proved", METHOD)


def test_time_limit(bare: Gates) -> None:
    proof = ArithmeticProof(manifest=bare.manifest, network=tiny(), vectors=[])
    verdict = decide(proof, 0.0, QUIET)
    assert (verdict.status, verdict.limit) == ("undecided", "the time limit")
