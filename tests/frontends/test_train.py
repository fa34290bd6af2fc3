"""Training: files that say what to do, samples; and where torch is, the networks that come out."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.flows.cli.main import run
from hwgen.frontends.train.samples import load_samples
from hwgen.frontends.train.settings import INSTALL, Config, DataTable
from hwgen.spec.data import quantize
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.support.toml import read_toml

TORCH = importlib.util.find_spec("torch") and importlib.util.find_spec("brevitas")
needs_torch = pytest.mark.skipif(not TORCH, reason="torch and Brevitas are not installed")
quiet = pytest.mark.filterwarnings("ignore")

SMALL = """
name = "flowers"
[data]
source = "iris"
[teacher]
hidden = [16]
steps = 100
[student]
hidden = [8]
{student}
[training]
steps = {steps}
batch = 32
learning_rate = 0.02
"""


def config_file(folder: Path, student: str = "", steps: int = 100) -> Path:
    path = folder / "train.toml"
    path.write_text(SMALL.format(student=student, steps=steps))
    return path


def blobs(path: Path, samples: int = 90, features: int = 5, seed: int = 0) -> Path:
    """Three classes, each around a point of its own; one feature is constant."""
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    x = rng.normal(size=(3, features))[y] * 10 + rng.normal(size=(samples, features))
    x[:, 0] = 7
    np.savez(path, x=x, y=y + 4)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data]\nsource = 'iris'\n", r": student: missing, the key is required"),
        ("[student]\nhidden = [4]\n[data]\nsource = 3\n", r": data\.source: found 3, must be a "),
        ("[student]\nhiden = [4]\n[data]\nsource = ''\n", r"student\.hiden: unknown key, see "),
        (
            "[data]\nsource = 'iris'\n[student]\nhidden = [4]\nweight_bits = 1\n",
            r"weight_bits.*: found 1, must be greater than or equal to 2",
        ),
        (
            "[data]\nsource = 'iris'\n[student]\nhidden = [4]\nweight_bits = [4]\n",
            r"student: found an object, weight_bits: 1 widths where 2 are needed",
        ),
        ("x = \n", ": not TOML: "),
        (
            "[data]\nsource = 'iris'\ntest_share = 1.0\n[student]\nhidden = [4]\n",
            r"data\.test_share: found 1\.0, must be less than 1",
        ),
    ],
)
def test_config_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(HwgenError, match=message):
        read_toml(path, Config, "a training file")


def test_example_is_valid() -> None:
    root = Path(__file__).resolve().parents[2]
    assert read_toml(root / "examples/train-digits.toml", Config, "").student.hidden == (32,)


def test_samples_are_split_once(tmp_path: Path) -> None:
    path = blobs(tmp_path / "d.npz")
    table = DataTable(source="d.npz", test_share=0.2, validation_share=0.25)
    found = load_samples(table, 3, tmp_path)
    parts = (found.train, found.validation, found.test)
    assert [len(part.y) for part in parts] == [54, 18, 18]
    assert all(np.bincount(part.y).tolist() == [len(part.y) // 3] * 3 for part in parts)
    rows = {tuple(row) for part in parts for row in part.x}
    assert len(rows) == 90
    assert found.labels == ("4", "5", "6")
    again, other = load_samples(table, 3, tmp_path), load_samples(table, 4, tmp_path)
    assert np.array_equal(again.test.x, found.test.x)
    assert not np.array_equal(other.test.x, found.test.x)
    assert path.exists()


def test_scaled_by_training_samples_alone(tmp_path: Path) -> None:
    with np.load(blobs(tmp_path / "d.npz")) as data:
        raw = data["x"]
    found = load_samples(DataTable(source="d.npz"), 0, tmp_path)
    assert found.train.x[:, 1:].min(axis=0).tolist() == [0] * 4
    assert found.train.x[:, 1:].max(axis=0).tolist() == [1] * 4
    assert not found.train.x[:, 0].any()  # constant
    everything = load_samples(DataTable(source="d.npz", scale="all"), 0, tmp_path)
    assert everything.train.x.min() == 0
    assert everything.train.x.max() == 1
    plain = load_samples(DataTable(source="d.npz", scale="none"), 0, tmp_path)
    assert np.isin(plain.test.x, raw).all()


def test_csv_without_header(tmp_path: Path) -> None:
    with np.load(blobs(tmp_path / "d.npz")) as data:
        x, y = data["x"], data["y"]
    np.savetxt(tmp_path / "d.csv", np.column_stack([x, y]), delimiter=",")
    header = ",".join("abcdey")
    np.savetxt(
        tmp_path / "h.csv", np.column_stack([x, y]), delimiter=",", header=header, comments=""
    )
    found, headed, wanted = (
        load_samples(DataTable(source=name), 0, tmp_path) for name in ("d.csv", "h.csv", "d.npz")
    )
    assert np.allclose(found.test.x, wanted.test.x)
    assert np.allclose(headed.test.x, wanted.test.x)
    assert np.array_equal(found.train.y, wanted.train.y)


def test_test_samples_of_their_own(tmp_path: Path) -> None:
    blobs(tmp_path / "d.npz")
    blobs(tmp_path / "t.npz", samples=30)
    found = load_samples(DataTable(source="d.npz", test="t.npz"), 0, tmp_path)
    assert [len(part.y) for part in (found.train, found.validation, found.test)] == [78, 12, 30]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "flowers"}, r"data\.source: flowers: unknown, digits, breast_cancer, wine"),
        ({"source": "no.npz"}, r"no\.npz: No such file"),
        ({"source": "d.npz", "image": (2, 2)}, r"data\.image: \(2, 2\), rows x columns must be 5"),
        ({"source": "d.npz", "test": "u.npz"}, r"u\.npz: x: 4 features, 5 as in d\.npz"),
        ({"source": "d.npz", "test_share": 0.001}, r"d\.npz: no test samples"),
        ({"source": "x.npz"}, r"x\.npz: y: none, training needs a class for each sample"),
        ({"source": "nan.npz"}, r"nan\.npz: NaN or infinity"),
    ],
)
def test_samples_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    blobs(tmp_path / "d.npz")
    blobs(tmp_path / "u.npz", features=4)
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2)))
    np.savez(tmp_path / "nan.npz", x=np.full((4, 2), np.nan), y=np.arange(4))
    with pytest.raises(HwgenError, match=message):
        load_samples(DataTable(**change), 0, tmp_path)


@pytest.mark.skipif(bool(TORCH), reason="torch is installed")
def test_says_how_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(config_file(tmp_path)), "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error == f"hwgen: error: torch: not installed, {INSTALL}\n"
    assert not (tmp_path / "out").exists()


@needs_torch
@quiet
@pytest.mark.parametrize(
    ("student", "widths"),
    [
        ("weight_bits = 4\nactivation_bits = 4", [4, 4]),
        ("weight_bits = [3, 8]\nactivation_bits = 2\ninput_bits = 8\nper_output = true", [3, 8]),
        ("weight_bits = 6\nactivation_bits = 4\naccumulator_bits = 10", [6, 6]),
        ("weight_bits = 12\nactivation_bits = 16", [12, 12]),
    ],
)
def test_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], student: str, widths: list[int]
) -> None:
    out = tmp_path / "out"
    path = config_file(tmp_path, student, steps=200)
    assert run(["train", str(path), "-o", str(out), "--json"]) == 0, capsys.readouterr().err
    report = json.loads(capsys.readouterr().out)
    network = load_network(out / "network.json")
    assert [layer.weight_bits for layer in network.layers] == widths
    assert report["accuracy"]["quantized"]["test"] >= 0.8
    assert report["compared_with_brevitas"] == 45 * 3
    assert report["parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    if "accumulator" in student:
        assert max(report["accumulator_bits"]) <= 10
    assert (
        run(["predict", str(out / "network.json"), "--data", str(out / "test.npz"), "--json"]) == 0
    )
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["accuracy"] == pytest.approx(report["accuracy"]["quantized"]["test"])
    assert run(["import", str(out / "model.onnx"), "-o", str(tmp_path / "i.json")]) == 0


@needs_torch
@quiet
def test_goes_on_after_a_stop_and_ends_the_same(tmp_path: Path) -> None:
    from hwgen.frontends.train import loop
    from hwgen.frontends.train.flow import train

    settings = read_toml(config_file(tmp_path, steps=400), Config, "")
    whole = train(settings, tmp_path, tmp_path / "whole.pt", lambda text: None)
    said: list[str] = []
    saved = 0

    def stop(self: loop.Checkpoint) -> None:
        nonlocal saved
        saved += 1
        write(self)
        if saved in (1, 4, 9):
            raise KeyboardInterrupt

    write = loop.Checkpoint.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_SAVE_SECONDS", 0.0)
        patch.setattr(loop.Checkpoint, "save", stop)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                train(settings, tmp_path, tmp_path / "parts.pt", said.append)
        parts = train(settings, tmp_path, tmp_path / "parts.pt", said.append)
    assert sum("going on at step" in line for line in said) == 3
    assert parts.network.sha256() == whole.network.sha256()
    assert parts.onnx == whole.onnx
    other = train(
        settings.model_copy(update={"seed": 1}), tmp_path, tmp_path / "parts.pt", said.append
    )
    assert other.network.sha256() != whole.network.sha256()


@needs_torch
@quiet
def test_integers_that_differ_are_refused(tmp_path: Path) -> None:
    import torch

    from hwgen.frontends.train.export import as_brevitas, check, exported, imported_bytes
    from hwgen.frontends.train.flow import choose_formats
    from hwgen.frontends.train.layers import Perceptron, Quantized
    from hwgen.frontends.train.settings import StudentTable

    generator = torch.Generator().manual_seed(0)
    start = Perceptron((5, 6, 3), generator)
    x = np.random.default_rng(0).random((50, 5))
    student = Quantized(start, choose_formats(start, x, StudentTable(hidden=(6,))), None)
    model = as_brevitas(student)
    network = imported_bytes(exported(model, (5,)), "n").network
    assert check(network, model, x) == 150
    codes = quantize(x, network.input.format)
    sums = student(torch.from_numpy(x.astype(np.float32))).detach().numpy()
    scale = network.layers[1].weight_fraction_bits + network.input_format(1).fraction_bits
    from hwgen.spec import golden

    assert np.array_equal(sums * 2.0**scale, golden.infer(network, codes))
    with torch.no_grad():
        model[1].weight[0, 0] += 0.5
    with pytest.raises(HwgenError, match="integers differ from Brevitas"):
        check(network, model, x)


@needs_torch
@quiet
@pytest.mark.parametrize("bits", [6, 8, 10])
def test_accumulators_are_held_for_any_weights(bits: int) -> None:
    import torch

    from hwgen.frontends.train.export import as_brevitas, exported, imported_bytes
    from hwgen.frontends.train.flow import choose_formats
    from hwgen.frontends.train.layers import Perceptron, Quantized
    from hwgen.frontends.train.settings import StudentTable

    start = Perceptron((20, 10, 4), torch.Generator().manual_seed(1))
    with torch.no_grad():
        for bias in start.biases:
            bias += torch.linspace(-100, 100, len(bias))
    x = np.random.default_rng(0).normal(size=(60, 20))
    table = StudentTable(hidden=(10,), per_output=bits == 8)
    student = Quantized(start, choose_formats(start, x, table), bits)
    network = imported_bytes(exported(as_brevitas(student), (20,)), "n").network
    assert max(network.accumulator_width(index) for index in range(2)) <= bits


@needs_torch
@quiet
@pytest.mark.parametrize("content", [b"", b"no", b"\x80\x04cos\nsystem\n.", b"PK\x03\x04rest"])
def test_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "checkpoint.pt").write_bytes(content)
    assert run(["train", str(config_file(tmp_path)), "-o", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.endswith("not a checkpoint, delete it to train from the start\n")
    assert [file.name for file in out.iterdir()] == ["checkpoint.pt"]


@needs_torch
def test_too_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config_file(tmp_path, "max_parameters = 50")
    assert run(["train", str(path), "-o", str(tmp_path / "out")]) == 1
    assert "4-8-3 has 67 parameters, at most 50" in capsys.readouterr().err


def test_labels_by_name_and_no_regression(tmp_path: Path) -> None:
    """Names become the classes; real targets are refused, and not taken for as many classes."""
    rows = [f"{i},{i % 7},{('red', 'blue')[i % 2]}" for i in range(60)]
    (tmp_path / "named.csv").write_text("\n".join(["a,b,class", *rows]) + "\n")
    found = load_samples(DataTable(source="named.csv"), 0, tmp_path)
    assert found.labels == ("blue", "red")
    rows = [f"{i},{i % 7},{i / 8}" for i in range(60)]
    (tmp_path / "real.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    with pytest.raises(HwgenError, match=r"real.csv: y: found 0.125, classes: training is for"):
        load_samples(DataTable(source="real.csv"), 0, tmp_path)
    (tmp_path / "bare.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(HwgenError, match=r"bare.csv: y: found 0.125, classes"):
        load_samples(DataTable(source="bare.csv"), 0, tmp_path)
