"""A module of Yosys' and of library cells as a :class:`~hwgen.synth.prove.circuit.Circuit`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from hwgen.support.errors import HwgenError
from hwgen.synth.mapping.netlist import Net
from hwgen.synth.prove.aig import FALSE, TRUE, Aig
from hwgen.synth.prove.cells import ARITHMETIC, Fields, Sum, Word, extended, logic, sum_of
from hwgen.synth.prove.circuit import Cell, Circuit, CircuitSource, Register
from hwgen.synth.prove.mapped import Gates

Add = Callable[[str, Sum, Mapping[Net, int]], Word]
"""Makes the word of a sum; told the cell's name and the literals of nets."""
Ports = Callable[[str, int], Word]
"""The word of an input port, or of an output ``<instance>.<port>``; told name and width."""
State = Callable[[str, int], int]
"""The literal that a register bit holds; told the cell's name and the bit."""
Inside = Callable[[str, Cell, dict[str, Word]], dict[str, Word]]
"""A submodule's outputs for its inputs; told the instance's name."""


class Names(Protocol):
    """Other words of the same values."""

    def rename(self, word: Word) -> Word:
        """For a word as a whole."""

    def rename_gates(self, word: Word) -> Word:
        """For bits that are functions of others."""


class Evaluation:
    """One evaluation of a module.

    Parameters
    ----------
    source
        The module.
    aig, ports, state, add
        The graph, and where words of inputs, of registers and of sums come from.
    inside
        Evaluates submodules; without it their outputs are inputs of this one.
    names
        Gives other words for what arithmetic reads, and for what other cells hand out.

    Attributes
    ----------
    circuit
        What came of it.
    outside
        For each memory that does not fill its address space: whether it is read past its end, and
        the inputs that stand for what is read there.

    Raises
    ------
    HwgenError
        There is a cell that the proof does not know.
    """

    def __init__(
        self,
        source: CircuitSource,
        aig: Aig,
        *,
        ports: Ports,
        state: State,
        add: Add,
        inside: Inside | None = None,
        names: Names | None = None,
    ):
        self.aig = aig
        self.outside: list[tuple[int, list[int]]] = []
        self._source = source
        self._add = add
        self._inside = inside
        self._names = names
        self._gates = Gates(source, aig)
        self._nets: dict[Net, int] = {"0": FALSE, "1": TRUE}
        self._held: dict[str, Word] = {}
        self.circuit = Circuit()
        self._sources = frozenset(filter(self._is_source, source.cells))
        self._begin(ports, state)
        for label in source.order(self._sources):
            self._evaluate(label, source.cells[label])
        self._finish()

    def _is_source(self, label: str) -> bool:
        if self._inside is None and self._source.is_instance(label):
            return True
        return self._source.is_register(label) or self._source.is_clock_gate(label)

    def _begin(self, ports: Ports, state: State) -> None:
        for name, port in self._source.ports.items():
            if port["direction"] == "input":
                word = self.circuit.inputs[name] = ports(name, len(port["bits"]))
                self._drive(port["bits"], word)
        for label, cell in self._source.cells.items():
            nets = cell["connections"]
            if self._source.is_register(label):
                self._hold(label, [state(label, i) for i in range(self._source.bits(label))])
            elif label in self._sources and self._source.is_instance(label):
                for port in self._source.outputs_of(cell):
                    name = f"{label}.{port}"
                    word = self.circuit.inputs[name] = ports(name, len(nets[port]))
                    self._drive(nets[port], word)

    def _hold(self, label: str, word: Word) -> None:
        """Let a register hold ``word``."""
        nets = self._source.cells[label]["connections"]
        self._held[label] = word
        if label in self._source.kinds:
            for pin, value in self._gates.outputs(label, self._gates.held(label, word[0])).items():
                self._drive(nets[pin], value)
        else:
            self._drive(nets["Q"], word)

    def _drive(self, nets: list[Net], word: Word) -> None:
        self._nets.update(zip(nets, word, strict=True))

    def _word(self, nets: list[Net]) -> Word:
        return [self._net(net) for net in nets]

    def _net(self, net: Net) -> int:
        if net not in self._nets:  # x, or driven by nothing: anything
            if isinstance(net, str):
                return self.aig.input()
            self._nets[net] = self.aig.input()
        return self._nets[net]

    def _evaluate(self, label: str, cell: Cell) -> None:
        nets = cell["connections"]
        if label in self._source.kinds:
            values = self._gates.pins(label, self._net)
            for pin, word in self._gates.outputs(label, values).items():
                self._drive(nets[pin], word)
            return
        ports = {port: self._word(nets[port]) for port in self._source.inputs_of(cell)}
        arithmetic = cell["type"] in ARITHMETIC
        if self._names and arithmetic:
            ports = {port: self._names.rename(word) for port, word in ports.items()}
        outputs = self._outputs(label, cell, ports)
        for port in self._source.outputs_of(cell):
            word = outputs[port]
            if self._names and not arithmetic:
                word = self._names.rename_gates(word)
            self._drive(nets[port], word)

    def _outputs(self, label: str, cell: Cell, ports: dict[str, Word]) -> dict[str, Word]:
        if self._inside and self._source.is_instance(label):
            return self._inside(label, cell, ports)
        if cell["type"] == "$mem_v2":
            return {"RD_DATA": self._memory(cell, ports["RD_ADDR"])}
        carries = [net for port in ("CO", "X") for net in cell["connections"].get(port, ())]
        carry_used = not self._source.used.isdisjoint(carries)
        total = sum_of(cell, ports, carry_used)
        if total is None:
            return logic(self.aig, cell, ports)
        read = [i for i, net in enumerate(cell["connections"]["Y"]) if net in self._source.used]
        total = replace(total, width=max(read, default=-1) + 1)
        unused = {port: [FALSE] * len(cell["connections"].get(port, ())) for port in ("CO", "X")}
        word = self._add(label, total, self._nets)
        return {**unused, "Y": extended(word, len(cell["connections"]["Y"]), False)}

    def _memory(self, cell: Cell, address: Word) -> Word:
        """What the ports of a memory that is never written read, without a clock."""
        fields = Fields(cell)
        if fields["WR_PORTS"] or fields["RD_CLK_ENABLE"]:
            raise HwgenError("proof", "a memory that is written", "only constant ones are known")
        width, bits = fields["WIDTH"], fields["ABITS"]
        content = fields.bits("INIT")
        result: Word = []
        for place in range(0, len(address), bits):
            result += self._read(content, width, address[place : place + bits])
        return result

    def _read(self, content: str, width: int, address: Word) -> Word:
        if all(bit <= TRUE for bit in address):
            place = width * sum(bit << i for i, bit in enumerate(address))
            if place < len(content):
                return [int(bit == "1") for bit in content[place : place + width]]
        unknown = self.aig.inputs(width)
        entries = [
            [TRUE if bit == "1" else FALSE for bit in content[i : i + width]]
            for i in range(0, len(content), width)
        ][: 1 << len(address)]
        rows = entries + [unknown] * ((1 << len(address)) - len(entries))
        if rows[-1] is unknown:
            last = [len(entries) - 1 >> i & 1 for i in range(len(address))]
            self.outside.append((self.aig.less(last, address), unknown))
        for select in address:
            rows = [
                [self.aig.choose(select, b, a) for a, b in zip(low, high, strict=True)]
                for low, high in zip(rows[::2], rows[1::2], strict=True)
            ]
        return rows[0]

    def _finish(self) -> None:
        source, circuit = self._source, self.circuit
        for name, port in source.ports.items():
            if port["direction"] == "output":
                circuit.outputs[name] = self._word(port["bits"])
        for label, cell in source.cells.items():
            if source.is_register(label):
                circuit.registers += self._registers(label, cell)
            elif label in self._sources and source.is_instance(label):
                for port in source.inputs_of(cell):
                    circuit.outputs[f"{label}.{port}"] = self._word(cell["connections"][port])
        names = source.names
        circuit.named = {
            name: self._nets[net] for net in names if net in self._nets for name in names[net]
        }

    def _registers(self, label: str, cell: Cell) -> list[Register]:
        held = self._held[label]
        if label in self._source.kinds:
            following, clock = self._gates.following(label, held[0], self._net)
            return [Register(now=held[0], next=following, clock=clock)]
        clock, initial = self._source.clock(label), self._source.initial
        return [
            Register(now=now, next=following, clock=clock, initial=initial.get(net, "x"))
            for net, now, following in zip(
                cell["connections"]["Q"], held, self._next(cell), strict=True
            )
        ]

    def _next(self, cell: Cell) -> Word:
        """What a register becomes at the next edge of its clock."""
        kind, fields, nets = cell["type"], Fields(cell), cell["connections"]
        word, held = self._word(nets["D"]), self._word(nets["Q"])
        if kind == "$dff":
            return word
        enable = reset = FALSE
        if "EN" in nets:
            enable = self._word(nets["EN"])[0] ^ (not fields["EN_POLARITY"])
        if "SRST" in nets:
            reset = self._word(nets["SRST"])[0] ^ (not fields["SRST_POLARITY"])
            value = self._word(list(fields.bits("SRST_VALUE")))
        if kind == "$sdffce":
            word = self._chosen(reset, value, word)
        if kind in ("$dffe", "$sdffe", "$sdffce"):
            word = self._chosen(enable, word, held)
        if kind in ("$sdff", "$sdffe"):
            word = self._chosen(reset, value, word)
        return word

    def _chosen(self, select: int, high: Word, low: Word) -> Word:
        return [self.aig.choose(select, b, a) for a, b in zip(low, high, strict=True)]
