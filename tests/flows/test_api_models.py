"""Networks from arrays and from models of other libraries, in Python."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.flows.prediction import real_outputs
from hwgen.frontends.importing import float_model
from tests.flows.test_api import IMAGES, ROOT


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
    conv = type("Conv3D", (), {})()
    with pytest.raises(hwgen.HwgenError, match=r"^model: a Conv3D, Dense"):
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
        (nn.Conv3d(1, 1, 1), "a Conv3d, Linear"),
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
