"""Network files that are damaged, hostile or far too large."""

import copy
import json
import os
import re
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.spec import loading
from hwgen.spec.network import load_network, parse_network
from hwgen.support.errors import HwgenError
from tests.spec.files import changed, content, refused, refused_content, write
from tests.spec.test_network import SCHEMA
from tests.spec.test_network_refusals import BIAS, BOOK, L0


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
    refusals, whole = 0, full()
    for way in places(whole):
        for value in STRAY_VALUES:
            data: Any = [copy.deepcopy(whole)]
            *owners, last = (0, *way)
            owner = data
            for step in owners:
                owner = owner[step]
            owner[last] = "<here>"
            text = json.dumps(data[0]).replace('"<here>"', value)
            refusals += one_line_or_fine(write(tmp_path, text))
    assert refusals > 1000


def test_a_stray_key_anywhere_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = full()
    for way in places(whole):
        for key in STRAY_KEYS:
            data = copy.deepcopy(whole)
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


def test_many_wrong_values_cost_little() -> None:
    data = changed(*L0, "bias", to=[0.5] * 1_000_000)
    start = time.monotonic()
    refused_content(data, f"layers[0].bias[0]: found 0.5, {BIAS}")
    assert time.monotonic() - start < 1


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
        r"hard-wired in a 130 nm process, at most 100,000 are taken \(max_weights\)$",
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
        "at most 9 are taken (max_weights)",
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


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.json")
    with pytest.raises(HwgenError, match=r"net\.json: is no plain file, a network file is needed"):
        load_network(tmp_path / "net.json")
