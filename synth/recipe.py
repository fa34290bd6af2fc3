"""Recipes: how RTL becomes a netlist of library cells, as Yosys and ABC scripts."""

from dataclasses import dataclass, replace
from pathlib import Path

from hwgen.errors import HwgenError
from synth.library import CellLibrary

MAPS = Path(__file__).parent / "maps"

_SWEEP = "strash; ifraig; scorr; dc2; dc2"
_MAP = "strash; dch; amap -m"
_DONT_CARES = "mfs2 -ae"
_MAP_WELL = "strash; dch; amap -m -F 20 -A 20 -C 5000"

_SMALLEST_GATED = 3
"""Flip-flops under one enable from which on a clock gate pays."""

_FRONT = """\
log hwgen-stage: reading
read_verilog design.v
hierarchy -check -top {top}
proc
delete */t:$check */t:$print
log hwgen-stage: optimizing
opt_expr
opt_clean
check
opt -nodffe -nosdff
opt
wreduce
peepopt
opt_clean
alumacc
opt
memory -nomap
opt_clean
opt -fast -full
memory_map
opt -undriven -fine
write_json front.json
"""
_BACK = """\
log hwgen-stage: logic
read_json front.json
techmap -map ripple.v
techmap
opt -fast
opt_clean
log hwgen-stage: flip-flops
{gates}
dfflibmap -liberty cells.lib
opt
setundef -zero
log hwgen-stage: mapping
abc -liberty cells.lib -script abc.script
opt_clean -purge
{ties}
splitnets
opt_clean -purge
check -mapped
write_json netlist.json
"""
_FLAT = """\
read_json front.json
flatten
opt -fast -full
opt_clean
write_json front.json
"""
_VERILOG = """\
read_json netlist.json
write_verilog -noattr netlist.v
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way of mapping.

    Attributes
    ----------
    name
        What the report and the command line call it.
    abc
        Scripts of ABC's commands, from the network as read to the mapped one. Each is tried, and
        what comes out smallest is kept.
    limit
        Seconds of processor time for a script on a module, after which the others go on without
        it; 0 for none but the run's own limit.
    """

    name: str
    abc: tuple[str, ...]
    limit: int = 0


RECIPES = {
    "area": Recipe(name="area", abc=("; ".join([_SWEEP, _MAP, _DONT_CARES, _MAP_WELL]),)),
}


def find_recipe(name: str, clock: float | None = None) -> Recipe:
    """The recipe of this name, aiming at a ``clock`` period in ns where it takes one.

    Raises
    ------
    HwgenError
        There is none, or it takes no clock.
    """
    if name not in RECIPES:
        raise HwgenError("recipe", f"{name!r} is not known", f"one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if clock is None:
        return recipe
    if name != "delay":
        raise HwgenError("clock", f"given for recipe {name}", "only delay aims at a clock")
    return replace(recipe, abc=tuple(f"{script} -D {1000 * clock:g}" for script in recipe.abc))


def front_script(top: str) -> str:
    """From ``design.v`` to ``front.json``: word-level cells, sums as ``$macc_v2`` and ``$alu``."""
    return _FRONT.format(top=top)


def back_script(library: CellLibrary) -> str:
    """From ``front.json``, ``cells.lib``, the maps and ``abc.script`` to ``netlist.json``."""
    return _BACK.format(gates=_clock_gates(library), ties="\n".join(_ties(library)))


def flat_script() -> str:
    """From ``front.json`` to one with everything in its top module."""
    return _FLAT


def verilog_script() -> str:
    """From ``netlist.json`` to ``netlist.v``."""
    return _VERILOG


def _clock_gates(library: CellLibrary) -> str:
    """Clock gates for flip-flops that share an enable, where the library has a clock gate.

    A gate costs about as much as the enable multiplexers of two flip-flops.
    """
    gate = library.clock_gate
    if gate is None:
        return ""
    pins = f"{gate.enable}:{gate.clock}:{gate.output}"
    pins += "".join(f" -tie_lo {pin}" for pin in gate.tied)
    return (
        "dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01\n"
        f"clockgate -pos {gate.cell} {pins} -min_net_size {_SMALLEST_GATED}"
    )


def _ties(library: CellLibrary) -> list[str]:
    """``hilomap`` with the library's constant cells, where it has both."""
    high = low = ""
    for cell in sorted(library.mapped(), key=lambda c: (c.area, c.name)):
        if cell.inputs or cell.tables is None:
            continue
        for pin, table in zip(cell.outputs, cell.tables, strict=True):
            if table and not high:
                high = f"-hicell {cell.name} {pin}"
            if not table and not low:
                low = f"-locell {cell.name} {pin}"
    return [f"hilomap -singleton {high} {low}"] if high and low else []
