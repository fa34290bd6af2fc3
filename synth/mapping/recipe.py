"""Recipes: how RTL becomes a netlist of library cells, as Yosys and ABC scripts."""

import math
from dataclasses import dataclass
from pathlib import Path

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.arith import Style

MAPS = Path(__file__).parent / "maps"

_START = "strash; ifraig; scorr; dc2; dc2"
_MAP = "strash; dch; amap -m"
_DONT_CARES = "mfs2 -ae"
_MAP_WELL = "strash; dch; amap -m -F 20 -A 20 -C 5000"
_REWRITE = "strash; &get -n; &syn3; &syn3; &syn4; &dch -x; &put; amap -m; mfs2 -ae"
_REWRITE_WELL = (
    "strash; &get -n; &syn3; &syn4; &dch -x; &put; amap -m -F 20 -A 20 -C 5000; mfs2 -ae"
)
_PLAIN = "; ".join([_START, _MAP, _DONT_CARES, _MAP_WELL])
_FLOW = f"{_PLAIN}; strash; &get -n; &dch -x; &nf -p -R 1000 -C 32 -F 10 -A 5; &put"
_REWRITTEN = "; ".join([_REWRITE, _REWRITE_WELL, _MAP_WELL])
_REWRITTEN_THRICE = "; ".join([f"{_REWRITE}; strash; dc2"] * 3 + [_MAP_WELL])
_SMALL = (_PLAIN, _FLOW, _REWRITTEN, _REWRITTEN_THRICE)

_EXPENSIVE = (
    f"{_PLAIN}; strash; &get -n; &deepsyn -I 1 -J 2; &put; {_MAP_WELL[8:]}; mfs2 -ae; {_MAP_WELL}",
    f"{_REWRITTEN}; mfs3 -a",
    f"{_PLAIN}; mfs3 -a",
    f"{_START}; strash; dch; map -a; mfs2 -ae; {_MAP_WELL}",
)

_SIZE = "topo; buffer -c; upsize -D 1; dnsize -D 1"
_FAST = f"strash; ifraig; scorr; dc2; strash; dch -f; map -B 0.9 -D 1; {_SIZE}"
_FASTER = f"strash; ifraig; scorr; dc2; if -g -K 6; strash; dch -f; map -B 0.9 -D 1; {_SIZE}"

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
{carries}techmap
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
class MappingPlan:
    """One way to map a design.

    Attributes
    ----------
    adders
        How sums are made.
    abc
        Scripts of ABC's commands, from the network as read to the mapped one. Each is tried on
        each module, and the smallest of what ABC proves equal is kept.
    """

    adders: Style
    abc: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Plans, and which of their netlists is kept.

    Attributes
    ----------
    name
        What the report and the command line call it.
    plans
        All of them are tried.
    fast
        Whether the shortest critical path is kept, instead of the smallest area.
    limit
        Seconds of processor time for a script on a module, after which the others go on without
        it; 0 for none but the run's own limit.
    """

    name: str
    plans: tuple[MappingPlan, ...]
    fast: bool = False
    limit: int = 0


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="area", plans=(MappingPlan(adders="ripple", abc=_SMALL),)),
        Recipe(name="balanced", plans=(MappingPlan(adders="prefix", abc=_SMALL),)),
        Recipe(
            name="delay",
            plans=(
                MappingPlan(adders="ripple", abc=_SMALL),
                MappingPlan(adders="prefix", abc=_SMALL),
                MappingPlan(adders="prefix", abc=(_FAST,)),
                MappingPlan(adders="plain", abc=(_FAST,)),
                MappingPlan(adders="plain", abc=(_FASTER,)),
            ),
            fast=True,
        ),
        Recipe(
            name="best", plans=(MappingPlan(adders="ripple", abc=_SMALL + _EXPENSIVE),), limit=120
        ),
    )
}


def find_recipe(name: str, clock: float | None = None) -> Recipe:
    """The recipe of this name; only ``delay`` takes a ``clock``.

    Raises
    ------
    HwgenError
        There is none, or it takes no clock, or the clock is not finite.
    """
    if name not in RECIPES:
        raise HwgenError("recipe", f"{name!r} is not known", f"one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if clock is not None and not recipe.fast:
        raise HwgenError("clock", f"given with recipe {name}", "only delay aims at a clock")
    if clock is not None and not math.isfinite(clock):
        raise HwgenError("clock", f"found {clock}", "a finite number is needed")
    return recipe


def front_script(top: str) -> str:
    """From ``design.v`` to ``front.json``: word-level cells, sums as ``$macc_v2`` and ``$alu``."""
    return _FRONT.format(top=top)


def back_script(library: CellLibrary, adders: Style) -> str:
    """From ``front.json``, ``cells.lib``, the maps and ``abc.script`` to ``netlist.json``."""
    return _BACK.format(
        carries="techmap -map ripple.v\n" if adders == "ripple" else "",
        gates=_clock_gates(library),
        ties="\n".join(_ties(library)),
    )


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
