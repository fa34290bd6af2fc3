"""A netlist of library cells evaluated on many vectors: bit ``i`` of a word is vector ``i``."""

from pathlib import Path

from hwgen.synth.libraries import logic
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.netlist import Flat, Netlist


def simulate(
    netlist: Path, library: CellLibrary, inputs: dict[str, int], vectors: int
) -> dict[str, int]:
    """Outputs by port bit (``y[3]``) of a combinational netlist, for inputs by port bit."""
    return evaluate_flat(Netlist.read(netlist).flat(), library, inputs, vectors)


def evaluate_flat(
    flat: Flat, library: CellLibrary, inputs: dict[str, int], vectors: int = 1
) -> dict[str, int]:
    """As :func:`simulate`, of a flat netlist."""
    full = (1 << vectors) - 1
    values = {"0": 0, "1": full} | {net: inputs[name] for name, net in flat.inputs}
    waiting = list(flat.instances)
    while waiting:
        later = []
        for instance in waiting:
            cell = library.cells[instance.cell]
            if any(instance.pins[pin] not in values for pin in cell.inputs):
                later.append(instance)
                continue
            known = {pin: values[instance.pins[pin]] for pin in cell.inputs}
            for pin in cell.outputs:
                if pin in instance.pins:
                    values[instance.pins[pin]] = _value(cell.pins[pin].function, known, full)
        assert len(later) < len(waiting), "a loop, or an undriven net"
        waiting = later
    return {name: values[net] for name, net in flat.outputs}


def _value(function: str, known: dict[str, int], full: int) -> int:
    stack = []
    for token in logic.postfix(function):
        if token == "!":
            stack.append(full ^ stack.pop())
        elif token in "&|^":
            right, left = stack.pop(), stack.pop()
            stack.append(
                left & right if token == "&" else left | right if token == "|" else left ^ right
            )
        else:
            stack.append(full * int(token) if token in "01" else known[token])
    return stack[0]
