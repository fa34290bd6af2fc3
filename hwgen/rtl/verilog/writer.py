"""RTLIL modules as Verilog-2005.

Each register has non-blocking assignments in a clocked block and no initial value, each memory that
is only read is a function with a case, and an intermediate result without a name of its own stands
where it is used. Wires keep the names they have in the generator; what is not used is left out, and
what a wire carries beyond its use is gathered in one wire named ``unused``, which lint passes over.
"""

from collections.abc import Mapping

from hwgen.rtl.verilog.fold import fold
from hwgen.rtl.verilog.module import ModuleText
from hwgen.rtl.verilog.names import NameTable
from hwgen.rtl.verilog.rtlil import Cell, Module, parse
from hwgen.rtl.verilog.usage import Usage


def verilog_of(rtlil: str, comments: Mapping[str, list[str]] | None = None) -> str:
    """The modules of ``rtlil``, the top module first; byte-identical on every run.

    Parameters
    ----------
    rtlil
        What :func:`amaranth.back.rtlil.convert` returns.
    comments
        Lines to stand above a module, by the name that it has inside its parent. A line break in
        them would end the comment: the caller's texts have none.

    Raises
    ------
    HwgenError
        Something that this writer does not know.
    """
    modules = parse(rtlil)
    for module in modules:
        fold(module)
    names = NameTable(modules)
    dropped: dict[str, set[str]] = {}
    usages: dict[str, Usage] = {}
    for module in reversed(modules):  # an instance before the module that holds it
        usages[module.name] = _usage(module, names, dropped)
        if module is not modules[0]:
            dropped[module.name] = _unread_ports(module, usages[module.name])
    texts = [
        ModuleText(m, names, usages[m.name], dropped, _comment(m.name, comments or {})).text()
        for m in _built(modules, usages)
    ]
    # One file holds all modules, so that it can be handed on as one.
    lint = "/* verilator lint_off DECLFILENAME */\n"
    return f"{lint}`default_nettype none\n\n" + "\n".join(texts) + "\n`default_nettype wire\n"


def _built(modules: list[Module], usages: Mapping[str, Usage]) -> list[Module]:
    """The top module, and those of which there is an instance that something reads."""
    known = {module.name for module in modules}
    found = [modules[0].name]
    for name in found:
        inside = (cell.kind.removeprefix("\\") for cell in usages[name].cells)
        found += [kind for kind in inside if kind in known and kind not in found]
    return [module for module in modules if module.name in found]


def _comment(name: str, comments: Mapping[str, list[str]]) -> list[str]:
    return list(comments.get(name.rpartition(".")[2], ()))


def _usage(module: Module, names: NameTable, dropped: dict[str, set[str]]) -> Usage:
    def drives(instance: Cell, port: str) -> bool:
        return names.direction(instance.kind, f"\\{port}") == "output"

    def reads(instance: Cell, port: str) -> bool:
        gone = dropped.get(instance.kind.removeprefix("\\"), set())
        return not drives(instance, port) and f"\\{port}" not in gone

    return Usage(module, drives, reads)


def _unread_ports(module: Module, usage: Usage) -> set[str]:
    inputs = (wire.name for wire in module.wires.values() if wire.direction == "input")
    return {name for name in inputs if not usage.uses[name]}
