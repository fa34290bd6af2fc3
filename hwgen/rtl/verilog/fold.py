"""Operators of which the result is a constant or an operand, taken out of a module."""

from collections.abc import Callable

from hwgen.rtl.verilog.expressions import OPERATORS, constant, extended
from hwgen.rtl.verilog.rtlil import Assign, Body, Cell, Module, Sig, Slice, Switch, width_of

_MIRRORED = {"$lt": "$gt", "$gt": "$lt", "$le": "$ge", "$ge": "$le"}
"""A comparison as it is with its operands the other way round."""

_ZERO, _ONE = (Slice(None, 0, 1, "0"),), (Slice(None, 0, 1, "1"),)


def fold(module: Module) -> None:
    """Replace such operators by their result wherever it is read, until none is left."""
    while found := _results(module):
        replace = _replacer(found)
        module.cells = [cell for cell in module.cells if _output(cell) not in found]
        for cell in module.cells:
            written = ("Y",) if cell.kind in OPERATORS else ("Q",)
            cell.ports = {
                port: sig if port in written and not cell.kind.startswith("\\") else replace(sig)
                for port, sig in cell.ports.items()
            }
        for body in module.processes:
            _replace_in(body, replace)
        module.connections = [Assign(c.target, replace(c.value)) for c in module.connections]
        module.connections += [
            Assign((Slice(name, 0, width_of(sig)),), replace(sig))
            for name, sig in found.items()
            if module.wires[name].direction == "output"
        ]


def _output(cell: Cell) -> str | None:
    return str(cell.ports["Y"][0].wire) if cell.kind in OPERATORS else None


def _results(module: Module) -> dict[str, Sig]:
    """The wires of such operators, and what they carry."""
    found = {}
    for cell in module.cells:
        name = _output(cell)
        if name is not None:
            result = _result(cell)
            if result is not None:
                found[name] = result
    return found


def _result(cell: Cell) -> Sig | None:
    """What a trivial operator hands on, or None."""
    kind, ports = cell.kind, cell.ports
    if kind == "$mux":
        select = constant(ports["S"])
        return None if select is None else ports["B" if select == "1" else "A"]
    if width_of(ports["Y"]) != 1:
        return None
    if kind.startswith("$reduce_") and not width_of(ports["A"]):
        return _ONE if kind == "$reduce_and" else _ZERO
    if kind in _MIRRORED:
        decided = _decided(cell)
        return None if decided is None else _ONE if decided else _ZERO
    if kind == "$not" and width_of(ports["A"]) == 1:
        bit = constant(ports["A"])
        return None if bit is None else _ONE if bit == "0" else _ZERO
    if kind not in ("$and", "$or", "$eq") or max(map(width_of, (ports["A"], ports["B"]))) > 1:
        return None
    return _of_bits(kind, extended(ports["A"], 1, False), extended(ports["B"], 1, False))


def _decided(cell: Cell) -> bool | None:
    """Whether a comparison with a constant holds for all, True, or none, False, of the values."""
    kind, a, b = cell.kind, cell.ports["A"], cell.ports["B"]
    signs = {cell.number("A_SIGNED"), cell.number("B_SIGNED")}
    signed = signs == {1}
    if constant(a) is not None:
        kind, a, b = _MIRRORED[kind], b, a
    bits, width = constant(b), width_of(a)
    if bits is None or constant(a) is not None or not set(bits) <= {"0", "1"}:
        return None
    if bits and len(signs) > 1:
        return None
    bound = int(f"0{bits}", 2) - (signed and bits[:1] == "1") * (1 << len(bits))
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    if kind in ("$gt", "$le"):  # a > bound is not a <= bound
        holds = False if high <= bound else True if low > bound else None
        return holds if kind == "$gt" or holds is None else not holds
    holds = False if low >= bound else True if high < bound else None
    return holds if kind == "$lt" or holds is None else not holds


def _of_bits(kind: str, a: Sig, b: Sig) -> Sig | None:
    """``a`` and ``b`` are one bit each."""
    for one, other in ((a, b), (b, a)):
        bit = constant(one)
        if kind == "$and" and bit is not None:
            return other if bit == "1" else _ZERO
        if kind == "$or" and bit is not None:
            return other if bit == "0" else _ONE
        if kind == "$eq" and bit == "1":
            return other
    return None


def _replacer(found: dict[str, Sig]) -> Callable[[Sig], Sig]:
    """A function that replaces what ``found`` names, and what stands there in turn."""

    def replace(sig: Sig) -> Sig:
        parts: list[Slice] = []
        for part in sig:
            result = found.get(str(part.wire))
            parts += [part] if result is None else replace(cut(result, part.low, part.width))
        return tuple(parts)

    return replace


def cut(sig: Sig, low: int, width: int) -> Sig:
    """``width`` bits of ``sig`` from bit ``low``."""
    kept: list[Slice] = []
    start = 0
    for part in sig:
        first, last = max(low, start), min(low + width, start + part.width)
        if first < last:
            offset, size = first - start, last - first
            end = len(part.bits) - offset
            bits = part.bits[end - size : end] if part.wire is None else ""
            kept.append(Slice(part.wire, 0 if part.wire is None else part.low + offset, size, bits))
        start += part.width
    return tuple(kept)


def _replace_in(body: Body, replace: Callable[[Sig], Sig]) -> None:
    for statement in body:
        if isinstance(statement, Switch):
            statement.selector = replace(statement.selector)
            for _, inner in statement.cases:
                _replace_in(inner, replace)
        else:
            statement.value = replace(statement.value)
