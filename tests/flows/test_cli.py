"""The command line: what it prints, what it writes, how it refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hwgen.flows.cli.main import COMMANDS, SECTIONS, run
from hwgen.spec import golden
from hwgen.spec.data import load_data
from hwgen.spec.network import Network, load_network, save_network
from tests.commands import json_of, process, refusal
from tests.networks import dense, network

DIGITS = "examples/digits.json"
IMAGES = "examples/digits-test.npz"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: hwgen {command}" in text
    assert "--json" in text


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hwgen 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["info"],
        ["info", DIGITS, "--colour"],
        ["generate", DIGITS, "-o", "x", "--arch", "vector"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""


def test_help_is_whole_and_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    words = " ".join(text.split())
    assert all(summary in words for section in SECTIONS.values() for summary in section.values())
    assert [line[:-1] for line in text.splitlines() if line[:1].isalpha() and line[-1] == ":"] == [
        *("Options", *SECTIONS)
    ]
    assert "..." not in text.partition("[ARGS]...")[2]
    assert run(["cache", "--help"]) == 0
    assert "Remove everything from the cache." in capsys.readouterr().out


def test_mistyped_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synht", DIGITS]) == 2
    assert "No such command 'synht'. Did you mean synth?" in capsys.readouterr().err
    assert run(["pdk", "lst"]) == 2
    assert "Did you mean list?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "where"),
    [
        (["info", "/nonexistent"], 1, "/nonexistent"),
        (["generate", DIGITS, "-o", "/dev/null/x"], 1, "/dev/null"),
        (["generate", DIGITS, "-o", "x", "--macs", "2"], 1, "--macs"),
        (["synth", DIGITS, "-o", "x", "--pdk", "none"], 1, "--pdk"),
        (["info", DIGITS, "--colour"], 2, "usage"),
        (["nonsense"], 2, "usage"),
    ],
)
def test_json_of_a_failure(
    arguments: list[str], code: int, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--json"]) == code
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert set(error) == {"where", "found", "allowed"}
    assert error["where"] == where
    if code == 1:
        line = f"hwgen: error: {error['where']}: {error['found']}, {error['allowed']}\n"
        assert captured.err == line


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path) -> None:
    for options, told in ((["-q"], False), (["-v"], True), ([], True)):
        assert run(["synth", str(tiny), "-o", str(tmp_path / "out"), *options]) == 0
        assert ("generating" in capsys.readouterr().err) is told
    assert run(["--quiet", "synth", str(tiny), "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""


def test_tables_are_not_cut(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done = process("pdk", "list", COLUMNS="80")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "\u2026" not in text
    assert "..." not in text
    for name in ("asap7", "gf180mcu", "ihp-sg13g2", "sky130hd"):
        assert f"{name} " in text


def test_shell_completion() -> None:
    done = process(_HWGEN_COMPLETE="bash_source")
    assert done.returncode == 0
    assert b"_HWGEN_COMPLETE=bash_complete" in done.stdout
    done = process(_HWGEN_COMPLETE="bash_complete", COMP_WORDS="hwgen gen", COMP_CWORD="1")
    assert done.stdout == b"plain,generate\n"


def test_predict_with_labels_and_targets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    layer = dense([[1, 0], [0, 1]], name="out")
    named = network([layer], output="argmax").model_copy(update={"labels": ["ant", "bee"]})
    save_network(named, tmp_path / "named.json")
    data = tmp_path / "data.csv"
    data.write_text("a,b,Class\n3,1,ant\n1,3,bee\n3,1,bee\n2,1,ant\n")
    arguments = ["predict", tmp_path / "named.json", "--data", data]
    assert json_of(capsys, *arguments)["accuracy"] == 0.75
    data.write_text("a,b,label\n3,1,wasp\n")
    assert refusal(capsys, *arguments) == f"{data}: y[0]: found 'wasp', one of ant, bee"
    save_network(network([layer]), tmp_path / "values.json")
    np.savez(tmp_path / "reals.npz", x=[[1, 2], [3, 4]], y=[[1.0, 2.5], [3.0, 4.0]])
    arguments = ["predict", tmp_path / "values.json", "--data", tmp_path / "reals.npz"]
    found = json_of(capsys, *arguments)
    scale = 2.0 ** -named.layers[0].accumulator_fraction(named.input.fraction_bits)[0]
    if scale == 1:
        assert found["mean_absolute_error"] == 0.125
        assert found["r2"] == pytest.approx(1 - 0.25 / 3.125)
    assert run([str(one) for one in arguments]) == 0
    assert "mean absolute error" in capsys.readouterr().out


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    result = json_of(capsys, "info", DIGITS)
    assert result["parameters"] <= 3000
    assert [layer["weight_bits"] for layer in result["layers"]] == [4, 4]
    assert result["weights"] == sum(layer["weights"] for layer in result["layers"])
    assert run(["info", DIGITS]) == 0
    assert "hidden" in capsys.readouterr().out


def test_info_adders(capsys: pytest.CaptureFixture[str]) -> None:
    hidden, _ = json_of(capsys, "info", DIGITS, "--adders")["adders"]
    assert hidden["shared"]["full_adders"] < hidden["plain"]["full_adders"]
    assert run(["info", DIGITS, "--adders"]) == 0
    assert "full-adder bits" in capsys.readouterr().out


def test_predict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "predicted.npz"
    result = json_of(capsys, "predict", DIGITS, "--data", IMAGES, "-o", out)
    net = load_network(Path(DIGITS))
    samples = load_data(Path(IMAGES), net)
    expected = golden.predict(net, samples.x)
    with np.load(out) as archive:
        assert archive["output"].tolist() == expected.tolist()
    assert result["samples"] == 540
    assert result["accuracy"] == np.mean(expected == samples.y) >= 0.94
    assert run(["predict", DIGITS, "--data", IMAGES]) == 0
    assert "accuracy 9" in capsys.readouterr().out


def test_predict_values(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = network([dense([[1, -2], [3, 0], [0, 5]], [1, 2, 3])])
    save_network(net, tmp_path / "net.json")
    (tmp_path / "data.csv").write_text("a,b\n1,2\n15,0\n")
    out = tmp_path / "out.npz"
    arguments = ["predict", tmp_path / "net.json", "--data", tmp_path / "data.csv", "-o", out]
    assert json_of(capsys, *arguments)["accuracy"] is None
    with np.load(out) as archive:
        assert archive["output"].tolist() == [[-2, 5, 13], [16, 47, 3]]


def test_generate(capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = json_of(capsys, "generate", tiny, "-o", out, "--arch", "serial", "--macs", 2)
    assert manifest["arch"] == {"name": "serial", "macs": 2, "storage": "auto"}
    computing = 3 * 2 + (1 + 2 * 2)
    assert manifest["interval_cycles"] == 4 + computing
    assert manifest["latency_cycles"] == computing + 2
    assert json.loads((out / "manifest.json").read_text()) == manifest
    text = Path(manifest["verilog"]).read_text()
    assert re.search(r"^module hwgen_tiny\b", text, re.MULTILINE)
    constraints = (out / f"{manifest['top']}.sdc").read_text()
    assert "set period [setting CLOCK_PERIOD 20]" in constraints
    assert run(["generate", str(tiny), "-o", str(out), "--clock", "12.5"]) == 0
    constraints = (out / f"{manifest['top']}.sdc").read_text()
    assert "set period [setting CLOCK_PERIOD 12.5]" in constraints
    assert run(["generate", str(tiny), "-o", str(out)]) == 0
    assert "m_axis_tdata" in capsys.readouterr().out


def test_verify_passes(capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.array([[1, 2, 3, 4], [15, 0, 15, 0]]))
    settings = ["--vectors", 50, "--seed", 7, "--data", tmp_path / "data.npz"]
    result = json_of(capsys, "verify", tiny, "--arch", "serial", *settings)
    assert result["passed"] is True
    assert result["mismatches"] == 0
    assert result["seed"] == 7
    assert result["vectors"] == 52
    assert result["origins"]["data"] == 2
    assert result["cycles"] > 52 * result["interval_cycles"]


def test_verify_catches_a_wrong_design(
    capsys: pytest.CaptureFixture[str], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(net: Network, x: golden.Integers) -> golden.Integers:
        return 1 - golden.decide(net, golden.infer(net, x))

    monkeypatch.setattr(golden, "predict", wrong)
    assert run(["verify", str(tiny), "--vectors", "20", "--seed", "1", "--json"]) == 1
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["passed"] is False
    assert result["mismatches"] > 0
    assert captured.err.startswith("hwgen: error: verify (seed 1): ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("pdk", ["ihp-sg13g2", "sky130hd"])
def test_synth(capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path, pdk: str) -> None:
    out = tmp_path / "out"
    report = json_of(capsys, "synth", tiny, "--arch", "serial", "--pdk", pdk, "-o", out)
    keys = """area_um2 gate_equivalents cells cells_by_type sequential_area_um2 area_by_module
        critical_path_ns leakage_nw pdk corner recipe tool latency_cycles interval_cycles seconds"""
    assert set(keys.split()) <= set(report)
    assert report["pdk"] == pdk
    assert sum(report["area_by_module"].values()) == pytest.approx(report["area_um2"])
    assert sum(report["cells_by_type"].values()) == report["cells"]
    assert json.loads((out / "report.json").read_text()) == report
    for name in ("netlist.v", "manifest.json", "hwgen_tiny.v", "area.png", "area.svg"):
        assert (out / name).stat().st_size > 0
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


def test_synth_table(capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path) -> None:
    assert run(["synth", str(tiny), "-o", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "um2" in text
    assert "layer0_hidden" in text
