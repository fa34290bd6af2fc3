"""Integer combinations of bits and whole numbers."""

from hwgen.synth.prove.aig import FALSE, TRUE

Terms = dict[int, int]
"""Coefficients by variable: an even literal, or a negative number for a whole number."""

_FEW = 3
"""Words of single bits up to which a sum is grounded by adding them."""


def add_term(terms: Terms, literal: int, factor: int) -> int:
    """Add ``factor * literal`` to ``terms``; what it adds to the constant is returned."""
    if 0 <= literal <= TRUE:
        return literal * factor
    constant = 0
    if literal > 0 and literal & 1:
        literal, factor, constant = literal ^ 1, -factor, factor
    total = terms.pop(literal, 0) + factor
    if total:
        terms[literal] = total
    return constant


def normal(terms: Terms) -> tuple[tuple[tuple[int, int], ...], int, bool]:
    """Terms without their common power of two and their sign: what is left, shift and sign."""
    shift = min((factor & -factor).bit_length() - 1 for factor in terms.values())
    first = min(terms)
    negative = terms[first] < 0
    scale = -1 if negative else 1
    key = tuple((variable, scale * (terms[variable] >> shift)) for variable in sorted(terms))
    return key, shift, negative


def few_rows(terms: Terms) -> tuple[list[list[int]], int] | None:
    """Single bits as at most three words, false where there is none, and a constant.

    None where it takes more, or ``terms`` has whole numbers.
    """
    rows: list[dict[int, int]] = []
    constant = 0
    for variable, factor in sorted(terms.items()):
        if variable < 0:
            return None
        constant += min(factor, 0)
        for place in range(abs(factor).bit_length()):
            if not abs(factor) >> place & 1:
                continue
            free = next((row for row in rows if place not in row), None)
            if free is None:
                rows.append(free := {})
            free[place] = variable ^ (factor < 0)
        if len(rows) > _FEW:
            return None
    return [[row.get(i, FALSE) for i in range(max(row) + 1)] for row in rows], constant


def constant_word(value: int, width: int) -> list[int]:
    """``value`` in two's complement."""
    return [value >> i & 1 for i in range(width)]
