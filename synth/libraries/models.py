"""Verilog models of a library's cells, written from their functions, and netlists to simulate."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from hwgen.synth.libraries import logic
from hwgen.synth.libraries.library import Cell, CellLibrary
from hwgen.synth.mapping.netlist import Flat, Instance, Net

EDGES = ("rise", "fall")
NETLIST = "netlist"
"""Name of the instance, inside the top module, whose nets :func:`flat_verilog` numbers."""


def verilog_models(library: CellLibrary, cells: Iterable[str] | None = None) -> str:
    """Verilog-2005 of gates, flip-flops, latches and clock gates (no delays, no timing checks).

    Flip-flops and latches start at random. An X would spread where silicon does not care:
    ``q & !q`` of an unknown q is X, and mapping makes such gates of a synchronous reset.

    Parameters
    ----------
    cells
        Names of the cells wanted; ``None``: all that mapping may use.
    """
    if cells is None:
        gate = library.clock_gate
        cells = [c.name for c in library.mapped()] + ([gate.cell] if gate else [])
        cells += [latch.cell for latch in library.latches[:2]]
    return "\n".join(_model(library.cells[name]) for name in sorted(set(cells)))


def net_name(net: Net) -> str:
    """What :func:`flat_verilog` calls a net of the flat netlist."""
    return f"n{net}"


def flat_verilog(
    flat: Flat,
    library: CellLibrary,
    top: str,
    delays: Sequence[Mapping[str, tuple[int, int]]] | None = None,
) -> str:
    """A flat netlist and its cells as Verilog-2005, for a simulation that counts its nets' changes.

    Module ``top`` has the netlist's ports and holds one instance, :data:`NETLIST`, in which each
    net is a scalar called :func:`net_name`. A tracing Verilator is told to leave the cells alone.

    ``delays`` are picoseconds until an output has risen and fallen, by instance and pin; a pulse
    that is shorter than its gate's delay is swallowed. None: there are none.
    """
    used = {instance.cell for instance in flat.instances}
    inputs, outputs = _ports(flat.inputs), _ports(flat.outputs)
    names = [*inputs, *outputs]
    lines = [
        "/*verilator tracing_off*/",
        *(["`timescale 1ps/1ps"] if delays is not None else []),
        *(_model(library.cells[name], delays is not None) for name in sorted(used)),
        "/*verilator tracing_on*/",
        f"module {top} ({', '.join(names)});",
        *_port_lines(inputs, "input"),
        *_port_lines(outputs, "output"),
        f"  {top}_{NETLIST} {NETLIST} ({', '.join(f'.{name}({name})' for name in names)});",
        "endmodule",
        "",
    ]
    return "\n".join(lines) + flat_netlist(flat, f"{top}_{NETLIST}", delays)


def flat_netlist(
    flat: Flat, name: str, delays: Sequence[Mapping[str, tuple[int, int]]] | None = None
) -> str:
    """A flat netlist as one module of cells, nets called :func:`net_name`, cells ``u0``, ``u1``."""
    inputs, outputs = _ports(flat.inputs), _ports(flat.outputs)
    lines = [
        f"module {name} ({', '.join([*inputs, *outputs])});",
        *_port_lines(inputs, "input"),
        *_port_lines(outputs, "output"),
        *(f"  wire {net_name(net)};" for net in _nets(flat)),
    ]
    for ports, drives in ((inputs, False), (outputs, True)):
        for port, bits in ports.items():
            for i, net in enumerate(bits):
                bit = f"{port}[{i}]" if len(bits) > 1 else port
                left, right = (bit, _driver(net)) if drives else (net_name(net), bit)
                lines.append(f"  assign {left} = {right};")
    for number, instance in enumerate(flat.instances):
        lines.append(_instance(number, instance, delays[number] if delays is not None else {}))
    return "\n".join([*lines, "endmodule", ""])


def _ports(bits: Iterable[tuple[str, Net]]) -> dict[str, list[Net]]:
    """The nets of each port, lowest bit first."""
    ports: dict[str, list[Net]] = defaultdict(list)
    for label, net in bits:
        ports[re.sub(r"\[\d+\]$", "", label)].append(net)
    return ports


def _port_lines(ports: dict[str, list[Net]], direction: str) -> list[str]:
    spans = {name: f"[{len(bits) - 1}:0] " if len(bits) > 1 else "" for name, bits in ports.items()}
    return [f"  {direction} {span}{name};" for name, span in spans.items()]


def _nets(flat: Flat) -> list[int]:
    found = {net for instance in flat.instances for net in instance.pins.values()}
    found |= {net for _, net in (*flat.inputs, *flat.outputs)}
    return sorted(net for net in found if isinstance(net, int))


def _driver(net: Net) -> str:
    """A net as an expression; what is not known to the netlist is 0."""
    return net_name(net) if isinstance(net, int) else f"1'b{1 if net == '1' else 0}"


def _instance(number: int, instance: Instance, delays: Mapping[str, tuple[int, int]]) -> str:
    own = [
        f".{pin}_{edge}({ps})"
        for pin, both in delays.items()
        for edge, ps in zip(EDGES, both, strict=True)
    ]
    set_to = f" #({', '.join(own)})" if own else ""
    pins = ", ".join(f".{pin}({_driver(net)})" for pin, net in instance.pins.items())
    return f"  {instance.cell}{set_to} u{number} ({pins});"


def _model(cell: Cell, delayed: bool = False) -> str:
    lines = [f"module {cell.name} ({', '.join([*cell.inputs, *cell.outputs])});"]
    delayed = delayed and cell.clock_gate is None
    if delayed:
        lines += [f"  parameter {name}_{edge} = 0;" for name in cell.outputs for edge in EDGES]
    lines += [f"  input {name};" for name in cell.inputs]
    lines += [f"  output {name};" for name in cell.outputs]
    if cell.clock_gate is not None:
        return "\n".join([*lines, *_clock_gate(cell), "endmodule", ""])
    if cell.state is not None:
        lines += _latch(cell) if cell.state.kind == "latch" else _flip_flop(cell)
    for name in cell.outputs:
        after = f" #({name}_rise, {name}_fall)" if delayed else ""
        lines.append(f"  assign{after} {name} = {_expression(cell.pins[name].function or '1')};")
    return "\n".join([*lines, "endmodule", ""])


def _clock_gate(cell: Cell) -> list[str]:
    """A latch holds the enable, or a test pin, while the clock is high."""
    clock = next(name for name in cell.inputs if cell.pins[name].clock)
    held = _free("open", cell)
    return [
        f"  reg {held};",
        f"  always @* if (!{clock}) {held} = {' | '.join(cell.enables)};",
        f"  assign {cell.outputs[0]} = {clock} & {held};",
    ]


def _latch(cell: Cell) -> list[str]:
    """A latch that takes part in a clock edge as flip-flops do.

    What these hold when a clock opens it is what they held before the edge: it changes behind them.
    """
    if cell.state is None:
        return []
    keep, opposite = cell.state.names
    values = {"clear": "1'b0", "preset": "1'b1", "enable": ""}
    used = {"data_in": _free("data", cell)}
    used |= {key: _free(key, cell) for key in values if key in cell.state.expressions}
    lines = [f"  reg {keep};", f"  wire {opposite} = ~{keep};"]
    for key, wire in used.items():
        lines.append(f"  wire {wire} = {_expression(cell.state.expressions[key])};")
    edges = " or ".join(f"posedge {wire} or negedge {wire}" for wire in used.values())
    taken = " else ".join(
        f"if ({used[key]}) {keep} <= {value or used['data_in']};"
        for key, value in values.items()
        if key in used
    )
    return [*lines, f"  always @({edges})", f"    {taken}", *_start(keep)]


def _flip_flop(cell: Cell) -> list[str]:
    if cell.state is None:
        return []
    keep, opposite = cell.state.names
    text = {key: _expression(value) for key, value in cell.state.expressions.items()}
    clock = _free("clock", cell)
    lines = [
        f"  reg {keep};",
        f"  wire {opposite} = ~{keep};",
        f"  wire {clock} = {text['clocked_on']};",
    ]
    edges, choices = [f"posedge {clock}"], []
    for key, value in (("clear", "1'b0"), ("preset", "1'b1")):
        if key in text:
            wire = _free(key, cell)
            lines.append(f"  wire {wire} = {text[key]};")
            edges.append(f"posedge {wire}")
            choices.append(f"if ({wire}) {keep} <= {value}; else ")
    lines.append(f"  always @({' or '.join(edges)})")
    lines.append(f"    {''.join(choices)}{keep} <= {text['next_state']};")
    return [*lines, *_start(keep)]


def _start(keep: str) -> list[str]:
    """Registers start at random."""
    return ["`ifdef __ICARUS__", f"  initial {keep} = $random;", "`endif"]


def _free(name: str, cell: Cell) -> str:
    """``name``, or something like it that no pin and no state of the cell is called."""
    taken = {*cell.pins, *(cell.state.names if cell.state else ())}
    while name in taken:
        name += "_"
    return name


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
