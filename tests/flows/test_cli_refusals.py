"""Commands that are refused, or that write to where nothing can be written."""

import os
from pathlib import Path

import numpy as np
import pytest

from hwgen.flows.cli.main import run
from hwgen.spec.network import save_network
from tests.commands import json_of, process, refusal
from tests.flows.test_cli import DIGITS, IMAGES
from tests.networks import dense, network


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
