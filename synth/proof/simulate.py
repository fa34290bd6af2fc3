"""Flat designs run cycle by cycle, many input vectors at a time."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hwgen.interface import Manifest
from synth.library import CellLibrary
from synth.proof.aig import Aig, column, lanes_of
from synth.proof.circuit import Circuit, Source
from synth.proof.mapped import Mapped
from synth.proof.registers import Pool
from synth.proof.trees import plain_adder
from synth.proof.wordlevel import WordLevel

Ports = Mapping[str, list[int]]
_DATA = "m_axis_tdata"
_PATIENCE = 3
"""Intervals beyond its latency in which a design must have handed on its result."""


class Machine:
    """A circuit with what its registers hold, lane by lane.

    Parameters
    ----------
    aig, circuit
        The graph, and the circuit in it.
    lanes
        How many vectors run beside each other.
    """

    def __init__(self, aig: Aig, circuit: Circuit, lanes: int):
        self.circuit = circuit
        self.lanes = lanes
        self._aig = aig
        ones = (1 << lanes) - 1
        self._held = {r.now: ones * (r.initial == "1") for r in circuit.registers}

    def cycle(self, inputs: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        """Output ports, as columns, while ``inputs`` are there; then comes the clock edge."""
        values = dict(self._held)
        for port, columns in inputs.items():
            values |= dict(zip(self.circuit.inputs.get(port, ()), columns, strict=False))
        simulated = self._aig.simulate(values, self.lanes)
        self._held = {r.now: column(simulated, r.next, self.lanes) for r in self.circuit.registers}
        return {
            port: [column(simulated, bit, self.lanes) for bit in word]
            for port, word in self.circuit.outputs.items()
        }


@dataclass(frozen=True)
class Difference:
    """Vector ``lane`` has different results, each a list of integers or None where none came.

    With ``stalls`` both sides paused at random, by a generator of this seed.
    """

    lane: int
    left: list[int] | None
    right: list[int] | None
    stalls: int | None


class Run:
    """Two designs with the same ports beside each other, on the same vectors.

    Parameters
    ----------
    manifest
        Of both.
    vectors
        Input codes, one list for each vector.
    """

    def __init__(self, manifest: Manifest, vectors: Sequence[Sequence[int]]):
        self._manifest = manifest
        self._vectors = vectors
        self._lanes = len(vectors)
        beats = [manifest.input.pack(vector) for vector in vectors]
        width = manifest.input.width
        self._beats = [lanes_of(column, width) for column in zip(*beats, strict=True)]
        self._ones = (1 << self._lanes) - 1

    def difference(
        self, left: Machine, right: Machine, stalls: int | None = None
    ) -> Difference | None:
        """The first vector for which they differ in any cycle, if there is one."""
        cycles = list(self._cycles([left, right], stalls))
        unequal = 0
        for _, (mine, theirs) in cycles:
            for port, columns in mine.items():
                for a, b in zip(columns, theirs[port], strict=True):
                    unequal |= a ^ b
        if not unequal:
            return None
        lane = (unequal & -unequal).bit_length() - 1
        results = [
            self._result([steps[side] for takes, steps in cycles if takes], lane) for side in (0, 1)
        ]
        return Difference(lane, results[0], results[1], stalls)

    def results(self, machine: Machine) -> list[list[int] | None]:
        """What each vector comes to."""
        steps = [steps[0] for takes, steps in self._cycles([machine], None) if takes]
        return [self._result(steps, lane) for lane in range(self._lanes)]

    def _cycles(
        self, machines: Sequence[Machine], stalls: int | None
    ) -> Iterator[tuple[bool, list[Ports]]]:
        """Every cycle that counts: whether its output is taken, and the outputs."""
        if not self._manifest.arch.bare:
            yield from self._streamed(machines, stalls)
            return
        for cycle in range(self._manifest.latency_cycles + 1):
            steps = [machine.cycle({"x": self._beats[0]}) for machine in machines]
            if cycle == self._manifest.latency_cycles:
                yield True, steps

    def _streamed(
        self, machines: Sequence[Machine], stalls: int | None
    ) -> Iterator[tuple[bool, list[Ports]]]:
        """Every cycle after the reset until the result is there, or ought to be."""
        generator, manifest, ones = random.Random(stalls), self._manifest, self._ones
        last = manifest.latency_cycles + _PATIENCE * manifest.interval_cycles + len(self._beats)
        place = taken = 0
        for cycle in range((2 if stalls is None else 6) * last + 8):
            offers = place < len(self._beats) and (stalls is None or generator.random() < 0.5)
            takes = stalls is None or generator.random() < 0.5
            inputs = {
                "rst": [ones * (cycle < 2)],
                "s_axis_tvalid": [ones * (offers and cycle > 1)],
                "s_axis_tdata": self._beats[min(place, len(self._beats) - 1)],
                "s_axis_tlast": [ones * (place == len(self._beats) - 1)],
                "m_axis_tready": [ones * takes],
            }
            steps = [machine.cycle(inputs) for machine in machines]
            if cycle < 2:
                continue
            yield takes, [_shown(step) for step in steps]
            place += bool(offers and steps[0]["s_axis_tready"][0] & 1)
            taken += bool(takes and steps[0]["m_axis_tvalid"][0] & 1)
            if taken == manifest.output.beats:
                return

    def _result(self, steps: Sequence[Ports], lane: int) -> list[int] | None:
        """The integers that a vector came to."""
        layout = self._manifest.output
        beats = [
            sum((bits >> lane & 1) << i for i, bits in enumerate(step.get("y") or step[_DATA]))
            for step in steps
            if "y" in step or step["m_axis_tvalid"][0] >> lane & 1
        ]
        return layout.unpack(beats[: layout.beats]) if len(beats) >= layout.beats else None


def rtl_machine(source: Source, lanes: int) -> Machine:
    """A flat module of RTL."""
    aig = Aig()
    pool = Pool(aig)
    level = WordLevel(source, aig, ports=pool, state=lambda *_: aig.input(), add=plain_adder(aig))
    return Machine(aig, level.circuit, lanes)


def netlist_machine(source: Source, library: CellLibrary, lanes: int) -> Machine:
    """A flat module of library cells."""
    aig = Aig()
    pool = Pool(aig)
    mapped = Mapped(source, library, aig, ports=pool, state=lambda *_: aig.input())
    return Machine(aig, mapped.circuit, lanes)


def _shown(step: Ports) -> Ports:
    """What stands beside ``tvalid`` counts only with it."""
    valid = step["m_axis_tvalid"][0]
    return {
        port: [bits & valid for bits in columns] if port in (_DATA, "m_axis_tlast") else columns
        for port, columns in step.items()
    }
