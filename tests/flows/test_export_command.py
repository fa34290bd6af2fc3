"""``hwgen export`` and ``hwgen generate --testbench``."""

import json
from pathlib import Path

import pytest

from hwgen.exports import EXPORTS, export
from hwgen.flows.cli.main import run
from hwgen.spec.network import load_network

DIGITS = Path(__file__).parents[2] / "examples" / "digits.json"


@pytest.mark.parametrize("to", list(EXPORTS))
def test_export(to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["export", str(DIGITS), "--to", to, "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["to"] == to
    wanted = export(load_network(DIGITS), to)
    assert out.read_bytes() == (wanted if isinstance(wanted, bytes) else wanted.encode())


def test_unknown_export(tmp_path: Path) -> None:
    assert run(["export", str(DIGITS), "--to", "rust", "-o", str(tmp_path / "out")]) == 2
    assert not list(tmp_path.iterdir())


def test_testbench(tmp_path: Path) -> None:
    arguments = ["generate", str(DIGITS), "-o", str(tmp_path), "--testbench", "--vectors", "10"]
    assert run(arguments) == 0
    names = {"hwgen_digits.v", "hwgen_digits_tb.v", "hwgen_digits.sdc", "manifest.json"}
    names |= {"stimuli.hex", "expected.hex"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert len((tmp_path / "stimuli.hex").read_text().splitlines()) == 10


def test_data_without_testbench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["generate", str(DIGITS), "-o", str(out), "--data", "none.npz"]) == 1
    assert "--data: given without --testbench" in capsys.readouterr().err
    assert not out.exists()
