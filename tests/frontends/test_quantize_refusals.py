"""What quantization refuses."""

from typing import Any

import numpy as np
import pytest

from hwgen.frontends.quantize import (
    FloatLayer,
    FloatModel,
    Settings,
    parse_format,
    quantize,
)
from hwgen.spec.formats import Format
from hwgen.support.errors import HwgenError
from tests.frontends.test_quantize import one_layer, task


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0.01, "y": None}, r"^search: no classes, data with y and an argmax"),
        ({"x": np.zeros((5, 4))}, r"^x: shape 5 x 4, samples x 5 features are needed"),
        ({"x": np.zeros((1, 5))}, r"^x: 1 samples, at least 2 are needed"),
        ({"x": np.full((9, 5), np.nan)}, r"^x\[0\]\[0\]: nan, every value must be finite"),
        ({"y": np.full(240, 3)}, r"^y: classes 3..3, the network has 0..2"),
        ({"y": np.zeros(3, int)}, r"^y: int64 of shape \(3,\), 240 class indices are needed"),
        ({"weight_bits": (4, 4, 4)}, r"^weight bits: 3 values, one, or 2, one for each layer"),
        ({"activation_bits": (4, 4)}, r"^activation bits: 2 values, one, or 1, one for each hid"),
        (
            {"accumulator_bits": 4, "input_format": parse_format("u8.8")},
            r"^accumulator bits: layer 'hidden': 4 bits hold none",
        ),
        ({"budget": 0.0, "weight_bits": 2, "activation_bits": 1}, r"^budget 0: a relative loss of"),
    ],
)
def test_refusals(settings: dict[str, Any], message: str) -> None:
    model, x, y = task()
    x, y = settings.pop("x", x), settings.pop("y", y)
    with pytest.raises(HwgenError, match=message):
        quantize(model, x, None if y is None else y[: len(x)] if len(x) < 240 else y,
                 Settings(**settings))  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight_bits": 17}, r"^weight bits: 17, 1..16$"),
        ({"weight_bits": (4, 0)}, r"^weight bits: 0, 1..16$"),
        ({"weight_bits": 9, "codebook": "kmeans"}, r"^weight bits: 9, 1..8$"),
        ({"activation_bits": 0}, r"^activation bits: 0, 1..16$"),
        ({"input_bits": 33}, r"^input bits: 33, 1..16$"),
        ({"budget": 1.0}, r"^budget: 1, at least 0, less than 1"),
        ({"budget": -0.01}, r"^budget: -0.01, at least 0"),
        ({"budget": float("nan")}, r"^budget: nan, at least 0"),
        ({"percentile": 50.0}, r"^percentile: 50.0, more than 50"),
        ({"validation_share": 1.0}, r"^validation share: 1.0, between 0 and 1"),
        ({"accumulator_bits": 65}, r"^accumulator bits: 65, 2..64"),
    ],
)
def test_settings_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(HwgenError, match=message):
        Settings(**arguments)


@pytest.mark.parametrize("text", ["", "4.4", "u4", "u0.1", "u17.1", "s4.99", "u4.4x"])
def test_input_format_refused(text: str) -> None:
    with pytest.raises(HwgenError, match=r"^input format: "):
        parse_format(text)


def test_input_format() -> None:
    assert parse_format("s8.-2") == Format(bits=8, signed=True, fraction_bits=-2)


def test_model_refused() -> None:
    with pytest.raises(HwgenError, match=r"^layer: weights\[0\]\[1\]: nan, every value must be"):
        one_layer([[1.0, np.nan]], [0.0])
    with pytest.raises(HwgenError, match=r"^layer: bias: 2 values, 1, one for each output"):
        one_layer([[1.0]], [0.0, 1.0])
    layer = FloatLayer(weights=np.ones((2, 3)), bias=np.zeros(2), name="a")
    with pytest.raises(HwgenError, match=r"^a: weights: 3 inputs, 2 as the outputs of a say"):
        FloatModel(layers=(layer, layer))
