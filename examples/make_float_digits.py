"""Train a small float network on scikit-learn's digits and write ``digits-float.onnx``.

64-24-10 with relu, trained on the images that are not in ``digits-test.npz``; the calibration
samples for ``hwgen quantize`` go to ``digits-train.npz``.

    python examples/make_float_digits.py

Repeated runs write the same bytes on one machine with the same scikit-learn.
"""

import io
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits
from train_digits import split

from hwgen.support.files import write_atomic

HERE = Path(__file__).resolve().parent
HIDDEN = 24
SAMPLES = 400


def trained(x: np.ndarray, y: np.ndarray) -> MLPClassifier:
    """The float network."""
    with threadpool_limits(1):
        return MLPClassifier((HIDDEN,), alpha=1e-2, max_iter=600, random_state=0).fit(x, y)


def model_of(network: MLPClassifier) -> onnx.ModelProto:
    """Two ``Gemm`` with a ``Relu`` between, of float32."""
    arrays = {}
    for index, (weights, bias) in enumerate(
        zip(network.coefs_, network.intercepts_, strict=True), start=1
    ):
        arrays[f"w{index}"] = weights.T.astype(np.float32)
        arrays[f"b{index}"] = bias.astype(np.float32)
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["sums"], name="hidden", transB=1),
        helper.make_node("Relu", ["sums"], ["values"], name="relu"),
        helper.make_node("Gemm", ["values", "w2", "b2"], ["logits"], name="logits", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits-float",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["samples", 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["samples", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in arrays.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="hwgen"
    )


def main() -> None:
    """Write both files."""
    parts = [split(part) for part in ("train", "validation")]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    write_atomic(HERE / "digits-float.onnx", model_of(trained(x, y)).SerializeToString())
    content = io.BytesIO()
    np.savez_compressed(content, x=x[:SAMPLES].astype(np.float32), y=y[:SAMPLES])
    write_atomic(HERE / "digits-train.npz", content.getvalue())


if __name__ == "__main__":
    main()
