"""``hwgen quantize``: what it prints, what it writes, how it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.flows.cli.main import run
from hwgen.spec import golden
from hwgen.spec.data import load_data
from hwgen.spec.network import load_network

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "digits-float.onnx"
TRAIN = ROOT / "examples" / "digits-train.npz"
TEST = ROOT / "examples" / "digits-test.npz"


def result(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert run(["quantize", str(MODEL), *map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["quantize", *map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [one for one in captured.err.splitlines() if one.startswith("hwgen: error: ")]
    return line.removeprefix("hwgen: error: ")


def test_fixed_widths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.json"
    found = result(
        capsys, "--data", TRAIN, "--test", TEST, "--weight-bits", "4,5", "--activation-bits", 4,
        "-o", path,
    )  # fmt: skip
    network = load_network(path)
    assert found["network_sha256"] == network.sha256()
    assert [layer["weight_bits"] for layer in found["layers"]] == [4, 5]
    samples = load_data(TEST, network)
    right = np.mean(golden.predict(network, samples.x) == samples.y)
    assert found["accuracy"]["test"]["quantized"] == right
    assert found["accuracy"]["test"]["float"] - right < 0.015
    assert found["fixed_8_bit"]["multiplications"] == network.weight_count * 64


def test_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.json"
    found = result(capsys, "--data", TRAIN, "--search", "--budget", "2%", "-o", path)
    assert found["relative_loss"] <= 0.02
    assert found["saving"]["memory"] > 0.53
    assert found["saving"]["multiplications"] > 0.77


def test_accumulator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.json"
    found = result(
        capsys, "--data", TRAIN, "--accumulator-bits", 10, "--activation-bits", 4, "-o", path
    )
    for layer in found["layers"]:
        bits = layer["accumulator_bits"]
        assert bits["exact"] <= bits["given"] == 10
        assert bits["slack"] == 10 - bits["exact"]
        assert bits["exact"] <= bits["data_type"]


def test_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", TRAIN, "--codebook", "csd", "-o", tmp_path / "net.json"]
    assert run(["quantize", str(MODEL), *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    for text in ("validation", "4 bits of a codebook", "fixed 8-bit", "estimated area"):
        assert text in captured.out


def test_integer_data_are_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(TRAIN) as archive:
        codes, y = np.rint(archive["x"] * 16).astype(np.int64), archive["y"]
    np.savez(tmp_path / "codes.npz", x=codes, y=y)
    found = result(
        capsys, "--data", tmp_path / "codes.npz", "--input-format", "u5.4", "-o", tmp_path / "a"
    )
    assert found["input_format"] == "u5.4"
    assert found["accuracy"]["calibration"]["quantized"] > 0.98
    found = result(capsys, "--data", tmp_path / "codes.npz", "-o", tmp_path / "b")
    assert found["input_format"] == "u5.0"
    line = refusal(
        capsys, MODEL, "--data", tmp_path / "codes.npz", "--input-format", "u4.4", "-o",
        tmp_path / "c",
    )  # fmt: skip
    assert line.endswith("codes.npz: x: codes 0..16, 0..15 in the input format u4.4")


def test_csv_without_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(TRAIN) as archive:
        x = archive["x"][:50]
    rows = [",".join(f"f{i}" for i in range(64)), *(",".join(map(str, row)) for row in x.tolist())]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(rows))
    found = result(capsys, "--data", path, "-o", tmp_path / "net.json")
    assert found["output"] == "values"
    assert found["accuracy"] == {"validation": None, "calibration": None, "test": None}
    line = refusal(capsys, MODEL, "--data", path, "--search", "-o", tmp_path / "n")
    assert line.endswith("x.csv: no y, a search needs classes to measure accuracy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "100%", "--search"], "budget: 1, at least 0, less than 1 (100%)"),
        (["--budget", "2%"], "--budget: given without --search, it has no effect then"),
        (["--area-of", "serial"], "--area-of: given without --search"),
        (["--percentile", "99"], "--percentile: given without --fraction percentile"),
        (["--weight-bits", "4,4,4"], "weight bits: 3 values, one, or 2, one for each layer"),
        (["--weight-bits", "0"], "weight bits: 0, 1..16"),
        (["--input-format", "4.4"], "input format: '4.4', u or s, 1..16 bits, a point,"),
        (["--accumulator-bits", "1"], "accumulator bits: 1, 2..64"),
        (["--accumulator-bits", "5", "--input-format", "u8.8"],
         "accumulator bits: layer 'layer0': 5 bits hold none of its weights but zeros"),
    ],
)  # fmt: skip
def test_refusals(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.json"
    assert message in refusal(capsys, MODEL, "--data", TRAIN, "-o", path, *arguments)
    assert not path.exists()


def test_wrong_features(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 3)))
    line = refusal(capsys, MODEL, "--data", tmp_path / "x.npz", "-o", tmp_path / "n")
    assert line.endswith("x.npz: x: shape 9 x 3, samples x 64 features are needed")


@pytest.mark.parametrize("option", ["--weight-bits=a", "--budget=much", "--codebook=best"])
def test_wrong_usage(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["quantize", str(MODEL), "--data", str(TRAIN), "-o", str(tmp_path / "n"), option]
    assert run(arguments) == 2
    assert "Error" in capsys.readouterr().err
