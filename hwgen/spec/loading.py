"""The text of a network file, refused early where it is far too large."""

from pathlib import Path
from typing import Any

from hwgen.support import jsontext
from hwgen.support.errors import HwgenError
from hwgen.support.files import open_plain

_MAX_FILE_BYTES = 1 << 29
_CHUNK_BYTES = 1 << 20
_UM2_PER_WEIGHT = (15, 300)  # in a ROM, with a shared multiplier; hard-wired


def read_content(path: Path, max_weights: int) -> Any:
    """The plain data in the file.

    Raises
    ------
    HwgenError
        Unreadable, not JSON, or too large.
    """
    return jsontext.parse(_read_bytes(path, max_weights), str(path))


def check_size(content: Any, max_weights: int) -> None:
    """Refuse a network that is far too large before anything is built from it."""
    layers = content.get("layers") if isinstance(content, dict) else None
    weights = sum(
        _count(layer.get("weights"))
        for layer in (layers if isinstance(layers, list) else [])
        if isinstance(layer, dict)
    )
    if weights > max_weights:
        raise HwgenError("layers", *_too_many(weights, max_weights))


def _count(weights: Any) -> int:
    """Numbers in nested lists."""
    if not isinstance(weights, list):
        return 0
    if not weights or not isinstance(weights[0], list):
        return len(weights)
    return sum(map(_count, weights))


def _read_bytes(path: Path, max_weights: int) -> bytes:
    """The file's content, unless its commas tell that far too many numbers are in it."""
    most = 1_000_000 + 8 * max_weights
    commas = size = 0
    chunks: list[bytes] = []
    with open_plain(path, "a network file is needed", _MAX_FILE_BYTES) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            commas, size = commas + chunk.count(b","), size + len(chunk)
            if size > _MAX_FILE_BYTES:
                raise HwgenError(str(path), "too long", f"at most {_MAX_FILE_BYTES:,} bytes")
            if commas <= most:
                chunks.append(chunk)
    if commas > most:
        raise HwgenError(f"{path}: layers", *_too_many(commas, max_weights))
    return b"".join(chunks)


def _too_many(weights: int, max_weights: int) -> tuple[str, str]:
    """What was found, with its estimated size, and what is allowed."""
    least, most = (weights * um2 / 1e6 for um2 in _UM2_PER_WEIGHT)
    return (
        f"{weights:,} weights, about {least:,.0f} mm2 in a ROM or {most:,.0f} mm2 hard-wired "
        "in a 130 nm process",
        f"at most {max_weights:,} are taken (max_weights)",
    )
