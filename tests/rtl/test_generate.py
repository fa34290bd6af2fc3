"""Verilog and manifest: the same bytes each time, readable everywhere, nothing of the user's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import from_json
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate, generate_text
from hwgen.rtl.manifest import Manifest, formats_of
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.spec.network import Network, parse_network, save_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network, rescale
from tests.rtl.test_architectures import sized
from tests.spec.test_network import NAMES

ARCHITECTURES = [
    Parallel(),
    Parallel(pipeline=2),
    Parallel(bare=True),
    Parallel(bare=True, pipeline=1),
    Serial(),
    Serial(macs=2),
]
NET = sized([4, 3], [4, 5], "argmax")


def named(network_name: str, layer_name: str) -> Network:
    layers = [
        dense([[1, 2], [3, -4]], name=layer_name, output=rescale(4, False, 0)),
        dense([[5, 6], [-1, 2]], name=layer_name),
    ]
    return network(layers, name=network_name)


def fitting(architecture: Architecture, net: Network) -> Architecture:
    """``architecture`` with no more MACs than ``net`` has use for."""
    if not isinstance(architecture, Serial):
        return architecture
    return Serial(macs=min(architecture.macs, max(layer.outputs for layer in net.layers)))


def modules(verilog: str) -> list[str]:
    return re.findall(r"^module (\S+?) ?\(", verilog, re.MULTILINE)


def declared_ports(verilog: str, top: str) -> set[tuple[str, str, int]]:
    """Ports of module ``top`` by its header."""
    header = verilog[verilog.index(f"module {top} (") :].split(");")[0]
    found = re.findall(r"(input|output) +(?:wire|reg) (?:\[(\d+):0\] )?(\w+)", header)
    return {(name, direction, int(high or 0) + 1) for direction, high, name in found}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_manifest(tmp_path: Path, architecture: Architecture) -> None:
    manifest = generate(NET, architecture, tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert content == manifest.to_json()
    wanted = {"top", "verilog", "arch", "latency_cycles", "interval_cycles", "ports"}
    assert wanted | {"accumulator_bits", "network_sha256"} <= content.keys()
    assert content["arch"] == architecture.to_json()
    assert content["network_sha256"] == NET.sha256()
    assert content["accumulator_bits"] == [NET.accumulator_width(0), NET.accumulator_width(1)]
    assert content["verilog"] == str(tmp_path / "hwgen_net.v")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hwgen_net.v", "manifest.json"]
    verilog = (tmp_path / "hwgen_net.v").read_text("ascii")
    found = {(port["name"], port["direction"], port["width"]) for port in content["ports"]}
    assert found == declared_ports(verilog, manifest.top)
    assert set(manifest.layer_modules) <= set(modules(verilog))
    assert len(modules(verilog)) == len(set(modules(verilog)))


def port_widths(manifest: Manifest) -> dict[str, int]:
    return {port.name: port.width for port in manifest.ports}


def test_ports(tmp_path: Path) -> None:
    # 4 inputs of 4 bits, 3 classes; whole bytes
    stream = {"clk": 1, "rst": 1, "s_axis_tvalid": 1, "s_axis_tready": 1}
    stream |= {"m_axis_tvalid": 1, "m_axis_tready": 1}
    parallel = stream | {"s_axis_tdata": 16, "m_axis_tdata": 8}
    assert port_widths(generate(NET, Parallel(), tmp_path)) == parallel
    serial = stream | {"s_axis_tdata": 8, "m_axis_tdata": 8}
    serial |= {"s_axis_tlast": 1, "m_axis_tlast": 1}
    assert port_widths(generate(NET, Serial(), tmp_path)) == serial
    assert port_widths(generate(NET, Parallel(bare=True), tmp_path)) == {"x": 16, "y": 2}
    pipelined = generate(NET, Parallel(bare=True, pipeline=1), tmp_path)
    assert port_widths(pipelined) == {"clk": 1, "x": 16, "y": 2}


@pytest.mark.parametrize("architecture", ARCHITECTURES[::2], ids=str)
def test_same_bytes_in_every_process(tmp_path: Path, architecture: Architecture) -> None:
    save_network(NET, tmp_path / "net.json")
    script = (
        "import sys; from pathlib import Path\n"
        "from hwgen.rtl.generate import generate; from hwgen.rtl.architectures import from_json\n"
        "from hwgen.spec.network import load_network\n"
        "knobs = eval(sys.argv[3])\n"
        "generate(load_network(Path(sys.argv[1])), from_json(knobs), Path(sys.argv[2]))\n"
    )
    knobs = repr(architecture.to_json())
    texts = set()
    for seed in ("0", "1", "4711"):
        command = [sys.executable, "-c", script, "net.json", "out", knobs]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=60)
        out = tmp_path / "out"
        texts.add((out / "hwgen_net.v").read_bytes() + (out / "manifest.json").read_bytes())
    generate(NET, architecture, tmp_path / "here")
    texts.add(
        (tmp_path / "here" / "hwgen_net.v").read_bytes() + (out / "manifest.json").read_bytes()
    )
    assert len(texts) == 1


def test_clock_and_reset_in_the_manifest(tmp_path: Path) -> None:
    reset = {"port": "rst", "active": 1}
    for architecture, wanted in (
        (Parallel(), ("clk", reset)),
        (Parallel(bare=True, pipeline=1), ("clk", None)),
        (Parallel(bare=True), (None, None)),
    ):
        content = generate(NET, architecture, tmp_path).to_json()
        assert (content["clock"], content["reset"]) == wanted
        assert (
            content["input"]["packing"]
            == "one beat of 4 x 4 bits, unsigned, the first in the low bits"
        )
        assert Manifest.from_json(content).to_json() == content


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, 0.25),
        ({"fractions": [1, 3]}, [0.5, 0.125]),
        ({"scale": 0.3}, None),
        ({"output": rescale(5, True, 3)}, 0.125),
        ({"output": {**rescale(5, True, 3), "scale": 0.3}}, 0.3),
    ],
)
def test_step_of_values(changes: dict[str, Any], step: object) -> None:
    content = network(
        [dense([[1, 2], [3, 4]], output=changes.get("output"))], output="values"
    ).model_dump(mode="json")
    content["layers"][0]["weight_fraction_bits"] = changes.get("fractions", 2)
    if "scale" in changes:
        content["input"]["scale"] = changes["scale"]
    if "scale" in str(changes):
        content["version"] = 2
    assert formats_of(parse_network(content))["output"]["step"] == step


def test_formats_in_the_manifest() -> None:
    source = {"bits": 4, "signed": False, "fraction_bits": 0, "zero_point": 0, "step": 1.0}
    source |= {"rounding": "half_even", "minimum": 0, "maximum": 15}
    index = {"meaning": "index", "bits": 2, "signed": False, "fraction_bits": 0}
    assert formats_of(NET) == {"input": source, "output": index, "labels": None}
    values = network([dense([[1, 2]], output=rescale(5, True, 3))])
    given = {"meaning": "values", "bits": 5, "signed": True, "fraction_bits": 3, "step": 0.125}
    assert formats_of(values)["output"] == given


def test_header(tmp_path: Path) -> None:
    verilog = Path(generate(NET, Parallel(), tmp_path).verilog).read_text("ascii")
    lines = verilog.splitlines()
    assert lines[0].startswith("// Network net, parallel, pipeline 0; written by hwgen ")
    assert lines[1] == f"// Network sha256 {NET.sha256()}"
    assert lines[2].startswith("// Input s_axis_tdata: 4 features u4.0; one beat of 4 x 4 bits")
    assert lines[3].startswith("// Output m_axis_tdata: index of the largest output; one beat")
    assert re.findall(r"^  (?:in|out)put .*?(\w+),?$", verilog.split(");")[0], re.MULTILINE) == [
        *("clk", "rst", "s_axis_tdata", "s_axis_tvalid", "s_axis_tready"),
        *("m_axis_tdata", "m_axis_tvalid", "m_axis_tready"),
    ]
    assert (
        "// Index of the largest output, the lowest of equals.\nmodule hwgen_net_argmax" in verilog
    )
    assert "Yosys" not in verilog
    assert "src =" not in verilog


@pytest.mark.parametrize("architecture", [Parallel(), Serial()], ids=str)
def test_a_module_for_each_layer(tmp_path: Path, architecture: Architecture) -> None:
    manifest = generate(named("My Net", "Hidden 1"), architecture, tmp_path)
    assert manifest.top == "hwgen_my_net"
    # The last layer of the serial design hands on accumulators, and tables have its integers.
    names = ["hwgen_my_net_layer0_hidden_1", "hwgen_my_net_layer1_hidden_1"]
    assert manifest.layer_modules == names[: 1 if architecture.sequenced else 2]
    verilog = Path(manifest.verilog).read_text("ascii")
    assert set(manifest.layer_modules) | {manifest.top} <= set(modules(verilog))
    assert all(module.startswith("hwgen_my_net") for module in modules(verilog))


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:12]))
def test_hostile_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    for architecture in (Parallel(), Serial(macs=2)):
        manifest = generate(named(name, name), architecture, folder)
        verilog = Path(manifest.verilog).read_bytes().decode("ascii")
        assert sorted(p.name for p in folder.iterdir()) == [f"{manifest.top}.v", "manifest.json"]
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        identifier = re.compile(r"[a-z][a-z0-9_]*")
        assert all(identifier.fullmatch(module) for module in modules(verilog))
        assert max(map(len, verilog.splitlines())) < 4000
        # Names stand in comments as words, and nothing is a directive but no-change ones.
        for comment in re.findall(r"//.*", verilog):
            assert re.fullmatch(
                r"// (Network|Input|Output|Latency|This|Layer|Index|Multi|What|\().*", comment
            )
            assert re.fullmatch(r"[A-Za-z0-9 _.+,:;()\'/-]*", comment)
        for directive in re.findall(r"`\w+", verilog):
            assert directive in ("`timescale", "`default_nettype")


def test_folder_is_made(tmp_path: Path) -> None:
    generate(NET, Parallel(), tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "manifest.json").exists()


def test_folder_not_writable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("kept")
    for folder in (blocked, blocked / "below"):
        with pytest.raises(
            HwgenError,
            match=r"file: is no folder, a writable folder is needed$",
        ):
            generate(NET, Parallel(), folder)
    assert blocked.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [blocked]


def test_read_only_folder(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(HwgenError, match="cannot be written"):
        generate(NET, Parallel(), tmp_path)


def test_nothing_written_when_refused(tmp_path: Path) -> None:
    large = network([dense([[1]], activation="tanh", output=rescale(16, True, 14))])
    for net, architecture in (
        (large, Parallel()),
        (NET, Serial(macs=99)),
    ):
        with pytest.raises(HwgenError):
            generate(net, architecture, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"name": "systolic"},
            'arch: found "systolic", parallel, bit-serial, serial or stream is needed',
        ),
        ({}, "arch: found null, parallel, bit-serial, serial or stream is needed"),
        ({"name": "parallel", "pipeline": -1}, "pipeline: found -1, at least 0 adder levels"),
        ({"name": "parallel", "pipeline": True}, "pipeline: found true, must be an integer"),
        ({"name": "parallel", "bare": 1}, "bare: found 1, must be true or false"),
        (
            {"name": "parallel", "effort": "none"},
            'effort: found "none", low, normal or high',
        ),
        ({"name": "serial", "macs": 0}, "macs: found 0, at least 1 MAC"),
        ({"name": "serial", "pipeline": 1}, "pipeline: given with serial, only parallel has it"),
        ({"name": "serial", "bare": True}, "bare: given with serial, only parallel has it"),
        ({"name": "parallel", "macs": 2}, "macs: given with parallel, only serial has it"),
        ({"name": "parallel", "depth": 2}, "depth: given with parallel, no architecture has it"),
    ],
)
def test_knobs_refused(knobs: dict, message: str) -> None:
    with pytest.raises(HwgenError, match="^" + re.escape(message) + "$"):
        from_json(knobs)


def test_moved_manifest(tmp_path: Path) -> None:
    manifest = generate(NET, Parallel(), tmp_path)
    assert manifest.moved_to(Path("elsewhere")).verilog == str(Path("elsewhere") / "hwgen_net.v")


@pytest.mark.parametrize("architecture", [Parallel(effort="low"), BitSerial()], ids=str)
def test_sums_of_hundreds_of_words(architecture: Architecture) -> None:
    random = np.random.default_rng(3)
    net = network([dense(random.integers(-128, 128, (1, 250)).tolist())])
    assert generate_text(net, architecture)[0].count("endmodule") >= 2
