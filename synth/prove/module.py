"""What is said of a module in its proof, and what its forms are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.arith import Style
from hwgen.synth.prove.aig import Aig
from hwgen.synth.prove.cells import Fields
from hwgen.synth.prove.circuit import Circuit, CircuitSource
from hwgen.synth.prove.decide import Answer

Pairs = list[tuple[int, int]]
"""Literals that must be equal."""


@dataclass(frozen=True)
class ModuleProof:
    """What is known of one module.

    Attributes
    ----------
    status
        ``proved``, ``differs`` (for some values at the cuts, reachable or not) or ``undecided``.
    method
        How.
    registers, points
        Flip-flops of the netlist, and bits that were compared.
    limit
        What kept the proof from an answer, or where the difference is.
    example
        Where it differs: values of input ports and of outputs of submodules.
    """

    status: str
    method: str
    seconds: float = 0.0
    registers: int = 0
    points: int = 0
    limit: str = ""
    example: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The proof as plain data."""
        kept = {key: value for key, value in vars(self).items() if key != "example"}
        return kept if self.limit else {k: v for k, v in kept.items() if k != "limit"}


class Undecided(Exception):
    """A module that cannot be compared in this way, with the reason."""


@dataclass
class Design:
    """A design in all its forms, each as of ``write_json``.

    Attributes
    ----------
    rtl, front, netlist
        The RTL as it was read, what synthesis starts from, and the netlist.
    styles
        In which ways synthesis may have made its sums.
    """

    top: str
    rtl: Mapping[str, Any]
    front: Mapping[str, Any]
    netlist: Mapping[str, Any]
    library: CellLibrary
    styles: Sequence[Style] = ("ripple",)


def shape_of(source: CircuitSource) -> tuple[object, ...]:
    """Ports with their directions and widths, and submodules."""
    ports = {name: (port["direction"], len(port["bits"])) for name, port in source.ports.items()}
    instances = {
        label: (cell["type"], sorted(cell["connections"]))
        for label, cell in source.cells.items()
        if source.is_instance(label)
    }
    return ports, instances


def reads_past_end(source: CircuitSource) -> bool:
    """Whether a memory in ``source`` does not fill its address space."""
    return any(
        cell["type"] == "$mem_v2" and Fields(cell)["SIZE"] < 1 << Fields(cell)["ABITS"]
        for cell in source.cells.values()
    )


def beyond_memory(aig: Aig, literal: int, outside: Sequence[tuple[int, list[int]]]) -> int:
    """Whether what ``literal`` depends on is read past a memory's end."""
    inputs = set(aig.support([literal]))
    return aig.any(beyond for beyond, unknown in outside if not inputs.isdisjoint(unknown))


def no_state(label: str, _: int) -> int:
    """Registers of a module that may have none.

    Raises
    ------
    Undecided
        There is one.
    """
    raise Undecided(f"a memory behind the register {label}")


def next_states(circuit: Circuit) -> list[int]:
    """What every register holds after the next edge."""
    return [register.next for register in circuit.registers]


def paired_outputs(left: Circuit, right: Circuit) -> Pairs:
    """Literals of outputs of the same name and place."""
    return [
        pair
        for name, word in right.outputs.items()
        for pair in zip(left.outputs[name], word, strict=True)
    ]


def example_by_port(circuit: Circuit, answer: Answer) -> dict[str, int]:
    """The example as the values of input ports."""
    if answer.example is None:
        return {}
    return {
        name: sum(answer.example.get(bit, 0) << i for i, bit in enumerate(word))
        for name, word in circuit.inputs.items()
    }
