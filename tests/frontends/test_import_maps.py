"""Convolutions and pooling from ONNX: as onnx's reference computes them, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.finish import Imported
from tests.fixtures.graphs import Chain, samples
from tests.frontends.test_import import real_outputs, refused


def qdq(chain: Chain, values: Any, scale: Any, axis: int = 0) -> str:
    """Quantized weights as QDQ has them."""
    steps = np.asarray(scale, np.float32)
    shape = [-1, *[1] * (values.ndim - 1)] if steps.ndim else []
    codes = np.clip(np.rint(values / steps.reshape(shape)), -128, 127)
    zero = np.zeros(steps.shape)
    names = chain.constant(codes, np.int8), chain.constant(steps), chain.constant(zero, np.int8)
    return chain.node("DequantizeLinear", *names, axis=axis)


class Model(Chain):
    """A QDQ chain of one image, or signal."""

    def layer(self, weights: Any, bias: Any = None, scale: Any = 2.0**-6, **window: Any) -> "Model":
        """A convolution with quantized weights."""
        more = [] if bias is None else [self.constant(np.asarray(bias))]
        self.then("Conv", qdq(self, np.asarray(weights), scale), *more, **window)
        return self

    def codes(self, scale: float, zero: int = 0, dtype: Any = np.uint8) -> "Model":
        """QuantizeLinear and DequantizeLinear."""
        self.then_qdq(scale, zero, dtype)
        return self


def weights(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0, 0.5, shape)


def check(chain: Chain, folder: Path, rank: int, count: int = 20) -> Imported:
    """The import computes what onnx's reference does; real inputs, some of them on ties."""
    path = chain.save(folder / "m.onnx", output=TensorProto.FLOAT, rank=rank)
    result = import_model(path)
    reference = ReferenceEvaluator(onnx.load(path))
    x = samples(np.random.default_rng(3), count, chain.shape)
    wanted = np.stack([reference.run(None, {"x": one[None]})[0][0].ravel() for one in x])
    np.testing.assert_allclose(real_outputs(result, x), wanted, atol=1e-6)
    return result


def kinds(result: Imported) -> list[str]:
    return [layer.kind for layer in result.network.layers]


def image(channels: int = 2, size: int = 6, scale: float = 0.25) -> Model:
    return Model((1, channels, size, size)).codes(scale, 0, np.int8)


@pytest.mark.parametrize("scale", [0.125, 0.1317])
def test_convolution_pool_dense(scale: float, tmp_path: Path) -> None:
    """Scales that are powers of two or not, one for each output channel, biases of any size."""
    steps = [0.010337, 0.017293, 0.021911, 0.029817]  # no ties, which float32 would break
    chain = image().layer(
        weights(4, 2, 3, 3), [0.10327, -0.20713, 0.3119, 0.0], steps, pads=[1, 0, 0, 1]
    )
    chain.then("Relu").codes(scale)
    chain.then("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).codes(scale)
    chain.layer(weights(3, 4, 2, 2, seed=2), strides=[1, 1]).codes(0.25, 0, np.int8)
    chain.then("Flatten")
    chain.then("Gemm", qdq(chain, weights(2, 3, seed=3), 2.0**-6), transB=1).codes(0.25, 0, np.int8)
    result = check(chain, tmp_path, 2)
    assert kinds(result) == ["conv2d", "max_pool", "conv2d", "dense"]
    assert result.network.layers[0].output_shape == (4, 5, 5)


def test_pool_before_the_quantizer(tmp_path: Path) -> None:
    chain = image().layer(weights(3, 2, 2, 2)).then("Relu")
    chain.then("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0])
    chain.then_qdq(0.125, 0, np.uint8)
    assert kinds(check(chain, tmp_path, 4)) == ["conv2d", "max_pool"]


def test_pool_first(tmp_path: Path) -> None:
    chain = image().then("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    chain.then_qdq(0.25, 0, np.int8)
    chain.layer(weights(2, 2, 1, 1)).codes(0.25, 0, np.int8)
    result = check(chain, tmp_path, 4)
    assert kinds(result) == ["max_pool", "conv2d"]
    assert result.network.input.shape == [2, 6, 6]


def test_zero_points_where_real_zeros_pad(tmp_path: Path) -> None:
    """Of the input, and behind a layer, where the integer 0 is to mean real 0."""
    chain = Model((1, 2, 6, 6)).codes(0.25, 5, np.int8)
    chain.layer(weights(2, 2, 3, 3), [0.1037, -0.2071], 0.010337, pads=[1, 1, 1, 1])
    chain.codes(0.1017, 30)
    chain.layer(weights(2, 2, 3, 3), scale=0.013729, pads=[1, 1, 1, 1]).codes(0.1339, 100)
    assert kinds(check(chain, tmp_path, 4)) == ["conv2d", "conv2d"]


def test_groups_strides_and_a_signal(tmp_path: Path) -> None:
    chain = Model((1, 4, 9)).codes(0.25, 0, np.int8)
    chain.layer(weights(4, 1, 3), group=4, strides=[2], auto_pad="SAME_UPPER").then("Relu")
    chain.codes(0.125).layer(weights(2, 2, 2), group=2)  # a group of each half
    result = check(chain.codes(0.25, 0, np.int8), tmp_path, 3)
    assert kinds(result) == ["conv1d", "conv1d"]


def test_means(tmp_path: Path) -> None:
    """Of 4 values by a shift, of 9 by a multiplier or thresholds; the last of the whole map."""
    chain = image(2, 8).then("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    chain.then_qdq(0.25, 0, np.int8)
    chain.then("AveragePool", kernel_shape=[3, 3]).codes(0.25, 0, np.int8)
    chain.then("GlobalAveragePool").codes(0.25, 0, np.int8)
    result = check(chain, tmp_path, 4)
    assert kinds(result)[0] == "average_pool"
    assert kinds(result)[2] == "global_average_pool"


def test_mean_of_codes_with_a_zero_point(tmp_path: Path) -> None:
    chain = Model((1, 2, 4, 4)).codes(0.25, 7)
    chain.then("GlobalAveragePool").then_qdq(0.125, 3, np.uint8)
    check(chain, tmp_path, 4)


def test_padding_is_the_inputs_zero_point(tmp_path: Path) -> None:
    chain = Model((1, 1, 5, 5)).codes(0.0625, 100)
    chain.layer(weights(2, 1, 3, 3), [0.5, -0.5], pads=[1, 1, 1, 1]).then("Relu").codes(0.125)
    result = check(chain, tmp_path, 4)
    assert result.network.layers[0].model_dump()["padding"] == [1, 1, 1, 1]


def test_pad_as_a_node(tmp_path: Path) -> None:
    chain = image()
    chain.then("Pad", chain.constant([0, 0, 1, 1, 0, 0, 1, 0], np.int64))
    chain.layer(weights(2, 2, 3, 3)).codes(0.125, 0, np.int8)
    assert check(chain, tmp_path, 4).network.layers[0].output_shape == (2, 6, 5)


def test_batch_normalization_between(tmp_path: Path) -> None:
    chain = image().layer(weights(3, 2, 3, 3))
    parts = ([0.5, -2.0, 1.0], [0.1, 0.2, -0.3], [0.0, 0.5, -0.25], [1.0, 0.25, 4.0])
    chain.then("BatchNormalization", *(chain.constant(part) for part in parts), epsilon=0.0)
    chain.then("Relu").codes(0.125)
    assert kinds(check(chain, tmp_path, 4)) == ["conv2d"]


def test_transposes_of_exporters(tmp_path: Path) -> None:
    """Rows, columns, channels outside; transposed before the first layer, and back at the end."""
    chain = Model((1, 4, 4, 2)).codes(0.25, 0, np.int8)
    chain.then("Transpose", perm=[0, 3, 1, 2])
    chain.layer(weights(3, 2, 2, 2)).then("Relu").codes(0.125)
    chain.then("Transpose", perm=[0, 2, 3, 1]).then("Flatten")
    chain.then("Gemm", qdq(chain, weights(2, 27), 2.0**-6), transB=1).codes(0.25, 0, np.int8)
    path = chain.save(tmp_path / "m.onnx", output=TensorProto.FLOAT, rank=2)
    result = import_model(path)
    x = samples(np.random.default_rng(3), 40, chain.shape)
    reference = ReferenceEvaluator(onnx.load(path))
    wanted = np.stack([reference.run(None, {"x": one[None]})[0][0] for one in x])
    found = real_outputs(result, x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert any("lay data out so" in note for note in result.notes)


def moved(chain: Model) -> Model:
    """Codes to which half a step is added: none of them means 0."""
    chain.then("Add", chain.constant(0.05))
    return chain


def transposed(chain: Model) -> Chain:
    return chain.then("ConvTranspose", qdq(chain, weights(2, 2, 3, 3), 0.5))


REFUSALS: list[tuple[Any, str]] = [
    (lambda: image().layer(weights(2, 2, 3, 3), dilations=[2, 2]),
     "dilation, which is not supported"),
    (lambda: transposed(image()),
        "an operator that is not supported"),
    (lambda: image().layer(weights(2, 3, 3, 3)), "1 groups of 3 channels for a map of 2 channels"),
    (lambda: image().layer(weights(2, 2, 3)), "weights of shape [2, 2, 3] for a map of [2, 6, 6]"),
    (lambda: image().layer(weights(2, 2, 3, 3), pads=[3, 0, 0, 0]),
     "padding of 3 with a kernel of 3"),
    (lambda: image().then("AveragePool", kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
     "padding that does not count"),
    (lambda: image().then("MaxPool", kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1),
     "ceil_mode, with windows beyond the padded map"),
    (lambda: image().then("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]), "dilation"),
    (lambda: image().layer(weights(2, 2, 7, 7)), "a window of [7, 7] on a map of [6, 6]"),
    (lambda: Model((1, 2, 6, 6)).layer(weights(2, 2, 3, 3)), "not quantized"),
    (lambda: moved(image().layer(weights(2, 2, 3, 3)).codes(0.1, 30))
        .layer(weights(2, 2, 3, 3), pads=[1, 1, 1, 1]), "pads with real 0, which is the code"),
    (lambda: image().layer(weights(2, 2, 3, 3)).then("LSTM"), "an operator that is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), REFUSALS)
def test_refused(make: Any, message: str, tmp_path: Path) -> None:
    chain = make()
    if chain.last.startswith("t_conv") or "pool" in chain.last:
        chain.then_qdq(0.25, 0, np.int8)
    assert message in refused(chain, tmp_path)
