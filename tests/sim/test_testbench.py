"""The testbench that is handed on: it passes a right design, and fails each wrong one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.rtl.stream import Stream
from hwgen.sim import verilator
from hwgen.sim.testbench import bench_files
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import parse_network
from tests.networks import dense, network, rescale

ARCHITECTURES = [
    Parallel(),
    Parallel(pipeline=1),
    Parallel(bare=True),
    Serial(),
    Serial(macs=2),
    BitSerial(),
    Stream(),
]
NET = network(
    [
        dense([[1, -2, 3], [3, 5, -4], [-7, 1, 1]], [3, -1, 8], output=rescale(4, False, 1)),
        dense([[5, 6, -3], [-1, 2, 7]], [-9, 4]),
    ],
    name="tb",
)


MAP = network(
    [
        {
            "kind": "conv2d",
            "name": "map",
            "weights": [[[[1, -2], [3, -1]]], [[[-3, 2], [1, 1]]]],
            "weight_bits": 4,
            "weight_fraction_bits": 0,
            "bias": [2, -1],
            "activation": "relu",
            "output": rescale(4, False, -1),
        },
        dense([[1, 2, -3, 1, -2, 3] * 2, [-1, 3, 2, -2, 1, 1] * 2], [4, -9]),
    ],
    shape=[1, 3, 4],
    name="tb",
)


def written(folder: Path, architecture: Architecture) -> Manifest:
    net = MAP if isinstance(architecture, Stream) else NET
    manifest = generate(net, architecture, folder)
    vectors = make_vectors(net, count=60, seed=5)
    for name, text in bench_files(manifest, vectors, seed=5).items():
        (folder / name).write_text(text)
    return manifest


def run_icarus(folder: Path, manifest: Manifest) -> tuple[int, str]:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    command = [
        "iverilog",
        "-g2005",
        "-Wall",
        "-o",
        "tb",
        f"{manifest.top}_tb.v",
        f"{manifest.top}.v",
    ]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    done = subprocess.run(
        ["vvp", "-n", "tb"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_right_design_passes(tmp_path: Path, architecture: Architecture) -> None:
    assert run_icarus(tmp_path, written(tmp_path, architecture)) == (0, "PASS\n")


def faults(verilog: str) -> list[str]:
    """The Verilog with one fault each: another constant or operator.

    Left alone is what no right use shows: parts of a weight ROM for addresses that are never read,
    what a wrong frame does, what an idle multiplexer hands on, how long a result that is not taken
    stops inputs, the reset of a counter that the first beat sets.
    """
    places = [
        *((m, str(int(m[0]) ^ 1)) for m in re.finditer(r"(?<=\d'd)\d+(?=[;,:}) ])", verilog)),
        *((m, "-") for m in re.finditer(r"(?<= )\+(?= )", verilog)),
        *((m, "|") for m in re.finditer(r"(?<= )&(?= )", verilog)),
        *((m, "<=" if m[0] == ">" else ">") for m in re.finditer(r"(?<= )[<>](?= )", verilog)),
    ]
    waits = "".join(re.findall(r"assign blocked = (.*);", verilog))
    blocked = "|".join(["blocked", *re.findall(r"t_\d+", waits)])
    idle = r"(?s)function \S+ rom_w.*?endfunction|[^\n]*s_axis_tlast[^\n]*|begin\n *\w+ = \d+'d0;"
    idle += rf"|assign (?:{blocked}) = [^\n]*|[^\n]*last \^ ending[^\n]*"
    idle += r"|assign word_\w+\[\d+\] = [^\n]*"
    idle += r"|if \(rst\) begin\n *word <= [^\n]*"
    hidden = [range(*m.span()) for m in re.finditer(idle, verilog)]
    return [
        verilog[: m.start()] + new + verilog[m.end() :]
        for m, new in places
        if not any(m.start() in span for span in hidden)
    ]


@pytest.mark.parametrize("architecture", [Parallel(), Serial(), BitSerial(), Stream()], ids=str)
def test_seeded_faults_fail(tmp_path: Path, architecture: Architecture) -> None:
    manifest = written(tmp_path, architecture)
    source = tmp_path / f"{manifest.top}.v"
    wrong = faults(source.read_text("ascii"))
    step = len(wrong) // 20
    assert step >= 1
    caught = 0
    for text in wrong[: 20 * step : step]:
        source.write_text(text)
        code, said = run_icarus(tmp_path, manifest)
        caught += code != 0 and "FAIL" in said
    assert caught == 20


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_wrong_weight_fails(tmp_path: Path, architecture: Architecture) -> None:
    manifest = written(tmp_path, architecture)
    net = MAP if isinstance(architecture, Stream) else NET
    content = net.model_dump(mode="json")
    content["layers"][1]["weights"][1][1] += 1
    generate(parse_network(content), architecture, tmp_path)
    code, said = run_icarus(tmp_path, manifest)
    assert code != 0
    assert re.search(r"expected [0-9a-f]+, found", said)


@pytest.mark.parametrize("architecture", [Parallel(bare=True), Serial()], ids=str)
def test_verilator_reads_it(tmp_path: Path, architecture: Architecture) -> None:
    manifest = written(tmp_path, architecture)
    found = verilator.find()
    names = [f"{manifest.top}_tb.v", f"{manifest.top}.v"]
    command = [str(found.binary), "--lint-only", "--timing", *names]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=found.environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
