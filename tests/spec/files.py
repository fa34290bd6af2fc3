"""Network files that are changed, written and refused in tests."""

from pathlib import Path
from typing import Any

import pytest

from hwgen.spec.network import load_network, parse_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, rescale


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
