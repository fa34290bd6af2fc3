"""The network file: what goes in comes out, and everything else is refused with its place."""

import copy
import json
import os
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from hwgen.spec import loading
from hwgen.spec.network import Network, json_schema, load_network, parse_network, save_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network, networks, rescale

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "network.schema.json"


def content() -> dict[str, Any]:
    """Two layers: 3 inputs, 2 hidden, 2 outputs."""
    hidden = dense([[1, -2, 3], [0, 1, 0]], [5, -6], output=rescale(4, False, 0))
    return {
        "format": "hwgen-network",
        "version": 1,
        "name": "net",
        "input": {"features": 3, "bits": 4, "signed": False, "fraction_bits": 0},
        "layers": [hidden, dense([[1, 2], [3, 4]])],
        "output": "values",
    }


def changed(*steps: Any, to: Any) -> dict[str, Any]:
    """:func:`content` with the value at ``steps`` set."""
    result = content()
    owner: Any = result
    for step in steps[:-1]:
        owner = owner[step]
    owner[steps[-1]] = to
    return result


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "net.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path, message: str, **settings: int) -> None:
    """Loading fails with exactly ``message`` behind the file's name, on one line."""
    with pytest.raises(HwgenError) as error:
        load_network(path, **settings)
    assert str(error.value) == f"{path}: {message}"
    assert str(error.value).isprintable()


def refused_content(data: dict[str, Any], message: str) -> None:
    with pytest.raises(HwgenError) as error:
        parse_network(data)
    assert str(error.value) == message
    assert str(error.value).isprintable()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(net=networks(wide=True))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, net: Network) -> None:
    path = tmp_path_factory.mktemp("round") / "net.json"
    save_network(net, path)
    again = load_network(path)
    assert again == net
    assert again.to_json() == path.read_text("utf-8")
    assert again.sha256() == net.sha256()


def test_layout() -> None:
    layer = dense([[1, 2], [3, 4]], name="l")
    text = network([layer], output="argmax").to_json()
    assert text == (
        '{\n  "format": "hwgen-network",\n  "version": 1,\n  "name": "net",\n'
        '  "input": {\n    "features": 2,\n    "bits": 4,\n    "signed": false,\n'
        '    "fraction_bits": 0\n  },\n  "layers": [\n    {\n      "kind": "dense",\n'
        '      "name": "l",\n      "weights": [\n        [1, 2],\n        [3, 4]\n      ],\n'
        '      "weight_bits": 8,\n      "weight_fraction_bits": 0,\n      "codebook": null,\n'
        '      "codebook_bits": null,\n      "bias": [0, 0],\n      "activation": "none",\n'
        '      "negative_shift": null,\n      "output": null,\n      "accumulator_bits": null,\n'
        '      "accumulator_overflow": "error"\n    }\n  ],\n  "output": "argmax",\n'
        '  "labels": null\n}\n'
    )


def test_hash_is_of_the_content(tmp_path: Path) -> None:
    shuffled = dict(reversed(content().items()))
    path = write(tmp_path, json.dumps(shuffled, indent=7))
    assert load_network(path).sha256() == parse_network(content()).sha256()
    assert parse_network(changed("name", to="x")).sha256() != parse_network(content()).sha256()


def test_schema_is_current() -> None:
    assert SCHEMA.read_text("utf-8") == json_schema()


def test_example_of_the_docs() -> None:
    (example,) = re.findall(
        r"```json\n(.*?)```", (SCHEMA.parent / "network-file.md").read_text("utf-8"), re.DOTALL
    )
    net = parse_network(json.loads(example))
    assert net.layers[1].weight_values.tolist() == [[-7, -1], [1, 6]]


def test_schema_names_every_key() -> None:
    schema = json.loads(json_schema())
    assert set(schema["properties"]) == set(Network.model_fields)
    kinds = {"DenseLayer", "Conv1d", "Conv2d", "MaxPool", "AveragePool", "GlobalAveragePool"}
    assert set(schema["$defs"]) == {*kinds, "InputFormat", "OutputFormat"}
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False


def test_defaults() -> None:
    layer = parse_network(content()).layers[0]
    assert (layer.codebook, layer.codebook_bits, layer.activation) == (None, None, "none")
    assert (layer.negative_shift, layer.accumulator_bits) == (None, None)
    assert layer.accumulator_overflow == "error"


def test_figures() -> None:
    net = parse_network(content())
    assert (net.weight_count, net.parameter_count) == (10, 14)
    # 5 + 15 * (1 + 3) = 65, 5 - 15 * 2 = -25; -6 + 15 = 9
    assert net.accumulator_intervals(0) == [(-25, 65), (-6, 9)]
    assert net.accumulator_width(0) == 8
    assert net.accumulator_intervals(1) == [(0, 45), (0, 105)]


def test_wide_accumulators_of_signed_inputs() -> None:
    net = network([dense([[3, -5]], [7])], signed=True)
    # x in -8..7: hi = 7 + 3*7 + 5*8 = 68; lo = 7 - 3*8 - 5*7 = -52
    assert net.accumulator_intervals(0) == [(-52, 68)]


NAMES = [
    "",
    "module",
    "endmodule",
    'a"b',
    "a'b",
    "line\nbreak\r\n",
    "back\\slash",
    "semi;colon",
    "`define x",
    "$(rm -rf /)",
    "../../etc/passwd",
    "\0",
    "größe 数 🧠",
    "\u2028",
    "x" * 10_000,
    "\n" * 10_000,
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:12]))
def test_names_are_data(tmp_path: Path, name: str) -> None:
    data = changed("name", to=name)
    data["layers"][0]["name"] = name
    data["labels"] = [name, name]
    path = tmp_path / "net.json"
    save_network(parse_network(data), path)
    net = load_network(path)
    assert (net.name, net.layers[0].name, net.labels) == (name, name, [name, name])


def test_name_with_lone_surrogate(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(changed("layers", 0, "name", to="\ud800")))
    refused(path, 'layers[0].name: found "\\ud800", must be Unicode without lone surrogates')


def test_refusal_of_a_hostile_path_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HwgenError) as error:
        load_network(tmp_path / "a\nb\x1b[31m.json")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON (Expecting value at line 1 column 1), a network file is JSON text"),
        ("{", None),
        ("not json", None),
        ('{"a": 1,}', None),
        ("{} {}", "not JSON (Extra data at line 1 column 4), a network file is JSON text"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8, a network file is JSON text"),
        (b'{"name": "\xe9"}', "byte 10 is not UTF-8, a network file is JSON text"),
        ("[]", "top level: found a list of 0, must be an object"),
        ("null", "top level: found null, must be an object"),
        ("5", "top level: found 5, must be an object"),
        ('{"a": 1, "a": 1}', "key 'a' stands twice, every key stands once"),
        ('{"a": {"b\\n": 1, "b\\n": 2}}', "key 'b\\n' stands twice, every key stands once"),
        ("[" * 100_000, "nested too deep, a network file has eight levels"),
        ('{"a":' * 100_000, "nested too deep, a network file has eight levels"),
        (f'{{"a": {"9" * 5000}}}', "a number of thousands of digits, at most 64 bits"),
        ("{}", "format: missing, the key is required"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_not_a_network(tmp_path: Path, text: str | bytes, message: str | None) -> None:
    path = write(tmp_path, text)
    if message is not None:
        refused(path, message)
        return
    with pytest.raises(HwgenError, match=rf"^{re.escape(str(path))}: not JSON \([^\n]*\), a netw"):
        load_network(path)


def test_no_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.json", "No such file or directory, a network file is needed")
    refused(tmp_path, "Is a directory, a network file is needed")


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


def places(value: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside ``value``, itself included."""
    pairs: Any = value.items() if isinstance(value, dict) else ()
    pairs = enumerate(value) if isinstance(value, list) else pairs
    return [steps, *(way for key, inner in pairs for way in places(inner, (*steps, key)))]


WORDS_OF_PYDANTIC = re.compile(
    "should|a valid|validation|value error|type=|instance of|equal to|pydantic", re.IGNORECASE
)
STRAY_VALUES = [
    *("null", "true", "false", "0", "-1", "1.0", "1e999", "NaN", "Infinity", "-Infinity"),
    *("7" * 400, "-" + "7" * 4000, str(2**63), "0.1", "33", "65", "129"),
    *('""', '"1"', '"dense"', r'"a\nb\u001b[31m\u2028"', r'"\ud800"', '"' + "x" * 100_000 + '"'),
    *("[]", "{}", "[[]]", "[null]", "[1, [2]]", "[0.5]", '[["1"]]', '{"a": {}}', '{"bits": 4}'),
    *("[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300, "[" + "1," * 5000 + "1]"),
]
STRAY_KEYS = ["", "int", "a.b[0]", "a\n\x1b[31m", "\ud800", "é\u2028", "x" * 100_000, "bits"]


def one_line_or_fine(path: Path) -> bool:
    """Whether ``path`` is refused, in one line of our words."""
    try:
        load_network(path)
    except HwgenError as error:
        line = str(error).removeprefix(str(path))
        assert line.startswith(": "), line
        assert line.isprintable(), line
        assert len(line) < 820, line
        assert not WORDS_OF_PYDANTIC.search(line), line
        return True
    return False


def full() -> dict[str, Any]:
    """:func:`content` with every key there, and a codebook."""
    data = content()
    data["layers"][0]["weight_fraction_bits"] = [0, 1]
    data["layers"][1].update(BOOK, codebook=[0, 1, 2, 7], weights=[[0, 1], [1, 0]])
    return {**json.loads(parse_network(data).to_json()), "labels": ["a", "b"]}


def test_a_stray_value_anywhere_is_refused_in_one_line(tmp_path: Path) -> None:
    refusals = 0
    for way in places(full()):
        for value in STRAY_VALUES:
            data: Any = [full()]
            *owners, last = (0, *way)
            owner = data
            for step in owners:
                owner = owner[step]
            owner[last] = "<here>"
            text = json.dumps(data[0]).replace('"<here>"', value)
            refusals += one_line_or_fine(write(tmp_path, text))
    assert refusals > 1000


def test_a_stray_key_anywhere_is_refused_in_one_line(tmp_path: Path) -> None:
    for way in places(full()):
        for key in STRAY_KEYS:
            data = full()
            owner: Any = data
            for step in way:
                owner = owner[step]
            if isinstance(owner, dict) and key not in owner:
                owner[key] = 1
                assert one_line_or_fine(write(tmp_path, json.dumps(data)))
                text = json.dumps(data).replace(json.dumps({key: 1})[1:-1], '"name": 1, "name": 2')
                assert one_line_or_fine(write(tmp_path, text))


def test_digits_with_a_byte_changed_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = (SCHEMA.parents[1] / "examples" / "digits.json").read_bytes()
    random = np.random.default_rng(5)
    for _ in range(200):
        broken = bytearray(whole)
        broken[random.integers(len(whole))] = random.choice([*b'"[]{},:0-.ena', 0, 27, 255])
        one_line_or_fine(write(tmp_path, bytes(broken)))


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


def test_many_wrong_values_cost_little() -> None:
    data = changed(*L0, "bias", to=[0.5] * 1_000_000)
    start = time.monotonic()
    refused_content(data, f"layers[0].bias[0]: found 0.5, {BIAS}")
    assert time.monotonic() - start < 1


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


def write_large(path: Path, weights: int, inputs: int = 1000) -> None:
    row = json.dumps([7] * inputs)
    with path.open("w") as stream:
        text = json.dumps(content())
        head, tail = text.split(json.dumps(content()["layers"][0]["weights"]))
        stream.write(head + "[")
        stream.write(",".join([row] * (weights // inputs)))
        stream.write("]" + tail)


def test_ten_million_weights(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    write_large(path, 10_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    with pytest.raises(
        HwgenError,
        match=r"large\.json: layers: 10,000,0\d\d weights, about 150 mm2 in a ROM or 3,000 mm2 "
        r"hard-wired in a 130 nm process, at most 100,000 are taken \(--max-weights\)$",
    ):
        load_network(path)
    assert time.monotonic() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_weights_limit_is_exact(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(content()))
    load_network(path, max_weights=10)
    refused(
        path,
        "layers: 10 weights, about 0 mm2 in a ROM or 0 mm2 hard-wired in a 130 nm process, "
        "at most 9 are taken (--max-weights)",
        max_weights=9,
    )


def test_weights_limit_is_adjustable(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    write_large(path, 200_000)
    with pytest.raises(HwgenError, match=r": layers: 200,004 weights, about 3 mm2 in a ROM"):
        load_network(path)
    with pytest.raises(HwgenError, match=r": layers\[0\]\.weights\[0\]: 1000 codes, 3 as input"):
        load_network(path, max_weights=200_004)


def test_file_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_MAX_FILE_BYTES", 100)
    refused(write(tmp_path, json.dumps(content())), "too long, at most 100 bytes")


def test_endless_file() -> None:
    refused(Path("/dev/zero"), "is no plain file, a network file is needed")


def test_many_wrong_values_are_refused_quickly(tmp_path: Path) -> None:
    data = changed(*L0, "weights", to=[[0.5] * 1000] * 90)
    start = time.monotonic()
    refused(
        write(tmp_path, json.dumps(data)),
        "layers[0].weights[0][0]: found 0.5, must be an integer",
    )
    assert time.monotonic() - start < 5


def test_save_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "net.json"
    with pytest.raises(HwgenError, match=r"net\.json: cannot be written \([^\n]+\), a writable fo"):
        save_network(parse_network(content()), path)


def test_save_replaces_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "old")
    save_network(parse_network(content()), path)
    assert load_network(path) == parse_network(content())
    assert list(tmp_path.iterdir()) == [path]


def test_built_in_python_is_validated_too() -> None:
    data = copy.deepcopy(content())
    data["labels"] = []
    check: Callable[..., Any] = Network.model_validate
    with pytest.raises(HwgenError, match=r"^labels: 0 labels, one for each of the 2 outputs$"):
        check(data)


def test_weight_values() -> None:
    book = {"weight_bits": 2, "codebook": [0, 1, -100, 100], "codebook_bits": 8}
    layer = network([dense([[0, 3, -1, -2]], **book)]).layers[0]
    np.testing.assert_array_equal(layer.codes, [[0, 3, 3, 2]])
    np.testing.assert_array_equal(layer.weight_values, [[0, 100, 100, -100]])
    assert (layer.weight_value_bits, layer.fan_in, layer.outputs) == (8, 4, 1)


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.json")
    with pytest.raises(HwgenError, match=r"net\.json: is no plain file, a network file is needed"):
        load_network(tmp_path / "net.json")
