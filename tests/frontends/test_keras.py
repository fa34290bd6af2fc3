"""Models of QKeras and HGQ2 compute what their frameworks compute; float ones are quantized."""

import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

import hwgen
from hwgen.flows.cli.main import run
from hwgen.frontends.importing import import_file, load_float_model
from hwgen.frontends.keras.file import load_layers
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.spec import golden
from hwgen.spec.formats import Format
from hwgen.support.errors import HwgenError
from tests.frontends import test_import_scaled as scaled

FOLDER = Path(__file__).parents[1] / "fixtures" / "keras"
HGQ = sorted(path.stem for path in FOLDER.glob("hgq*.keras"))
QKERAS = sorted(path.name for path in FOLDER.glob("qkeras*") if path.suffix != ".npz")
GRID = Format(bits=16, signed=True, fraction_bits=8)


def stored(name: str) -> Any:
    return np.load(FOLDER / f"{name.partition('.')[0]}.npz")


def differing(imported: Imported, codes: Any, y: Any) -> int:
    """Outputs of ``codes`` that are not those of the framework."""
    if imported.network.input.shape:
        channels, *places = imported.network.input.shape
        codes = np.moveaxis(codes.reshape(len(codes), *places, channels), -1, 1)
    codes = codes.reshape(len(codes), -1)
    return int((golden.predict(imported.network, codes) * imported.scale != y).sum())


def test_there_are_models() -> None:
    assert len(HGQ) == 8
    assert len(QKERAS) == 9


@pytest.mark.parametrize("name", HGQ)
def test_hgq_equals_its_framework(name: str) -> None:
    data = stored(name)
    assert len(data["x"]) >= 1_500
    path = FOLDER / f"{name}.keras"
    rounded = import_file(path, ImportOptions(input_format=GRID))
    assert differing(rounded, data["x"], data["y"]) == 0
    plain = import_file(path)
    assert len(plain.network.layers) <= len(rounded.network.layers)
    step = 2.0 ** (plain.network.input.fraction_bits - GRID.fraction_bits)
    codes = data["q"] * step
    assert (codes == codes.round()).all()
    assert differing(plain, codes.astype(np.int64), data["y"]) == 0


def test_hgq_has_what_is_hard() -> None:
    """Widths and signs of their own, wrapping around, thresholds, layers between."""
    outputs = {
        name: [one.output for one in import_file(FOLDER / f"{name}.keras").network.layers]
        for name in HGQ
    }
    assert isinstance(outputs["hgq_wrap"][0].bits, list)  # type: ignore[union-attr]
    assert outputs["hgq_wrap_linear"][0].overflow == "wrap"  # type: ignore[union-attr]
    assert outputs["hgq_symmetric"][0].thresholds is not None  # type: ignore[union-attr]


def test_hgq_says_what_it_costs() -> None:
    notes = import_file(FOLDER / "hgq_wrap.keras").notes
    assert any("at one step for each neuron they take" in note for note in notes)
    assert any("each as wide as it needs" in note for note in notes)
    assert any("inputs have formats of their own" in note for note in notes)


@pytest.mark.parametrize("name", QKERAS)
def test_qkeras_equals_its_framework(name: str) -> None:
    data = stored(name)
    x, y = data["x"].astype(np.float32) / 16, data["y"]
    assert len(x) >= 1_500
    imported = import_file(FOLDER / name)
    if imported.network.input.shape:
        channels, *places = imported.network.input.shape
        x = np.moveaxis(x.reshape(len(x), *places, channels), -1, 1)
    if any("softmax" in note.lower() for note in imported.notes):
        scaled.assert_same_class(scaled.results(imported, x), y)
    else:
        scaled.check(imported, x, y)


def test_python_and_command_line_give_the_same(tmp_path: Path) -> None:
    path, out = FOLDER / "hgq_wrap.keras", tmp_path / "n.json"
    net = hwgen.from_keras(path, name="n", output="argmax")
    assert net.output == "argmax"
    call = ["import", str(path), "-o", str(out), "--output-kind", "argmax", "--name", "n"]
    assert run(call) == 0
    assert hwgen.load(out).sha256() == net.sha256()


def test_objects_are_read_by_what_they_save() -> None:
    path = FOLDER / "hgq_wrap.keras"
    kind = type("QDense", (), {"__module__": "hgq.layers"})
    save = staticmethod(lambda place: Path(place).write_bytes(path.read_bytes()))
    model = type("Sequential", (), {"layers": [kind()], "save": save})()
    assert hwgen.from_keras(model).sha256() == hwgen.from_keras(path).sha256()
    kind.__module__ = "keras.layers"
    with pytest.raises(HwgenError, match=r"^x: none, a float model needs samples"):
        hwgen.from_keras(model)


# files made by hand


def layer(kind: str, name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "module": module, "config": {"name": name, **config}}


def keras_file(path: Path, layers: list[dict[str, Any]], arrays: dict[str, Any]) -> Path:
    """A ``.keras`` file."""
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for key, value in arrays.items():
            if isinstance(value, h5py.ExternalLink):
                file[key] = value
            else:
                file.create_dataset(key, data=value)
    config = {"class_name": "Sequential", "config": {"layers": layers}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def float_file(path: Path) -> tuple[Path, Any]:
    """A float model with a normalization and a nested one, and the function that it is."""
    rng = np.random.default_rng(0)
    first, last, mean = rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), rng.normal(size=5)
    nested = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [layer("Dense", "last", activation="softmax")]},
    }
    layers = [
        layer("Dense", "first", activation="linear"),
        layer("BatchNormalization", "norm", epsilon=0.0, scale=False),
        layer("ReLU", "relu"),
        nested,
    ]
    arrays = {
        "layers/dense/vars/0": first,
        "layers/dense/vars/1": np.ones(5),
        "layers/batch_normalization/vars/0": np.full(5, 0.5),
        "layers/batch_normalization/vars/1": mean,
        "layers/batch_normalization/vars/2": np.full(5, 4.0),
        "layers/sequential/layers/dense/vars/0": last,
        "layers/sequential/layers/dense/vars/1": np.zeros(3),
    }

    def function(x: Any) -> Any:
        return np.maximum((x @ first + 1 - mean) / 2 + 0.5, 0) @ last

    return keras_file(path, layers, arrays), function


def test_float_models_are_quantized(tmp_path: Path) -> None:
    path, function = float_file(tmp_path / "m.keras")
    x = np.random.default_rng(1).normal(size=(300, 4))
    assert np.allclose(load_float_model(path).infer(x), function(x))
    net = hwgen.from_keras(path, x, weight_bits=8, activation_bits=8)
    assert net.output == "argmax"
    assert (net.predict(x).results == function(x).argmax(axis=1)).mean() > 0.95
    np.savez(tmp_path / "d.npz", x=x)
    out = tmp_path / "n.json"
    call = ["quantize", str(path), "--data", str(tmp_path / "d.npz"), "-o", str(out)]
    assert run(call) == 0
    assert hwgen.load(out).input.features == 4


def test_models_of_the_torch_back_end() -> None:
    """They are modules of PyTorch too, and read as what they are to Keras."""
    dense = type("Dense", (), {"activation": SimpleNamespace(__name__="linear")})
    dense.get_weights = lambda self: [np.eye(2), np.zeros(2)]  # type: ignore[attr-defined]
    parts: dict[str, Any] = dict.fromkeys(("get_weights", "named_parameters"))
    model = SimpleNamespace(layers=[dense()], **parts)
    assert hwgen.from_keras(model, np.eye(2)).layers[0].outputs == 2


def test_float_model_import(tmp_path: Path) -> None:
    path, _ = float_file(tmp_path / "m.keras")
    with pytest.raises(HwgenError, match=r"m\.keras: a float model, hwgen quantize takes it"):
        import_file(path)


def test_dynamic_quantization(tmp_path: Path) -> None:
    dtype = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}
    path = keras_file(tmp_path / "m.keras", [layer("Dense", "d", dtype=dtype)], {})
    with pytest.raises(HwgenError, match=r"dynamic quantization, .*hwgen quantize it$"):
        import_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (layer("QLSTM", "c", "qkeras"), r"QLSTM 'c': a layer that is not read, QDense, QC"),
        (layer("QActivation", "a", "qkeras", activation="f(1)"), r"activation f, one of quantized"),
        (
            layer("QActivation", "a", "qkeras", activation="ternary(__import__('os'))"),
            r"quantizer \"ternary",
        ),
        (
            layer("QActivation", "a", "qkeras", activation="quantized_relu(4,use_sigmoid=1)"),
            r"quantized_relu with use_sigmoid 1, use_sigmoid 0$",
        ),
        (layer("QGRU", "c", "hgq.layers"), r"QGRU 'c': a layer that is not read, one of QDense"),
    ],
)
def test_refused_layers(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    dense = layer("QDense", "d", change["module"], enable_iq=False, use_bias=False)
    if "hgq" in change["module"]:
        dense = layer("Flatten", "f", "hgq.layers")
    arrays = {"layers/q_dense/vars/0": np.ones((2, 2)), "layers/q_dense/vars/1": np.ones(2)}
    with pytest.raises(HwgenError, match=message):
        import_file(keras_file(tmp_path / "m.keras", [dense, change], arrays))


def test_not_a_chain(tmp_path: Path) -> None:
    second = layer("Dense", "b")
    second["inbound_nodes"] = [{"args": [{"config": {"keras_history": ["x", 0, 0]}}]}]
    path = keras_file(tmp_path / "m.keras", [layer("Dense", "a"), second], {})
    with pytest.raises(HwgenError, match=r"m\.keras: b: reads 'x', one chain of layers is taken$"):
        load_layers(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    link = h5py.ExternalLink("/etc/passwd", "x")
    path = keras_file(tmp_path / "m.keras", [layer("Dense", "a")], {"layers/dense/vars/0": link})
    with pytest.raises(HwgenError, match=r"layers/dense/vars/0: a link, the data themselves$"):
        load_layers(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4rest", b"\x89HDF\r\n\x1a\n", b"{}"])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    with pytest.raises(HwgenError, match=r"a model saved by Keras is needed$"):
        load_layers(path)


def test_described_otherwise(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", [{"class_name": "Dense"}], {})
    with pytest.raises(HwgenError, match=r"a description that is not Keras', "):
        load_layers(path)
