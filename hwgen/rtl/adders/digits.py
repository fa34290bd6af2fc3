"""Signed digits of constants, in every form that has the fewest, and the pairs they hold.

A digit is ``(shift, sign)`` and stands for ``sign << shift``. A pattern is two digits of two
coefficients of one sum: ``code`` says how far the second lies above the first, and whether their
signs differ. What counts is in how many places at once a sum has a pattern, whatever forms of its
coefficients show it: 3 and 3 have ``1, 1`` twice as 2 + 1, but 3 and 1 only once.
"""

from functools import lru_cache

from hwgen.rtl.digits import digit_count

Digit = tuple[int, int]

_FAR = 64
_ENTRIES = 1 << 18


@lru_cache(maxsize=_ENTRIES)
def signed_digits(value: int) -> tuple[Digit, ...]:
    """``value`` as the fewest (shift, sign) digits; among those, the fewest negative, the lowest.

    A minimal signed-digit form that prefers plain binary: 3 is 2 + 1, 7 is 8 - 1.
    """
    if value == 0:
        return ()
    shift = (value & -value).bit_length() - 1
    odd = value >> shift
    forms = [((0, sign), *((s + 1, g) for s, g in signed_digits((odd - sign) >> 1)))
             for sign in (1, -1) if abs((odd - sign) >> 1) < abs(odd)]  # fmt: skip
    best = min(forms, key=lambda form: (len(form), sum(g < 0 for _, g in form), form[-1][0]))
    return tuple((s + shift, g) for s, g in best)


@lru_cache(maxsize=_ENTRIES)
def possible_digits(value: int) -> tuple[Digit, ...]:
    """The digits that some minimal form of ``value`` has, lowest first: 3 has 1, -1, 2 and 4."""
    fewer = digit_count(value) - 1
    return tuple(
        (shift, sign)
        for shift in range(abs(value).bit_length() + 1)
        for sign in (1, -1)
        if digit_count(value - (sign << shift)) == fewer
    )


def pattern_code(distance: int, opposite: bool) -> int:
    """The pattern of two digits ``distance`` shifts apart; 8 bits, as distances are within 63."""
    return (distance + _FAR) << 1 | opposite


def decoded(code: int) -> tuple[int, bool]:
    """Distance and whether the signs differ."""
    return (code >> 1 & 127) - _FAR, bool(code & 1)


@lru_cache(maxsize=_ENTRIES)
def patterns(first: int, second: int) -> tuple[tuple[int, int], ...]:
    """Patterns between two coefficients: (code, in how many places at once)."""
    counts: dict[int, int] = {}
    for low, sign in possible_digits(first):
        for high, other in possible_digits(second):
            code = pattern_code(high - low, sign != other)
            counts[code] = counts.get(code, 0) + 1
    return tuple(
        (code, 1 if count == 1 else len(places(first, second, code)))
        for code, count in counts.items()
    )


@lru_cache(maxsize=_ENTRIES)
def places(first: int, second: int, code: int) -> tuple[Digit, ...]:
    """Digits of ``first`` at which the pattern can be taken away, all of them at once."""
    distance, opposite = decoded(code)
    others = set(possible_digits(second))
    digits = tuple(
        (shift, sign)
        for shift, sign in possible_digits(first)
        if (shift + distance, -sign if opposite else sign) in others
    )
    if len(digits) < 2:
        return digits

    def taken(order: tuple[Digit, ...]) -> tuple[Digit, ...]:
        a, b, found = first, second, []
        for shift, sign in order:
            less_a = a - (sign << shift)
            less_b = b - ((-sign if opposite else sign) << (shift + distance))
            if digit_count(less_a) < digit_count(a) and digit_count(less_b) < digit_count(b):
                a, b = less_a, less_b
                found.append((shift, sign))
        return tuple(found)

    return max(taken(digits), taken(digits[::-1]), key=len)


@lru_cache(maxsize=_ENTRIES)
def own_patterns(value: int) -> tuple[tuple[int, int], ...]:
    """Patterns within one coefficient; the distance is above 0."""
    digits = possible_digits(value)
    codes = {pattern_code(s2 - s1, g1 != g2) for s1, g1 in digits for s2, g2 in digits if s2 > s1}
    counted = ((code, len(own_places(value, code))) for code in sorted(codes))
    return tuple((code, count) for code, count in counted if count)


@lru_cache(maxsize=_ENTRIES)
def own_places(value: int, code: int) -> tuple[Digit, ...]:
    """Lower digits at which the pattern can be taken from ``value``, all of them at once."""
    distance, opposite = decoded(code)

    def taken(order: tuple[Digit, ...]) -> tuple[Digit, ...]:
        rest, found = value, []
        for shift, sign in order:
            less = rest - (sign << shift) - ((-sign if opposite else sign) << (shift + distance))
            if digit_count(less) == digit_count(rest) - 2:
                rest = less
                found.append((shift, sign))
        return tuple(found)

    digits = possible_digits(value)
    return max(taken(digits), taken(digits[::-1]), key=len)
