"""What Yosys' word-level cells compute, as literals of an and-inverter graph.

Sums are not built here: :func:`sum_of` says what a cell adds up, and who reads the module decides
how that becomes bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.synth.prove.aig import FALSE, TRUE, Aig

Word = list[int]
Ports = Mapping[str, Word]

ARITHMETIC = ("$add", "$sub", "$mul", "$neg", "$alu", "$macc_v2", "$lt", "$le", "$gt", "$ge")
"""Types of cells that take words as numbers."""


@dataclass(frozen=True)
class Factor:
    """A word as a number."""

    word: Sequence[int]
    signed: bool


@dataclass(frozen=True)
class Term:
    """A product of one or two numbers, added or taken away."""

    factors: tuple[Factor, ...]
    negative: bool = False


@dataclass(frozen=True)
class Sum:
    """The low ``width`` bits of ``constant`` and all ``terms``."""

    terms: tuple[Term, ...]
    width: int
    constant: int = 0


class Fields:
    """A cell's parameters as numbers; what is undefined counts as 0."""

    def __init__(self, cell: Mapping[str, Any]):
        self._fields: Mapping[str, Any] = cell["parameters"]

    def __getitem__(self, name: str) -> int:
        return self.slice(name, 0, None)

    def slice(self, name: str, low: int, width: int | None) -> int:
        """``width`` bits from bit ``low`` of a parameter."""
        bits = str(self._fields.get(name, "0"))[::-1]
        text = bits[low : None if width is None else low + width][::-1]
        return int(text.replace("x", "0") or "0", 2)

    def bits(self, name: str) -> str:
        """A parameter's bits, the lowest first; ``x`` where undefined."""
        return str(self._fields[name])[::-1]


def sum_of(cell: Mapping[str, Any], ports: Ports, carry_used: bool) -> Sum | None:
    """What ``cell`` adds up, where it is a sum; an ``$alu`` of which more is used is none."""
    kind, fields = cell["type"], Fields(cell)
    width = len(cell["connections"].get("Y", ()))
    if kind in ("$add", "$sub", "$mul"):
        signed = bool(fields["A_SIGNED"] and fields["B_SIGNED"])
        a, b = Factor(ports["A"], signed), Factor(ports["B"], signed)
        if kind == "$mul":
            return Sum((Term((a, b)),), width)
        return Sum((Term((a,)), Term((b,), kind == "$sub")), width)
    if kind == "$neg":
        return Sum((Term((Factor(ports["A"], bool(fields["A_SIGNED"])),), True),), width)
    if kind == "$alu" and not carry_used and ports["BI"][0] <= TRUE:
        return _alu_sum(fields, ports, width)
    if kind == "$macc_v2":
        return Sum(tuple(_macc_terms(fields, ports)), width)
    return None


def _alu_sum(fields: Fields, ports: Ports, width: int) -> Sum:
    flip = ports["BI"][0] == TRUE
    signed = bool(fields["A_SIGNED"] and fields["B_SIGNED"])
    a, b = (Factor(ports[port], signed) for port in "AB")
    carry = Term((Factor(ports["CI"], False),))
    return Sum((Term((a,)), Term((b,), flip), carry), width, -1 if flip else 0)


def _macc_terms(fields: Fields, ports: Ports) -> list[Term]:
    places = dict.fromkeys("ABC", 0)

    def take(port: str, index: int) -> Factor:
        width = fields.slice(f"{port}_WIDTHS", 16 * index, 16)
        word = ports[port][places[port] : places[port] + width]
        places[port] += width
        return Factor(word, bool(fields.slice(f"{port}_SIGNED", index, 1)))

    terms = []
    for i in range(fields["NPRODUCTS"]):
        negative = bool(fields.slice("PRODUCT_NEGATED", i, 1))
        terms.append(Term((take("A", i), take("B", i)), negative))
    for i in range(fields["NADDENDS"]):
        terms.append(Term((take("C", i),), bool(fields.slice("ADDEND_NEGATED", i, 1))))
    return terms


def extended(word: Sequence[int], width: int, signed: bool) -> Word:
    """``word`` cut or extended to ``width``."""
    fill = word[-1] if signed and word else FALSE
    return [*word[:width], *[fill] * (width - len(word))]


def logic(aig: Aig, cell: Mapping[str, Any], ports: Ports) -> dict[str, Word]:
    """The outputs of any combinational cell that is no sum.

    Raises
    ------
    HwgenError
        The cell is of a type that the proof does not know.
    """
    kind = cell["type"]
    if kind == "$alu":
        return _alu(aig, cell, ports)
    width = len(cell["connections"].get("Y", ()))
    function = _FUNCTIONS.get(kind)
    if function is None:
        raise HwgenError("proof", f"a cell of type {kind}", "only the cells of generated designs")
    return {"Y": extended(function(aig, Fields(cell), ports, width), width, False)}


def _operands(fields: Fields, ports: Ports, width: int) -> tuple[Word, Word]:
    """Both operands extended to at least their own and this width, as Yosys does."""
    signed = bool(fields["A_SIGNED"] and fields["B_SIGNED"])
    wide = max(width, len(ports["A"]), len(ports["B"]))
    return extended(ports["A"], wide, signed), extended(ports["B"], wide, signed)


def _alu(aig: Aig, cell: Mapping[str, Any], ports: Ports) -> dict[str, Word]:
    fields, width = Fields(cell), len(cell["connections"]["Y"])
    signed = bool(fields["A_SIGNED"] and fields["B_SIGNED"])
    a = extended(ports["A"], width, signed)
    b = [aig.differ(bit, ports["BI"][0]) for bit in extended(ports["B"], width, signed)]
    carry = ports["CI"][0]
    y, x, co = [], [], []
    for p, q in zip(a, b, strict=True):
        x.append(aig.differ(p, q))
        y.append(aig.differ(x[-1], carry))
        carry = aig.majority(p, q, carry)
        co.append(carry)
    return {"Y": y, "X": x, "CO": co}


def _not(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [bit ^ 1 for bit in extended(ports["A"], width, bool(fields["A_SIGNED"]))]


def _pos(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return extended(ports["A"], width, bool(fields["A_SIGNED"]))


def _and(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.both(a, b) for a, b in zip(*_operands(fields, ports, width), strict=True)]


def _or(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.either(a, b) for a, b in zip(*_operands(fields, ports, width), strict=True)]


def _xor(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.differ(a, b) for a, b in zip(*_operands(fields, ports, width), strict=True)]


def _xnor(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [bit ^ 1 for bit in _xor(aig, fields, ports, width)]


def _reduce_and(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.all(ports["A"])]


def _reduce_or(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.any(ports["A"])]


def _reduce_xor(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    result = FALSE
    for bit in ports["A"]:
        result = aig.differ(result, bit)
    return [result]


def _reduce_xnor(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [_reduce_xor(aig, fields, ports, width)[0] ^ 1]


def _logic_not(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.any(ports["A"]) ^ 1]


def _logic_and(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.both(aig.any(ports["A"]), aig.any(ports["B"]))]


def _logic_or(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.either(aig.any(ports["A"]), aig.any(ports["B"]))]


def _eq(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.any(_xor(aig, fields, ports, 0)) ^ 1]


def _ne(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [aig.any(_xor(aig, fields, ports, 0))]


def _lt(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    a, b = _operands(fields, ports, 0)
    if fields["A_SIGNED"] and fields["B_SIGNED"]:
        a, b = [*a[:-1], a[-1] ^ 1], [*b[:-1], b[-1] ^ 1]
    return [aig.less(a, b)]


def _gt(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return _lt(aig, fields, {"A": ports["B"], "B": ports["A"]}, width)


def _le(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [_gt(aig, fields, ports, width)[0] ^ 1]


def _ge(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return [_lt(aig, fields, ports, width)[0] ^ 1]


def _mux(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    select = ports["S"][0]
    return [aig.choose(select, b, a) for a, b in zip(ports["A"], ports["B"], strict=True)]


def _pmux(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    """Of several selects the highest counts; Yosys makes them so that at most one is true."""
    result = list(ports["A"])
    for k, select in enumerate(ports["S"]):
        case = ports["B"][k * width : (k + 1) * width]
        result = [aig.choose(select, b, a) for a, b in zip(result, case, strict=True)]
    return result


def _shift_left(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    word = extended(ports["A"], width, bool(fields["A_SIGNED"]))
    for k, select in enumerate(ports["B"]):
        step = min(1 << k, width)
        moved = [*[FALSE] * step, *word[: width - step]]
        word = [aig.choose(select, b, a) for a, b in zip(word, moved, strict=True)]
    return word


def _shift_right(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return _moved_down(aig, fields, ports, width, arithmetic=False)


def _shift_right_signed(aig: Aig, fields: Fields, ports: Ports, width: int) -> Word:
    return _moved_down(aig, fields, ports, width, arithmetic=bool(fields["A_SIGNED"]))


def _moved_down(aig: Aig, fields: Fields, ports: Ports, width: int, *, arithmetic: bool) -> Word:
    wide = max(width, len(ports["A"]))
    word = extended(ports["A"], wide, bool(fields["A_SIGNED"]))
    fill = word[-1] if arithmetic else FALSE
    for k, select in enumerate(ports["B"]):
        step = min(1 << k, wide)
        moved = [*word[step:], *[fill] * step]
        word = [aig.choose(select, b, a) for a, b in zip(word, moved, strict=True)]
    return word[:width]


_FUNCTIONS = {
    "$not": _not,
    "$pos": _pos,
    "$and": _and,
    "$or": _or,
    "$xor": _xor,
    "$xnor": _xnor,
    "$reduce_and": _reduce_and,
    "$reduce_or": _reduce_or,
    "$reduce_bool": _reduce_or,
    "$reduce_xor": _reduce_xor,
    "$reduce_xnor": _reduce_xnor,
    "$logic_not": _logic_not,
    "$logic_and": _logic_and,
    "$logic_or": _logic_or,
    "$eq": _eq,
    "$eqx": _eq,
    "$ne": _ne,
    "$nex": _ne,
    "$lt": _lt,
    "$le": _le,
    "$gt": _gt,
    "$ge": _ge,
    "$mux": _mux,
    "$pmux": _pmux,
    "$shl": _shift_left,
    "$sshl": _shift_left,
    "$shr": _shift_right,
    "$sshr": _shift_right_signed,
}
