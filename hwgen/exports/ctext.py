"""Constants as C99."""

from collections.abc import Iterable, Iterator

_COLUMNS = 96


def literal(value: int) -> str:
    """``value`` of at most 64 bits; the smallest of all has no literal of its own."""
    if value == -(1 << 63):
        return "INT64_MIN"
    return f"INT64_C({value})" if value >= 0 else f"(-INT64_C({-value}))"


def array(kind: str, name: str, values: Iterable[int]) -> Iterator[str]:
    """A constant array; one without values has a zero, as C knows no empty ones."""
    yield f"static const {kind} {name}[] = {{"
    line = " "
    for value in list(values) or [0]:
        item = str(value) if abs(value) < 1 << 31 else literal(value)
        if len(line) + len(item) + 2 > _COLUMNS:
            yield line
            line = " "
        line += f" {item},"
    yield line
    yield "};"
