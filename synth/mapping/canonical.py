"""A module without its names: equal for modules that do the same, whatever they are called.

Mapping a module in this form gives the same cells in every design that holds it, so that what was
mapped once can be used again. Ports keep their names, for they are all that others know of it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.synth.mapping.netlist import Net

MODULE = "m"
"""What a module is called in its canonical form; its submodules are ``s0``, ``s1``, ..."""

_NET = "hwgen$n"
_KEPT = ("init", "keep")
Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Canonical:
    """A module in canonical form, and what was left out of it.

    Attributes
    ----------
    design
        An object for Yosys' ``read_json``: the module and stubs of its submodules. Two modules that
        differ only in names have equal ones.
    nets, instances, types
        Original names: of nets by number, of submodule instances and of submodules by their
        canonical names.
    attributes, ports
        Of the module: its attributes, and its ports in their order.
    """

    design: Mapping[str, Any]
    nets: tuple[str, ...]
    instances: Mapping[str, str]
    types: Mapping[str, str]
    attributes: Mapping[str, str]
    ports: tuple[str, ...]

    def restore(self, module: Mapping[str, Any]) -> dict[str, Any]:
        """``module``, the mapped canonical one, with the names put back."""
        cells = {
            self.instances.get(name, name): {
                **cell,
                "type": self.types.get(cell["type"], cell["type"]),
                "hide_name": 0 if name in self.instances else cell["hide_name"],
            }
            for name, cell in module["cells"].items()
        }
        nets = {self._net(name): net for name, net in module["netnames"].items()}
        return {
            "attributes": dict(self.attributes),
            "ports": {port: module["ports"][port] for port in self.ports},
            "cells": cells,
            "netnames": nets,
        }

    def _net(self, name: str) -> str:
        found = re.match(re.escape(_NET) + r"(\d+)", name)
        return self.nets[int(found[1])] + name[found.end() :] if found else name


def canonical(name: str, modules: Mapping[str, Any]) -> Canonical:
    """Module ``name`` of a ``write_json`` object's ``modules`` in canonical form.

    Cells and nets are numbered as they are met on the way from the outputs to the inputs.
    """
    module = modules[name]
    order, number = _order(module, modules)

    def numbered(bits: list[Net]) -> list[Net]:
        return [bit if isinstance(bit, str) else number[bit] for bit in bits]

    types: dict[str, str] = {}
    instances: dict[str, str] = {}
    cells: dict[str, Any] = {}
    for index, original in enumerate(order):
        cell = module["cells"][original]
        kind, label = cell["type"], f"$c{index}"
        if kind in modules:
            kind = types.setdefault(kind, f"s{len(types)}")
            label = f"u{index}"
            instances[label] = original
        cells[label] = {
            "hide_name": int(label[0] == "$"),
            "type": kind,
            "parameters": dict(sorted(cell["parameters"].items())),
            "attributes": _kept(cell),
            "port_directions": dict(sorted(cell["port_directions"].items())),
            "connections": {p: numbered(b) for p, b in sorted(cell["connections"].items())},
        }
    ports = {
        port: {"direction": fields["direction"], "bits": numbered(fields["bits"])}
        for port, fields in sorted(module["ports"].items())
    }
    public, hidden = _nets(module, number)
    nets = {f"{_NET}{i}": net for i, (_, net) in enumerate(public)}
    nets |= {f"$h{i}": net for i, net in enumerate(hidden)}
    top = {"attributes": {}, "ports": ports, "cells": cells, "netnames": nets}
    stubs = {short: _stub(modules[kind]) for kind, short in types.items()}
    return Canonical(
        design={"modules": {MODULE: top, **stubs}},
        nets=tuple(original for original, _ in public),
        instances=instances,
        types={short: kind for kind, short in types.items()},
        attributes=module["attributes"],
        ports=tuple(module["ports"]),
    )


def _order(
    module: Mapping[str, Any], modules: Mapping[str, Any]
) -> tuple[list[str], dict[Net, int]]:
    """Cells in the order met from the outputs, and a number for every net."""
    cells = module["cells"]
    driver = {
        bit: name
        for name, cell in cells.items()
        for port, direction in cell["port_directions"].items()
        if direction == "output"
        for bit in cell["connections"].get(port, ())
    }
    order: dict[str, None] = {}
    number: dict[Net, int] = {}
    fresh: Iterator[int] = iter(range(2, 1 << 62))  # 0 and 1 are not used by Yosys

    def walk(bits: list[Net]) -> None:
        waiting = bits[::-1]
        while waiting:
            bit = waiting.pop()
            if isinstance(bit, str) or bit in number:
                continue
            number[bit] = next(fresh)
            name = driver.get(bit)
            if name is not None and name not in order:
                order[name] = None
                waiting += _bits(cells[name])[::-1]

    for direction in ("output", "inout", "input"):
        for _, port in sorted(module["ports"].items()):
            if port["direction"] == direction:
                walk(port["bits"])
    rest = sorted((cell["type"] not in modules, name) for name, cell in cells.items())
    for _, name in rest:
        if name not in order:
            order[name] = None
            walk(_bits(cells[name]))
    for _, net in sorted(module["netnames"].items()):
        walk(net["bits"])
    return list(order), number


def _bits(cell: Cell) -> list[Net]:
    return [bit for _, bits in sorted(cell["connections"].items()) for bit in bits]


def _nets(
    module: Mapping[str, Any], number: Mapping[Net, int]
) -> tuple[list[tuple[str, dict[str, Any]]], list[dict[str, Any]]]:
    """Nets that have a name of their own, one name each; and nameless ones with attributes."""
    public: dict[tuple[Net, ...], tuple[str, dict[str, Any]]] = {}
    hidden: dict[tuple[Net, ...], dict[str, Any]] = {}
    for name, net in sorted(module["netnames"].items()):
        bits = tuple(bit if isinstance(bit, str) else number[bit] for bit in net["bits"])
        entry = {"hide_name": net["hide_name"], "bits": list(bits), "attributes": _kept(net)}
        if not net["hide_name"] and name not in module["ports"]:
            public.setdefault(bits, (name, entry))
        elif entry["attributes"]:
            hidden.setdefault(bits, {**entry, "hide_name": 1})
    return (
        [public[bits] for bits in sorted(public, key=_by_number)],
        [hidden[bits] for bits in sorted(hidden, key=_by_number)],
    )


def _by_number(bits: tuple[Net, ...]) -> list[tuple[bool, Net]]:
    return [(isinstance(bit, str), bit) for bit in bits]


def _kept(item: Mapping[str, Any]) -> dict[str, str]:
    return {key: item["attributes"][key] for key in _KEPT if key in item["attributes"]}


def _stub(module: Mapping[str, Any]) -> dict[str, Any]:
    """The ports of a submodule, and nothing in it."""
    fresh = iter(range(2, 1 << 62))
    ports = {
        name: {"direction": port["direction"], "bits": [next(fresh) for _ in port["bits"]]}
        for name, port in sorted(module["ports"].items())
    }
    return {"attributes": {"blackbox": f"{1:032b}"}, "ports": ports, "cells": {}, "netnames": {}}
