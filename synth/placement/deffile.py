"""A placement as DEF 5.8, for a layout tool or viewer."""

import re
from collections import defaultdict
from collections.abc import Iterator

from hwgen.synth.mapping.netlist import Net
from hwgen.synth.placement.place import Placement

_UNITS = 1000
_SPECIAL = re.compile(r"([^\w/\[\]])", re.ASCII)


def def_text(placement: Placement, design: str, site: str) -> str:
    """DEF of ``placement``: die, rows, components, pins and nets.

    Parameters
    ----------
    design
        Name of the top module.
    site
        The LEF's name of a placement site.
    """
    core = placement.core
    width, height = core.die
    lines = [
        "VERSION 5.8 ;",
        'DIVIDERCHAR "/" ;',
        'BUSBITCHARS "[]" ;',
        f"DESIGN {design} ;",
        f"UNITS DISTANCE MICRONS {_UNITS} ;",
        f"DIEAREA ( 0 0 ) ( {_dbu(width)} {_dbu(height)} ) ;",
    ]
    step, left = _dbu(core.site[0]), _dbu(core.margin)
    lines += [
        f"ROW ROW_{r} {site} {left} {_dbu(core.margin + r * core.site[1])} {_turned(r)} "
        f"DO {core.columns} BY 1 STEP {step} 0 ;"
        for r in range(core.rows)
    ]
    lines += _section("COMPONENTS", list(_components(placement)))
    lines += _section("PINS", list(_pins(placement)))
    lines += _section("NETS", list(_nets(placement)))
    return "\n".join([*lines, "END DESIGN"]) + "\n"


def _components(placement: Placement) -> Iterator[str]:
    core = placement.core
    for instance, place in zip(placement.flat.instances, placement.places, strict=True):
        x = _dbu(core.margin + place.column * core.site[0])
        y = _dbu(core.margin + place.row * core.site[1])
        turned = _turned(place.row)
        yield f"- {_name(instance.path)} {instance.cell} + PLACED ( {x} {y} ) {turned} ;"


def _pins(placement: Placement) -> Iterator[str]:
    margin = placement.core.margin
    nets = _net_names(placement)
    for direction, ports in (
        ("INPUT", placement.flat.inputs),
        ("OUTPUT", placement.flat.outputs),
    ):
        for name, net in ports:
            x, y = placement.ports[name]
            at = f"( {_dbu(x + margin)} {_dbu(y + margin)} )"
            named = nets.get(net, _name(name))
            yield f"- {_name(name)} + NET {named} + DIRECTION {direction} + PLACED {at} N ;"


def _nets(placement: Placement) -> Iterator[str]:
    names = _net_names(placement)
    pins: dict[Net, list[str]] = defaultdict(list)
    for name, net in (*placement.flat.inputs, *placement.flat.outputs):
        pins[net].append(f"( PIN {_name(name)} )")
    for instance in placement.flat.instances:
        for pin, net in instance.pins.items():
            pins[net].append(f"( {_name(instance.path)} {pin} )")
    for net, name in names.items():
        yield f"- {name} {' '.join(pins[net])} ;"


def _net_names(placement: Placement) -> dict[Net, str]:
    """A port's name where a net has one, else a number; constants are no nets."""
    names: dict[Net, str] = {}
    for name, net in (*placement.flat.inputs, *placement.flat.outputs):
        names.setdefault(net, _name(name))
    for instance in placement.flat.instances:
        for net in instance.pins.values():
            names.setdefault(net, f"n{net}")
    return {net: name for net, name in names.items() if not isinstance(net, str)}


def _section(title: str, entries: list[str]) -> list[str]:
    return [f"{title} {len(entries)} ;", *entries, f"END {title}"]


def _turned(row: int) -> str:
    return "FS" if row % 2 else "N"


def _dbu(length: float) -> int:
    return round(length * _UNITS)


def _name(text: str) -> str:
    """A hierarchical name: dots of ours are dividers, everything unusual is escaped."""
    return _SPECIAL.sub(r"\\\1", text.replace(".", "/"))
