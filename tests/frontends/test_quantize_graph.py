"""Float models from ONNX graphs: the outputs of the graph, or one line that lists what bars."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.frontends.importing import load_float_model
from hwgen.frontends.onnx.file import Graph, Node, Tensor
from hwgen.frontends.quantize.floatgraph import float_model
from hwgen.support.errors import HwgenError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits-float.onnx"
W1 = np.array([[1.0, 2.0], [0.5, -1.0], [0.25, 4.0]])
B1 = np.array([0.5, -0.5])


def graph(*steps: tuple[str, Any], **constants: Any) -> Graph:
    """A chain of operators; a step is a name, further inputs and attributes."""
    nodes, here = [], "x"
    for index, (op, rest) in enumerate(steps):
        inputs, attributes = rest if isinstance(rest, tuple) else (rest, {})
        names = [here if name == "." else name for name in (inputs or ["."])]
        domain, _, kind = op.rpartition(":")
        nodes.append(
            Node(
                op=kind,
                domain=domain,
                name=f"n{index}",
                inputs=tuple(names),
                outputs=(f"t{index}",),
                attributes=attributes,
            )
        )
        here = f"t{index}"
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return Graph(
        name="g",
        inputs=(Tensor(name="x", shape=(None, 3), type="FLOAT"),),
        outputs=(Tensor(name=here, shape=None, type="FLOAT"),),
        nodes=tuple(nodes),
        initializers=arrays,
        types=dict.fromkeys(arrays, "DOUBLE"),
        opsets={"": 13},
    )


def outputs(made: Graph) -> Any:
    return float_model(made).infer(X)


X = np.random.default_rng(0).normal(0, 1, (20, 3))


def test_gemm_and_matmul_add_are_alike() -> None:
    gemm = graph(("Gemm", ([".", "w", "b"], {"transB": 1, "alpha": 2.0})), w=W1.T, b=B1)
    np.testing.assert_allclose(outputs(gemm), 2 * X @ W1 + B1)
    plain = graph(("MatMul", [".", "w"]), ("Add", ["b", "."]), w=W1, b=B1)
    np.testing.assert_allclose(outputs(plain), X @ W1 + B1)


def test_scales_fold_into_the_layers() -> None:
    made = graph(
        ("Flatten", []), ("Sub", [".", "mean"]), ("Div", [".", "size"]), ("MatMul", [".", "w"]),
        ("Add", [".", "b"]), ("BatchNormalization", [".", "g", "beta", "m", "v"]), ("Relu", []),
        ("Mul", [".", "g"]), ("Dropout", []), ("Gemm", [".", "w2"]),
        w=W1, b=B1, mean=[0.1, 0.2, 0.3], size=[2.0, 4.0, 0.5], g=[2.0, -1.0], beta=[0.3, 0.4],
        m=[0.5, 0.6], v=[1.0, 4.0], w2=[[1.0], [3.0]],
    )  # fmt: skip
    sums = ((X - [0.1, 0.2, 0.3]) / [2.0, 4.0, 0.5]) @ W1 + B1
    normal = (sums - [0.5, 0.6]) / np.sqrt(np.array([1.0, 4.0]) + 1e-5) * [2.0, -1.0] + [0.3, 0.4]
    expected = (np.maximum(normal, 0) * [2.0, -1.0]) @ [[1.0], [3.0]]
    model = float_model(made)
    assert [layer.activation for layer in model.layers] == ["relu", "none"]
    np.testing.assert_allclose(model.infer(X), expected)


@pytest.mark.parametrize(
    ("step", "activation", "shift"),
    [
        (("Relu", []), "relu", None),
        (("LeakyRelu", ([], {"alpha": 0.125})), "leaky_relu", 3),
        (("Clip", [".", "low", "high"]), "hard_tanh", None),
        (("Clip", ([], {"min": 0.0})), "relu", None),
        (("HardTanh", []), "hard_tanh", None),
        (("Sigmoid", []), "sigmoid", None),
        (("Tanh", []), "tanh", None),
    ],
)
def test_activations(step: Any, activation: str, shift: int | None) -> None:
    made = graph(("MatMul", [".", "w"]), step, w=W1, low=-1.0, high=1.0)
    (layer,) = float_model(made).layers
    assert (layer.activation, layer.negative_shift) == (activation, shift)


@pytest.mark.parametrize("end", ["Softmax", "ArgMax", "LogSoftmax"])
def test_ends(end: str) -> None:
    made = graph(("MatMul", [".", "w"]), (end, []), w=W1)
    assert float_model(made).output == "argmax"
    assert float_model(graph(("MatMul", [".", "w"]), w=W1)).output == "values"


def test_constants_behind_transpose() -> None:
    made = graph(("MatMul", [".", "t0"]), w=W1.T)
    node = Node(op="Transpose", domain="", name="t", inputs=("w",), outputs=("t0",), attributes={})
    last = Node(op="MatMul", domain="", name="m", inputs=("x", "t0"), outputs=("y",))
    made = Graph(**{**vars(made), "nodes": (node, last)})
    np.testing.assert_allclose(outputs(made), X @ W1)


def test_every_unsupported_node_is_listed() -> None:
    made = graph(
        ("Conv", [".", "w"]), ("com.microsoft:Gelu", []), ("LeakyRelu", ([], {"alpha": 0.1})),
        ("Clip", ([], {"min": 0.0, "max": 6.0})), w=W1,
    )  # fmt: skip
    with pytest.raises(HwgenError) as found:
        float_model(made, "m.onnx")
    assert str(found.value) == (
        "m.onnx: not supported: Conv 'n0' (weights of 2 dimensions); "
        "Gelu 'n1' (operator set com.microsoft); "
        "LeakyRelu 'n2' (slope 0.1, a power of two is needed); "
        "Clip 'n3' (clips to 0..6, only -1..1 or 0 and more), a float network (docs/quantize.md); "
        "hwgen import reads quantized ones"
    )


def test_sixty_unsupported_nodes_are_listed() -> None:
    with pytest.raises(HwgenError) as found:
        float_model(graph(*[("Erf", [])] * 60))
    assert str(found.value).count("(operator)") == 60


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (graph(("Relu", [])),
         r"^model: not supported: Relu 'n0' \(relu without a dense layer before it\)"),
        (graph(("Identity", [])), r"^model: no dense layer, at least one"),
        (graph(("MatMul", [".", "w"]), ("Relu", []), ("Mul", [".", "two"]), w=W1, two=[2.0]),
         r"^model: not supported: a scale or offset behind the last activation"),
        (graph(("MatMul", [".", "w"]), w=np.full((3, 2), np.nan)),
         r"^model: layer0: weights\[0\]\[0\]: nan, every value must be finite"),
        (graph(("MatMul", [".", "w"]), ("Add", [".", "x"]), w=W1),
         r"^model: not supported: Add 'n1' \(input 1 is no constant\)"),
        (graph(("MatMul", [".", "w"]), ("MatMul", [".", "w"]), w=W1),
         r"^model: not supported: MatMul 'n1' \(weights for 3 inputs of 2 values\)"),
    ],
)  # fmt: skip
def test_refusals(made: Graph, message: str) -> None:
    with pytest.raises(HwgenError, match=message):
        float_model(made)


def test_example() -> None:
    model = load_float_model(EXAMPLE)
    assert [layer.weights.shape for layer in model.layers] == [(24, 64), (10, 24)]
    assert model.name == "digits-float"
    assert model.parameter_count == 1810


SKLEARN = Path(__file__).parents[1] / "fixtures" / "onnx" / "sklearn"


@pytest.mark.parametrize("name", ["classes", "scores", "names", "two"])
def test_classifiers_of_skl2onnx(name: str) -> None:
    """The end that looks up names of classes is left out, and the names are kept."""
    data = np.load(SKLEARN / f"{name}.npz")
    model = load_float_model(SKLEARN / f"{name}.onnx")
    assert model.labels is not None
    predicted = np.array(model.labels)[model.as_classifier().predict(data["x"].astype(np.float64))]
    wanted = data["y"].astype(int) if name == "two" else data["y"]
    assert (predicted == wanted.astype(str)).all()


@pytest.mark.parametrize("name", ["value", "values"])
def test_regressors_of_skl2onnx(name: str) -> None:
    data = np.load(SKLEARN / f"{name}.npz")
    model = load_float_model(SKLEARN / f"{name}.onnx")
    assert model.output == "values"
    given = model.infer(data["x"].astype(np.float64))
    assert np.allclose(given.reshape(data["y"].shape), data["y"], atol=1e-4)
