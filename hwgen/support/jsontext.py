"""JSON text: read strictly, written with one row of numbers to a line."""

import json
from collections import Counter
from typing import Any

from hwgen.support.errors import HwgenError


def parse(content: bytes, name: str) -> Any:
    """The value that the JSON text ``content`` of the file ``name`` holds.

    Raises
    ------
    HwgenError
        Not UTF-8, not JSON, a key stands twice, nested too deep, a number of thousands of digits.
    """

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        if twice:
            raise HwgenError(name, f"key {twice[0]!r} stands twice", "every key stands once")
        return dict(pairs)

    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=no_duplicates)
    except UnicodeDecodeError as error:
        raise HwgenError(
            name, f"byte {error.start} is not UTF-8", "a network file is JSON text"
        ) from None
    except json.JSONDecodeError as error:
        place = f"{error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}"
        raise HwgenError(name, f"not JSON ({place})", "a network file is JSON text") from None
    except RecursionError:
        raise HwgenError(name, "nested too deep", "a network file has eight levels") from None
    except ValueError:
        raise HwgenError(name, "a number of thousands of digits", "at most 64 bits") from None


def pretty(value: Any, indent: int = 0) -> str:
    """JSON text with short lists on one line: readable, and diffs row by row."""
    inner, outer = " " * (indent + 2), " " * indent
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(k)}: {pretty(v, indent + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{outer}}}"
    if isinstance(value, list) and any(isinstance(v, (list, dict)) for v in value):
        rows = [inner + pretty(v, indent + 2) for v in value]
        return "[\n" + ",\n".join(rows) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False)
