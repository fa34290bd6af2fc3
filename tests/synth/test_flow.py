import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.netlist_sim import simulate
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.spec.data import load_data
from hwgen.spec.golden import predict
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.synth import measure, open_library, synthesize
from hwgen.synth.libraries.models import verilog_models
from hwgen.synth.libraries.tabulate import foundry_library
from hwgen.synth.mapping.netlist import Netlist
from hwgen.synth.mapping.yosys import run_yosys
from tests.synth.test_library import FOUNDRY, needs_foundry

LIBRARIES = ("ihp-sg13g2", "sky130hd")
EXAMPLES = Path(__file__).parents[2] / "examples"

FULL_ADDER = """
module top (input [2:0] a, input [2:0] b, input [2:0] c, output [4:0] y);
  assign y = a + b + c;
endmodule
"""
MAC = """
module mac (input clk, input rst, input en, input [3:0] x, input signed [3:0] w,
            output reg signed [9:0] acc);
  always @(posedge clk) if (rst) acc <= 0; else if (en) acc <= acc + $signed({1'b0, x}) * w;
endmodule
module top (input clk, input rst, input en, input [3:0] x, input signed [3:0] w,
            output signed [9:0] y, output signed [9:0] z);
  mac one (.clk(clk), .rst(rst), .en(en), .x(x), .w(w), .acc(y));
  mac two (.clk(clk), .rst(rst), .en(~en), .x(x), .w(w), .acc(z));
endmodule
"""
MIXED = """
module top (input [2:0] a, input [2:0] b, input [2:0] c, input signed [2:0] d,
            input signed [2:0] e, output [7:0] y, output z, output [3:0] w, output signed [7:0] v,
            output [4:0] u, output signed [6:0] t);
  assign y = a + b + {c, 1'b0} - {1'b0, d} + 8'd77;
  assign z = d < e;
  assign w = a - b;
  assign v = d * 4'sd7 - e * 4'sd5 - a;
  assign u = a + a + b + ~c + ~c;
  assign t = d * e - b;
endmodule
"""


def build(text, folder, pdk="ihp-sg13g2", **options):
    (folder / "in.v").write_text(text)
    return synthesize(folder / "in.v", "top", library=open_library(pdk), out_dir=folder, **options)


def words(values, name, bits):
    return {
        f"{name}[{i}]": sum((v >> i & 1) << k for k, v in enumerate(values)) for i in range(bits)
    }


@pytest.mark.parametrize(
    ("pdk", "cells", "area"),
    [("ihp-sg13g2", 19, 203.0994), ("sky130hd", 14, 111.3568)],
)
def test_small_sum_is_pinned(pdk, cells, area, tmp_path):
    report = build(FULL_ADDER, tmp_path, pdk)
    assert (report.cells, report.area_um2) == (cells, pytest.approx(area, abs=0.01))


def test_report_keys(tmp_path):
    report = build(FULL_ADDER, tmp_path)
    assert set(json.loads(json.dumps(report.to_json()))) == {
        "area_um2",
        "gate_equivalents",
        "cells",
        "cells_by_type",
        "sequential_area_um2",
        "area_by_module",
        "critical_path_ns",
        "leakage_nw",
        "nets_over",
        "pdk",
        "corner",
        "recipe",
        "tool",
        "seconds",
        "timing",
    }
    assert report.gate_equivalents == pytest.approx(report.area_um2 / 7.2576, abs=0.001)
    assert report.path.stages[-1].arrival == pytest.approx(report.critical_path_ns, abs=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {
        "in.v",
        "netlist.v",
        "netlist.json",
        "yosys.log",
    }


def test_library_full_adders_are_used(tmp_path):
    assert build(FULL_ADDER, tmp_path, "sky130hd").cells_by_type["sky130_fd_sc_hd__fa_1"] >= 2


def test_areas_by_module_sum_up(tmp_path):
    report = build(MAC, tmp_path)
    assert set(report.area_by_module) == {"top", "mac"}
    assert sum(report.area_by_module.values()) == pytest.approx(report.area_um2)
    assert report.cells_by_type["sg13g2_dfrbpq_1"] == 20
    assert report.sequential_area_um2 == pytest.approx(20 * 48.9888)


def test_deterministic(tmp_path):
    netlists = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build(MAC, tmp_path / name)
        netlists.append((tmp_path / name / "netlist.v").read_bytes())
    assert netlists[0] == netlists[1]


@pytest.mark.parametrize("pdk", LIBRARIES)
@pytest.mark.parametrize("text", [FULL_ADDER, MIXED, MAC], ids=["sum", "mixed", "mac"])
def test_netlist_proven_equal_to_rtl(text, pdk, tmp_path):
    report = build(text, tmp_path, pdk)
    library = open_library(pdk)
    proof = tmp_path / "proof"
    proof.mkdir()
    shutil.copy(tmp_path / "in.v", proof)
    shutil.copy(tmp_path / "netlist.v", proof)
    (proof / "cells.v").write_text(verilog_models(library, report.cells_by_type))
    prepare = "hierarchy -top top\nproc\nflatten\nasync2sync\ndffunmap\nopt_clean\n"
    steps = "-seq 1 -set-at 1 in_rst 1 -maxsteps 4 -tempinduct-baseonly -tempinduct"
    run_yosys(
        f"read_verilog in.v\n{prepare}rename top gold\ndesign -stash gold\n"
        f"read_verilog netlist.v cells.v\n{prepare}rename top gate\ndesign -stash gate\n"
        "design -copy-from gold -as gold gold\ndesign -copy-from gate -as gate gate\n"
        "miter -equiv -flatten gold gate both\nhierarchy -top both\n"
        f"sat -verify -prove trigger 0 {steps if text is MAC else ''} both\n",
        proof,
        timeout=60,
    )


@pytest.mark.parametrize("pdk", LIBRARIES)
def test_hard_wired_layer_computes_its_sums(pdk, tmp_path):
    source = random.Random(7)
    weights = [[source.randint(-8, 7) for _ in range(12)] for _ in range(3)]
    terms = [
        " + ".join(
            [f"{j}"] + [f"$signed({{1'b0, x[{4 * i} +: 4]}}) * ({w})" for i, w in enumerate(row)]
        )
        for j, row in enumerate(weights)
    ]
    lines = [f"  assign y{j} = {text};" for j, text in enumerate(terms)]
    ports = ", ".join(["input [47:0] x", *(f"output signed [11:0] y{j}" for j in range(3))])
    build(f"module top ({ports});\n" + "\n".join(lines) + "\nendmodule\n", tmp_path, pdk)
    inputs = [source.getrandbits(48) for _ in range(400)] + [0, (1 << 48) - 1]
    library = open_library(pdk)
    out = simulate(tmp_path / "netlist.json", library, words(inputs, "x", 48), len(inputs))
    for j, row in enumerate(weights):
        sums = [j + sum(w * (x >> 4 * i & 15) for i, w in enumerate(row)) for x in inputs]
        expected = words([value & 0xFFF for value in sums], f"y{j}", 12)
        assert {name: out[name] for name in expected} == expected


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    network = load_network(EXAMPLES / "digits.json")
    manifest = generate(network, Parallel(bare=True), folder)
    reports = {
        pdk: synthesize(
            Path(manifest.verilog),
            manifest.top,
            library=open_library(pdk),
            out_dir=folder / pdk,
        )
        for pdk in LIBRARIES
    }
    return network, folder, reports


@pytest.mark.parametrize("pdk", LIBRARIES)
def test_digits_netlist_equals_golden_model(pdk, digits):
    network, folder, _ = digits
    x = load_data(EXAMPLES / "digits-test.npz", network).x
    packed = [sum(int(v) << 4 * i for i, v in enumerate(row)) for row in x]
    netlist = folder / pdk / "netlist.json"
    out = simulate(netlist, open_library(pdk), words(packed, "x", 256), len(packed))
    found = [sum((out[f"y[{i}]"] >> k & 1) << i for i in range(4)) for k in range(len(packed))]
    assert np.array_equal(found, predict(network, x))


@needs_foundry
@pytest.mark.parametrize("pdk", LIBRARIES)
def test_table_agrees_with_the_foundry(pdk, digits):
    _, folder, reports = digits
    foundry = measure(folder / pdk / "netlist.json", foundry_library(pdk, FOUNDRY))
    ours = reports[pdk]
    assert ours.area_um2 == pytest.approx(foundry.area_um2, rel=0.005)
    assert ours.critical_path_ns == pytest.approx(foundry.critical_path_ns, rel=0.1)
    assert ours.leakage_nw == pytest.approx(foundry.leakage_nw, rel=0.005)


def test_digits_area_is_pinned(digits):
    _, _, reports = digits
    areas = {name: round(report.area_um2) for name, report in reports.items()}
    adders = reports["sky130hd"].cells_by_type["sky130_fd_sc_hd__fa_1"]
    assert (areas, adders) == ({"ihp-sg13g2": 62_592, "sky130hd": 33_918}, 798)


def test_wrong_top(tmp_path):
    with pytest.raises(HwgenError, match=r"^top module: 'a;b', lower case letters"):
        synthesize(tmp_path / "in.v", "a;b", library=open_library())


def test_wrong_recipe(tmp_path):
    with pytest.raises(HwgenError, match=r"^recipe: 'fast' is not known, one of area"):
        build(FULL_ADDER, tmp_path, recipe="fast")


def test_missing_verilog(tmp_path):
    with pytest.raises(HwgenError, match=r"none\.v: No such file"):
        synthesize(tmp_path / "none.v", "top", library=open_library())


def test_broken_verilog_leaves_nothing(tmp_path):
    with pytest.raises(HwgenError, match=r"^Yosys: "):
        build("module top (", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"in.v"}


def test_netlist_of_another_library(tmp_path):
    build(FULL_ADDER, tmp_path)
    with pytest.raises(HwgenError, match=r"^netlist: cell 'sg13g2_\w+', cells of sky130hd"):
        measure(tmp_path / "netlist.json", open_library("sky130hd"))


def test_not_a_netlist(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(HwgenError, match=r"a\.json: not a netlist"):
        Netlist.read(tmp_path / "a.json")
