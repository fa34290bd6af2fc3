"""Amaranth's RTLIL as plain data: modules of wires, cells, processes, memories and connections.

Only what :func:`amaranth.back.rtlil.convert` writes is read. A signal is a tuple of
:class:`Slice`, the one with the low bits first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hwgen.support.errors import HwgenError

_TOKEN = re.compile(r'"(?:\\.|[^"])*"|[^\s]+')
_PART = re.compile(r"(\d+)'([01x-]*)|([\\$][^\s]*)(?: \[(\d+)(?::(\d+))?\])?")


@dataclass(frozen=True)
class Slice:
    """Bits of a wire, or, where ``wire`` is None, the constant ``bits`` (the high bit first)."""

    wire: str | None
    low: int
    width: int
    bits: str = ""


Sig = tuple[Slice, ...]


@dataclass
class Wire:
    """``direction`` is ``input``, ``output``, or None for a wire inside."""

    name: str
    width: int
    direction: str | None


@dataclass
class Cell:
    """An operator, a register, a port of a memory, or an instance of a module."""

    kind: str
    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    ports: dict[str, Sig] = field(default_factory=dict)

    def number(self, parameter: str) -> int:
        """An integer parameter."""
        text = self.parameters[parameter]
        return int(text.split("'")[1], 2) if "'" in text else int(text)


@dataclass
class Assign:
    """``target`` takes ``value``."""

    target: Sig
    value: Sig


@dataclass
class Switch:
    """The first case of which a pattern fits decides; a case without patterns always fits."""

    selector: Sig
    cases: list[tuple[list[str], "Body"]]


Body = list[Assign | Switch]


@dataclass
class Module:
    """A module, its contents in the order of the text."""

    name: str
    wires: dict[str, Wire] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    processes: list[Body] = field(default_factory=list)
    memories: dict[str, tuple[int, int]] = field(default_factory=dict)
    connections: list[Assign] = field(default_factory=list)


def width_of(sig: Sig) -> int:
    """Bits of ``sig``."""
    return sum(part.width for part in sig)


def parse(text: str) -> list[Module]:
    """The modules of ``text``, the top module first, as Amaranth writes them.

    Raises
    ------
    HwgenError
        A line that Amaranth has never written.
    """
    lines = iter(line.strip() for line in text.splitlines())
    modules = []
    for line in lines:
        if line.startswith("module "):
            modules.append(_Reader(line.split()[1], lines).module())
        elif line and not line.startswith("attribute "):
            raise _unknown(line)
    return modules


class _Reader:
    def __init__(self, name: str, lines: Iterator[str]):
        self._lines = lines
        self._module = Module(name.removeprefix("\\"))

    def module(self) -> Module:
        module = self._module
        for line in self._lines:
            words = line.split()
            if not words or words[0] == "attribute":
                continue
            if words[0] == "end":
                return module
            if words[0] == "wire":
                self._wire(words)
            elif words[0] == "memory":
                module.memories[words[-1]] = int(words[2]), int(words[4])
            elif words[0] == "cell":
                module.cells.append(self._cell(words[1], words[2]))
            elif words[0] == "process":
                module.processes.append(self._body({"end"})[0])
            elif words[0] == "connect":
                module.connections.append(Assign(*self._pair(line)))
            else:
                raise _unknown(line)
        raise _unknown("the end of the text")

    def _wire(self, words: list[str]) -> None:
        direction = next((word for word in words if word in ("input", "output")), None)
        self._module.wires[words[-1]] = Wire(words[-1], int(words[2]), direction)

    def _cell(self, kind: str, name: str) -> Cell:
        cell = Cell(kind, name)
        for line in self._lines:
            words = _TOKEN.findall(line)
            if words[0] == "end":
                break
            if words[0] == "parameter":
                cell.parameters[words[-2].removeprefix("\\")] = words[-1]
            else:
                port, rest = line.removeprefix("connect ").split(" ", 1)
                cell.ports[port.removeprefix("\\")] = self._sig(rest)
        return cell

    def _body(self, ends: set[str]) -> tuple[Body, str]:
        """Statements up to a line that begins with one of ``ends``, and that line."""
        body: Body = []
        for line in self._lines:
            first = line.split(" ", 1)[0]
            if first in ends:
                return body, line
            if first == "assign":
                body.append(Assign(*self._pair(line)))
            elif first == "switch":
                body.append(self._switch(line.removeprefix("switch ")))
            elif first:
                raise _unknown(line)
        raise _unknown("the end of the text")

    def _switch(self, selector: str) -> Switch:
        found = Switch(self._sig(selector), [])
        _, line = self._body({"case", "end"})
        while line != "end":
            patterns = [pattern.split("'")[1] for pattern in re.findall(r"\d+'[01-]*", line)]
            body, line = self._body({"case", "end"})
            found.cases.append((patterns, body))
        return found

    def _pair(self, line: str) -> tuple[Sig, Sig]:
        """Both sides of ``assign LEFT RIGHT`` or ``connect LEFT RIGHT``."""
        text = line.split(" ", 1)[1]
        cut = text.index("}") + 1 if text.startswith("{") else _PART.match(text).end()  # type: ignore[union-attr]
        return self._sig(text[:cut]), self._sig(text[cut:])

    def _sig(self, text: str) -> Sig:
        parts = []
        for match in _PART.finditer(text):
            width, bits, name, high, low = match.groups()
            if name is None:
                if int(width):
                    parts.append(Slice(None, 0, int(width), bits))
                continue
            start = int(low if low is not None else high or 0)
            whole = self._module.wires[name].width
            size = whole if high is None else int(high) - start + 1
            parts.append(Slice(name, start, size))
        return tuple(reversed(parts))


def _unknown(line: str) -> HwgenError:
    return HwgenError("RTLIL", f"found {line[:80]!r}", "Amaranth 0.5 is needed")
