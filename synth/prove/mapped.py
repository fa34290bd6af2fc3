"""What the library cells of a module do, as literals of an and-inverter graph.

A clock gate and the flip-flops behind it are flip-flops with an enable: the gate lets an edge pass
if and only if it was enabled before that edge.
"""

from collections.abc import Callable, Iterable, Mapping

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries import library as cells
from hwgen.synth.libraries import logic
from hwgen.synth.mapping.netlist import Net
from hwgen.synth.prove.aig import FALSE, TRUE, Aig
from hwgen.synth.prove.circuit import CircuitSource

Find = Callable[[Net], int]
"""The literal of a net."""
Pins = Mapping[str, int]


class Gates:
    """The library cells of a module.

    Parameters
    ----------
    source, aig
        The module, which knows its library, and the graph.
    """

    def __init__(self, source: CircuitSource, aig: Aig):
        self._source = source
        self._aig = aig

    def outputs(self, label: str, values: Pins) -> dict[str, list[int]]:
        """Connected outputs of a cell for the values of its pins, or of its state's names.

        Raises
        ------
        HwgenError
            The library does not say what an output is.
        """
        kind, cell = self._kind(label), self._source.cells[label]
        found = {}
        for pin in self._source.outputs_of(cell):
            function = kind.pins[pin].function
            if function is None:
                raise HwgenError(kind.name, f"no function of {pin}", "a known cell is needed")
            found[pin] = [self._evaluate(function, values)]
        return found

    def held(self, label: str, bit: int) -> dict[str, int]:
        """The two names of a flip-flop's state."""
        stored = self._stored(label)
        return {stored.names[0]: bit, stored.names[1]: bit ^ 1}

    def pins(self, label: str, find: Find) -> dict[str, int]:
        """Values of the input pins; an open one is anything."""
        nets = self._source.cells[label]["connections"]
        kind = self._kind(label)
        return {
            pin: find(nets[pin][0]) if nets.get(pin) else self._aig.input() for pin in kind.inputs
        }

    def following(self, label: str, now: int, find: Find) -> tuple[int, str]:
        """What a flip-flop becomes at the next edge of the port returned too, its clock.

        Raises
        ------
        HwgenError
            It is a latch, an asynchronous input of it is driven by logic, or its clock is not the
            rising edge of a port.
        """
        cell, text = self._source.cells[label], self._stored(label).expressions
        pins = self.pins(label, find)
        value = self._evaluate(text["next_state"], pins | self.held(label, now))
        for key, forced in (("preset", TRUE), ("clear", FALSE)):
            active = self._evaluate(text[key], pins) if key in text else FALSE
            if active > TRUE:
                raise HwgenError(cell["type"], f"{key} in use", "only synchronous resets are known")
            if active:
                return forced, self._clock(cell["connections"][clock_of(text)][0], find)[1]
        clock = clock_of(text)
        if self._evaluate(text["clocked_on"], {clock: 2}) != 2:
            raise HwgenError(cell["type"], "a falling edge", "only rising edges are known")
        enable, root = self._clock(cell["connections"][clock][0], find)
        return self._aig.choose(enable, value, now), root

    def _clock(self, net: Net, find: Find) -> tuple[int, str]:
        """The literal that enables a clock, and the port that it comes from."""
        for name, port in self._source.ports.items():
            if port["direction"] == "input" and net in port["bits"]:
                return TRUE, name
        label = self._source.driver.get(net, ("", "", 0))[0]
        kind = self._source.kinds.get(label)
        if kind is None or kind.clock_gate not in ("latch_posedge", "latch_posedge_precontrol"):
            raise HwgenError(self._source.name, "a clock from logic", "a port or a clock gate")
        nets = self._source.cells[label]["connections"]
        [clock] = [pin for pin in kind.inputs if kind.pins[pin].clock]
        before, root = self._clock(nets[clock][0], find)
        pins = self.pins(label, find)
        return self._aig.both(before, self._aig.any(pins[pin] for pin in kind.enables)), root

    def _kind(self, label: str) -> cells.Cell:
        return self._source.kinds[label]

    def _stored(self, label: str) -> cells.State:
        state = self._kind(label).state
        if state is None or state.kind != "ff":
            raise HwgenError(self._kind(label).name, "a latch", "only flip-flops are known")
        return state

    def _evaluate(self, function: str, values: Pins) -> int:
        return evaluate(self._aig, logic.postfix(function), values)


def clock_of(expressions: Mapping[str, str]) -> str:
    """The clock pin of a flip-flop."""
    [clock] = logic.names(expressions["clocked_on"])
    return clock


def evaluate(aig: Aig, postfix: Iterable[str], values: Pins) -> int:
    """A Liberty function of literals."""
    stack: list[int] = []
    for token in postfix:
        if token == "!":
            stack.append(stack.pop() ^ 1)
        elif token in "&|^":
            right, left = stack.pop(), stack.pop()
            operation = {"&": aig.both, "|": aig.either, "^": aig.differ}[token]
            stack.append(operation(left, right))
        else:
            stack.append(int(token) if token in "01" else values[token])
    return stack[0]
