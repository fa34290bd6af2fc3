"""``import hwgen``: what the command line does, in five lines of Python."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.flows.api.models import float_model
from hwgen.flows.prediction import real_outputs
from hwgen.spec import golden
from hwgen.spec import network as spec
from hwgen.spec.data import quantize as to_codes
from hwgen.spec.network import load_network
from tests.flows.test_cli import json_of

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples/digits.json"
IMAGES = ROOT / "examples/digits-test.npz"
SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"
"""Icarus needs no compiler."""
TINY = ROOT / "examples/sweeps/tiny.json"


@pytest.fixture(scope="module")
def tiny() -> hwgen.Network:
    return hwgen.load(TINY)


def test_import_is_light() -> None:
    code = (
        "import sys, hwgen; heavy = {'numpy', 'pydantic', 'click', 'amaranth'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert 'load' in dir(hwgen)\nhwgen.load\n"
        "assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_name_is_there() -> None:
    assert all(getattr(hwgen, name) is not None for name in hwgen.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        hwgen.lod  # type: ignore[attr-defined]  # noqa: B018


def public() -> list[Any]:
    """Functions and methods that users call."""
    functions = [getattr(hwgen, name) for name in hwgen.__all__]
    found = [one for one in functions if inspect.isfunction(one)]
    for cls in (hwgen.Network, hwgen.Design):
        own = vars(cls).items()
        found += [
            getattr(cls, name)
            for name, one in own
            if name[0] != "_" and (inspect.isfunction(one) or isinstance(one, classmethod))
        ]
    return found


@pytest.mark.parametrize("function", public(), ids=lambda one: one.__qualname__)
def test_docstring_says_everything(function: Any) -> None:
    text = inspect.getdoc(function) or ""
    signature = inspect.signature(function)
    names = [name for name in signature.parameters if name != "self"]
    heads = ["Returns", *(["Parameters"] if names else [])]
    heads += [] if function.__name__ in ("of", "info") else ["Raises"]
    assert all(f"{head}\n{'-' * len(head)}\n" in text for head in heads)
    assert [name for name in names if name not in text] == []
    assert signature.return_annotation is not inspect.Signature.empty


def test_network_is_a_network(tiny: hwgen.Network, tmp_path: Path) -> None:
    plain = load_network(TINY)
    assert isinstance(tiny, spec.Network)
    assert tiny.sha256() == plain.sha256()
    assert hwgen.Network.of(tiny) is tiny
    assert hwgen.Network.of(plain).layers[0] is plain.layers[0]
    assert load_network(tiny.save(tmp_path / "net.json")).sha256() == plain.sha256()
    assert tiny.info().to_json()["parameters"] == plain.parameter_count
    assert "<table>" in tiny._repr_html_()
    assert "parameters" in repr(tiny)


def test_predict_takes_arrays_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    digits = hwgen.load(DIGITS)
    with np.load(IMAGES) as archive:
        x, y = archive["x"], archive["y"]
    found = digits.predict(x, y)
    assert found.to_json() == digits.predict(IMAGES).to_json()
    assert found.to_json() == json_of(capsys, "predict", DIGITS, "--data", IMAGES)
    codes = to_codes(x, digits.input.format)
    assert np.asarray(digits.predict(codes)).tolist() == found.results.tolist()
    assert (np.asarray(found) == y).mean() == found.accuracy
    assert len(found) == 540
    with pytest.raises(hwgen.HwgenError, match=r"^x: shape 540 x 3, samples x 64 features"):
        digits.predict(x[:, :3])
    with pytest.raises(hwgen.HwgenError, match=r"^y: real values, the network hands out classes"):
        digits.predict(x, y + 0.5)


def test_design_is_what_the_command_line_makes(
    tiny: hwgen.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design = tiny.design("serial", macs=2)
    manifest = design.write(tmp_path / "api")
    assert Path(manifest.verilog).read_text() == design.verilog
    theirs = json_of(
        capsys, "generate", TINY, "-o", tmp_path / "cli", "--arch", "serial", "--macs", 2
    )
    assert Path(theirs.pop("verilog")).read_text() == design.verilog
    ours = manifest.to_json()
    del ours["verilog"]
    assert json.loads(json.dumps(ours)) == theirs
    assert "<table>" in design._repr_html_()
    assert "serial" in repr(design)


@pytest.mark.parametrize(
    ("arch", "knobs", "said"),
    [
        ("vector", {}, '^arch: found "vector", parallel, bit-serial or serial'),
        ("serial", {"pipeline": 1}, "^pipeline: given with serial, only parallel has it"),
        ("parallel", {"lanes": 1}, "^lanes: given with parallel, no architecture has it"),
        ("serial", {"macs": 0}, "^macs: found 0, at least 1"),
    ],
)
def test_design_refused(tiny: hwgen.Network, arch: str, knobs: Any, said: str) -> None:
    with pytest.raises(hwgen.HwgenError, match=said):
        tiny.design(arch, **knobs)


def test_synth_is_what_the_command_line_prints(
    tiny: hwgen.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    ours = tiny.design().synth("sky130hd", folder=out, progress=lines.append)
    assert json.loads((out / "report.json").read_text()) == ours.to_json()
    theirs = json_of(capsys, "synth", TINY, "--pdk", "sky130hd", "-o", out)
    assert {**ours.to_json(), "seconds": 0} == {**theirs, "seconds": 0}
    assert "generating" in lines
    page = ours._repr_html_()
    assert "<svg" in page
    assert "area by module" in page
    assert "verilog" not in tiny.design().synth("sky130hd").to_json()


def test_verify_and_prove(tiny: hwgen.Network) -> None:
    design = tiny.design()
    found = design.verify(
        np.zeros((2, tiny.input.features), int), vectors=10, seed=3, simulator=SIMULATOR
    )
    assert (found.passed, found.seed, found.origins["data"]) == (True, 3, 2)
    assert found.require() is found
    assert "full speed" in found._repr_html_()
    with pytest.raises(hwgen.HwgenError, match=r"^pdk: given without gates"):
        design.verify(pdk="sky130hd")
    proof = design.prove("sky130hd", time_limit=60)
    assert proof.require().proved
    assert "netlist = RTL" in proof._repr_html_()
    with pytest.raises(hwgen.HwgenError, match=r"^time_limit: found inf"):
        design.prove(time_limit=float("inf"))


def test_power_and_handoff(tiny: hwgen.Network, tmp_path: Path) -> None:
    design = tiny.design("serial")
    x = np.random.default_rng(1).integers(0, 16, (3, tiny.input.features))
    power = design.power(x, pdk="sky130hd", simulator=SIMULATOR)
    assert power.inferences == 3
    assert power.energy_pj == pytest.approx(power.dynamic_energy_pj + power.leakage_energy_pj)
    assert "an inference" in power._repr_html_()
    with pytest.raises(hwgen.HwgenError, match=r"^rate: 1e\+15 inferences a second, at most"):
        design.power(x, pdk="sky130hd", rate=1e15)
    handed = design.handoff(tmp_path / "block", to="librelane", verify=False)
    assert (tmp_path / "block/config.json").is_file()
    assert handed.to_json()["verified"] is None


def test_integer_arrays_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(2)
    weights = [rng.integers(-8, 8, (5, 4)), rng.integers(-4, 4, (3, 5))]
    biases = [rng.integers(-9, 9, 5), rng.integers(-9, 9, 3)]
    net = hwgen.from_arrays(
        weights,
        biases,
        input_format="u4.4",
        hidden_format="u4.2",
        weight_fraction_bits=[3, 2],
        output="values",
        name="plain",
    )
    x = rng.integers(0, 16, (50, 4))
    hidden = np.clip((np.maximum(x @ weights[0].T + biases[0], 0) + (1 << 4)) >> 5, 0, 15)
    assert net.predict(x).results.tolist() == (hidden @ weights[1].T + biases[1]).tolist()
    assert [layer.weight_bits for layer in net.layers] == [4, 3]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input_format": None}, "^input_format: missing"),
        ({"hidden_format": None}, "^hidden_format: missing"),
        ({"hidden_format": ["u4.2", "u4.2"]}, "^hidden_format: 2 values, one, or 1"),
        ({"biases": [[1, 2]]}, "^biases: 1 arrays, 2, one for each layer"),
        ({"weight_bits": 2}, r"^layers\[0\]\.weights\[0\]\[0\]: code 7"),
        ({"x": [[1, 2]]}, "^x: given with integer weights"),
        ({"weights": [[[7, 1]], [[1.5]]]}, "^weights: integers and floats"),
        ({"weights": [[7, 1]]}, r"^weights\[0\]: 2, outputs x inputs"),
        ({"weights": [[[0.5, 1.0]], [[1.5]]]}, "^x: missing, float weights are quantized"),
    ],
)
def test_arrays_refused(change: dict[str, Any], said: str) -> None:
    given = {"weights": [[[7, 1], [2, 3]], [[1, 1]]], "input_format": "u4.4"}
    given |= {"hidden_format": "u4.2", **change}
    with pytest.raises(hwgen.HwgenError, match=said):
        hwgen.from_arrays(**given)


def blobs(seed: int = 0) -> tuple[Any, Any]:
    """Three clouds in four dimensions, far from zero and of different sizes."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 3, (3, 4))
    y = np.arange(150) % 3
    return (centres[y] + rng.normal(0, 0.5, (150, 4))) * [1, 2, 1, 0.5] + 5, y


def test_float_arrays_are_quantized() -> None:
    x, y = blobs()
    centres = np.stack([x[y == k].mean(axis=0) for k in range(3)])
    offsets = -(centres**2).sum(axis=1) / 2
    net = hwgen.from_arrays([centres], [offsets], x=x, y=y, weight_bits=8, labels=["a", "b", "c"])
    assert net.labels == ["a", "b", "c"]
    assert net.predict(x, np.array(["a", "b", "c"])[y]).accuracy > 0.95
    assert net.predict(x, y).accuracy == net.predict(x, np.array(["a", "b", "c"])[y]).accuracy
    with pytest.raises(hwgen.HwgenError, match=r"^y\[0\]: found 'z', one of a, b, c"):
        net.predict(x[:1], ["z"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scaler", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", None])
def test_from_sklearn_folds_the_scaler(scaler: str | None) -> None:
    pytest.importorskip("sklearn")
    from sklearn import preprocessing
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline

    x, y = blobs()
    names = np.array(["red", "green", "blue"])[y]
    steps = [getattr(preprocessing, scaler)()] if scaler else ["passthrough"]
    model = make_pipeline(*steps, MLPClassifier((6,), max_iter=300, random_state=0)).fit(x, names)
    floating = float_model(model)
    labels = np.array(floating.labels)
    assert (labels[floating.predict(x)] == model.predict(x)).all()
    net = hwgen.from_sklearn(model, x, names, name="colours")
    assert (net.name, net.labels) == ("colours", sorted(set(names)))
    right = (np.array(net.labels)[net.predict(x).results] == model.predict(x)).mean()
    assert right > 0.95


@pytest.mark.filterwarnings("ignore")
def test_from_sklearn_regression_and_refusals() -> None:
    pytest.importorskip("sklearn")
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline

    x, y = blobs()
    target = x @ [0.5, -0.25, 0.1, 0.0]
    model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=800, random_state=0).fit(x, target)
    net = hwgen.from_sklearn(model, x)
    found = net.predict(x, target)
    assert net.output == "values"
    assert found.r2 == pytest.approx(model.score(x, target), abs=0.05)
    real = real_outputs(net, found.results)[:, 0]
    assert found.mean_absolute_error == pytest.approx(np.abs(real - target).mean())
    assert found.to_json()["r2"] == found.r2
    with pytest.raises(hwgen.HwgenError, match=r"^model: a MLPClassifier that"):
        hwgen.from_sklearn(MLPClassifier(), x, y)
    with pytest.raises(hwgen.HwgenError, match=r"^model: an MLP that is not fitted"):
        hwgen.quantize(MLPClassifier(), x, y)
    with pytest.raises(hwgen.HwgenError, match=r"^model: a LinearRegression, a model of"):
        hwgen.quantize(LinearRegression(), x, y)
    piped = make_pipeline(PCA(2), MLPClassifier((3,), max_iter=5)).fit(x, y)
    with pytest.raises(hwgen.HwgenError, match=r"^model: a PCA before the network"):
        hwgen.from_sklearn(piped, x, y)


def test_quantize_says_how_good_it_is() -> None:
    x, y = blobs()
    centres = np.stack([x[y == k].mean(axis=0) for k in range(3)])
    model = float_model(fake_keras([(centres.T, -(centres**2).sum(axis=1) / 2, "softmax")]))
    found = hwgen.quantize(model, x, y, weight_bits=6, input_bits=8, seed=1)
    assert isinstance(found.network, hwgen.Network)
    assert found.network.layers[0].weight_bits == 6
    assert found.to_json()["accuracy"]["validation"]["quantized"] > 0.9
    assert "fixed 8-bit" in found._repr_html_()
    with pytest.raises(
        hwgen.HwgenError, match=r"^wieght_bits: unknown setting, one of weight_bits"
    ):
        hwgen.quantize(model, x, y, wieght_bits=4)
    with pytest.raises(hwgen.HwgenError, match=r"^y: none, a search needs classes"):
        hwgen.quantize(model, x, budget=0.01)


def fake_keras(layers: list[tuple[Any, Any, str]], *before: Any) -> Any:
    """What a Keras model looks like from outside: this is all that is read of one."""

    class Dense:
        def __init__(self, weights: Any, bias: Any, activation: str):
            self.weights_, self.activation = [weights, bias], SimpleNamespace(__name__=activation)

        def get_weights(self) -> list[Any]:
            return [part for part in self.weights_ if part is not None]

    made = [*before, *(Dense(*layer) for layer in layers)]
    return SimpleNamespace(layers=made, get_weights=lambda: None)


def test_from_keras_reads_layers() -> None:
    x, y = blobs()
    rng = np.random.default_rng(5)
    first, last = rng.normal(size=(4, 6)), rng.normal(size=(6, 3))
    norm = type("BatchNormalization", (), {})()
    norm.epsilon, norm.weights = 0.0, []
    figures = {"gamma": 2.0, "beta": 1.0, "moving_mean": 5.0, "moving_variance": 4.0}
    for name, value in figures.items():
        weight = type("Weight", (np.ndarray,), {})(4)
        weight[:], weight.name = value, name
        norm.weights.append(weight)
    model = fake_keras([(first, None, "relu"), (last, np.ones(3), "softmax")], norm)
    want = np.maximum((2 * (x - 5) / 2 + 1) @ first, 0) @ last + 1
    assert (float_model(model).predict(x) == want.argmax(axis=1)).all()
    net = hwgen.from_keras(model, x, y, name="k")
    assert (net.predict(x).results == want.argmax(axis=1)).mean() > 0.9
    with pytest.raises(hwgen.HwgenError, match=r"^model: activation 'swish', one of linear, relu"):
        hwgen.from_keras(fake_keras([(first, None, "swish")]), x)
    conv = type("Conv2D", (), {})()
    with pytest.raises(hwgen.HwgenError, match=r"^model: a Conv2D, Dense"):
        hwgen.from_keras(fake_keras([(first, None, "relu")], conv), x)


def test_from_torch_reads_modules() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    x, _ = blobs()
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(6)
    norm.running_mean += 0.5
    norm.running_var *= 2
    inner = nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(0.125), nn.Dropout(0.5))
    parts = [nn.Flatten(), nn.Linear(4, 6), norm, nn.ReLU(), inner, nn.Linear(5, 3), nn.Softmax(1)]
    model = nn.Sequential(*parts).eval()
    samples = torch.tensor(x, dtype=torch.float32)
    with torch.no_grad():
        want = model(samples).argmax(dim=1).numpy()
    assert (float_model(model).predict(x) == want).mean() > 0.99
    net = hwgen.from_torch(model, samples)
    assert net.layers[1].negative_shift == 3
    assert (net.predict(x).results == want).mean() > 0.9
    values = hwgen.from_torch(nn.Sequential(nn.Linear(4, 1)), x)
    assert values.output == "values"
    for module, said in (
        (nn.Conv1d(1, 1, 1), "a Conv1d, Linear"),
        (nn.LeakyReLU(0.1), "LeakyReLU with slope 0.1, a power of two"),
        (nn.Softmax(1), "softmax without a dense layer"),
    ):
        with pytest.raises(hwgen.HwgenError, match=f"^model: {said}"):
            hwgen.from_torch(nn.Sequential(module, nn.Linear(4, 3)), x)


def test_from_onnx(tmp_path: Path) -> None:
    net = hwgen.from_onnx(ROOT / "examples/qonnx.onnx", name="imported")
    assert net.name == "imported"
    floating = hwgen.from_onnx(
        ROOT / "examples/digits-float.onnx", ROOT / "examples/digits-train.npz", weight_bits=4
    )
    assert floating.layers[0].weight_bits == 4
    assert floating.predict(IMAGES).accuracy > 0.9


def test_sweep_is_a_table(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    lines: list[str] = []
    content = {
        "axes": {"network": str(TINY), "architecture": ["parallel", "serial"]},
        "verify": "off",
        "keep": "none",
    }
    found = hwgen.sweep(content, tmp_path / "out", jobs=1, progress=lines.append)
    table = found.table
    assert table.num_rows == found.points == 2
    assert set(table.column("arch").to_pylist()) == {"parallel", "serial"}
    assert min(table.column("area_um2").to_pylist()) > 0
    assert lines[-1].startswith("2 of 2: 0 failed")
    assert "best of each library" in found._repr_html_()
    assert found.report is not None
    assert found.report.is_file()
    with pytest.raises(hwgen.HwgenError, match=r"axes.recipes: .* did you mean recipe"):
        hwgen.sweep({"axes": {"network": str(TINY), "recipes": 1}}, tmp_path / "b")


def test_sweep_in_a_script_without_a_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    axes = {"network": str(TINY), "architecture": ["parallel"]}
    content = {"axes": axes, "verify": "off", "keep": "none"}
    script.write_text(
        "import hwgen\nprint('begun')\n"
        f"print(hwgen.sweep({content!r}, 'out', jobs=1).points)\nprint(__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.splitlines() == ["begun", "1", str(script)], done.stderr


def test_golden_is_what_predict_says(tiny: hwgen.Network) -> None:
    x = np.random.default_rng(0).integers(0, 16, (20, tiny.input.features))
    assert (tiny.predict(x).results == golden.predict(tiny, x)).all()
