"""Words of one memory in latches, behind one row of flip-flops that they share.

A flip-flop is two latches. Where several words are written from the same data, each by a clock gate
of its own, they can share the first of the two. Here that is a whole flip-flop, so that its output
stands still while the latches close: for each bit of the data one that takes it at every clock
edge, and for each bit of a word a latch that a clock gate opens in the first half of the next
cycle.

===========  =========================================  ==========================================
clock        flip-flop of a word                        shared flip-flop, latch of a word
===========  =========================================  ==========================================
rising       takes the data if it is enabled            the flip-flop takes the data, the clock
                                                        gate opens the latch if it is enabled
high         has it                                     an open latch has what the flip-flop has
falling                                                 it closes; the flip-flop stands still
low          has it                                     has it
===========  =========================================  ==========================================

So a latch has at every rising edge what the word's flip-flop had, and :func:`unlatched` may put
that one back. The rules of timing are those of any library's latches: the flip-flop's output must
be there before the falling edge, and nothing else has to arrive within half a cycle.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from hwgen.synth.libraries.library import Cell, CellLibrary, Latch
from hwgen.synth.mapping.cells import Cells, Module, last_net
from hwgen.synth.mapping.netlist import Net
from hwgen.synth.mapping.strobes import in_rows


def latched(module: Module, library: CellLibrary) -> dict[str, Any]:
    """``module``, mapped, with words in latches where that is smaller."""
    work = Cells(module, library)
    fresh = count(1 + last_net(module))
    found = False
    for labels, clock in list(_groups(work)):
        kind = library.cells[work.cells[labels[0]]["type"]]
        latch = _latch(work, len(labels), kind)
        if latch is None:
            continue
        found, net = True, next(fresh)
        shared = {**work.cells[labels[0]]["connections"], kind.clock: [clock]}
        for label in labels:
            own = work.cells[label]["connections"]
            pins = {
                latch.data: [net],
                latch.enable: own[kind.clock],
                latch.output: own[kind.outputs[0]],
                **{pin: [work.high or "1"] for pin in latch.tied},
            }
            work.add(label, library.cells[latch.cell], pins)
        work.add(f"$shared${net}", kind, {**shared, kind.outputs[0]: [net]})
    if found:
        in_rows(work, library.clock_gate, fresh)
    return {**module, "cells": work.cells}


def unlatched(netlist: Mapping[str, Any], library: CellLibrary) -> dict[str, Any]:
    """A mapped netlist, as of ``write_json``, with flip-flops again where :func:`latched` was.

    A latch is a flip-flop if what it stores comes, straight or through buffers, from a flip-flop
    with the clock that its clock gate passes on, or both of two, whose conjunction opens it. All
    others stay as they are.
    """
    modules = {name: _unlatched(m, library) for name, m in netlist["modules"].items()}
    return {**netlist, "modules": modules}


def _unlatched(module: Module, library: CellLibrary) -> Module:
    known = {latch.cell: latch for latch in library.latches}
    if not any(cell["type"] in known for cell in module["cells"].values()):
        return module
    work = Cells(module, library)
    fresh = count(1 + last_net(module))
    strobes: dict[Net, tuple[Net, Net] | None] = {}
    data: set[Net] = set()
    for label in [name for name, cell in work.cells.items() if cell["type"] in known]:
        latch, nets = known[work.cells[label]["type"]], work.cells[label]["connections"]
        if any(work.constant(nets[pin][0]) != 1 for pin in latch.tied):
            continue
        opens = work.root(nets[latch.enable][0])
        if opens not in strobes:
            strobes[opens] = _gated(work, opens, fresh)
        found, source = strobes[opens], work.driver(nets[latch.data][0])
        kind = work.kind(source) if source is not None else None
        if found is None or source is None or kind is None or not _plain(kind):
            continue
        own = work.cells[source]["connections"]
        if own[kind.clock][0] == found[1]:
            data.add(nets[latch.data][0])
            pins = {kind.clock: [found[0]], kind.outputs[0]: nets[latch.output]}
            work.add(label, kind, {**own, **pins})
    for net in data:
        work.drop(_back(work, net))
    return {**module, "cells": work.cells}


def _gated(work: Cells, net: Net, fresh: "count[int]") -> tuple[Net, Net] | None:
    """A net that a clock gate drives, which is as ``net``, and the clock that it passes on."""
    known = {gate.cell: gate for gate in work.library.clock_gates}
    gates = [work.driver(net)]
    if net not in work.gates:
        pair = work.conjunction(net)
        if pair is None or not all(straight for _, straight in pair):
            return None
        gates = [work.driver(literal) for literal, _ in pair]
    cells = [work.cells[label] for label in gates if label and label in work.gates.values()]
    if len(cells) != len(gates):
        return None
    ports = [(known[cell["type"]], cell["connections"]) for cell in cells]
    clocks = {nets[gate.clock][0] for gate, nets in ports}
    if len(clocks) != 1:
        return None
    if len(cells) == 1:
        return net, clocks.pop()
    both, gated = work.library.gates(0b1000, 2)[0], next(fresh)
    enables = dict(zip(both.inputs, ([nets[g.enable][0]] for g, nets in ports), strict=True))
    enable = next(fresh)
    work.add(f"$both${enable}", both, {**enables, both.outputs[0]: [enable]})
    gate, nets = ports[0]
    pins = {**nets, gate.enable: [enable], gate.output: [gated]}
    work.add(f"$gate${gated}", work.library.cells[gate.cell], pins)
    return gated, clocks.pop()


def _back(work: Cells, net: Net) -> Iterator[Net]:
    """Nets from ``net`` back through buffers to a flip-flop's output."""
    label: str | None = ""
    while label is not None:
        yield net
        label = work.buffer(net)
        if label is not None:
            kind = work.kind(label)
            net = work.cells[label]["connections"][kind.inputs[0]][0] if kind else net


def _groups(work: Cells) -> Iterator[tuple[list[str], Net]]:
    """Gated flip-flops of one type that store the same, but for their clock gates; the clock."""
    clocks = {gate.cell: gate.clock for gate in work.library.clock_gates}
    found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for label, cell in work.cells.items():
        kind, nets = work.kind(label), cell["connections"]
        if kind is None or not _plain(kind):
            continue
        gate = work.gates.get(nets[kind.clock][0])
        if gate is not None:
            passed = work.cells[gate]
            clock = passed["connections"][clocks[passed["type"]]][0]
            rest = [(pin, *nets[pin]) for pin in kind.inputs if pin != kind.clock]
            found[clock, kind.name, *rest].append(label)
    for (clock, *_), labels in found.items():
        yield labels, clock


def _plain(kind: Cell) -> bool:
    return kind.plain_flip_flop and kind.rising and len(kind.outputs) == 1


def _latch(work: Cells, many: int, kind: Cell) -> Latch | None:
    """The smallest latch, if ``many`` of it and a flip-flop are smaller than so many of these."""
    for latch in work.library.latches:
        if work.high is not None or not latch.tied:
            area = work.library.cells[latch.cell].area
            return latch if many * area + kind.area < many * kind.area else None
    return None
