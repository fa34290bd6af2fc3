"""The waveform of a vector, and what is said of a mismatch."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from hwgen.flows import verification
from hwgen.flows.cli.main import run
from hwgen.flows.design import make_design
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim import verilator
from hwgen.spec.network import Network, save_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network, rescale

NET = network(
    [
        dense([[1, -2, 3], [3, 1, -1]], output=rescale(4, False, 0), activation="relu"),
        dense([[1, 2], [-3, 1]]),
    ],
    name="small",
)
OTHER = network(
    [
        dense([[1, -2, 3], [3, 1, -1]], output=rescale(4, False, 0), activation="relu"),
        dense([[1, 2], [-3, 2]]),
    ],
    name="small",
)
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is needed")


@pytest.fixture
def net(tmp_path: Path) -> Path:
    save_network(NET, tmp_path / "net.json")
    return tmp_path / "net.json"


def names(vcd: Path) -> set[str]:
    """Signals of a VCD with their scopes, without the top's own name and ranges."""
    scopes: list[str] = []
    found = set()
    for line in vcd.read_text().splitlines():
        words = line.split()
        if words[:1] == ["$scope"]:
            scopes.append(words[2])
        elif words[:1] == ["$upscope"]:
            scopes.pop()
        elif words[:1] == ["$var"]:
            inside = scopes[scopes.index("hwgen_small") + 1 :] if "hwgen_small" in scopes else []
            found.add("/".join([*inside, re.sub(r"\[.*", "", words[4])]))
        elif words[:1] == ["$enddefinitions"]:
            break
    return found


def of_verilog(text: str) -> set[str]:
    """Registers and wires of the top module, and of layer 0."""
    found = set()
    layer = re.findall(r"^module hwgen_small_(layer0\w*) ", text, re.MULTILINE)[0]
    for prefix, module in (("", "hwgen_small"), (f"{layer}/", f"hwgen_small_{layer}")):
        body = re.search(rf"^module {module} \((.*?)^endmodule", text, re.MULTILINE | re.DOTALL)
        assert body is not None, module
        own = re.findall(r"(?:wire|reg) (?:\[\d+:0\] )?(\w+)", body[1])
        found |= {prefix + name for name in own}
    return found


@needs_icarus
def test_signals_of_the_source(net: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "wave.vcd"
    words = ["verify", str(net), "--arch", "serial", "--vectors", "4", "--simulator", "icarus"]
    assert run([*words, "--wave", str(out)]) == 0
    text = make_design(NET, Serial()).verilog
    assert of_verilog(text) <= names(out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["wave.vcd"]


def test_verilator_and_gates(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "wave.vcd"
    words = ["verify", str(net), "--bare", "--gates", "--vectors", "4", "--seed", "3"]
    assert run([*words, "--wave", str(out)]) == 0
    assert f"{out}: vector 0 alone, which is right" in capsys.readouterr().out
    assert {"x", "y"} <= {name.split("/")[-1] for name in names(out)}


@needs_icarus
def test_mismatch(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(_: Network, *rest: Any) -> Any:
        return make_design(OTHER, *rest)

    monkeypatch.setattr(verification, "make_design", wrong)
    monkeypatch.chdir(tmp_path)
    words = ["verify", "net.json", "--simulator", "icarus", "--seed=8", "--vectors", "20"]
    assert run([*words, "--wave", "a.fst"]) == 1
    said = capsys.readouterr()
    found = re.fullmatch(
        r"hwgen: error: verify \(seed 8\): \d+ mismatches; full speed: vector (\d+): "
        r"expected \[\S+ \S+\], got \[\S+ \S+\] in cycle (\d+).*, again: (hwgen .*)\n",
        said.err.splitlines(keepends=True)[-1],
    )
    assert found is not None, said.err
    assert f"a.fst: vector {found[1]} alone, which is wrong" in said.out
    assert (tmp_path / "a.fst").stat().st_size > 100
    assert int(found[2]) == 5 + int(found[1])  # of which reset takes the first
    again = shlex.split(found[3])
    assert again == ["hwgen", *words[:4], *words[5:], "--seed", "8", "--wave", "wrong.vcd"]
    assert run(again[1:]) == 1
    assert (tmp_path / "wrong.vcd").exists()
    assert f"vector {found[1]}: " in capsys.readouterr().err


def test_refused(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder.vcd").mkdir()
    for name, said in (
        ("wave.txt", "--wave: found 'wave.txt', a name ending in .fst or .vcd"),
        ("folder.vcd", "folder.vcd: is a folder, the name of a file is needed"),
    ):
        assert run(["verify", str(net), "--wave", str(tmp_path / name)]) == 1
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("hwgen: error: ")
        assert said in line


def test_headers_for_fst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything is simulated."""
    monkeypatch.setattr(verilator, "_compiles", lambda *_: False)
    monkeypatch.setattr(verification, "make_design", lambda *_: pytest.fail("begun"))
    with pytest.raises(HwgenError, match=r"^wave: verilator needs lz4's headers for \.fst, "):
        verification.verify_design(NET, Serial(), vectors=3, wave=tmp_path / "wave.fst")
    assert not (tmp_path / "wave.fst").exists()


@pytest.mark.skipif(not verilator._compiles("g++", "lz4.h"), reason="lz4's headers are needed")
def test_fst_of_verilator(tmp_path: Path) -> None:
    out = tmp_path / "wave.fst"
    result = verification.verify_design(NET, Parallel(bare=True), vectors=3, seed=1, wave=out)
    assert result.wave == {"file": str(out), "vector": 0, "passed": True}
    content = out.read_bytes()
    assert content[:1] == b"\0"  # the block that heads a file, of 329 bytes
    assert int.from_bytes(content[1:9], "big") == 329
