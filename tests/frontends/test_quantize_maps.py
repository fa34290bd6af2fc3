"""Float networks of convolutions and pools: read, and quantized in all the ways of dense ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.frontends.importing import float_model
from hwgen.frontends.quantize import FloatModel, Settings, parse_format, run
from hwgen.frontends.quantize.chain import chained
from hwgen.frontends.quantize.equalize import centred, equalized
from hwgen.frontends.quantize.steps import (
    Activated,
    Affine,
    Convolved,
    Dense,
    Pooled,
    Shaped,
    Step,
)
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import quantize as codes_of
from hwgen.support.errors import HwgenError
from tests.frontends.test_quantize_graph import graph

KERAS = Path(__file__).parents[1] / "fixtures" / "keras"


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).normal(0, 0.5, shape)


def blobs(groups: int = 1, mean: bool = True, count: int = 150) -> tuple[FloatModel, Any, Integers]:
    """A network over images 2 x 6 x 6 with three classes, solved for by least squares."""
    rng = np.random.default_rng(1)
    y = np.arange(count) % 3
    x = np.clip(normal(3, 72)[y] * 1.2 + 0.5 + rng.normal(0, 0.1, (count, 72)), 0, 1)
    steps: list[Step] = [
        Convolved(normal(6, 2 // groups, 3, 3), normal(6), (1, 1), ((1, 1), (1, 1)), groups),
        Activated("relu"),
        Pooled("max", (2, 2)),
        Convolved(normal(4, 6, 2, 2), normal(4), (1, 1), ((0, 0), (0, 0))),
        Activated("relu"),
        *([Pooled("average")] if mean else []),
        Shaped((-1,)),
    ]
    features = chained(steps, "values", None, (2, 6, 6)).infer(x)
    ones = np.hstack([features, np.ones((count, 1))])
    solved = np.linalg.lstsq(ones, np.eye(3)[y] * 4, rcond=None)[0].T
    dense = Dense(solved[:, :-1], solved[:, -1])
    return chained([*steps, dense], "argmax", None, (2, 6, 6)), x, y


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (Settings(), 0.01),
        (Settings(weight_bits=4, activation_bits=5, per_output=True), 0.1),
        (Settings(weight_bits=(5, 4, 6), activation_bits=(4, 6)), 0.2),
        (Settings(codebook="kmeans", activation_bits=6), 0.1),
        (Settings(codebook="csd", weight_bits=3, codebook_bits=6, activation_bits=6), 0.3),
        (Settings(accumulator_bits=13, activation_bits=(2, 4), input_bits=3), 0.6),
        (Settings(rounding="nearest", bias_correction=False, equalize=True), 0.2),
    ],
)
def test_every_way_takes_convolutions(settings: Settings, error: float) -> None:
    model, x, y = blobs(2 if settings.per_output or settings.codebook == "kmeans" else 1)
    found = run(model, x, y, settings)
    kinds = ["conv2d", "max_pool", "conv2d", "global_average_pool", "dense"]
    assert [layer.kind for layer in found.network.layers] == kinds
    assert found.validation is not None
    assert found.validation.quantized > found.validation.float - 0.1
    limit = settings.accumulator_bits
    widths = [found.network.accumulator_width(index) for index in (0, 2, 4)]
    assert limit is None or max(widths) <= limit
    assert found.score.error < error


def test_wide_integers_come_close_to_the_float_network() -> None:
    for groups, mean in ((1, True), (2, False)):
        model, x, y = blobs(groups, mean)
        settings = Settings(weight_bits=14, activation_bits=14, seed=3)
        network = run(replace(model, output="values"), x, y, settings).network
        outputs = golden.infer(network, codes_of(x, network.input.format))
        found = np.ldexp(outputs.astype(float), -network.output_range().fraction_bits)
        assert np.abs(found - model.infer(x)).max() < 0.01


def test_search_keeps_its_budget_and_saves() -> None:
    model, x, y = blobs(count=60)
    given = parse_format("u3.3")
    found = run(
        model, x, y, Settings(budget=0.3, weight_bits=4, activation_bits=3, input_format=given)
    )
    assert found.score.loss <= 0.3
    assert found.evaluations > 3
    assert sum(layer.weight_bits for layer in found.plan.layers) < 12


def test_equalized_and_centred_convolutions_decide_alike() -> None:
    model, x, _ = blobs(2)
    first = model.layers[0]
    skewed = replace(first, weights=first.weights * 2.0 ** np.arange(-3, 3)[:, None])
    model = replace(model, layers=(skewed, *model.layers[1:]))
    np.testing.assert_array_equal(equalized(model).infer(x), model.infer(x))
    np.testing.assert_array_equal(centred(model).predict(x), model.predict(x))
    sizes = np.abs(equalized(model).layers[0].weights).max(axis=1)
    assert np.ptp(np.log2(sizes)) < np.ptp(np.log2(np.abs(skewed.weights).max(axis=1)))


def test_scales_fold_into_what_stands_beside_them() -> None:
    """Behind activations and pools into the next layer, in front into the one before."""
    x = normal(20, 2 * 25)
    gain, offset = np.array([0.5, -2.0, 1.5]), np.array([0.1, -0.2, 0.3])
    conv = Convolved(normal(3, 2, 2, 2), normal(3), (1, 1), ((0, 0), (0, 0)))
    after = Convolved(normal(2, 3, 2, 2), normal(2), (2, 2), ((0, 0), (0, 0)))
    for pool in (Pooled("average", (2, 2)), Pooled("max", (2, 2))):
        scale = gain if pool.kind == "average" else np.abs(gain)
        steps: list[Step] = [conv, Activated("relu"), Affine(scale, offset), pool, after]
        plain = chained([conv, Activated("relu"), pool], "values", None, (2, 5, 5)).infer(x)
        moved = plain.reshape(20, 3, 2, 2) * scale[:, None, None] + offset[:, None, None]
        tail = chained([after], "values", None, (3, 2, 2)).infer(moved.reshape(20, -1))
        np.testing.assert_allclose(
            chained(steps, "values", None, (2, 5, 5)).infer(x), tail, atol=1e-12
        )
    before = chained([conv, Affine(gain, offset)], "values", None, (2, 5, 5)).infer(x)
    alone = chained([conv], "values", None, (2, 5, 5)).infer(x).reshape(20, 3, -1)
    wanted = alone * gain[:, None] + offset[:, None]
    np.testing.assert_allclose(before, wanted.reshape(20, -1), atol=1e-12)


PADDED = Convolved(normal(2, 2, 3), normal(2), (1,), ((1, 1),))


@pytest.mark.parametrize(
    ("steps", "shape", "message"),
    [
        ([PADDED], None, "^model: a convolution or pool of a map of unknown shape"),
        ([PADDED], (2, 4, 4), r"^model: weights of 3 dimensions over a map of \[2, 4, 4\]"),
        ([PADDED], (3, 4), "^model: layer0: weights|^layer0: weights"),
        ([Pooled("max", (2,)), PADDED], (2, 8), "^model: a pool before the first layer"),
        ([PADDED, Pooled("max", (9,))], (2, 8), "^model: a window of 9 on a map of 2 x 8"),
        ([PADDED, Activated("relu"), Affine(np.ones(1), np.ones(1)), PADDED], (2, 8),
         "^model: an offset before a convolution that pads"),
        ([PADDED, Pooled("average", (2,)), Activated("relu")], (2, 8),
         "^model: relu behind a mean"),
        ([PADDED, Pooled("average", (2,), None, ((1, 1),))], (2, 8),
         "^model: a mean of windows that are padded"),
        ([PADDED, Shaped((5, -1))], (2, 8), r"^model: 16 values in the shape \[5, -1\]"),
    ],
)  # fmt: skip
def test_refusals(steps: list[Step], shape: tuple[int, ...] | None, message: str) -> None:
    with pytest.raises(HwgenError, match=message):
        chained(steps, None, None, shape)


def test_onnx_maps_in_either_layout() -> None:
    """A graph that turns images around before its convolution, and back before its dense layer."""
    weights, last = normal(3, 2, 2, 2), normal(27, 4)
    nodes: list[Any] = [
        ("Conv", [".", "w"]),
        ("Relu", []),
        ("Transpose", ([], {"perm": [0, 2, 3, 1]})),
        ("Reshape", [".", "flat"]),
        ("MatMul", [".", "last"]),
    ]
    constants = {"w": weights, "last": last, "flat": np.array([1, 27])}
    plain = float_model_of(nodes, (None, 2, 4, 4), constants)
    turned = float_model_of(
        [("Transpose", ([], {"perm": [0, 3, 1, 2]})), *nodes], (None, 4, 4, 2), constants
    )
    x = normal(10, 2, 4, 4)
    np.testing.assert_array_equal(
        turned.infer(turned.flat(np.moveaxis(x, 1, -1))), plain.infer(plain.flat(x))
    )
    hidden = plain.layers[0].stages(plain.sums(plain.flat(x))[0])[0].reshape(10, 3, 3, 3)
    wanted = np.moveaxis(hidden, 1, -1).reshape(10, 27) @ last
    np.testing.assert_allclose(plain.infer(plain.flat(x)), wanted, atol=1e-12)


def float_model_of(
    nodes: list[Any], shape: tuple[Any, ...], constants: dict[str, Any]
) -> FloatModel:
    from hwgen.frontends.onnx.file import Tensor
    from hwgen.frontends.quantize.floatgraph import float_model as of_graph

    made = graph(*nodes, **constants)
    source = Tensor(name=made.inputs[0].name, shape=shape, type="FLOAT")
    return of_graph(replace(made, inputs=(source,)))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("Conv", ([".", "w"], {"dilations": [2, 2]}))], r"Conv 'n0' \(a dilation\)"),
        ([("ConvTranspose", [".", "w"])], r"ConvTranspose 'n0' \(operator\)"),
        ([("Conv", ([".", "w"], {"auto_pad": "SAME_LOWER"}))], "auto_pad SAME_LOWER"),
        ([("Conv", [".", "w"]), ("Mul", [".", "row"])], "one for each channel"),
        ([("Conv", [".", "w"]), ("Attention", ["."])], r"Attention 'n1' \(operator\)"),
    ],
)
def test_refused_graphs(nodes: list[Any], message: str) -> None:
    constants = {"w": normal(3, 2, 2, 2), "row": np.ones((1, 1, 3))}
    with pytest.raises(HwgenError, match=message):
        float_model_of(nodes, (None, 2, 4, 4), constants)


def test_keras_models_compute_what_keras_did() -> None:
    """Strides and padding of Keras, depthwise and grouped convolutions, pools, a flatten."""
    with np.load(KERAS / "maps-float.npz") as data:
        x, y = data["x"].astype(np.float64), data["y"]
    model = float_model(KERAS / "maps-float.keras")
    assert np.allclose(model.infer(model.flat(x)), y, atol=1e-6)
    assert np.ptp(y, axis=0).min() > 0.1
    net = hwgen.from_keras(KERAS / "maps-float.keras", x, np.argmax(y, axis=1))
    flat = np.moveaxis(x, -1, 1).reshape(len(x), -1)
    assert (net.predict(flat).results == np.argmax(y, axis=1)).mean() > 0.9


def torch_module() -> Any:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6)
    nn.init.uniform_(norm.running_mean, -0.5, 0.5)
    nn.init.uniform_(norm.weight, 0.5, 2)
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3, stride=(1, 2), groups=2), nn.ReLU(), nn.AvgPool2d(2, stride=1)),
        *(nn.Conv2d(8, 5, 1), nn.LeakyReLU(0.125), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(5, 3),
    ).eval()


@pytest.mark.filterwarnings("ignore")
def test_torch_models_and_programs() -> None:
    module, x = torch_module(), np.random.default_rng(0).random((60, 2, 9, 11))
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(x, dtype=torch.float32)
    y = module(tensor).detach().numpy()
    program = torch.export.export(module, (tensor,))
    for one in (module, program, program.run_decompositions()):
        found = float_model(one, x.shape[1:])
        assert np.allclose(found.infer(found.flat(x)), y, atol=1e-5)
    net = hwgen.from_torch(module, x, y.argmax(axis=1), output="argmax")
    assert (net.predict(x).results == y.argmax(axis=1)).mean() > 0.8


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d", "MultiheadAttention"])
def test_torch_refusals(kind: str) -> None:
    torch = pytest.importorskip("torch")
    layer = {
        "Conv2d": lambda: torch.nn.Conv2d(1, 1, 2, dilation=2),
        "ConvTranspose2d": lambda: torch.nn.ConvTranspose2d(1, 1, 2),
        "MultiheadAttention": lambda: torch.nn.MultiheadAttention(4, 2),
    }[kind]()
    with pytest.raises(HwgenError, match=f"^model: a {kind}"):
        hwgen.from_torch(torch.nn.Sequential(layer), normal(4, 1, 6, 6))
