"""What is wrong with plain data, in one line: the JSON Schema says what is allowed."""

import itertools
import json
from typing import Any

from pydantic import ValidationError

from hwgen.support.errors import HwgenError

Schema = dict[str, Any]


def refusal(error: ValidationError, schema: Schema, prefix: str = "") -> HwgenError:
    """The first finding of ``error`` against the model of ``schema``.

    A validator's own text counts where it has one; all else is said by ``schema``.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    if isinstance(first["input"], list) and first["type"] == "int_type" and len(findings) > 1:
        first = findings[1]  # of a list or an integer, the list is meant
    where, nodes = _followed(first["loc"], schema)
    if first["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return _untold(first, nodes, prefix + where.lstrip("."))
    if first["type"] in ("extra_forbidden", "invalid_key"):
        keys = ", ".join(key for node in nodes for key in _keys(node))
        key = str(first["loc"][-1])
        where += f".{key}" if key.isidentifier() else f"[{shown(key)}]"
        return HwgenError(prefix + where.lstrip("."), "unknown key", f"allowed are {keys}")
    where = prefix + (where.lstrip(".") or "top level")
    if first["type"] == "missing":
        return HwgenError(where, "missing", "the key is required")
    own = str(first.get("ctx", {}).get("error", ""))
    allowed = own or " or ".join(map(_allowed, nodes))
    return HwgenError(where, f"found {shown(first['input'])}", f"must be {allowed}")


def _followed(path: tuple[int | str, ...], schema: Schema) -> tuple[str, list[Schema]]:
    """The place that ``path`` is, and what may stand there."""
    where, nodes = "", _alternatives(schema, schema)
    for step in path:
        members = _members(nodes)
        if step in members:  # which member of a union the data is
            nodes = _alternatives({"$ref": members[step]}, schema)
            continue
        if isinstance(step, int):
            inner = [node["items"] for node in nodes if "items" in node]
        else:
            inner = [node["properties"][step] for node in nodes if step in _keys(node)]
        if inner:  # else the name of a union's member, which the data does not have
            where += f"[{step}]" if isinstance(step, int) else f".{step}"
            nodes = [leaf for node in inner for leaf in _alternatives(node, schema)]
    return where, nodes


def shown(value: object) -> str:
    """``value`` as a file has it, short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 80 else f"{value[:77]}...", ensure_ascii=False)
    if value is None or isinstance(value, int | float):
        return json.dumps(value)
    return f"a Python {type(value).__name__}"


def _members(nodes: list[Schema]) -> dict[Any, str]:
    """References of the members of a union, by what tells them apart."""
    return {
        tag: member
        for node in nodes
        for tag, member in node.get("discriminator", {}).get("mapping", {}).items()
    }


def _untold(finding: Any, nodes: list[Schema], where: str) -> HwgenError:
    """A member of a union that does not say which it is, or says one that there is not."""
    key = next(node["discriminator"]["propertyName"] for node in nodes if "discriminator" in node)
    given = finding["input"]
    if key not in given:
        return HwgenError(f"{where}.{key}", "missing", "the key is required")
    allowed = _listed(list(_members(nodes)))
    return HwgenError(f"{where}.{key}", f"found {shown(given[key])}", f"must be {allowed}")


def _keys(node: Schema) -> list[str]:
    return list(node.get("properties", ()))


def _alternatives(node: Schema, schema: Schema) -> list[Schema]:
    """What ``node`` stands for, references and unions resolved."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    nodes = node.get("anyOf")
    return [leaf for one in nodes for leaf in _alternatives(one, schema)] if nodes else [node]


def _allowed(node: Schema) -> str:
    if "const" in node:
        return json.dumps(node["const"])
    if "discriminator" in node:
        return "an object"
    if "enum" in node:
        return _listed(node["enum"])
    kinds = {
        "array": _list(node),
        "boolean": "true or false",
        "integer": _integer(node.get("minimum"), node.get("maximum")),
        "null": "null",
        "number": "a number above 0" if "exclusiveMinimum" in node else "a number",
        "object": "an object",
        "string": "a string",
    }
    return kinds[node["type"]]


def _list(node: Schema) -> str:
    least, most = node.get("minItems", 0), node.get("maxItems")
    return f"a list of {least}" if least == most else "a non-empty list" if least else "a list"


def _integer(low: int | None, high: int | None) -> str:
    if low is None:
        return "an integer"
    return f"an integer of at least {low}" if high is None else f"an integer in {low}..{high}"


def _listed(values: list[Any]) -> str:
    """``1..16 or 32`` for numbers, ``"a", "b" or "c"`` for text."""
    texts = [json.dumps(value) for value in values]
    if isinstance(values[0], int):
        runs = itertools.groupby(enumerate(values), lambda item: item[1] - item[0])
        ends = [[value for _, value in run] for _, run in runs]
        texts = [f"{run[0]}..{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in ends]
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))
