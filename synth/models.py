"""Verilog models of a library's cells, written from their functions."""

from collections.abc import Iterable

from synth import logic
from synth.library import Cell, CellLibrary


def verilog_models(library: CellLibrary, cells: Iterable[str] | None = None) -> str:
    """Verilog-2005 of gates, flip-flops and clock gates (no delays, no timing checks).

    Parameters
    ----------
    cells
        Names of the cells wanted; ``None``: all that mapping may use.
    """
    if cells is None:
        gate = library.clock_gate
        cells = [c.name for c in library.mapped()] + ([gate.cell] if gate else [])
    return "\n".join(_model(library.cells[name]) for name in sorted(set(cells)))


def _model(cell: Cell) -> str:
    lines = [f"module {cell.name} ({', '.join([*cell.inputs, *cell.outputs])});"]
    lines += [f"  input {name};" for name in cell.inputs]
    lines += [f"  output {name};" for name in cell.outputs]
    if cell.clock_gate is not None:
        return "\n".join([*lines, *_clock_gate(cell), "endmodule", ""])
    if cell.state is not None:
        lines += _flip_flop(cell)
    for name in cell.outputs:
        lines.append(f"  assign {name} = {_expression(cell.pins[name].function or '1')};")
    return "\n".join([*lines, "endmodule", ""])


def _clock_gate(cell: Cell) -> list[str]:
    """A latch holds the enable, or a test pin, while the clock is high."""
    clock = next(name for name in cell.inputs if cell.pins[name].clock)
    return [
        "  reg open;",
        f"  always @* if (!{clock}) open = {' | '.join(cell.enables)};",
        f"  assign {cell.outputs[0]} = {clock} & open;",
    ]


def _flip_flop(cell: Cell) -> list[str]:
    if cell.state is None:
        return []
    keep, opposite = cell.state.names
    text = {key: _expression(value) for key, value in cell.state.expressions.items()}
    lines = [
        f"  reg {keep};",
        f"  wire {opposite} = ~{keep};",
        f"  wire clock = {text['clocked_on']};",
    ]
    edges, choices = ["posedge clock"], []
    for key, value in (("clear", "1'b0"), ("preset", "1'b1")):
        if key in text:
            lines.append(f"  wire {key} = {text[key]};")
            edges.append(f"posedge {key}")
            choices.append(f"if ({key}) {keep} <= {value}; else ")
    lines.append(f"  always @({' or '.join(edges)})")
    return [*lines, f"    {''.join(choices)}{keep} <= {text['next_state']};"]


def _expression(function: str) -> str:
    """A Liberty function as a Verilog expression of single bits."""
    stack: list[str] = []
    for token in logic.postfix(function):
        if token == "!":
            stack.append(f"(~{stack.pop()})")
        elif token in "&|^":
            right, left = stack.pop(), stack.pop()
            stack.append(f"({left} {token} {right})")
        else:
            stack.append(f"1'b{token}" if token in "01" else token)
    return stack[0]
