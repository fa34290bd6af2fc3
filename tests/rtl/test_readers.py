"""Verilog of every architecture, read by the tools of others: none has a word to say."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import families
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.serial import Serial
from hwgen.rtl.stream import Stream
from hwgen.sim import verilator
from hwgen.support.errors import HwgenError
from tests.convnets import random_network
from tests.rtl import test_generate
from tests.rtl.test_architectures import CORNERS, sized

ARCHITECTURES: list[Architecture] = [
    *test_generate.ARCHITECTURES,
    Serial(storage="latch"),
    BitSerial(),
    BitSerial(digit=3, stages=1),
    Stream(),
]
NETWORKS = {
    "dense": sized([4, 3], [4, 5], "argmax"),
    **{name: CORNERS[name] for name in ("tables", "beyond 64 bits")},
    **{f"maps {seed}": random_network(np.random.default_rng(seed)) for seed in (2, 3, 4)},
}


def test_none_is_left_out() -> None:
    assert {type(one) for one in ARCHITECTURES} == set(families().values())


def icarus(manifest: Manifest) -> list[str]:
    if shutil.which("iverilog") is None:
        return []
    command = ["iverilog", "-g2005", "-t", "null", "-Wall", manifest.verilog]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in done.stderr.splitlines() if "timescale" not in line]
    return said or ["failed"] * done.returncode


def stock_verilator(manifest: Manifest) -> list[str]:
    found = verilator.find()
    command = [str(found.binary), "--lint-only", "-Wall", manifest.verilog]
    environment = found.environment()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    return done.stderr.splitlines() or ["failed"] * done.returncode


def slang(manifest: Manifest) -> list[str]:
    try:
        import pyslang.driver as reader
    except ImportError:
        return []
    driver = reader.Driver()
    driver.addStandardArgs()
    options = "-Wextra -Wconversion -Wno-sign-conversion -Werror --std 1364-2005"
    steps = (
        driver.parseCommandLine(f"slang {options} --top {manifest.top} {manifest.verilog}"),
        driver.processOptions(),
        driver.parseAllSources(),
        driver.runFullCompilation(True),
    )
    return [] if all(steps) else ["slang: see what is printed"]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_nothing_is_said(tmp_path: Path, architecture: Architecture) -> None:
    """Nor does anything depend on initial values, which some tools ignore."""
    read = []
    for name, net in NETWORKS.items():
        try:
            architecture.check(net)
        except HwgenError:
            continue
        manifest = generate(net, architecture, tmp_path / name.replace(" ", "_"))
        assert (name, icarus(manifest)) == (name, [])
        assert (name, stock_verilator(manifest)) == (name, [])
        assert (name, slang(manifest)) == (name, [])
        text = Path(manifest.verilog).read_text("ascii")
        assert not re.search(r"\binitial\b", text)
        assert not re.search(r"^\s*reg\b[^;]*=", text, re.MULTILINE)
        read.append(manifest)
    assert read
    yosys_reads(read)


def yosys_reads(manifests: list[Manifest]) -> None:
    pytest.importorskip("pyosys")
    script = (
        "import sys; from pyosys import libyosys\n"
        "for path, top in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    design = libyosys.Design()\n"
        "    for command in (f'read_verilog -sv {path}', f'hierarchy -check -top {top}', 'proc',\n"
        "                    'check -assert'):\n"
        "        libyosys.run_pass(command, design)\n"
    )
    words = [word for one in manifests for word in (one.verilog, one.top)]
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
