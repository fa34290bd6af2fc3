"""One RTLIL module as the text of a Verilog module."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from hwgen.rtl.interface import PORT_ORDER
from hwgen.rtl.verilog.expressions import OPERATORS, constant, expression, literal
from hwgen.rtl.verilog.fold import cut
from hwgen.rtl.verilog.names import NameTable
from hwgen.rtl.verilog.rtlil import Assign, Body, Cell, Module, Sig, Slice, Switch, Wire, width_of
from hwgen.rtl.verilog.usage import Usage, signals_of, target_of
from hwgen.support.errors import HwgenError

_LONGEST = 60
"""Characters of an expression that may stand inside another."""


class ModuleText:
    """Writes a module; what no output depends on is left out.

    Parameters
    ----------
    module
        The module, folded.
    names
        Names of all modules of the design.
    usage
        What of the module is alive.
    dropped
        Input ports that nothing inside reads, for each module that is not the top.
    comment
        Lines to stand above it.
    """

    def __init__(
        self,
        module: Module,
        names: NameTable,
        usage: Usage,
        dropped: dict[str, set[str]],
        comment: list[str],
    ):
        self._module = module
        self._names = names
        self._usage = usage
        self._dropped = dropped
        self._comment = comment
        self._initials = {
            cell.parameters["MEMID"]: cell for cell in module.cells if cell.kind == "$meminit_v2"
        }
        self._inlined: set[str] = set()
        self._choose_inlined()

    def text(self) -> str:
        """The module."""
        body = [*self._declarations(), *self._functions(), *self._assignments(), *self._clocked()]
        head = "".join(f"// {line}\n" for line in self._comment)
        ports = ",\n".join(f"  {line}" for line in self._ports())
        lines = "\n".join(f"  {line}" if line else "" for line in body)
        name = self._names.module(self._module.name)
        return f"{head}module {name} (\n{ports}\n);\n{lines}\nendmodule\n"

    # Expressions.

    def _choose_inlined(self) -> None:
        """Operators without a name that are used once, as a whole, stand where they are used."""
        usage = self._usage
        operators = [cell for cell in usage.cells if cell.kind in OPERATORS]
        for cell in operators:
            wire = _result(cell)
            if wire.startswith("$") and usage.uses[wire] == 1 and wire in usage.whole:
                self._inlined.add(wire)
        for cell in operators:
            wire = _result(cell)
            if wire in self._inlined and len(self._expression(wire)) > _LONGEST:
                self._inlined.discard(wire)

    def _expression(self, wire: str) -> str:
        driver = self._usage.driver[wire]
        if not isinstance(driver, Cell):
            raise HwgenError("Verilog", f"wire {wire} has no operator", "an operator is needed")
        return expression(driver, self._text)

    def _text(self, sig: Sig, alone: bool = False) -> str:
        """``sig`` as an operand, or as all of a right side where it stands ``alone``."""
        bits = constant(sig)
        if bits is not None:
            return literal(bits)
        if len(sig) == 1:
            return self._part(sig[0], alone)
        groups: list[tuple[Slice, int]] = []
        for part in reversed(sig):
            if groups and groups[-1][0] == part:
                groups[-1] = part, groups[-1][1] + 1
            else:
                groups.append((part, 1))
        texts = [(self._part(part, alone=True), count) for part, count in groups]
        parts = [text if count == 1 else f"{{{count}{{{text}}}}}" for text, count in texts]
        return f"{{{', '.join(parts)}}}"

    def _part(self, part: Slice, alone: bool = False) -> str:
        if part.wire is None:
            return literal(part.bits)
        if part.wire in self._inlined:
            text = self._expression(part.wire)
            simple = re.fullmatch(r"~?[\w\[\]:]+|\{[^{}]*\}", text)
            return text if alone or simple else f"({text})"
        name = self._name(part.wire)
        if self._usage.is_whole(part):
            return name
        high = part.low + part.width - 1
        return f"{name}[{high}]" if part.width == 1 else f"{name}[{high}:{part.low}]"

    def _name(self, wire: str) -> str:
        return self._names.wire(self._module.name, self._usage.registers.get(wire, wire))

    # Ports and declarations.

    def _ports(self) -> Iterator[str]:
        gone = self._dropped.get(self._module.name, set())
        ports = [w for w in self._module.wires.values() if w.direction and w.name not in gone]
        known = {f"\\{name}": position for position, name in enumerate(PORT_ORDER)}
        for wire in sorted(ports, key=lambda w: (known.get(w.name, len(known)), w.direction)):
            yield f"{wire.direction:6} {self._declaration(wire)}"

    def _declaration(self, wire: Wire) -> str:
        kind = "reg" if wire.name in self._procedural() else "wire"
        span = f"[{wire.width - 1}:0]" if wire.width > 1 else ""
        return " ".join(filter(None, (kind, span, self._name(wire.name))))

    def _procedural(self) -> set[str]:
        """Wires that always blocks write."""
        registers = {str(c.ports["Q"][0].wire) for c in self._usage.cells if c.kind == "$dff"}
        return registers | {target_of(body) for body in self._blocks() if not _is_flat(body)}

    def _blocks(self) -> list[Body]:
        """Processes that are not the next value of a register."""
        registers = self._usage.registers
        return [body for body in self._usage.processes if target_of(body) not in registers]

    def _declarations(self) -> Iterator[str]:
        usage = self._usage
        driven = {
            str(part.wire) for cell in usage.cells for sig in usage.written(cell) for part in sig
        } | {target_of(body) for body in usage.processes}
        inside = [
            wire
            for wire in self._module.wires.values()
            if wire.name in driven
            and wire.name not in self._inlined
            and wire.name not in usage.registers
        ]
        yield from (f"{self._declaration(wire)};" for wire in inside if not wire.direction)
        gone = self._dropped.get(self._module.name, set())
        inputs = [
            wire
            for wire in self._module.wires.values()
            if wire.direction == "input" and wire.name not in gone
        ]
        unused = [
            self._part(part)
            for wire in (*inputs, *(wire for wire in inside if wire.direction is None))
            for part in self._unread(wire)
        ]
        if unused:
            yield f"wire unused = &{{1'b0, {', '.join(unused)}}};"
        yield ""

    def _unread(self, wire: Wire) -> Iterator[Slice]:
        """Bits of ``wire`` that nothing reads."""
        read: Mapping[int, int] = self._usage.bits.get(wire.name, {})
        start = None
        for bit in range(wire.width + 1):
            idle = bit < wire.width and not read.get(bit)
            if idle and start is None:
                start = bit
            if not idle and start is not None:
                yield Slice(wire.name, start, bit - start)
                start = None

    # Contents.

    def _functions(self) -> Iterator[str]:
        for cell in self._usage.cells:
            if cell.kind == "$memrd_v2":
                yield from self._function(cell)

    def _function(self, port: Cell) -> Iterator[str]:
        """A memory that is only read, as a function of the address."""
        rom = self._initials[port.parameters["MEMID"]]
        width, words, bits = rom.number("WIDTH"), rom.number("WORDS"), constant(rom.ports["DATA"])
        if bits is None or port.number("CLK_ENABLE"):
            raise HwgenError("Verilog", "a clocked memory", "memories that are only read")
        entries = [bits[len(bits) - (i + 1) * width :][:width] for i in range(words)]
        most = Counter(entries).most_common(1)[0][0]
        address, name = port.number("ABITS"), self._rom_name(port)
        yield f"function {f'[{width - 1}:0] ' if width > 1 else ''}{name};"
        yield f"  input {f'[{address - 1}:0] ' if address > 1 else ''}address;"
        yield "  case (address)"
        for position, entry in enumerate(entries):
            if entry != most:
                yield f"    {address}'d{position}: {name} = {literal(entry)};"
        yield f"    default: {name} = {literal(most)};"
        yield "  endcase"
        yield "endfunction"
        yield ""

    def _rom_name(self, port: Cell) -> str:
        return f"rom_{self._name(str(port.ports['DATA'][0].wire))}"

    def _assignments(self) -> Iterator[str]:
        usage = self._usage
        for cell in usage.cells:
            if cell.kind.startswith("\\"):
                yield from self._instance(cell)
            elif cell.kind in OPERATORS and _result(cell) not in self._inlined:
                wire = _result(cell)
                yield f"assign {self._name(wire)} = {self._expression(wire)};"
            elif cell.kind == "$memrd_v2":
                target, address = self._text(cell.ports["DATA"]), self._text(cell.ports["ADDR"])
                yield f"assign {target} = {self._rom_name(cell)}({address});"
        for body in self._blocks():
            yield from self._block(body)
        for wire, sig in usage.outputs.items():
            yield f"assign {self._name(wire)} = {self._text(sig, alone=True)};"

    def _block(self, body: Body) -> Iterator[str]:
        if _is_flat(body):
            for target, value in _pieces(body):
                yield f"assign {self._part(target)} = {self._text(value, alone=True)};"
            return
        if any(part.wire == target_of(body) for sig in signals_of(body) for part in sig):
            raise HwgenError("Verilog", "a process that reads what it writes", "two signals")
        yield "always @* begin"
        yield from (f"  {line}" for line in self._statements(body, "="))
        yield "end"

    def _instance(self, cell: Cell) -> Iterator[str]:
        kind = cell.kind.removeprefix("\\")
        name = self._names.instance(self._module.name, cell.name)
        lines = [
            f"  .{self._names.wire(kind, wire)}({self._text(sig)})"
            for wire, sig in ((f"\\{port}", sig) for port, sig in cell.ports.items())
            if wire not in self._dropped.get(kind, set())
        ]
        yield f"{self._names.module(kind)} {name} ("
        yield from (f"{line}," for line in lines[:-1])
        yield from (lines[-1], ");")

    # Statements.

    def _clocked(self) -> Iterator[str]:
        registers = [cell for cell in self._usage.cells if cell.kind == "$dff"]
        clocks = dict.fromkeys((c.ports["CLK"], c.number("CLK_POLARITY")) for c in registers)
        for clock, rises in clocks:
            yield ""
            yield f"always @({'posedge' if rises else 'negedge'} {self._text(clock)}) begin"
            for cell in registers:
                if cell.ports["CLK"] == clock:
                    yield from (f"  {line}" for line in self._next(cell))
            yield "end"

    def _next(self, cell: Cell) -> Iterator[str]:
        data, register = cell.ports["D"], cell.ports["Q"]
        wire = str(data[0].wire) if data else ""
        body = self._usage.driver.get(wire)
        if wire not in self._usage.registers or not isinstance(body, list):
            yield f"{self._text(register)} <= {self._text(data, alone=True)};"
            return
        keeps = self._usage.keeps(wire, str(register[0].wire))
        yield from self._statements(body[1:] if keeps else body, "<=")

    def _statements(self, body: Body, operator: str) -> Iterator[str]:
        for statement in body:
            if isinstance(statement, Assign):
                value = self._text(statement.value, alone=True)
                yield f"{self._text(statement.target)} {operator} {value};"
            elif width_of(statement.selector) <= 1:
                yield from self._condition(statement, operator)
            else:
                yield from self._switch(statement, operator)

    def _switch(self, switch: Switch, operator: str) -> Iterator[str]:
        if any("-" in pattern for patterns, _ in switch.cases for pattern in patterns):
            yield from self._priority(switch, operator)
            return
        width = width_of(switch.selector)
        yield f"case ({self._text(switch.selector)})"
        for patterns, body in switch.cases:
            labels = ", ".join(f"{width}'b{pattern}" for pattern in patterns)
            yield f"  {labels or 'default'}: begin"
            yield from (f"    {line}" for line in self._statements(body, operator))
            yield "  end"
        if switch.cases[-1][0]:
            yield "  default: ;"
        yield "endcase"

    def _priority(self, switch: Switch, operator: str) -> Iterator[str]:
        """Patterns that overlap: the first that fits decides."""
        word = "if"
        for patterns, body in switch.cases:
            tests = " || ".join(self._matches(switch.selector, pattern) for pattern in patterns)
            yield f"{word} ({tests}) begin" if patterns else "else begin"
            yield from (f"  {line}" for line in self._statements(body, operator))
            yield "end"
            word = "else if"

    def _matches(self, selector: Sig, pattern: str) -> str:
        bits = [(bit, cut(selector, i, 1)) for i, bit in enumerate(reversed(pattern)) if bit != "-"]
        return " && ".join(("" if bit == "1" else "!") + self._text(sig) for bit, sig in bits)

    def _condition(self, switch: Switch, operator: str) -> Iterator[str]:
        """A switch over one bit, or over nothing."""
        word = "if"
        for patterns, body in switch.cases:
            lines = [f"  {line}" for line in self._statements(body, operator)]
            always = not patterns or patterns == [""]
            if always and word == "if":
                yield from self._statements(body, operator)
                return
            selector = self._text(switch.selector, alone=bool(patterns) and patterns[0] == "1")
            test = "" if always else f" ({selector})" if patterns[0] == "1" else f" (!{selector})"
            yield f"{'else' if always else word}{test} begin"
            yield from lines
            yield "end"
            word = "else if"


def _result(cell: Cell) -> str:
    """The wire of an operator."""
    return str(cell.ports["Y"][0].wire)


def _is_flat(body: Body) -> bool:
    """Whether ``body`` decides nothing."""
    return all(isinstance(statement, Assign) for statement in body)


def _pieces(body: Body) -> list[tuple[Slice, Sig]]:
    """What a process that decides nothing leaves in each part of its target."""
    assigns = [(s.target[0], s.value) for s in body if isinstance(s, Assign)]
    ends = sorted({end for part, _ in assigns for end in (part.low, part.low + part.width)})
    pieces = []
    for low, high in pairwise(ends):
        part, value = next(
            (part, value)
            for part, value in reversed(assigns)
            if part.low <= low and high <= part.low + part.width
        )
        piece = Slice(part.wire, low, high - low)
        pieces.append((piece, cut(value, low - part.low, high - low)))
    return pieces
