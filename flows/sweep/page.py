"""``report.html``: the results, and everything that is needed to look at them, in one file.

The page's own script draws (flows/sweeping/web/*.js); it loads nothing and asks no one. Data
stand in it column by column as JSON, in a block that no value can end.
"""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwgen.flows.sweep.metrics import METRICS, best
from hwgen.flows.sweep.store import VOLATILE, Entry

_FOLDER = Path(__file__).parent / "web"
_SCRIPTS = ("data.js", "scatter.js", "parallel.js", "table.js", "detail.js", "main.js")
_HIDDEN = (*VOLATILE, "status", "error", "network_sha256")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def report_page(
    entries: Sequence[Entry],
    about: Mapping[str, Any],
    estimator: Mapping[str, Any] | None,
    files: Mapping[str, list[str]],
) -> str:
    """The page for ``entries``; ``files`` are those kept of each point, from its folder."""
    name = str(about.get("name", "sweep"))
    content = {
        "name": name,
        "about": {key: about.get(key) for key in ("settings", "runs")},
        "estimator": estimator,
        **_columns(entries),
        "files": [files.get(entry["point"], []) for entry in entries],
        "areas": _areas(entries),
    }
    parts = {
        "TITLE": html.escape(name),
        "POLICY": _POLICY,
        "STYLE": _text("report.css"),
        "DATA": embedded(content),
        "SCRIPT": "\n".join(_text(script) for script in _SCRIPTS),
    }
    page = _text("report.html")
    pieces = page.split("%%")
    return "".join(parts[p] if i % 2 else p for i, p in enumerate(pieces))


def embedded(content: object) -> str:
    """``content`` as JSON that can stand in a script element, whatever its texts hold."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)  # all ASCII
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _columns(entries: Sequence[Entry]) -> dict[str, Any]:
    """Every column with its values, and what there is to know of it."""
    rows = [entry["row"] for entry in entries]
    names = dict.fromkeys(name for row in rows for name in row)
    settings = dict.fromkeys(n for row in rows for n in list(row)[: list(row).index("status")])
    chosen = set(best(rows))
    columns = [
        {"name": "point", "kind": "text", "values": [entry["point"] for entry in entries]},
        *(_column(name, rows, name in settings) for name in names),
    ]
    return {
        "count": len(rows),
        "columns": columns,
        "best": [index in chosen for index in range(len(rows))],
    }


def _column(name: str, rows: Sequence[Mapping[str, Any]], setting: bool) -> dict[str, Any]:
    values = [row.get(name) for row in rows]
    there = [value for value in values if value is not None]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in there)
    if not numbers:
        values = [None if value is None else str(value) for value in values]
    found: dict[str, Any] = {
        "name": name,
        "kind": "number" if numbers and there else "text",
        "setting": setting,
        "hidden": name in _HIDDEN,
    }
    metric = METRICS.get(name)
    if metric is not None:
        found |= {
            "title": metric.title,
            "unit": metric.unit,
            "smaller": metric.smaller,
            "digits": metric.digits,
        }
    return {**found, **_packed(values, numbers)}


def _packed(values: list[Any], numbers: bool) -> dict[str, Any]:
    """Texts that repeat stand once."""
    if numbers:
        return {"values": values}
    words = list(dict.fromkeys(values))
    if len(words) > len(values) // 2:
        return {"values": values}
    places = {word: place for place, word in enumerate(words)}
    return {"words": words, "indices": [places[value] for value in values]}


def _areas(entries: Sequence[Entry]) -> dict[str, Any]:
    """The area split of each point: modules by their place in a common list."""
    modules = list(dict.fromkeys(m for entry in entries for m in entry["area_by_module"]))
    places = {module: place for place, module in enumerate(modules)}
    splits = [
        [v for m, a in entry["area_by_module"].items() for v in (places[m], round(a, 1))]
        for entry in entries
    ]
    return {"modules": modules, "splits": splits}


def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
