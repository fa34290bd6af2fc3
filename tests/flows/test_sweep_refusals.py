"""Sweeps that are refused, and what stands in the way of one."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.flows.sweep import evaluate, store
from hwgen.flows.sweep.config import load_sweep
from hwgen.flows.sweep.networks import network_of
from hwgen.flows.sweep.plan import make_plan
from hwgen.flows.sweep.store import read_entries
from hwgen.support.errors import HwgenError
from tests.commands import json_of, refusal
from tests.sweeps import NETWORKS, ROOT, TINY, one_point, write_sweep

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize(
    ("file", "x", "said"),
    [
        ("data.npz", [[1, 2, 3]], "x: shape 1 x 3, samples x 2 features are needed"),
        ("data.csv", "a,b\n1,99\n", "x[0][1]: code 99, 0..3 in the input format"),
        ("data.csv", "a,b\n1,two\n", "line 2, column 'b': found 'two', a number is needed"),
    ],
)
def test_data_that_do_not_fit_are_named_as_in_the_sweep_file(
    file: str, x: Any, said: str, tmp_path: Path
) -> None:
    (tmp_path / "sets").mkdir()
    if isinstance(x, str):
        (tmp_path / "sets" / file).write_text(x, "utf-8")
    else:
        np.savez(tmp_path / "sets" / file, x=np.array(x))
    sweep = write_sweep(tmp_path, f'data = "sets/{file}"\nenergy_samples = 1\n')
    if "needed" in said and "line" in said:  # fits no network
        with pytest.raises(HwgenError, match=re.escape(f"sets/{file}: {said}")):
            one_point(sweep)
        return
    context, point = one_point(sweep)
    assert evaluate.evaluate(context, point, None).row["error"] == f"sets/{file}: {said}"
    with pytest.raises(HwgenError, match=f"^sets/{file}: "):
        evaluate._Work(context, point, None)._energy()


def test_calibration_that_does_not_fit_is_named_as_in_the_sweep_file(tmp_path: Path) -> None:
    examples = ROOT / "examples"
    np.savez(tmp_path / "many.npz", x=np.full((4, 64), 99))
    text = f'verify = "off"\n[model]\nfile = "{examples}/digits-float.onnx"\n'
    text += 'calibration = "many.npz"\n[axes]\ninput_format = "u4.0"\n'
    (tmp_path / "sweep.toml").write_text(text, "utf-8")
    context, point = one_point(tmp_path / "sweep.toml")
    error = evaluate.evaluate(context, point, None).row["error"]
    assert error == "many.npz: x: codes 99..99, 0..15 in the input format u4.0"


def test_errors_hold_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, point = one_point(write_sweep(tmp_path))

    def fail(self: Any) -> None:
        folder = tempfile.mkdtemp(prefix="hwgen-sim-", dir=tmp_path)
        log = tempfile.mkstemp(prefix="hwgen-", suffix=".log", dir=tmp_path)[1]
        raise HwgenError(f"{folder}/top.v", f"not {tmp_path}/top.v", f"the log is {log}")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(evaluate._Work, "run", fail)
    error = evaluate.evaluate(context, point, None).row["error"]
    assert error == f"top.v: not {tmp_path}/top.v, the log is not kept"


def test_worker_with_another_version_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, point = one_point(write_sweep(tmp_path))
    monkeypatch.setattr(evaluate, "fingerprint", lambda: "another")
    error = evaluate.evaluate(context, point, None).row["error"]
    assert "another version of hwgen or of its tools, the same one everywhere" in error


def test_full_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    put, left = store.write_together, [3]

    def full(files: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise HwgenError(str(next(iter(files))), "cannot be written (No space left)", "space")
        put(files)

    monkeypatch.setattr(store, "write_together", full)
    file = write_sweep(tmp_path, network=NETWORKS[:4])
    said = refusal(capsys, "sweep", file, "-o", out, "--jobs", 1)
    assert "cannot be written (No space left)" in said
    monkeypatch.undo()
    kept = len(read_entries(out))
    assert 0 < kept < 4
    assert json_of(capsys, "sweep", file, "-o", out)["kept"] == kept


def test_folder_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    file = write_sweep(tmp_path)
    json_of(capsys, "sweep", file, "-o", out)
    marker = json.loads((out / "sweep.json").read_text("utf-8"))
    (out / "sweep.json").write_text(json.dumps({**marker, "hwgen": "9.9"}))
    for command in (["sweep", file, "-o", out], ["report", out], ["compare", out, out]):
        assert "written by hwgen 9.9 (format 1), a new folder for" in refusal(capsys, *command)


TINY_AXIS = "[axes]\nnetwork = 'tiny.json'\n"
REFUSALS = [
    ("[axes]\nmacs = [1]\nmacs = [2]", "not TOML: a key stands twice"),
    (f"{TINY_AXIS}libary = 'sky130hd'", "axes.libary: unknown setting, did you mean library?"),
    ("[axes]\nmacs = []", "axes.macs: an empty axis, at least one value is needed"),
    ("[axes]\nmacs = [1, 1]", "axes.macs[1]: 1 stands twice, each value once"),
    (f"verfy = 'quick'\n{TINY_AXIS}", "verfy: unknown setting, did you mean verify?"),
    (f"verify = 'fast'\n{TINY_AXIS}", "verify: found \"fast\", must be 'quick', 'full' or 'off'"),
    ("name = 'x'", "axes: missing, [axes] or [[point]] is needed"),
    ("[axes]\nnetwork = 'absent.json'", "axes.network[0]: absent.json: No such file or directory"),
    ("[axes]\nnetwork = ['broken.json', 'gone.json']", "axes.network[0]: broken.json: "),
    ("[[point]]\nnetwork = 'broken.json'", "point[0].network[0]: broken.json: "),
    (f"{TINY_AXIS}architecture = 'paralell'", 'found "paralell", did you mean parallel?'),
    (f"{TINY_AXIS}macs = 2", "axes.macs: no architecture here has it, serial has"),
    (f"{TINY_AXIS}architecture = 'serial'\nmacs = 0", "axes.macs: found 0, at least 1 MAC"),
    (f"{TINY_AXIS}architecture = 'serial'\nmacs = true", "axes.macs: found true, must be an int"),
    (f"{TINY_AXIS}library = 'sky999'", "axes.library[0]: "),
    (f"{TINY_AXIS}clock = 5", "axes.clock: no recipe here aims at one, delay does"),
    (
        f"data = 'd.npz'\nenergy_samples = 2\n{TINY_AXIS}flatten = true",
        "axes.flatten: true, with energy_samples, energy is that of a design in modules",
    ),
    (f"{TINY_AXIS}weight_bits = [2, 3]", "axes.weight_bits: given without [model]"),
    (f"data = 'gone.npz'\n{TINY_AXIS}", "gone.npz: No such file or directory"),
    (f"energy_samples = 3\n{TINY_AXIS}", "energy_samples: given without data"),
    (
        f"[search]\npoints = 5\nmetrics = 'area'\n{TINY_AXIS}",
        "search.metrics: unknown 'area', did you mean area_um2?",
    ),
    (f"[search]\npoints = 5\nmetrics = 'accuracy'\n{TINY_AXIS}", "accuracy without data"),
    ("= 3", "not TOML: "),
    ("[axes]\nnetwork = '\ud800'".encode("utf-8", "surrogatepass"), "is not UTF-8"),
]


@pytest.mark.parametrize(("text", "said"), REFUSALS, ids=[said for _, said in REFUSALS])
def test_sweep_file_is_refused(
    text: str | bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.json").write_bytes(TINY.read_bytes())
    (tmp_path / "broken.json").write_text('{"format": "hwgen-network"}')
    (tmp_path / "sweep.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    line = refusal(capsys, "sweep", tmp_path / "sweep.toml", "-o", tmp_path / "out")
    assert line.startswith(str(tmp_path))
    assert said in line
    assert not (tmp_path / "out").exists()


def test_digits_sweep() -> None:
    file = ROOT / "examples/sweeps/digits.toml"
    plan = make_plan(load_sweep(file), file)
    points = list(plan)
    assert len(points) == len({plan.context.identity(point) for point in points}) == 50
    two, eight = (
        network_of(plan.context.sources[index], None, "") for index in (plan.sources[0], 4)
    )
    assert {layer.weight_bits for layer in two.layers} == {2}
    assert {layer.weight_bits for layer in eight.layers} == {8}


def test_setting_of_a_quantization_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "examples/sweeps/digits.toml").read_text("utf-8")
    text = text.replace('"../', f'"{ROOT}/examples/')
    for old, new, said in (
        ("weight_bits = [2, 3, 4, 6, 8]", "weight_bits = [2, 99]", "axes.weight_bits: weight bits"),
        ("weight_bits = ", "wieght_bits = ", "did you mean weight_bits?"),
        ("digits-float.onnx", "README.md", "examples/README.md: "),
    ):
        assert old in text
        (tmp_path / "sweep.toml").write_text(text.replace(old, new), "utf-8")
        assert said in refusal(capsys, "sweep", tmp_path / "sweep.toml", "-o", tmp_path / "out")


def test_ten_million_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = list(range(1, 3163))
    file = write_sweep(
        tmp_path, architecture=["serial"], macs=many, recipe="delay", clock=[5 + n for n in many]
    )
    said = refusal(capsys, "sweep", file, "-o", tmp_path / "out")
    assert "axes: 9,998,244 points, at most 10,000 are taken (or --yes-really)" in said
    assert not (tmp_path / "out").exists()
    assert len(make_plan(load_sweep(file), file, many=True)) == 9_998_244


def test_hundred_thousand_values_are_counted_before_they_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compared one with each other they would take minutes."""
    file = write_sweep(tmp_path, architecture=["serial"], macs=list(range(1, 200_001)))
    said = refusal(capsys, "sweep", file, "-o", tmp_path / "out")
    assert "axes: 200,000 points, at most 10,000 are taken (or --yes-really)" in said


def test_integer_of_five_thousand_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_sweep(tmp_path, architecture=["serial"])
    sweep = file.read_text("utf-8")
    for text, said in (
        (f"seed = {'9' * 5000}\n", "a number out of all ranges, at most 64 bits"),
        (f"timeout = {'9' * 400}\n", "timeout: found an integer of 1329 bits, must be a valid"),
        ("timeout = inf\n", "timeout: found Infinity, must be a finite number"),
    ):
        file.write_text(text + sweep, "utf-8")
        assert said in refusal(capsys, "sweep", file, "-o", tmp_path / "out")
