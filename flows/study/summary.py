"""Rows of a study: a task and a way, over all seeds."""

import csv
import io
import json
from typing import Any

import numpy as np

from hwgen.flows.study.config import Study
from hwgen.flows.study.points import Job, Row
from hwgen.rtl.architectures import families

_COLUMNS = (
    *("task", "topology", "way", "seeds", "accuracy", "spread", "least", "parameters"),
    *("weight_bits", "accumulator_bits"),
)
_HEADER = ("way", "accuracy", "spread", "least", "memory bits", "acc")


def columns() -> tuple[str, ...]:
    """Keys of a row: an area of each architecture, and whether it is an estimate."""
    return (*_COLUMNS, *(f"{name}_{what}" for name in families() for what in ("um2", "estimated")))


def header() -> tuple[str, ...]:
    """Columns of the table for people."""
    return (*_HEADER, *families())


def summarize(study: Study, jobs: list[Job], areas: dict[tuple[str, str, str], Row]) -> list[Row]:
    """One row for each task and way.

    Parameters
    ----------
    areas
        Results of :func:`hwgen.flows.study.points.area` by task, way and architecture.

    Accuracies are means over the seeds where the way was possible; ``spread`` is their standard
    deviation. Areas, memory and accumulators are those of the first such seed's network.
    """
    rows = []
    for task in study.task:
        own = [job for job in jobs if job.task.name == task.name]
        found = [_summary(task.name, way, own, areas) for way in study.ways]
        topology = next((row["topology"] for row in found if row["topology"]), None)
        rows += [{**row, "topology": topology} for row in found]
    return rows


def _summary(task: str, way: str, jobs: list[Job], areas: dict[tuple[str, str, str], Row]) -> Row:
    stored = [job.stored(way) for job in jobs]
    rows = [one for one in stored if one is not None]
    good = [one for one in rows if one["accuracy"] is not None]
    row: Row = dict.fromkeys(columns())
    row |= {"task": task, "way": way, "seeds": len(good)}
    if not good:
        return {**row, "why": rows[0]["why"] if rows else "no result"}
    shares, first = [one["accuracy"] for one in good], good[0]
    row |= {
        "accuracy": float(np.mean(shares)),
        "spread": float(np.std(shares)),
        "least": min(shares),
        "parameters": first["parameters"],
        "weight_bits": first["weight_bits"],
    }
    if "network" not in first:
        return row
    network = first["network"]
    row |= {
        "topology": "-".join(map(_size, [network["input"], *network["layers"]])),
        "accumulator_bits": max(first["accumulator_bits"]),
    }
    for arch in families():
        estimate = first["estimated_um2"].get(arch)
        found = areas.get((task, way, arch), {}).get("um2")
        row[f"{arch}_um2"] = estimate if found is None else round(found)
        row[f"{arch}_estimated"] = found is None
    return row


def _size(part: Row) -> str:
    """``6c3x3`` of a convolution, ``p2x2`` of a pool, the number of values of others."""
    if "features" in part:
        return str(part["features"])
    if "bias" not in part:
        return "p" + _by(part.get("kernel", "all"))
    kind, rows = part["kind"], np.shape(part["weights"])
    return f"{rows[0]}c{_by(rows[2:])}" if kind.startswith("conv") else str(rows[0])


def _by(sizes: Any) -> str:
    return "x".join(map(str, sizes)) if isinstance(sizes, list | tuple) else str(sizes)


def to_csv(rows: list[Row]) -> str:
    """The table with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_json(study: Study, rows: list[Row]) -> str:
    """The table as one object."""
    return json.dumps(document(study, rows), indent=2) + "\n"


def document(study: Study, rows: list[Row]) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {"name": study.name, "seeds": study.seeds, "rows": rows}


def cells(row: Row) -> list[str]:
    """A row for people; ``~`` marks an estimated area."""
    if row["accuracy"] is None:
        return [row["way"], "impossible", *[""] * (len(header()) - 2)]

    def area(arch: str) -> str:
        value = row[f"{arch}_um2"]
        return "" if value is None else f"{'~' * bool(row[f'{arch}_estimated'])}{value:,}"

    return [
        row["way"],
        *(f"{row[name]:.2%}" for name in ("accuracy", "spread", "least")),
        f"{row['weight_bits']:,}",
        str(row["accumulator_bits"] or ""),
        *map(area, families()),
    ]


def title(rows: list[Row]) -> str:
    """A task's heading."""
    topology = next((row["topology"] for row in rows if row["topology"]), "")
    parameters = next((row["parameters"] for row in rows if row["parameters"]), 0)
    seeds = max(row["seeds"] for row in rows)
    return f"{rows[0]['task']} {topology}, {parameters:,} parameters, {seeds} seeds, area in um2"


def to_text(study: Study, rows: list[Row]) -> str:
    """The tables as plain text."""
    parts = []
    for task in study.task:
        own = [row for row in rows if row["task"] == task.name]
        body = [list(header()), *map(cells, own)]
        widths = [max(len(line[column]) for line in body) for column in range(len(header()))]
        lines = [
            "  ".join(
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in body
        ]
        parts.append("\n".join([title(own), *lines]))
    return "\n\n".join(parts) + "\n\n~ estimated from the network's integers, not synthesized\n"
