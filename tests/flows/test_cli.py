"""The command line: what it prints, what it writes, how it refuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from hwgen.flows.cli.main import COMMANDS, SECTIONS, run
from hwgen.spec import golden
from hwgen.spec.data import load_data
from hwgen.spec.network import Network, load_network, save_network
from tests.networks import dense, network, rescale

DIGITS = "examples/digits.json"
IMAGES = "examples/digits-test.npz"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A network of 4-3-2 that every flow gets through in seconds."""
    hidden = dense(
        [[1, -2, 3, 0], [0, 4, -1, 2], [-3, 1, 1, 1]],
        [2, -1, 0],
        output=rescale(4, False, 0),
        activation="relu",
        name="hidden",
    )
    net = network(
        [hidden, dense([[1, 2, -1], [-2, 1, 1]], name="out")], output="argmax", name="tiny"
    )
    save_network(net, tmp_path / "tiny.json")
    return tmp_path / "tiny.json"


def json_of(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> dict[str, Any]:
    """The JSON object that a command prints, and nothing else on stdout."""
    assert run([*map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command refuses with."""
    assert run([*map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("hwgen: error: ")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err
    return lines[0].removeprefix("hwgen: error: ")


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
    assert manifest["arch"] == {"name": "serial", "macs": 2}
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


def test_refuses_missing_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    expected = f"{missing}: No such file or directory, a network file is needed"
    assert refusal(capsys, "info", missing) == expected
    assert refusal(capsys, "generate", missing, "-o", tmp_path / "out") == expected
    assert not (tmp_path / "out").exists()


def test_refuses_unwritable_output(
    capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "out"
    line = refusal(capsys, "generate", tiny, "-o", out)
    assert line == (f"{tmp_path / 'file'}: is no folder, a writable folder is needed")
    assert "is no folder" in refusal(capsys, "synth", tiny, "-o", out, "--arch", "serial")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--pipeline", "-1"], "--pipeline: found -1, at least 0 adder levels"),
        (["--macs", "2"], "--macs: given with parallel, only serial has it"),
        (["--arch", "serial", "--macs", "0"], "--macs: found 0, at least 1 MAC"),
        (["--arch", "serial", "--macs", "9"], "--macs: found 9, at most 3 can be kept busy"),
        (
            ["--arch", "serial", "--bare"],
            "--bare: given with serial, only parallel has it",
        ),
        (
            ["--arch", "serial", "--pipeline", "1"],
            "--pipeline: given with serial, only parallel has it",
        ),
    ],
)
def test_refuses_wrong_knobs(
    capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path, arguments: list[str], line: str
) -> None:
    assert refusal(capsys, "generate", tiny, "-o", tmp_path / "out", *arguments) == line
    assert not (tmp_path / "out").exists()


def test_refuses_unknown_library_and_recipe(
    capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert refusal(capsys, "synth", tiny, "-o", out, "--pdk", "tsmc7").startswith("--pdk: 'tsmc7' ")
    assert refusal(capsys, "synth", tiny, "-o", out, "--recipe", "luck").startswith(
        "--recipe: 'luck'"
    )
    assert not out.exists()


def test_refuses_when_tools_are_missing(
    capsys: pytest.CaptureFixture[str],
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "iverilog" in refusal(capsys, "verify", tiny, "--simulator", "icarus")
    assert "g++" in refusal(capsys, "verify", tiny)
    line = refusal(capsys, "synth", tiny, "-o", tmp_path / "out", "--tool", "path")
    assert "yosys" in line.lower()
    assert not (tmp_path / "out").exists()


def test_hostile_names_are_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hostile = 'x"; endmodule\n`include "/etc/passwd" \\ $(touch /tmp/hwgen-owned); ' + "n" * 10_000
    layer = dense([[1, -1], [2, 1]], name=hostile)
    save_network(network([layer], output="argmax", name=hostile), tmp_path / "net.json")
    net = tmp_path / "net.json"
    assert json_of(capsys, "info", net)["name"] == hostile
    manifest = json_of(capsys, "generate", net, "-o", tmp_path / "out")
    text = Path(manifest["verilog"]).read_text()
    assert "passwd" not in text.replace("etc_passwd", "")
    assert len(manifest["top"]) < 60
    assert json_of(capsys, "verify", net, "--vectors", 10)["passed"] is True
    report = json_of(capsys, "synth", net, "-o", tmp_path / "synth")
    assert report["area_um2"] > 0
    assert run(["info", str(net)]) == 0
    assert not Path("/tmp/hwgen-owned").exists()


def process(
    *arguments: object, stdout: int | IO[bytes] = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own, its output buffered as it is by default."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from hwgen.flows.cli.main import main; main()",
            *map(str, arguments),
        ],
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        env=environment | variables,
        timeout=60,
    )


def test_starts_as_a_process() -> None:
    """The installed command: exit code, one line on stderr, nothing on stdout."""
    done = process("info", "/nonexistent")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"hwgen: error: /nonexistent: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", DIGITS],
        ["info", DIGITS, "--json"],
        ["predict", DIGITS, "--data", IMAGES],
        ["info", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_full_disk_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = process(*arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"hwgen: error: output: No space left on device, is the disk full?\n"


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda variables: " ".join(variables.values()),
)
def test_names_that_stdout_cannot_hold(tmp_path: Path, variables: dict[str, str]) -> None:
    path = tmp_path / "é数.json"
    save_network(network([dense([[1]], name="é数")], name="é数"), path)
    done = process("info", path, **variables)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u6570: 2 parameters" in done.stdout
    path.unlink()
    done = process("info", path, **variables)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"No such file or directory" in done.stderr


def test_predict_features_of_a_csv(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    for text, shape in (("y\n1\n2\n", "2 x 0"), ("y\n", "0 x 0"), ("a,y\n", "0 x 1")):
        data.write_text(text)
        line = refusal(capsys, "predict", DIGITS, "--data", data)
        assert line == f"{data}: x: shape {shape}, samples x 64 features are needed"


def test_predict_no_samples(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 64)), y=np.zeros(0, np.int64))
    (tmp_path / "none.csv").write_text(",".join(f"x{i}" for i in range(64)) + ",y\n")
    for name in ("none.npz", "none.csv"):
        out = tmp_path / "out.npz"
        result = json_of(capsys, "predict", DIGITS, "--data", tmp_path / name, "-o", out)
        assert (result["samples"], result["accuracy"]) == (0, None)
        with np.load(out) as archive:
            assert archive["output"].shape == (0,)


@pytest.mark.parametrize("out", ["", "/", "folder"])
def test_predict_into_a_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    arguments = [str(Path(DIGITS).resolve()), "--data", str(Path(IMAGES).resolve())]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    line = refusal(capsys, "predict", *arguments, "-o", out)
    assert line == f"{Path(out)}: is a folder, the name of a file is needed"
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_predict_past_64_bits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    layer = dense([[2**31 - 1] * 5], [2**62], weight_bits=32)
    save_network(network([layer], bits=32), tmp_path / "net.json")
    (tmp_path / "data.csv").write_text("a,b,c,d,e\n" + ",".join([str(2**32 - 1)] * 5) + "\n")
    arguments = ["predict", tmp_path / "net.json", "--data", tmp_path / "data.csv"]
    out = tmp_path / "out.npz"
    line = refusal(capsys, *arguments, "-o", out)
    assert line == f"{out}: integers of 67 bits, at most 64 go into an .npz"
    assert not out.exists()
    assert json_of(capsys, *arguments)["samples"] == 1


def test_predict_wide_but_small(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    layer = dense([[2**31 - 1] * 5], [2**62], weight_bits=32)
    save_network(network([layer], bits=32), tmp_path / "net.json")
    arguments = ["predict", tmp_path / "net.json", "--data", tmp_path / "data.csv"]
    out = tmp_path / "out.npz"
    for rows, expected in (("", []), ("1,0,0,0,0\n", [[2**62 + 2**31 - 1]])):
        (tmp_path / "data.csv").write_text("a,b,c,d,e\n" + rows)
        assert json_of(capsys, *arguments, "-o", out)["samples"] == len(expected)
        with np.load(out) as archive:
            assert archive["output"].tolist() == expected
            assert archive["output"].dtype == np.int64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["--clock", 5], "--clock: given with recipe area, only delay aims at a clock"),
        (["--recipe", "delay", "--clock", "inf"], "--clock: found inf, a finite number is needed"),
    ],
)
def test_clock_refused(
    settings: list[object],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tiny: Path,
    tmp_path: Path,
) -> None:
    assert refusal(capsys, "synth", tiny, "-o", tmp_path / "out", *settings) == message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("synth", "--timeout", "nan"), "--timeout: found nan, a finite number is needed"),
        (("synth", "--timeout", "1e400"), "--timeout: found inf, a finite number is needed"),
        (("prove", "--time-limit", "nan"), "--time-limit: found nan, a finite number is needed"),
        (("power", "--clock", "nan"), "--clock: found nan, a finite number is needed"),
        (
            ("generate", "--pipeline", "9" * 23),
            "--pipeline: found an integer of 77 bits, at most 1,000,000",
        ),
        (
            ("generate", "--arch", "serial", "--macs", "9" * 23),
            "--macs: found an integer of 77 bits, at most 1,000,000",
        ),
    ],
)
def test_numbers_out_of_all_ranges(
    arguments: tuple[str, ...],
    said: str,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, *options = arguments
    if command in ("synth", "generate"):
        options += ["-o", str(tmp_path / "out")]
    if command == "power":
        options += ["--data", IMAGES]
    assert refusal(capsys, command, tiny, *options) == said


def test_yosys_that_prints_nonsense(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes no part in writing Verilog, and where it is asked for, it is found out."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "yosys"
    program.write_text("#!/bin/sh\nprintf '\\377 nonsense'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert run(["generate", str(tiny), "-o", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    synth = ("synth", tiny, "-o", tmp_path / "out", "--tool", "path", "--no-cache")
    wrote_none = "Yosys: wrote no front.json, a Yosys that runs scripts is needed"
    assert refusal(capsys, *synth) == wrote_none


def test_refusal_is_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "\N{SNOWMAN}\a" * 60
    long = tmp_path / ("x" * 200) / ("y" * 200) / f"{name}.json"
    assert len(refusal(capsys, "info", long)) < 600
    assert run(["generate", "net.json", "-o", "out", "--pipeline", "nine\a" * 400]) == 2
    said = capsys.readouterr().err
    assert len(said) < 700
    assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize("place", ["-o", "net"])
def test_name_that_is_too_long(
    place: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = tmp_path / ("n" * 300)
    net, out = (tiny, long) if place == "-o" else (long, tmp_path / "out")
    said = refusal(capsys, "generate", net, "-o", out)
    assert "File name too long" in said
    assert "disk" not in said
