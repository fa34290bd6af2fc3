"""What all results have in common: plain data for ``--json``, HTML where a notebook shows them."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")


def narrowed(result: T, base: type[T]) -> T:
    """The part of a dataclass that its ``base`` knows, as one of that."""
    return base(**{field.name: getattr(result, field.name) for field in fields(base)})


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for a notebook; every text is escaped, numbers stand to the right."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    caption = f"<caption style='text-align:left'><b>{html.escape(title)}</b></caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_line(text: str) -> str:
    """A paragraph."""
    return f"<p>{html.escape(text)}</p>"


def _cell(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None:
        text = ""
    elif isinstance(value, float):
        text = f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
    else:
        text = f"{value:,}" if number else str(value)
    side = "right" if number else "left"
    return f"<td style='text-align:{side}'>{html.escape(text)}</td>"
