"""Full and half adders out of library cells, in whatever polarity their inputs come.

A carry made of inverting gates comes out inverted. Instead of inverting it back, the next adder
takes it as it is: every form below says which inputs it takes inverted and which outputs it
leaves inverted. Forms are made of gates found in the library by their function.

=========  =======================  ==========================  ========================
form       takes                    gives                       made of
=========  =======================  ==========================  ========================
``cell``   a b c, all alike         s co, as the inputs         the library's full adder
``cell``   a b c, all alike         s co, not as the inputs     one with inverted outputs
``alike``  a b c, all alike         s as the inputs, co not     2 xor2, a22oi
``odd``    a b alike, c inverted    s co, as a and b            nand2 o21ai xor2 o21ai
=========  =======================  ==========================  ========================
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.synth.libraries.library import Cell, CellLibrary

Function = Callable[..., int]

_GATES: dict[str, tuple[str, Function]] = {
    "inv": ("a", lambda a: 1 - a),
    "nand2": ("ab", lambda a, b: 1 - (a & b)),
    "nor2": ("ab", lambda a, b: 1 - (a | b)),
    "xor2": ("ab", lambda a, b: a ^ b),
    "xnor2": ("ab", lambda a, b: 1 - (a ^ b)),
    "o21ai": ("abc", lambda a, b, c: 1 - ((a | b) & c)),
    "a21oi": ("abc", lambda a, b, c: 1 - ((a & b) | c)),
    "a22oi": ("abcd", lambda a, b, c, d: 1 - ((a & b) | (c & d))),
}
_FULL = ("abc", (lambda a, b, c: a ^ b ^ c, lambda a, b, c: int(a + b + c > 1)))
_HALF = ("ab", (lambda a, b: a ^ b, lambda a, b: a & b))


@dataclass(frozen=True)
class Gate:
    """A library cell with its pins by the roles ``a b c d`` and ``y``, or ``s`` and ``co``."""

    cell: str
    area: float
    pins: dict[str, str]


def find_gate(library: CellLibrary, roles: str, *functions: Function) -> Gate | None:
    """The smallest usable cell with these functions of its inputs, whatever its pins are called.

    One function makes the output role ``y``, two make ``s`` and ``co``.
    """
    outputs = ("y",) if len(functions) == 1 else ("s", "co")
    tables = [_table(function, len(roles)) for function in functions]
    sized = [
        c
        for c in library.mapped()
        if len(c.inputs) == len(roles) and c.tables and len(c.outputs) == len(outputs)
    ]
    for cell in sorted(sized, key=lambda c: (c.area, c.name)):
        for order in itertools.permutations(range(len(roles))):
            wanted = [_permuted(table, order) for table in tables]
            for places in itertools.permutations(range(len(outputs))):
                if cell.tables == tuple(wanted[k] for k in places):
                    pins = {roles[i]: cell.inputs[k] for k, i in enumerate(order)}
                    pins |= {outputs[k]: cell.outputs[i] for i, k in enumerate(places)}
                    return Gate(cell.name, cell.area, pins)
    return None


def _table(function: Function, inputs: int) -> int:
    rows = range(1 << inputs)
    return sum(function(*(row >> i & 1 for i in range(inputs))) << row for row in rows)


def _permuted(table: int, order: Sequence[int]) -> int:
    """The table of the same function when pin ``k`` plays role ``order[k]``."""
    result = 0
    for row in range(1 << len(order)):
        role_row = sum((row >> k & 1) << role for k, role in enumerate(order))
        result |= (table >> role_row & 1) << row
    return result


class AdderCells:
    """The gates that adders are made of in one library.

    Attributes
    ----------
    gates
        Gate by name; those the library lacks are absent.
    full, half
        The library's own adders, or ``None``.
    full_inverts, half_inverts
        Whether both their outputs are inverted, as in libraries without output inverters.
    """

    def __init__(self, library: CellLibrary):
        found = {name: find_gate(library, roles, f) for name, (roles, f) in _GATES.items()}
        self.gates: dict[str, Gate] = {name: gate for name, gate in found.items() if gate}
        self.full, self.full_inverts = _find_adder(library, _FULL[0], _FULL[1])
        self.half, self.half_inverts = _find_adder(library, _HALF[0], _HALF[1])

    def area(self, *names: str) -> float:
        """Sum of the areas of these gates; infinite where one is missing."""
        return sum(self.gates[n].area if n in self.gates else float("inf") for n in names)

    @property
    def complete(self) -> bool:
        """Whether every adder can be made of library cells."""
        return self.area(*_GATES) < float("inf")


def _find_adder(
    library: CellLibrary, roles: str, functions: Sequence[Function]
) -> tuple[Gate | None, bool]:
    """The smallest adder cell, with both outputs as they are or both inverted."""

    def opposite(function: Function) -> Function:
        return lambda *bits: 1 - function(*bits)

    plain = find_gate(library, roles, *functions)
    inverting = find_gate(library, roles, *map(opposite, functions))
    if inverting and (plain is None or inverting.area < plain.area):
        return inverting, True
    return plain, False


def is_adder(cell: Cell) -> bool:
    """Whether a cell is a full or half adder: a gate with two outputs."""
    return cell.tables is not None and len(cell.outputs) == 2 and len(cell.inputs) in (2, 3)
