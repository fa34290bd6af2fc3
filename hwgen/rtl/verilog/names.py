"""Verilog names of modules and wires: those of the generator, made plain and told apart."""

import re

from hwgen.rtl.verilog.rtlil import Module

_NAMELESS = re.compile(r"\\port\$\d+\$\d+|\$\d+")
_WORDS = """
    always and assign automatic begin buf case casez casex cell config deassign default defparam
    design disable edge else end endcase endconfig endfunction endgenerate endmodule
    endprimitive endspecify endtable endtask event for force forever fork function generate
    genvar if ifnone include initial inout input instance integer join large liblist library
    localparam medium module nand negedge nor not notif0 notif1 or output parameter pmos posedge
    primitive pull0 pull1 real realtime reg release repeat scalared signed small specify
    specparam strong0 strong1 supply0 supply1 table task time tran tri tri0 tri1 triand trior
    trireg unsigned use var vectored wait wand weak0 weak1 while wire wor xnor xor logic bit
    byte do final global int new null packed priority process pure rand ref return static string
    struct super this type union unique virtual void with within let checker property sequence
    expect cover bind alias assert assume before break class clocking constraint context
    continue export extends extern foreach forkjoin iff illegal_bins implements import inside
    interface intersect local longint matches modport nexttime package program protected randc
    randcase restrict shortint shortreal solve strong tagged throughout timeprecision timeunit
    until wildcard
"""
_KEYWORDS = frozenset(_WORDS.split())


class NameTable:
    """Names of all modules, and of the ports that instances connect."""

    def __init__(self, modules: list[Module]):
        names = _Names()
        self._modules = {module.name: names.take(_plain(module.name)) for module in modules}
        self._wires = {module.name: _wire_names(module) for module in modules}
        self._directions = {
            module.name: {wire.name: wire.direction for wire in module.wires.values()}
            for module in modules
        }

    def module(self, name: str) -> str:
        """The Verilog name of a module."""
        return self._modules[name.removeprefix("\\")]

    def direction(self, module: str, wire: str) -> str | None:
        """``input``, ``output``, or None for a wire inside."""
        return self._directions[module.removeprefix("\\")][wire]

    def instance(self, module: str, name: str) -> str:
        """The Verilog name of an instance in ``module``."""
        taken = set(self._wires[module].values())
        plain = _plain(name)
        return f"u_{plain}" if plain in taken else plain

    def wire(self, module: str, wire: str) -> str:
        """The Verilog name of a wire."""
        return self._wires[module.removeprefix("\\")][wire]


class _Names:
    """Names that are taken; one that is asked for again gets a number."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        """``name``, or ``name`` with the lowest number that tells it apart."""
        found = name
        while found in self._taken:
            self._taken[name] += 1
            found = f"{name}_{self._taken[name]}"
        self._taken[found] = 0
        return found


def _wire_names(module: Module) -> dict[str, str]:
    """A name for each wire; ports first, as they are seen from outside."""
    names = _Names()
    named: dict[str, str] = {}
    wires = sorted(module.wires.values(), key=lambda wire: wire.direction is None)
    for wire in wires:
        if not _NAMELESS.fullmatch(wire.name):
            named[wire.name] = names.take(_plain(wire.name))
    for connection in module.connections:  # a port that is a part of a bus is named after it
        (target,) = connection.target
        for position, part in enumerate(connection.value):
            if part.wire is not None and part.wire not in named:
                named[part.wire] = names.take(f"{named[str(target.wire)]}_{position}")
    for wire in wires:
        if wire.name not in named:
            stem = {"input": "in", "output": "out", None: "t"}[wire.direction]
            named[wire.name] = names.take(stem)
    return named


def _plain(name: str) -> str:
    plain = re.sub(r"\$\d+$", "", name.removeprefix("\\"))
    plain = re.sub(r"\W", "_", plain)
    return f"{plain}_" if plain in _KEYWORDS else plain
