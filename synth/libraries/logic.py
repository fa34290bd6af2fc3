"""Boolean functions as Liberty writes them, evaluated to truth tables.

``!a``, ``a'``, ``a & b``, ``a * b``, ``a b``, ``a | b``, ``a + b``, ``a ^ b``, ``0``, ``1`` and
parentheses. Strength, from high to low: ``!`` and ``'``, ``^``, ``&``, ``|``.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

MAX_INPUTS = 12

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\]]*|[01]|[!'&*|+^()])")
_STRENGTH = {"|": 1, "&": 2, "^": 3, "!": 4}
_SAME = {"*": "&", "+": "|"}


def names(function: str) -> tuple[str, ...]:
    """Names a function reads, in order of first appearance."""
    words = (token for token in _tokens(function) if token[0].isalpha() or token[0] == "_")
    return tuple(dict.fromkeys(words))


def truth_table(function: str, inputs: Sequence[str]) -> int:
    """Truth table of ``function``: bit ``k`` is its value where input ``i`` is bit ``i`` of ``k``.

    Raises
    ------
    ValueError
        The text is not a function of these inputs, or there are more than 12 of them.
    """
    if len(inputs) > MAX_INPUTS:
        raise ValueError(f"{len(inputs)} inputs")
    rows = 1 << len(inputs)
    full = (1 << rows) - 1
    columns = {name: _column(i, rows) for i, name in enumerate(inputs)}
    stack: list[int] = []
    try:
        for token in postfix(function):
            if token == "!":
                stack.append(full ^ stack.pop())
            elif token in _STRENGTH:
                right, left = stack.pop(), stack.pop()
                stack.append(_apply(token, left, right))
            elif token in "01":
                stack.append(full if token == "1" else 0)
            else:
                stack.append(columns[token])
    except (IndexError, KeyError):
        raise ValueError(f"not a function of its inputs: {function!r}") from None
    if len(stack) != 1:
        raise ValueError(f"not a function: {function!r}")
    return stack[0]


def evaluate(function: str, values: Mapping[str, int]) -> int:
    """Value (0 or 1) of ``function`` at one point."""
    inputs = names(function)
    row = sum((values[name] & 1) << i for i, name in enumerate(inputs))
    return truth_table(function, inputs) >> row & 1


def _column(index: int, rows: int) -> int:
    return sum(1 << row for row in range(rows) if row >> index & 1)


def _apply(operator: str, left: int, right: int) -> int:
    if operator == "&":
        return left & right
    return left | right if operator == "|" else left ^ right


@lru_cache(maxsize=4096)
def _tokens(function: str) -> tuple[str, ...]:
    tokens, position, text = [], 0, function.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"not a function: {function!r}")
        tokens.append(found.group(1))
        position = found.end()
    return tuple(tokens)


@lru_cache(maxsize=4096)
def postfix(function: str) -> tuple[str, ...]:
    """Operands and the operators ``! & | ^`` in reverse Polish order.

    Raises
    ------
    ValueError
        The text is not a function.
    """
    output: list[str] = []
    waiting: list[str] = []
    operand_before = False

    def push(operator: str) -> None:
        while waiting and waiting[-1] != "(" and _STRENGTH[waiting[-1]] >= _STRENGTH[operator]:
            output.append(waiting.pop())
        waiting.append(operator)

    for raw in _tokens(function):
        token = _SAME.get(raw, raw)
        if token == "'":
            output.append("!")
        elif token in "&|^":
            push(token)
            operand_before = False
        elif token == ")":
            while waiting and waiting[-1] != "(":
                output.append(waiting.pop())
            if not waiting:
                raise ValueError(f"not a function: {function!r}")
            waiting.pop()
            operand_before = True
        else:
            if operand_before:
                push("&")
            if token in "!(":
                waiting.append(token)
                operand_before = False
            else:
                output.append(token)
                operand_before = True
    while waiting:
        if waiting[-1] == "(":
            raise ValueError(f"not a function: {function!r}")
        output.append(waiting.pop())
    return tuple(output)
