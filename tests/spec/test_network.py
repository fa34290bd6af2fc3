"""The network file: what goes in comes out, and everything else is refused with its place."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from hwgen.spec.network import Network, json_schema, load_network, parse_network, save_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network, networks
from tests.spec.files import changed, content, refused, write

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "network.schema.json"


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
