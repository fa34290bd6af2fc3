"""Accumulators that are proved to fit, and the command."""

import time
from pathlib import Path
from typing import Any

import pytest

from hwgen.flows.cli.main import run
from hwgen.spec.network import save_network
from hwgen.synth.prove.accumulators import AccumulatorProof
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.verdict import Verdict
from tests.commands import json_of, refusal
from tests.flows.test_prove import QUIET, changed, more
from tests.networks import dense, network
from tests.sim.test_activity import tiny


def weights_of(width: int, **settings: Any) -> Verdict:
    """The verdict on accumulators of this width that need 7 bits: -26..45 and -44..31."""
    net = network([dense([[1, -2, 2, 0], [0, 1, -3, 1]], [4, 1], output=None, **settings)])
    proof = AccumulatorProof(network=net, widths=[width], vectors=[])
    return proof.run(Decider(time.monotonic()), QUIET)


def test_accumulators_fit() -> None:
    verdict = weights_of(7)
    assert verdict.status == "proved"
    [layer] = verdict.parts["layers"]
    assert [(n["low"], n["high"]) for n in layer["neurons"]] == [(-26, 49), (-44, 31)]


def test_accumulator_overflows() -> None:
    example = weights_of(6).counterexample
    assert example is not None
    x = example["input"]
    assert example["exact"] == 4 + x[0] - 2 * x[1] + 2 * x[2]
    assert not -32 <= example["exact"] < 32
    assert example["held"] == (example["exact"] + 32) % 64 - 32


def test_wrapping_accumulators_are_not_asked() -> None:
    verdict = weights_of(6, accumulator_bits=6, accumulator_overflow="wrap")
    assert verdict.status == "not asked"


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_network(tiny(), tmp_path / "tiny.json")
    save_network(changed(tiny(), more), tmp_path / "other.json")
    other = str(tmp_path / "other")
    assert run(["synth", f"{other}.json", "--bare", "-o", other]) == 0
    capsys.readouterr()
    report = json_of(capsys, "prove", tmp_path / "tiny.json", "--bare")
    assert report["proved"] is True
    assert set(report["questions"]) == {"accumulators", "netlist", "arithmetic"}
    netlist = tmp_path / "other" / "netlist.v"
    arguments = ["prove", str(tmp_path / "tiny.json"), "--bare", "--netlist", str(netlist)]
    assert run(arguments) == 1
    printed = capsys.readouterr()
    assert "netlist = RTL: input [" in printed.out
    assert printed.err.splitlines()[-1] == (
        "hwgen: error: prove: netlist = RTL is refuted, every question must be proved"
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("n.v", None, "No such file or directory"),
        ("n.v", "module", "cannot be read (syntax error"),
        ("n.json", '{"modules": {}}', "no module hwgen_tiny"),
        ("n.txt", "", "found .txt"),
    ],
)
def test_no_netlist(
    name: str, text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_network(tiny(), tmp_path / "tiny.json")
    if text is not None:
        (tmp_path / name).write_text(text)
    said = refusal(capsys, "prove", tmp_path / "tiny.json", "--netlist", tmp_path / name)
    assert said.startswith(f"{tmp_path / name}: {message}")
    assert said.endswith("a netlist as hwgen synth writes it, .v or .json")


def test_endless_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_network(tiny(), tmp_path / "tiny.json")
    said = refusal(capsys, "prove", tmp_path / "tiny.json", "--time-limit", "inf")
    assert said == "--time-limit: found inf, a finite number is needed"
