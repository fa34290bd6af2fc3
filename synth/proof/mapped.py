"""A module of library cells as a :class:`~synth.proof.circuit.Circuit`."""

from collections.abc import Mapping

from hwgen.errors import HwgenError
from synth import library as cells
from synth import logic
from synth.netlist import Net
from synth.proof.aig import FALSE, TRUE, Aig
from synth.proof.circuit import Cell, Circuit, Register, Source
from synth.proof.wordlevel import Ports, State


class Mapped:
    """One evaluation of a module of library cells and submodules.

    A clock gate and the flip-flops behind it are flip-flops with an enable: the gate lets an edge
    pass if and only if it was enabled before that edge.

    Parameters
    ----------
    source, library
        The module, and the library with its cells.
    aig, ports, state
        The graph, and where words of inputs and bits of flip-flops come from.

    Attributes
    ----------
    circuit, labels
        What came of it, and the cells of its registers in their order.

    Raises
    ------
    HwgenError
        There is a cell that the library lacks, or one that the proof does not know.
    """

    def __init__(
        self,
        source: Source,
        library: cells.CellLibrary,
        aig: Aig,
        *,
        ports: Ports,
        state: State,
    ):
        self.aig = aig
        self.circuit = Circuit()
        self._source = source
        self._kinds = {
            label: _kind(library, cell)
            for label, cell in source.cells.items()
            if not source.is_instance(label)
        }
        self._nets: dict[Net, int] = {"0": FALSE, "1": TRUE}
        self._bits: dict[str, int] = {}
        self.labels: list[str] = []
        self._begin(ports, state)
        for label in source.order(frozenset(filter(self._is_source, source.cells))):
            cell = source.cells[label]
            self._drive(label, self._pins(cell))
        self._finish()

    def _is_source(self, label: str) -> bool:
        return self._source.is_instance(label) or self._kinds[label].sequential

    def _begin(self, ports: Ports, state: State) -> None:
        for name, port in self._source.ports.items():
            if port["direction"] == "input":
                word = self.circuit.inputs[name] = ports(name, len(port["bits"]))
                self._nets.update(zip(port["bits"], word, strict=True))
        for label, cell in self._source.cells.items():
            nets = cell["connections"]
            if self._source.is_instance(label):
                for port in self._source.outputs_of(cell):
                    name = f"{label}.{port}"
                    word = self.circuit.inputs[name] = ports(name, len(nets[port]))
                    self._nets.update(zip(nets[port], word, strict=True))
            elif self._kinds[label].state is not None:
                self._bits[label] = state(label, 0)
                self._drive(label, self._held(label))

    def _held(self, label: str) -> dict[str, int]:
        """The two state names of a flip-flop."""
        stored, bit = self._kinds[label].state, self._bits[label]
        return {} if stored is None else {stored.names[0]: bit, stored.names[1]: bit ^ 1}

    def _drive(self, label: str, values: Mapping[str, int]) -> None:
        """Outputs of a cell by its functions."""
        kind, nets = self._kinds[label], self._source.cells[label]["connections"]
        for pin in kind.outputs:
            function = kind.pins[pin].function
            for net in nets.get(pin, ()):
                if function is None:
                    raise HwgenError(kind.name, f"no function of {pin}", "a known cell is needed")
                self._nets[net] = evaluate(self.aig, function, values)

    def _pins(self, cell: Cell) -> dict[str, int]:
        """Values of the input pins."""
        nets = cell["connections"]
        return {pin: self._net(nets[pin][0]) for pin in self._source.inputs_of(cell)}

    def _net(self, net: Net) -> int:
        if net not in self._nets:
            if isinstance(net, str):
                return self.aig.input()
            self._nets[net] = self.aig.input()
        return self._nets[net]

    def _finish(self) -> None:
        source, circuit = self._source, self.circuit
        for name, port in source.ports.items():
            if port["direction"] == "output":
                circuit.outputs[name] = [self._net(net) for net in port["bits"]]
        for label, cell in source.cells.items():
            if source.is_instance(label):
                for port in self._source.inputs_of(cell):
                    word = [self._net(net) for net in cell["connections"][port]]
                    circuit.outputs[f"{label}.{port}"] = word
            elif self._kinds[label].state is not None:
                circuit.registers.append(self._register(label, cell))
                self.labels.append(label)
        circuit.named = {
            name: self._nets[net]
            for net, names in source.names.items()
            if net in self._nets
            for name in names
        }

    def _register(self, label: str, cell: Cell) -> Register:
        stored = self._kinds[label].state
        if stored is None or stored.kind != "ff":
            raise HwgenError(cell["type"], "a latch", "only flip-flops are known to the proof")
        pins = self._pins(cell)
        text = stored.expressions
        now = self._bits[label]
        for key in ("clear", "preset"):
            if key in text and evaluate(self.aig, text[key], pins) != FALSE:
                raise HwgenError(cell["type"], f"{key} in use", "only synchronous resets are known")
        following = evaluate(self.aig, text["next_state"], pins | self._held(label))
        [clock] = logic.names(text["clocked_on"])
        if evaluate(self.aig, text["clocked_on"], {clock: 2}) != 2:
            raise HwgenError(cell["type"], "a falling edge", "only rising edges are known")
        enable, root = self._clock(cell["connections"][clock][0])
        return Register(frozenset(), now, self.aig.choose(enable, following, now), root)

    def _clock(self, net: Net) -> tuple[int, str]:
        """The literal that enables a clock, and the port that it comes from."""
        for name, port in self._source.ports.items():
            if port["direction"] == "input" and net in port["bits"]:
                return TRUE, name
        label = self._source.driver.get(net, ("", "", 0))[0]
        kind = self._kinds.get(label)
        if kind is None or kind.clock_gate not in ("latch_posedge", "latch_posedge_precontrol"):
            raise HwgenError(self._source.name, "a clock from logic", "a port or a clock gate")
        cell = self._source.cells[label]
        [clock] = [pin for pin in kind.inputs if kind.pins[pin].clock]
        pins = self._pins(cell)
        before, root = self._clock(cell["connections"][clock][0])
        return self.aig.both(before, self.aig.any(pins[pin] for pin in kind.enables)), root


def evaluate(aig: Aig, function: str, values: Mapping[str, int]) -> int:
    """A Liberty function of literals."""
    stack: list[int] = []
    for token in logic.postfix(function):
        if token == "!":
            stack.append(stack.pop() ^ 1)
        elif token in "&|^":
            right, left = stack.pop(), stack.pop()
            operation = {"&": aig.both, "|": aig.either, "^": aig.differ}[token]
            stack.append(operation(left, right))
        else:
            stack.append(int(token) if token in "01" else values[token])
    return stack[0]


def _kind(library: cells.CellLibrary, cell: Cell) -> cells.Cell:
    kind = library.cells.get(cell["type"])
    if kind is None:
        raise HwgenError(f"cell {cell['type']}", f"not in {library.name}", "a mapped netlist")
    return kind
