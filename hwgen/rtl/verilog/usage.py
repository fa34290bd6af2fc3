"""What of an RTLIL module an output depends on, and how often each wire is read."""

from collections import Counter
from collections.abc import Callable

from hwgen.rtl.verilog.expressions import OPERATORS, operands
from hwgen.rtl.verilog.rtlil import Assign, Body, Cell, Module, Sig, Slice
from hwgen.support.errors import HwgenError

PortTest = Callable[[Cell, str], bool]
"""Whether a port of an instance is driven by it."""

_OUTPUT = {"$dff": "Q", "$memrd_v2": "DATA"}


class Usage:
    """Live cells and processes of a module.

    Parameters
    ----------
    module
        The module.
    drives
        Whether a port of an instance is an output of it.
    reads
        Whether a port of an instance is read by it.

    Attributes
    ----------
    cells, processes
        Those that an output depends on, in their order.
    driver
        The cell or process behind each wire.
    uses
        How often a wire is read.
    bits
        How often each bit of a wire is read; a register that keeps its value does not read it.
    whole
        Wires that some place reads as a whole, at most extended by zeros.
    outputs
        What drives an output port that is only another name.
    registers
        Wires of processes that are nothing but the next value of a register, and that register.
    """

    def __init__(self, module: Module, drives: PortTest, reads: PortTest):
        self._module = module
        self._drives = drives
        self._reads = reads
        self.driver: dict[str, Cell | Body] = {}
        for cell in module.cells:
            for sig in self.written(cell):
                self.driver.update({str(part.wire): cell for part in sig})
        self.driver.update({target_of(body): body for body in module.processes})
        self.outputs = {
            str(c.target[0].wire): c.value
            for c in module.connections
            if module.wires[str(c.target[0].wire)].direction == "output"
        }
        self.uses: Counter[str] = Counter()
        self.bits: dict[str, Counter[int]] = {}
        self.whole: set[str] = set()
        live = self._mark()
        self.cells = [cell for cell in module.cells if id(cell) in live]
        self.processes = [body for body in module.processes if id(body) in live]
        self.registers = self._registers()
        for wire, register in self.registers.items():
            if self.keeps(wire, register):
                self.bits[register].subtract(range(module.wires[register].width))

    def written(self, cell: Cell) -> list[Sig]:
        """What ``cell`` drives."""
        if cell.kind.startswith("\\"):
            return [sig for port, sig in cell.ports.items() if self._drives(cell, port)]
        if cell.kind in OPERATORS:
            return [cell.ports["Y"]]
        if cell.kind in _OUTPUT:
            return [cell.ports[_OUTPUT[cell.kind]]]
        if cell.kind == "$meminit_v2":
            return []
        raise HwgenError("Verilog", f"a cell {cell.kind}", "operators, $dff and read-only memories")

    def is_whole(self, part: Slice) -> bool:
        """Whether ``part`` is all of its wire."""
        return part.width == self._module.wires[str(part.wire)].width

    def keeps(self, wire: str, register: str) -> bool:
        """Whether ``wire``, the next value of ``register``, is by default that of now."""
        body = self.driver[wire]
        first = body[0] if isinstance(body, list) else None
        whole = (Slice(register, 0, self._module.wires[register].width),)
        return isinstance(first, Assign) and first.value == whole

    def _read(self, cell: Cell) -> list[Sig]:
        """What ``cell`` reads, each operand in the width in which it is written."""
        if cell.kind in OPERATORS:
            return [sig for _, sig in operands(cell)]
        if cell.kind == "$dff":
            return [cell.ports["D"], cell.ports["CLK"]]
        if cell.kind == "$memrd_v2":
            return [cell.ports["ADDR"]]
        return [sig for port, sig in cell.ports.items() if self._reads(cell, port)]

    def _mark(self) -> set[int]:
        """Count what is read, from the outputs backwards; the ids of what is met."""
        todo: list[Sig] = []
        for wire in self._module.wires.values():
            if wire.direction == "output":
                todo.append(self.outputs.get(wire.name, (Slice(wire.name, 0, wire.width),)))
        seen: set[int] = set()
        while todo:
            sig = todo.pop()
            self._count(sig)
            for part in sig:
                driver = self.driver.get(str(part.wire))
                if driver is not None and id(driver) not in seen:
                    seen.add(id(driver))
                    todo += signals_of(driver) if isinstance(driver, list) else self._read(driver)
        return seen

    def _count(self, sig: Sig) -> None:
        for part in sig:
            if part.wire is not None:
                self.uses[part.wire] += 1
                bits = range(part.low, part.low + part.width)
                self.bits.setdefault(part.wire, Counter()).update(bits)
        plain = bool(sig) and all(part.wire is None for part in sig[1:])
        if plain and sig[0].wire is not None and self.is_whole(sig[0]):
            self.whole.add(sig[0].wire)

    def _registers(self) -> dict[str, str]:
        found = {}
        for cell in self.cells:
            if cell.kind == "$dff":
                data, wire = cell.ports["D"], str(cell.ports["D"][0].wire)
                alone = len(data) == 1 and self.uses[wire] == 1 and wire in self.whole
                if alone and isinstance(self.driver.get(wire), list):
                    found[wire] = str(cell.ports["Q"][0].wire)
        return found


def target_of(body: Body) -> str:
    """The wire that a process writes; its first statement gives all of it a value."""
    first = body[0]
    if not isinstance(first, Assign):
        raise HwgenError("Verilog", "a process that begins with a switch", "a value comes first")
    return str(first.target[0].wire)


def signals_of(body: Body) -> list[Sig]:
    """Every signal that the statements of ``body`` read."""
    found: list[Sig] = []
    for statement in body:
        if isinstance(statement, Assign):
            found.append(statement.value)
        else:
            found.append(statement.selector)
            for _, inner in statement.cases:
                found += signals_of(inner)
    return found
