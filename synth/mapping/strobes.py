"""Clock gates of words in rows and columns: one for each of these, and a gate for each word.

A word whose clock gate is enabled by a conjunction of two, its row's and its column's, can do with
the conjunction of two gated clocks. Both rise after the rising edge, if they do, and fall after the
falling edge, so that their conjunction has one pulse, or none.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

from hwgen.synth.libraries.library import Cell, ClockGate
from hwgen.synth.mapping.cells import Cells, Literal
from hwgen.synth.mapping.netlist import Net

Pair = tuple[Literal, Literal]


def in_rows(work: Cells, gate: ClockGate | None, fresh: "count[int]") -> None:
    """Replace clock gates that only latches use, where that is smaller."""
    both = next(iter(work.library.gates(0b1000, 2)), None)
    if gate is None or both is None:
        return
    latches = {latch.cell: latch.enable for latch in work.library.latches}
    found: dict[Net, dict[str, Pair]] = defaultdict(dict)
    for label in [n for n, cell in work.cells.items() if cell["type"] == gate.cell]:
        nets = work.cells[label]["connections"]
        readers = work.readers(nets[gate.output][0])
        if all(latches.get(work.cells[name]["type"]) == pin for name, pin in readers):
            pair = work.conjunction(nets[gate.enable][0])
            if pair is not None:
                found[nets[gate.clock][0]][label] = pair
    for labels in found.values():
        for part in _parts(labels):
            _replace(work, gate, both, part, fresh)


def _parts(pairs: dict[str, Pair]) -> Iterator[dict[str, Pair]]:
    """Clock gates that share rows or columns with each other."""
    left = dict(pairs)
    while left:
        part: dict[str, Pair] = {}
        seen: set[Literal] = set(next(iter(left.values())))
        while more := {n: pair for n, pair in left.items() if seen & set(pair)}:
            part |= more
            for name, pair in more.items():
                seen |= set(pair)
                del left[name]
        yield part


def _replace(
    work: Cells, gate: ClockGate, both: Cell, part: dict[str, Pair], fresh: "count[int]"
) -> None:
    library = work.library
    literals = sorted({literal for pair in part.values() for literal in pair}, key=str)
    before = len(part) * library.cells[gate.cell].area
    after = len(literals) * library.cells[gate.cell].area + len(part) * both.area
    if after >= before:
        return
    first = work.cells[next(iter(part))]["connections"]
    clocks: dict[Literal, Net] = {}
    for literal in literals:
        clocks[literal] = net = next(fresh)
        enable = work.net_of(literal, fresh)
        made = {**first, gate.enable: [enable], gate.output: [net]}
        work.add(f"$strobe${net}", library.cells[gate.cell], made)
    for label, pair in part.items():
        old = work.cells[label]["connections"]
        pins = dict(zip(both.inputs, ([clocks[literal]] for literal in pair), strict=True))
        work.add(label, both, {**pins, both.outputs[0]: old[gate.output]})
        work.drop([old[gate.enable][0]])
