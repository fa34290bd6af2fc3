"""What a network file must not say, and the words that say so."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.spec.network import parse_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, rescale
from tests.spec.files import changed, content, refused, refused_content, write

ALLOWED_LAYER = (
    "kind, name, weights, weight_bits, weight_fraction_bits, weight_shift, codebook, "
    "codebook_bits, bias, activation, negative_shift, output, accumulator_bits, "
    "accumulator_overflow, dropped_bits"
)
KINDS = '"average_pool", "conv1d", "conv2d", "dense", "global_average_pool" or "max_pool"'
L0, L1 = ("layers", 0), ("layers", 1)
SCALED = rescale(4, False, 0)
BOOK = {"weight_bits": 2, "codebook_bits": 4}
HUGE = int("9" * 4000)
BIAS = "must be an integer in -9223372036854775808..9223372036854775807"
REFUSALS: list[tuple[dict[str, Any], str]] = [
    # Keys
    (
        changed("extra", to=1),
        "extra: unknown key, allowed are format, version, name, input, layers, output, labels",
    ),
    (
        changed("input", "extra", to=1),
        "input.extra: unknown key, allowed are features, bits, signed, fraction_bits, "
        "scale, zero_point, shape",
    ),
    (
        changed(*L1, "extra key", to=1),
        f'layers[1]["extra key"]: unknown key, allowed are {ALLOWED_LAYER}',
    ),
    (
        changed("", to=1),
        '[""]: unknown key, allowed are format, version, name, input, layers, output, labels',
    ),
    (
        changed(*L0, "output", "int", to=1),
        "layers[0].output.int: unknown key, "
        "allowed are bits, signed, fraction_bits, rounding, overflow, multiplier, shift, "
        "thresholds, scale",
    ),
    (changed(*L0, to={}), "layers[0].kind: missing, the key is required"),
    (changed(*L0, to=5), "layers[0]: found 5, must be an object"),
    (changed("layers", to=[]), "layers: found a list of 0, must be a non-empty list"),
    (changed("layers", to={}), "layers: found an object, must be a non-empty list"),
    # Fixed values
    (changed("format", to="onnx"), 'format: found "onnx", must be "hwgen-network"'),
    (changed("version", to=3), "version: found 3, must be 1..2"),
    (changed("version", to="1"), 'version: found "1", must be 1..2'),
    (changed("version", to=True), "version: found true, must be 1..2"),
    (changed("version", to=1.0), "version: found 1.0, must be 1..2"),
    (changed("output", to="softmax"), 'output: found "softmax", must be "values" or "argmax"'),
    (changed(*L0, "kind", to="conv"), f'layers[0].kind: found "conv", must be {KINDS}'),
    (
        changed(*L0, "activation", to="gelu"),
        'layers[0].activation: found "gelu", must be "none", "relu", "leaky_relu", "hard_tanh", '
        '"sigmoid" or "tanh"',
    ),
    (
        changed(*L0, "output", "rounding", to="up"),
        'layers[0].output.rounding: found "up", must be "floor", "half_up" or "half_even"',
    ),
    (changed("name", to=5), "name: found 5, must be a string"),
    (changed("name", to=None), "name: found null, must be a string"),
    # Widths
    (changed("input", "bits", to=17), "input.bits: found 17, must be 1..16 or 32"),
    (changed("input", "bits", to=0), "input.bits: found 0, must be 1..16 or 32"),
    (changed(*L0, "weight_bits", to=33), "layers[0].weight_bits: found 33, must be 1..16 or 32"),
    (
        changed(*L0, "output", "bits", to=-4),
        "layers[0].output.bits: found -4, must be 1..16 or 32 or a list",
    ),
    (changed("input", "bits", to="4"), 'input.bits: found "4", must be 1..16 or 32'),
    (
        changed(*L0, "codebook_bits", to=0),
        "layers[0].codebook_bits: found 0, must be 1..16 or 32 or null",
    ),
    (changed("input", "signed", to=1), "input.signed: found 1, must be true or false"),
    (
        changed("input", "fraction_bits", to=65),
        "input.fraction_bits: found 65, must be an integer in -64..64",
    ),
    (
        changed("input", "features", to=0),
        "input.features: found 0, must be an integer of at least 1",
    ),
    (
        changed("input", "features", to=HUGE),
        "layers[0].weights[0]: 3 codes, an integer of 13288 bits as input.features say",
    ),
    # Weights
    (
        changed(*L0, "weights", to=[]),
        "layers[0].weights: found a list of 0, must be a non-empty list",
    ),
    (
        changed(*L0, "weights", 1, to=[]),
        "layers[0].weights[1]: found a list of 0, must be a non-empty list",
    ),
    (changed(*L0, "weights", 1, to=7), "layers[0].weights[1]: found 7, must be a non-empty list"),
    (
        changed(*L0, "weights", 1, to=[1, 2]),
        "layers[0].weights[1]: 2 codes, 3 as input.features say",
    ),
    (
        changed(*L1, "weights", 0, to=[1]),
        "layers[1].weights[0]: 1 codes, 2 as the outputs of layers[0] say",
    ),
    (
        changed(*L0, "weights", 0, 1, to=128),
        "layers[0].weights[0][1]: code 128, -128..127 for weight_bits 8",
    ),
    (
        changed(*L0, "weights", 0, 1, to=-129),
        "layers[0].weights[0][1]: code -129, -128..127 for weight_bits 8",
    ),
    (
        changed(*L0, "weights", 0, 1, to=HUGE),
        "layers[0].weights[0][1]: code an integer of 13288 bits, -128..127 for weight_bits 8",
    ),
    (
        changed(*L0, "weights", 0, 1, to=1.0),
        "layers[0].weights[0][1]: found 1.0, must be an integer",
    ),
    (
        changed(*L0, "weights", 0, 1, to=True),
        "layers[0].weights[0][1]: found true, must be an integer",
    ),
    (
        changed(*L0, "weights", 0, 1, to="1"),
        'layers[0].weights[0][1]: found "1", must be an integer',
    ),
    (
        changed(*L0, "weights", 0, 1, to=float("inf")),
        "layers[0].weights[0][1]: found Infinity, must be an integer",
    ),
    # Codebook
    (
        changed(*L0, to={**content()["layers"][0], **BOOK}),
        "layers[0].codebook: null, codebook and codebook_bits go together",
    ),
    (
        changed(*L0, "codebook", to=[0, 1]),
        "layers[0].codebook_bits: null, codebook and codebook_bits go together",
    ),
    (
        changed(*L0, to={**content()["layers"][0], **BOOK, "codebook": [0, 1, 2]}),
        "layers[0].codebook: 3 values, 4 for weight_bits 2",
    ),
    (
        changed(*L0, to={**content()["layers"][0], **BOOK, "codebook": [0, 1, 2, 8]}),
        "layers[0].codebook[3]: value 8, -8..7 for codebook_bits 4",
    ),
    (
        changed(
            *L0,
            to={**content()["layers"][0], **BOOK, "codebook": [0, 1, 2, 7], "weights": [[0, 4, 1]]},
        ),
        "layers[0].bias: 2 values, 1, one for each row of weights",
    ),
    (
        changed(*L0, to=dense([[0, 4, -2]], codebook=[0, 1, 2, 7], **BOOK, output=SCALED)),
        "layers[0].weights[0][1]: code 4, -2..3 for weight_bits 2",
    ),
    (
        changed(*L0, to=dense([[0, 3, -3]], codebook=[0, 1, 2, 7], **BOOK, output=SCALED)),
        "layers[0].weights[0][2]: code -3, -2..3 for weight_bits 2",
    ),
    (
        changed(
            *L0,
            to=dense(
                [[0, 0, 0]], weight_bits=9, codebook=[0] * 512, codebook_bits=4, output=SCALED
            ),
        ),
        "layers[0].weight_bits: 9 with a codebook, at most 8 with a codebook",
    ),
    # Bias and fractions
    (changed(*L0, "bias", to=[1]), "layers[0].bias: 1 values, 2, one for each row of weights"),
    (changed(*L0, "bias", 1, to=float("nan")), f"layers[0].bias[1]: found NaN, {BIAS}"),
    (changed(*L0, "bias", 1, to=2**63), f"layers[0].bias[1]: found {2**63}, {BIAS}"),
    (changed(*L0, "bias", 1, to=0.5), f"layers[0].bias[1]: found 0.5, {BIAS}"),
    (
        changed(*L0, "weight_fraction_bits", to=[1, 2, 3]),
        "layers[0].weight_fraction_bits: 3 values, one integer, or 2, one for each row of weights",
    ),
    (
        changed(*L0, "weight_fraction_bits", to=[1, 1.5]),
        "layers[0].weight_fraction_bits[1]: found 1.5, must be an integer in -64..64",
    ),
    (
        changed(*L0, "weight_fraction_bits", to="3"),
        'layers[0].weight_fraction_bits: found "3", must be an integer in -64..64 or a list',
    ),
    # Output and activation
    (
        changed(*L0, "output", to=None),
        "layers[0].output: null, only the last layer hands on raw accumulators",
    ),
    (changed(*L0, "output", to=5), "layers[0].output: found 5, must be an object or null"),
    (
        changed(*L0, "activation", to="leaky_relu"),
        "layers[0].negative_shift: missing with activation 'leaky_relu', "
        "leaky_relu has one, others have none",
    ),
    (
        changed(*L0, "negative_shift", to=3),
        "layers[0].negative_shift: 3 with activation 'none', leaky_relu has one, others have none",
    ),
    (
        changed(*L0, "negative_shift", to=65),
        "layers[0].negative_shift: found 65, must be an integer in 0..64 or null",
    ),
    (
        changed(*L1, "activation", to="tanh"),
        "layers[1].output: null with activation 'tanh', a format is needed",
    ),
    (
        changed(
            *L0, to={**content()["layers"][0], "activation": "tanh", "output": rescale(8, True, 17)}
        ),
        "layers[0].output.fraction_bits: 17 with activation 'tanh', 0..16 are allowed with a table",
    ),
    (
        changed(
            *L0,
            to={**content()["layers"][0], "activation": "sigmoid", "output": rescale(8, True, -1)},
        ),
        "layers[0].output.fraction_bits: -1 with activation 'sigmoid', "
        "0..16 are allowed with a table",
    ),
    # Accumulators
    (
        changed(*L0, "accumulator_bits", to=7),
        "layers[0].accumulator_bits: 7, but neuron 0 of layer 'layer' spans [-25, 65], "
        '8 bits are needed (or "accumulator_overflow": "wrap")',
    ),
    (
        changed(*L0, "accumulator_bits", to=3),
        "layers[0].bias[0]: value 5 needs 4 bits, the accumulator has 3",
    ),
    (
        changed(*L0, to={**content()["layers"][0], "accumulator_overflow": "wrap"}),
        "layers[0].accumulator_bits: null with wrap, a width is needed to wrap at",
    ),
    (
        changed(
            *L0,
            to={
                **content()["layers"][0],
                "accumulator_overflow": "wrap",
                "accumulator_bits": 3,
            },
        ),
        "layers[0].bias[0]: value 5 needs 4 bits, the accumulator has 3",
    ),
    (
        changed(*L0, "accumulator_bits", to=129),
        "layers[0].accumulator_bits: found 129, must be an integer in 1..128 or null",
    ),
    # Labels
    (changed("labels", to=["a"]), "labels: 1 labels, one for each of the 2 outputs"),
    (changed("labels", to=["a", 5]), "labels[1]: found 5, must be a string"),
]


@pytest.mark.parametrize(("data", "message"), REFUSALS, ids=[f"{i}" for i in range(len(REFUSALS))])
def test_refused(data: dict[str, Any], message: str) -> None:
    refused_content(data, message)


def test_refused_in_a_file_with_the_same_words(tmp_path: Path) -> None:
    for data, message in REFUSALS:
        refused(write(tmp_path, json.dumps(data)), message)


def test_float_beyond_floats(tmp_path: Path) -> None:
    text = json.dumps(content()).replace('"bias": [5, ', '"bias": [1e999, ')
    refused(write(tmp_path, text), f"layers[0].bias[0]: found Infinity, {BIAS}")


def test_integer_of_thousands_of_digits_from_python() -> None:
    with pytest.raises(HwgenError, match=r"^version: found an integer of 16610 bits, "):
        parse_network(changed("version", to=10**5000))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed("version", to=np.int64(1)), "version: found a Python int64, must be 1..2"),
        (changed("name", to=b"net"), "name: found a Python bytes, must be a string"),
        (
            changed("layers", to=()),
            "layers: found a Python tuple, must be a non-empty list",
        ),
        (
            {**content(), 5: 1},
            '["5"]: unknown key, allowed are format, version, name, input, layers, output, labels',
        ),
        (
            changed(*L0, "weights", 0, 0, to=10**5000),
            "layers[0].weights[0][0]: code an integer of 16610 bits, -128..127 for weight_bits 8",
        ),
        ([], "top level: found a list of 0, must be an object"),
    ],
)
def test_python_that_no_file_can_hold(data: Any, message: str) -> None:
    refused_content(data, message)


def test_wrap_admits_what_error_refuses() -> None:
    layer = {
        **content()["layers"][0],
        "accumulator_overflow": "wrap",
        "accumulator_bits": 4,
    }
    net = parse_network(changed(*L0, to=layer))
    assert net.accumulator_width(0) == 4


def test_widths_that_are_allowed() -> None:
    for bits in (*range(1, 17), 32):
        parse_network(changed("input", "bits", to=bits))
