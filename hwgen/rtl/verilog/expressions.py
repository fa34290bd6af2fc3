"""Operators of RTLIL as Verilog expressions.

Operands are extended to the width of the operation where they stand, so that no tool has to guess:
every operator sees equal widths, and a signed operation says so.
"""

from collections.abc import Callable

from hwgen.rtl.verilog.rtlil import Cell, Sig, Slice, width_of
from hwgen.support.errors import HwgenError

_BINARY = {"$add": "+", "$sub": "-", "$mul": "*", "$and": "&", "$or": "|", "$xor": "^"}
_COMPARE = {"$eq": "==", "$ne": "!=", "$lt": "<", "$le": "<=", "$gt": ">", "$ge": ">="}
_REDUCE = {"$reduce_or": "|", "$reduce_and": "&", "$reduce_xor": "^", "$reduce_bool": "|"}
_UNARY = {"$not": "~", "$neg": "-"}
_SHIFT = {"$shl": "<<", "$shr": ">>", "$sshr": ">>>", "$shift": ">>"}
OPERATORS = {*_BINARY, *_COMPARE, *_REDUCE, *_UNARY, *_SHIFT, "$mux"}


def extended(sig: Sig, width: int, signed: bool) -> Sig:
    """``sig`` as ``width`` bits: cut off, or extended by its sign or by zeros."""
    have = width_of(sig)
    if have > width:
        return _low(sig, width)
    if have == width:
        return sig
    if not signed or not sig:
        return (*sig, Slice(None, 0, width - have, "0" * (width - have)))
    top = sig[-1]
    if top.wire is None:
        return (*sig, Slice(None, 0, width - have, top.bits[0] * (width - have)))
    return sig + (Slice(top.wire, top.low + top.width - 1, 1),) * (width - have)


def _low(sig: Sig, width: int) -> Sig:
    kept: list[Slice] = []
    for part in sig:
        take = min(part.width, width - sum(p.width for p in kept))
        if take:
            bits = part.bits[len(part.bits) - take :]
            kept.append(Slice(part.wire, part.low, take, bits))
    return tuple(kept)


def constant(sig: Sig) -> str | None:
    """The bits of ``sig``, the high bit first, where all are constant."""
    if any(part.wire is not None for part in sig):
        return None
    return "".join(part.bits for part in reversed(sig))


def literal(bits: str, signed: bool = False) -> str:
    """A constant; undefined bits are zero, and so is one of no bits."""
    bits = bits.replace("x", "0").replace("-", "0") or "0"
    if len(bits) == 1 and not signed:
        return f"1'b{bits}"
    if signed:
        return f"{len(bits)}'sb{bits}" if bits[0] == "1" else f"{len(bits)}'sd{int(bits, 2)}"
    return f"{len(bits)}'d{int(bits, 2)}"


def operands(cell: Cell) -> list[tuple[str, Sig]]:
    """The inputs of an operator with the widths that :func:`expression` gives them."""
    kind = cell.kind
    if kind == "$mux":
        return [(port, cell.ports[port]) for port in "SAB"]
    if kind in _REDUCE:
        return [("A", cell.ports["A"])]
    signed = bool(cell.number("A_SIGNED"))
    width = cell.number("Y_WIDTH")
    if kind in _COMPARE:
        width = max(1, cell.number("A_WIDTH"), cell.number("B_WIDTH"))
    if kind in ("$shr", "$sshr", "$shift"):
        width = max(width, cell.number("A_WIDTH"))
    found = [("A", extended(cell.ports["A"], width, signed))]
    if kind in _SHIFT:
        found.append(("B", cell.ports["B"]))
    elif kind not in _UNARY:
        found.append(("B", extended(cell.ports["B"], width, bool(cell.number("B_SIGNED")))))
    return found


def expression(cell: Cell, text: Callable[[Sig], str]) -> str:
    """The operator ``cell`` as Verilog, its operands by ``text``.

    Raises
    ------
    HwgenError
        An operator that no design of ours has.
    """
    kind, parts = cell.kind, dict(operands(cell))
    if kind == "$mux":
        return f"{text(parts['S'])} ? {text(parts['B'])} : {text(parts['A'])}"
    a = parts["A"]
    if kind in _REDUCE:
        return _unary(_REDUCE[kind], text(a)) if width_of(a) > 1 else text(a)
    if kind in _UNARY:
        return _unary(_UNARY[kind], text(a))
    b = parts["B"]
    if kind in _SHIFT:
        return _shifted(cell, text(a), text(b), width_of(a))
    plain = _simple(kind, a, b, text)
    if plain is not None:
        return plain
    operator = {**_BINARY, **_COMPARE}.get(kind)
    if operator is None:
        raise HwgenError("Verilog", f"operator {kind}", f"one of {', '.join(sorted(OPERATORS))}")
    if cell.number("A_SIGNED") and cell.number("B_SIGNED") and kind not in ("$eq", "$ne"):
        return f"{_signed(a, text)} {operator} {_signed(b, text)}"
    return f"{text(a)} {operator} {text(b)}"


def _shifted(cell: Cell, a: str, b: str, width: int) -> str:
    operator = _SHIFT[cell.kind]
    shifted = f"$signed({a}) {operator} {b}" if operator == ">>>" else f"{a} {operator} {b}"
    if cell.number("Y_WIDTH") != width:
        raise HwgenError("Verilog", f"{cell.kind} that cuts off bits", "a shift of one width")
    return shifted


def _signed(sig: Sig, text: Callable[[Sig], str]) -> str:
    bits = constant(sig)
    return literal(bits, signed=True) if bits is not None else f"$signed({text(sig)})"


def _simple(kind: str, a: Sig, b: Sig, text: Callable[[Sig], str]) -> str | None:
    """What is left of an operator on one bit of which an operand is constant."""
    if width_of(a) != 1:
        return None
    for one, other in ((a, b), (b, a)):
        bit = constant(one)
        if bit is None:
            continue
        if (kind, bit) in {("$or", "0"), ("$and", "1"), ("$eq", "1"), ("$ne", "0"), ("$xor", "0")}:
            return text(other)
        if (kind, bit) in {("$eq", "0"), ("$ne", "1"), ("$xor", "1")}:
            return _unary("~", text(other))
    return None


def _unary(operator: str, operand: str) -> str:
    """Two unary operators do not stand side by side, and two negations are none."""
    if operand.startswith("~"):
        return operand[1:] if operator == "~" else f"{operator}({operand})"
    return f"{operator}{operand}"
